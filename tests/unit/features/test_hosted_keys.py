"""Keys of hosted models: from the environment, and nowhere else, whatever a server echoes."""

import base64
import copy
import json
import logging
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hosted_server import KEY, KEY_ENV, Answer, Ask, Service, good, openai_reply

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]
MADE_OF_IT = (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode(), KEY[:20], KEY[-20:], KEY[5:13])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)


def echo(ask: Ask) -> str:
    return f"I got {ask.headers['authorization']}, that is {base64.b64encode(KEY.encode()).decode()}"


ECHOES = {
    "error": lambda ask: Answer(400, json.dumps({"error": {"message": echo(ask), "code": KEY}}).encode()),
    "unauthorized": lambda ask: Answer(401, json.dumps({"error": {"message": f"Incorrect API key: {KEY}"}}).encode()),
    "plain": lambda ask: Answer(500, f"<html>{echo(ask)}".encode(), {"Content-Type": f"text/{KEY}"}),
    "cut": lambda ask: Answer(500, ("x" * 280 + KEY).encode()),
    "escaped": lambda ask: Answer(400, b'{"error": "' + "".join(f"\\u{ord(c):04x}" for c in KEY).encode() + b'"}'),
    "headers": lambda ask: Answer(429, headers={"X-Request": KEY, "Set-Cookie": f"k={KEY}", "Retry-After": KEY}),
    "redirect": lambda ask: Answer(302, headers={"Location": f"https://elsewhere.example/?k={quote(KEY, safe='')}"}),
    "malformed": lambda ask: Answer(200, f'{{"k": "{KEY}'.encode(), {"Content-Type": KEY}),
    "error in 200": lambda ask: Answer(200, json.dumps({"error": {"message": echo(ask)}}).encode()),
    "reply": lambda ask: Answer(200, good(ask, f"The key is {echo(ask)}.")),
    "finish": lambda ask: Answer(200, openai_reply("x", choices=[{"message": {"content": KEY}, "finish_reason": KEY}])),
}


@pytest.mark.parametrize("case", ECHOES)
def test_echoed_key_is_nowhere(tmp_path, caplog, capfd, case):
    from interp_nb.features.hosted.client import HostedModel
    from interp_nb.features.hosted.records import Retries

    caplog.set_level(logging.DEBUG)
    with Service(ECHOES[case]) as service:
        options: dict[str, Any] = {"base_url": service.url, "ledger": tmp_path, "budget": None}
        retries = Retries(attempts=2, first_wait=0.001)
        with HostedModel("openai", "m", api_key_env=KEY_ENV, retries=retries, **options) as model:
            outcomes = model.complete_all(["a", "b"])
        assert all(ask.headers["authorization"] == f"Bearer {KEY}" for ask in service.asks)
    logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert any("httpcore" in line for line in logged), "the libraries were not asked for their most talkative logs"
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    seen = "\n".join([repr(outcomes), repr(model), _everything(model), *logged, *written, *capfd.readouterr()])
    assert [part for part in MADE_OF_IT if part in seen] == []


def _everything(thing: Any, depth: int = 4) -> str:
    """Write out an object with all it holds."""
    parts = [repr(thing)]
    if depth and hasattr(thing, "__dict__"):
        parts += [_everything(value, depth - 1) for value in vars(thing).values()]
    return "\n".join(parts)


def test_reply_keeps_the_text_around_an_echo():
    from interp_nb.features.hosted.client import HostedModel

    with Service(lambda ask: Answer(body=good(ask, f"before {KEY} after {KEY[:9]}."))) as service:
        model = HostedModel("openai", "m", base_url=service.url, api_key_env=KEY_ENV, budget=None)
        assert model.complete_all(["a"])[0].text == "before [key] after [key]."
        model.close()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.text(max_size=40), st.integers(0, len(KEY)), st.integers(0, len(KEY)), st.text(max_size=40))
