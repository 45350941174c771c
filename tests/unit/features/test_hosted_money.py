"""What hosted models may cost: the meter, the budget by the server's own count, the ledger, killed runs that go on."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hosted_server import Answer, Ask, Service, good, n_tokens, openai_reply

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]
ROOT = Path(__file__).resolve().parents[3]
PRICE = (3.0, 15.0)


def model_of(service: Service, **options: Any) -> Any:
    from interp_nb.features.hosted.client import HostedModel
    from interp_nb.features.hosted.records import Retries, Timeouts

    defaults: dict[str, Any] = {
        "base_url": service.url, "api_key_env": None, "prices": {"m": PRICE}, "max_tokens": 40, "budget": None,
        "timeouts": Timeouts(connect=2.0, read=0.4, total=2.0, grace=1.0),
        "retries": Retries(attempts=3, first_wait=0.002, longest_wait=0.01),
    }  # fmt: skip
    return HostedModel("openai", "m", **defaults | options)


def replies(outcomes: list[Any]) -> list[str]:
    return [outcome.text for outcome in outcomes if hasattr(outcome, "text")]


# The meter


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    limit=st.integers(0, 10**6),
    steps=st.lists(st.tuples(st.integers(0, 10**5), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_meter_never_exceeds_its_budget_and_leaves_nothing_reserved(limit, steps):
    """Whatever is reserved and settled, in whatever order, as long as no reply costs more than its worst case."""
    from interp_nb.features.hosted.prices import PICO, Meter

    meter = Meter(None, limit / PICO)
    assert meter.limit is not None
    under_way: list[tuple[int, int]] = []
    spent = 0
    for worst, share, ends_first in steps:
        if ends_first and under_way:
            reserved, cost = under_way.pop(0)
            meter.settle(reserved, cost)
            spent += cost
        fits = meter.spent + meter.reserved + worst <= meter.limit
        assert meter.try_reserve(worst) == fits
        if fits:
            under_way.append((worst, int(worst * share)))
        assert meter.spent + meter.reserved <= meter.limit
    for reserved, cost in under_way:
        meter.settle(reserved, cost)
        spent += cost
    assert (meter.reserved, meter.spent) == (0, spent)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.text(max_size=200))
def test_no_prompt_has_more_tokens_than_are_reserved_for(text):
    """Against byte-level tokens one byte long, the worst there are."""
    from interp_nb.features.hosted.limits import expected_tokens, most_tokens

    assert most_tokens(text) > len(text.encode("utf-8", "replace"))
    assert expected_tokens(text) < most_tokens(text)


def test_cost_is_exact():
    from interp_nb.features.hosted.prices import PICO, Meter, Price

    meter = Meter(Price(0.15, 0.6), 1.0)
    assert meter.cost(1_000_000, 1_000_000) == 75 * PICO // 100
    assert meter.cost(1, 0) == 150_000
    assert Meter(None, None).cost(10, 10) == 0


@pytest.mark.parametrize(
    ("model", "given_prices", "expected"),
    [
        ("gpt-4o-mini", None, (0.15, 0.6)),
        ("gpt-4o-mini-2024-07-18", None, (0.15, 0.6)),
        ("gpt-4o-2024-05-13", None, (5.0, 15.0)),
        ("claude-sonnet-4-5-20250929", None, (3.0, 15.0)),
        ("claude-3-5-haiku-latest", None, (0.8, 4.0)),
        ("gpt-4o-mini", {"gpt-4o-mini": (1, 2)}, (1.0, 2.0)),
        ("mine", {"mine": (0, 0)}, (0.0, 0.0)),
        ("gpt-4o-mini-of-somebody", None, None),
        ("gpt-4", None, None),
        ("", None, None),
    ],
)
def test_price_is_the_callers_or_the_tables_for_that_very_model(model, given_prices, expected):
    from interp_nb.features.hosted.prices import price_of

    assert price_of(model, given_prices, from_table=True) == expected


def test_list_prices_hold_at_the_providers_own_address_only():
    from interp_nb.features.hosted.prices import price_of

    assert price_of("gpt-4o-mini", None, from_table=False) is None


# The budget, by the server's own count


@pytest.mark.parametrize("seed", range(4))
def test_budget_is_never_exceeded_by_the_servers_count(seed):
    """Under faults that are paid for all the same, concurrently, whatever the seed."""
    draw = random.Random(seed)
    # Paid: cut short, dripped until the timeout, malformed. Free: refused.
    faults = [Answer(cut=5), Answer(body=b"{"), Answer(wait=0.6), Answer(500), Answer(429), Answer(reset=True), None]
    texts = [f"{i} " + "word " * draw.randint(0, 60) for i in range(60)]
    planned = {text: [draw.choices(faults, [1, 1, 1, 2, 2, 1, 12])[0] for _ in range(3)] for text in texts}
    with Service(lambda ask: planned[ask.text][ask.nth - 1] if ask.nth <= 3 else None) as service:
        model = model_of(service, budget=0.02, concurrency=6)
        outcomes = model.complete_all(texts)
        model.close()
        billed = service.bill(PRICE)
    assert billed <= model.spent + 1e-12
    assert model.spent <= 0.02
    assert billed > 0.004
    refused = [outcome for outcome in outcomes if getattr(outcome, "reason", "") == "budget"]
    assert refused
    assert all(outcome.retryable is False for outcome in refused)
    assert "Of the budget of $0.0200" in refused[0].message


@pytest.mark.parametrize(
    ("fault", "paid"),
    [
        (Answer(wait=0.9), True), (Answer(cut=5), True), (Answer(body=b"{"), True), (Answer(reset=True), True),
        (Answer(502), True), (Answer(504), True), (Answer(429), False), (Answer(500), False), (Answer(400), False),
        (Answer(307), False),
    ],
    ids=str,
)  # fmt: skip
def test_attempt_without_a_reply_counts_in_full_unless_the_server_cannot_have_charged(tmp_path, fault, paid):
    with Service(lambda ask: fault) as service, model_of(service, ledger=tmp_path, budget=1.0) as model:
        outcome = model.complete_all(["a"])[0]
        assert model.spent == pytest.approx(paid * outcome.attempts * model.quote(["a"]).worst_cost)
    with model_of(service, ledger=tmp_path) as again:
        assert again.spent == model.spent


def test_budget_waits_for_what_is_reserved_rather_than_refuse():
    """Worst cases of all together do not fit, true costs do: everything is sent, a few at a time."""
    with Service(lambda ask: Answer(wait=0.005)) as service:
        texts = [f"prompt {i:02d}" for i in range(30)]
        one_worst = model_of(service).quote(texts[:1]).worst_cost
        model = model_of(service, budget=30 * one_worst / 3, concurrency=8)
        outcomes = model.complete_all(texts)
        model.close()
    assert len(replies(outcomes)) == 30
    assert model.spent == pytest.approx(service.bill(PRICE))


def test_budget_of_nothing_sends_nothing():
    with Service() as service:
        with model_of(service, budget=0.0) as model:
            outcomes = model.complete_all(["a", "b"])
        assert service.asks == []
    assert [(outcome.reason, outcome.attempts) for outcome in outcomes] == [("budget", 0)] * 2


def test_raised_budget_asks_only_what_is_missing(tmp_path):
    texts = [f"prompt {i}" for i in range(20)]
    with Service() as service:
        with model_of(service, budget=0.003, ledger=tmp_path) as model:
            first = model.complete_all(texts)
            n_first = len(service.asks)
        with model_of(service, budget=1.0, ledger=tmp_path) as model:
            second = model.complete_all(texts)
    assert 3 < len(replies(first)) == n_first < 20
    assert replies(second) == [f"answer to {text}" for text in texts]
    assert set(service.counts().values()) == {1}


def test_budget_counts_earlier_runs_of_the_ledger(tmp_path):
    with Service() as service:
        with model_of(service, ledger=tmp_path) as model:
            model.complete_all(["a", "b"])
            spent = model.spent
        assert spent == pytest.approx(service.bill(PRICE))
        with model_of(service, budget=spent + 1e-6, ledger=tmp_path) as model:
            assert model.spent == spent
            assert model.complete_all(["c"])[0].reason == "budget"


@pytest.mark.parametrize(
    "usage",
    [
        None, "many", [], {}, {"prompt_tokens": 10}, {"prompt_tokens": -5, "completion_tokens": 3},
        {"prompt_tokens": True, "completion_tokens": True}, {"prompt_tokens": 1.5, "completion_tokens": 2},
        {"prompt_tokens": "12", "completion_tokens": "3"}, {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": float("nan"), "completion_tokens": 1}, {"prompt_tokens": 10**400, "completion_tokens": 1},
    ],
)  # fmt: skip
def test_count_that_cannot_be_true_is_charged_at_the_worst_case(usage):
    answer = Answer(body=openai_reply("x" * 80, usage))
    with Service(lambda ask: answer) as service, model_of(service, budget=1.0) as model:
        worst = model.quote(["hello there"]).worst_cost
        outcome = model.complete_all(["hello there"])[0]
    assert outcome.usage_doubtful
    assert outcome.cost == model.spent == pytest.approx(worst)


@pytest.mark.parametrize("usage", [(2, 5), (300, 0), (300, 41), (5000, 5)])
def test_count_that_does_not_fit_the_texts_is_doubted(usage):
    answer = Answer(body=openai_reply("x" * 80, {"prompt_tokens": usage[0], "completion_tokens": usage[1]}))
    with Service(lambda ask: answer) as service, model_of(service) as model:
        worst = model.quote(["y" * 1000]).worst_cost
        outcome = model.complete_all(["y" * 1000])[0]
    assert outcome.usage_doubtful
    assert outcome.cost >= worst


def test_count_above_the_worst_case_is_charged_and_stops_the_rest():
    lie = {"prompt_tokens": 10**9, "completion_tokens": 3}
    with Service(lambda ask: Answer(body=openai_reply("x", lie))) as service:
        with model_of(service, budget=1.0, concurrency=1) as model:
            outcomes = model.complete_all(["a", "b"])
        assert len(service.asks) == 1
    assert model.spent == pytest.approx(3000, rel=1e-3)
    assert outcomes[0].usage_doubtful
    assert outcomes[1].reason == "budget"


def test_anthropic_counts_what_the_cache_read_and_wrote():
    from interp_nb.features.hosted.endpoints import endpoint
    from tests.hosted_server import anthropic_reply

    usage = {"input_tokens": 5, "cache_creation_input_tokens": 7, "cache_read_input_tokens": None, "output_tokens": 2}
    reply = endpoint("anthropic", None, allow_http=False).read(json.loads(anthropic_reply("x", usage)))
    assert (reply.input_tokens, reply.output_tokens) == (12, 2)


# The ledger


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.text(max_size=30), st.integers(0, 10**12)), max_size=8), st.integers(0, 400))
def test_ledger_cut_anywhere_keeps_every_whole_line_and_can_be_written_on(tmp_path_factory, said, cut):
    from interp_nb.features.hosted.ledger import Ledger
    from interp_nb.features.hosted.records import Completion

    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    ledger = Ledger(path)
    for number, (text, cost) in enumerate(said):
        text = text.encode("utf-8", "replace").decode()
        ledger.replied(ledger.sent(cost), f"k{number}", Completion(text, "stop", 1, 2, 0.5, 1), cost)
    data = path.read_bytes() if path.exists() else b""
    path.write_bytes(data[: max(0, len(data) - cut)])
    whole = data[: max(0, len(data) - cut)].splitlines()
    if whole and not data[: len(data) - cut].endswith(b"\n"):
        last = whole.pop()
        # A line that lost nothing but its end is whole.
        whole += [last] if last in data.splitlines() else []
    events = [json.loads(line) for line in whole]
    kept = {event["key"]: event["reply"]["text"] for event in events if event["event"] == "reply"}
    again = Ledger(path)
    for number, (text, _) in enumerate(said):
        found = again.completion(f"k{number}")
        assert (found is None) == (f"k{number}" not in kept)
        assert found is None or found.text == kept[f"k{number}"] == text.encode("utf-8", "replace").decode()
    opened = {event["attempt"]: event["worst"] for event in events if event["event"] == "sent"}
    ended = {event["attempt"]: event["pico"] for event in events if event["event"] == "reply"}
    assert again.spent == sum((opened | ended).values())
    again.replied("another run's", "new", Completion("n", "stop", 1, 1, 0.0, 1), 3)
    assert Ledger(path).completion("new").text == "n"
    assert Ledger(path).spent == again.spent


def test_ledger_passes_over_lines_that_are_none_of_its_own(tmp_path, caplog):
    from interp_nb.features.hosted.ledger import Ledger

    path = tmp_path / "ledger.jsonl"
    lines = [
        b"\xff\xfe", b"[]", b"{}", b"[" * 5000, b'{"event": "reply", "attempt": "x", "pico": 5, "key": "k"}', b"",
        b'{"event": "ended", "attempt": "x", "pico": "many"}', b'{"event":"ended","attempt":"y","pico":7}',
    ]  # fmt: skip
    path.write_bytes(b"\n".join(lines) + b"\n")
    ledger = Ledger(path)
    assert (len(caplog.records), ledger.spent, ledger.completion("k")) == (1, 7, None)
    assert caplog.records[0].getMessage() == "6 lines of the ledger ledger.jsonl are not whole and are left out"
    assert repr(ledger) == "Ledger(0 replies, $0.0000)"


def test_ledger_holds_replies_but_no_prompts(tmp_path):
    with Service(lambda ask: Answer(body=good(ask, "the reply"))) as service, model_of(service, ledger=tmp_path) as m:
        m.complete_all(["a very private prompt"])
    written = (tmp_path / "hosted_requests.jsonl").read_text()
    assert "the reply" in written
    assert "private" not in written


def test_request_changed_in_anything_is_another(tmp_path):
    from interp_nb.features.hosted.records import Prompt

    with Service() as service:
        for options in ({}, {"temperature": 1.0}, {"max_tokens": 41}, {"prices": {"m": (1.0, 1.0)}}):
            with model_of(service, ledger=tmp_path, **options) as model:
                model.complete_all(["a", Prompt("a", system="s")])
    # A price is no part of the question.
    assert service.counts() == Counter({"a": 6})


def test_ledger_that_cannot_be_written_ends_the_run_before_anything_is_paid(tmp_path):
    from interp_nb._errors import DiskError

    with Service() as service:
        with model_of(service, ledger=tmp_path / "file") as model:
            (tmp_path / "file").mkdir()
            with pytest.raises(DiskError, match="nothing more is sent"):
                model.complete_all([f"p{i}" for i in range(30)])
        assert service.asks == []


# Killed and gone on with

CHILD = """
import os, sys
from interp_nb.features.hosted.client import HostedModel
from interp_nb.features.hosted.records import Retries
url, ledger, dies_after = sys.argv[1:]
def progress(done, of):
    if done >= int(dies_after):
        os._exit(9)
model = HostedModel("openai", "m", budget=1.0, base_url=url, api_key_env=None, prices={"m": (3.0, 15.0)}, max_tokens=40,
                    ledger=ledger, concurrency=4)
model.complete_all([f"p{i}" for i in range(30)], progress=progress)
"""


def run_child(service: Service, ledger: Path, dies_after: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", CHILD, service.url, str(ledger), str(dies_after)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "no_proxy": "*"})


def test_killed_between_reply_and_use_asks_no_paid_reply_again(tmp_path):
    with Service(lambda ask: Answer(wait=0.01)) as service:
        assert run_child(service, tmp_path, dies_after=5).wait(timeout=60) == 9
        before = service.counts()
        with model_of(service, budget=1.0, ledger=tmp_path) as model:
            known = 30 - model.quote([f"p{i}" for i in range(30)]).n_asked
            outcomes = model.complete_all([f"p{i}" for i in range(30)])
        billed = service.bill(PRICE)
    assert replies(outcomes) == [f"answer to p{i}" for i in range(30)]
    assert known >= 5
    assert len(service.asks) - sum(before.values()) == 30 - known
    # Only what was under way when it died, at most as many as go at once, is asked a second time.
    assert sum(count - 1 for count in service.counts().values()) <= 4
    assert billed <= model.spent + 1e-12


def test_killed_at_any_moment_counts_what_was_under_way_as_spent(tmp_path):
    release = threading.Event()

    def plan(ask: Ask) -> Answer | None:
        if len(service.asks) == 8:
            os.kill(child.pid, signal.SIGKILL)
            release.set()
        return None

    with Service(plan) as service:
        child = run_child(service, tmp_path, dies_after=99)
        assert release.wait(timeout=60)
        child.wait(timeout=60)
        with model_of(service, budget=1.0, ledger=tmp_path) as model:
            at_the_start = model.spent
            assert at_the_start >= service.bill(PRICE) - 1e-12
            outcomes = model.complete_all([f"p{i}" for i in range(30)])
    assert len(replies(outcomes)) == 30
    assert max(service.counts().values()) <= 2
    assert sum(count - 1 for count in service.counts().values()) <= 4
    assert service.bill(PRICE) <= model.spent + 1e-12 <= 1.0


def test_servers_own_tokenizer_is_within_the_worst_case():
    """What the other tests rest on: the server charges no more than was reserved."""
    from interp_nb.features.hosted.limits import most_tokens

    assert all(n_tokens("x" * n) <= most_tokens("x" * n) for n in range(0, 500, 7))