def test_no_long_piece_of_a_key_survives_and_other_text_does(before, start, end, after):
    import os

    from interp_nb.features.hosted.keys import Key

    os.environ[KEY_ENV] = KEY
    clean = Key(KEY_ENV).redact(before + KEY[start:end] + after)
    assert not any(KEY[i : i + 8] in clean for i in range(len(KEY) - 7))
    plain = before + after
    if not any(KEY[i : i + 8] in plain for i in range(len(KEY) - 7)):
        assert Key(KEY_ENV).redact(plain) == plain


def test_key_that_vanished_is_an_error_that_names_the_variable(monkeypatch):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.client import HostedModel

    with Service() as service:
        with HostedModel("openai", "m", base_url=service.url, api_key_env=KEY_ENV, budget=None) as model:
            monkeypatch.delenv(KEY_ENV)
            with pytest.raises(ConfigError, match=f"{KEY_ENV} holds no key"):
                model.complete_all(["a"])
        assert service.asks == []


@pytest.mark.parametrize("value", ["short", "with space inside", "new\nline-in-the-key", "umlaut-ä-in-the-key", "  "])
def test_value_that_is_no_key_is_refused_without_being_shown(monkeypatch, value):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.client import HostedModel

    monkeypatch.setenv(KEY_ENV, value)
    with pytest.raises(ConfigError) as caught:
        HostedModel("openai", "m", base_url="http://127.0.0.1:9", api_key_env=KEY_ENV, budget=None)
    assert value.strip() == "" or value not in "".join(traceback.format_exception(caught.value))


def test_providers_own_key_goes_to_no_other_address(monkeypatch):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.client import HostedModel

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Service() as service:
        with pytest.raises(ConfigError, match="sent nowhere else unless you say so"):
            HostedModel("openai", "m", base_url=service.url, budget=None)
        with HostedModel("openai", "m", base_url=service.url, budget=None, api_key_env=None) as model:
            model.complete_all(["a"])
        assert "authorization" not in service.asks[0].headers
        with HostedModel("openai", "gpt-4o-mini", budget=1.0) as own:
            assert repr(own) == "HostedModel(openai gpt-4o-mini, spent $0.0000 of $1.00)"


def test_model_holds_the_name_of_the_key_alone():
    from interp_nb.features.hosted.keys import Key

    held = Key(KEY_ENV)
    assert repr(held) == f"Key({KEY_ENV})"
    assert vars(copy.deepcopy(held)) == {"name": KEY_ENV}


def test_proxy_of_the_environment_does_not_see_what_is_unencrypted(monkeypatch):
    from interp_nb.features.hosted.client import HostedModel

    with Service() as proxy, Service() as service:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        with HostedModel("openai", "m", base_url=service.url, api_key_env=KEY_ENV, budget=None) as model:
            assert model.complete_all(["a"])[0].text == "answer to a"
        assert proxy.asks == []


def test_attempts_are_logged_without_what_they_say(caplog):
    from interp_nb.features.hosted.client import HostedModel

    caplog.set_level(logging.INFO, logger="interp_nb")
    with Service(lambda ask: Answer(500) if ask.nth == 1 else None) as service:
        from interp_nb.features.hosted.records import Retries

        options: dict[str, Any] = {"base_url": service.url, "budget": None, "retries": Retries(first_wait=0.001)}
        with HostedModel("openai", "m", api_key_env=KEY_ENV, **options) as model:
            model.complete_all(["a private prompt"])
    facts = [vars(record)["hosted"] for record in caplog.records if record.name == "interp_nb.features.hosted"]
    assert [(each["attempt"], each["outcome"], each["status"]) for each in facts] == [
        (1, "server_error", 500), (2, "reply", 200)
    ]  # fmt: skip
    assert len({each["request"] for each in facts}) == 1
    assert all(each["seconds"] >= 0 for each in facts)
    assert "private" not in caplog.text
    assert Path(__file__).name not in caplog.text
