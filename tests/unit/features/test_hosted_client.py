"""Hosted models against a real server on loopback: the two protocols, every planned fault, load, limits, stopping."""

import _thread
import asyncio
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from tests.hosted_server import KEY, KEY_ENV, Answer, Ask, Plan, Service, anthropic_reply, good, openai_reply

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)


@pytest.fixture
def make() -> Iterator[Any]:
    """Make models of a service with waits of milliseconds; closes them."""
    from interp_nb.features.hosted.client import HostedModel
    from interp_nb.features.hosted.records import Retries, Timeouts

    made: list[HostedModel] = []

    def of(where: Service | str, provider: str = "openai", **options: Any) -> HostedModel:
        timeouts = Timeouts(**{"connect": 2.0, "read": 5.0, "total": 8.0, "grace": 1.0, **options.pop("timeouts", {})})
        retries = Retries(**{"first_wait": 0.005, "longest_wait": 2.0, **options.pop("retries", {})})
        url = where if isinstance(where, str) else where.url
        defaults = {"api_key_env": KEY_ENV, "budget": None, "base_url": url, "timeouts": timeouts, "retries": retries}
        made.append(HostedModel(provider, "m", **defaults | options))
        return made[-1]

    yield of
    for model in made:
        model.close()


def first_time(answer: Answer) -> Plan:
    """Go wrong the first time each text is asked."""
    return lambda ask: answer if ask.nth == 1 else None


def texts(outcomes: list[Any]) -> list[str]:
    return [outcome.text for outcome in outcomes]


# The two protocols


def test_openai_request_is_as_documented(make):
    from interp_nb.features.hosted.records import Prompt

    with Service() as service:
        reply = make(service, temperature=0).complete_all([Prompt("hello", system="be brief", max_tokens=70)])[0]
    ask = service.asks[0]
    assert ask.path == "/v1/chat/completions"
    assert ask.headers["authorization"] == f"Bearer {KEY}"
    assert ask.headers["content-type"] == "application/json"
    assert ask.body == {
        "model": "m", "max_tokens": 70, "temperature": 0,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
    }  # fmt: skip
    assert (reply.text, reply.finish, reply.input_tokens, reply.output_tokens) == ("answer to hello", "stop", 11, 13)
    assert (reply.attempts, reply.usage_doubtful) == (1, False)


def test_anthropic_request_is_as_documented(make):
    from interp_nb.features.hosted.records import Prompt

    with Service() as service:
        prompts = [Prompt("hello", system="be brief"), "bare"]
        outcomes = make(service.url.removesuffix("/v1"), "anthropic", concurrency=1).complete_all(prompts)
    ask, bare = service.asks
    assert ask.path == "/v1/messages"
    assert (ask.headers["x-api-key"], ask.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in ask.headers
    assert ask.body == {
        "model": "m", "max_tokens": 512, "system": "be brief", "messages": [{"role": "user", "content": "hello"}]
    }  # fmt: skip
    assert bare.body == {"model": "m", "max_tokens": 512, "messages": [{"role": "user", "content": "bare"}]}
    assert texts(outcomes) == ["answer to hello", "answer to bare"]
    assert outcomes[0].output_tokens == 13


def test_openai_itself_is_given_its_newer_limit():
    from interp_nb.features.hosted.endpoints import endpoint
    from interp_nb.features.hosted.records import Prompt

    body = endpoint("openai", None, allow_http=False).body("m", Prompt("x"), 7, None)
    assert body == {"model": "m", "max_completion_tokens": 7, "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("provider", "body", "text", "finish"),
    [
        ("openai", openai_reply("", choices=[{"message": {"content": None}, "finish_reason": "length"}]), "", "length"),
        ("openai", openai_reply("", choices=[{"message": {"content": "x"}}]), "x", "other"),
        ("openai", openai_reply("", choices=[{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text",
         "text": "b"}]}, "finish_reason": "content_filter"}]), "ab", "filter"),
        ("anthropic", anthropic_reply("", content=[{"type": "thinking", "thinking": "no"}, {"type": "text",
         "text": "yes"}], stop_reason="max_tokens"), "yes", "length"),
        ("anthropic", anthropic_reply("", content=[], stop_reason="refusal"), "", "filter"),
        ("openai", openai_reply("a\ud800b"), "a?b", "stop"),
    ],
)  # fmt: skip
def test_unusual_but_documented_replies_are_read(make, provider, body, text, finish):
    with Service(lambda ask: Answer(body=body)) as service:
        reply = make(service, provider).complete_all(["x"])[0]
    assert (reply.text, reply.finish) == (text, finish)


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429), Answer(500), Answer(503), Answer(529), Answer(408), Answer(reset=True), Answer(cut=40),
        Answer(body=b'{"choices": [{"mess'), Answer(body=b""), Answer(body=b"null"), Answer(body=b"[1]"),
        Answer(body=b"{}"), Answer(body=b"\xff\xfe"), Answer(body=b"[" * 100_000),
        Answer(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        Answer(body=b'{"error": {"message": "upstream failed"}}'),
        Answer(body=openai_reply("", choices=[])), Answer(body=openai_reply("", choices=[{"message": {"content": 5}}])),
        Answer(body=b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda fault: f"{fault.status}-{fault.reset}-{fault.cut}-{(fault.body or b'')[:12]!r}",
)  # fmt: skip
def test_fault_that_passes_is_tried_again(make, fault):
    with Service(first_time(fault)) as service:
        outcomes = make(service).complete_all(["a", "b", "c"])
    assert texts(outcomes) == ["answer to a", "answer to b", "answer to c"]
    assert service.counts() == Counter({"a": 2, "b": 2, "c": 2})
    assert [outcome.attempts for outcome in outcomes] == [2, 2, 2]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Answer(429), "rate_limited"), (Answer(500), "server_error"), (Answer(reset=True), "connection"),
        (Answer(cut=10), "connection"), (Answer(body=b"{"), "malformed"),
    ],
)  # fmt: skip
def test_fault_that_stays_fails_its_item_only(make, fault, reason):
    with Service(lambda ask: fault if ask.text == "bad" else None) as service:
        outcomes = make(service, retries={"attempts": 3}).complete_all(["a", "bad", "b"])
    assert (outcomes[0].text, outcomes[2].text) == ("answer to a", "answer to b")
    failure = outcomes[1]
    assert (failure.reason, failure.attempts, failure.retryable) == (reason, 3, True)
    assert service.counts()["bad"] == 3


@pytest.mark.parametrize("status", [400, 413, 422, 501])
def test_refusal_of_one_request_is_not_tried_again(make, status):
    body = b'{"error": {"message": "too long:\\u001b[31m 9 tokens", "code": "context_length_exceeded"}}'
    with Service(lambda ask: Answer(status, body) if ask.text == "bad" else None) as service:
        outcomes = make(service).complete_all(["a", "bad", "b"])
    failure = outcomes[1]
    assert (failure.attempts, failure.retryable, failure.status) == (1, False, status)
    assert failure.message == f"HTTP {status}: too long: [31m 9 tokens"
    assert outcomes[2].text == "answer to b"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(401), "unauthorized"), (Answer(403), "unauthorized"), (Answer(404), "refused"), (Answer(402), "quota"),
        (Answer(429, b'{"error": {"message": "pay", "code": "insufficient_quota"}}'), "quota"),
    ],
)  # fmt: skip
def test_refusal_that_concerns_all_ends_the_run(make, answer, reason):
    with Service(lambda ask: answer) as service:
        outcomes = make(service, concurrency=2).complete_all([f"p{i}" for i in range(20)])
    assert {outcome.reason for outcome in outcomes} == {reason}
    assert len(service.asks) <= 2
    assert sum(outcome.attempts for outcome in outcomes) == len(service.asks)
    assert outcomes[-1].message.startswith("Not sent, after: HTTP")


def test_service_that_is_down_is_given_up(make):
    with Service() as service:
        url = service.url
    model = make(url, concurrency=2, retries={"attempts": 2, "give_up_after": 3})
    outcomes = model.complete_all([f"p{i}" for i in range(50)])
    assert [outcome.reason for outcome in outcomes].count("connection") in (3, 4)
    assert outcomes[-1].reason == "service_down"
    assert outcomes[-1].retryable
    assert "cannot be reached" in outcomes[-1].message
    # The next call finds out with the first item, not with as many again.
    assert [outcome.reason for outcome in model.complete_all(["a", "b", "c", "d"])].count("connection") <= 2


def test_bad_item_between_good_ones_is_no_service_that_is_down(make):
    with Service(lambda ask: Answer(500) if int(ask.text) % 2 else None) as service:
        model = make(service, concurrency=1, retries={"attempts": 2, "give_up_after": 2})
        outcomes = model.complete_all([str(i) for i in range(12)])
    assert [hasattr(outcome, "text") for outcome in outcomes] == [True, False] * 6


def test_silence_ends_after_the_read_timeout(make):
    with Service(lambda ask: Answer(wait=20.0) if ask.text == "bad" else None) as service:
        began = time.monotonic()
        outcomes = make(service, timeouts={"read": 0.15}, retries={"attempts": 2}).complete_all(["bad", "a"])
        assert time.monotonic() - began < 15
    assert (outcomes[0].reason, outcomes[0].attempts) == ("timeout", 2)
    assert outcomes[1].text == "answer to a"


def test_steady_drip_ends_after_the_total_timeout(make):
    with Service(lambda ask: Answer(drip=0.1)) as service:
        began = time.monotonic()
        timeouts = {"read": 1.0, "total": 0.4}
        outcome = make(service, timeouts=timeouts, retries={"attempts": 1}).complete_all(["a"])[0]
        assert 0.3 < time.monotonic() - began < 15
    assert outcome.reason == "timeout"


def test_endless_reply_is_cut(make):
    with Service(lambda ask: Answer(body=b" " * 9_000_000)) as service:
        outcome = make(service).complete_all(["a"])[0]
    assert (outcome.reason, outcome.attempts) == ("malformed", 1)
    assert "larger than 8 MB" in outcome.message


# What the server asks for


def test_retry_after_in_seconds_is_waited_for_by_everybody(make):
    with Service(lambda ask: Answer(429, headers={"Retry-After": "1"}) if ask.text == "a" and ask.nth == 1 else None
                 ) as service:  # fmt: skip
        outcomes = make(service, concurrency=1).complete_all(["a", "b"])
    times = [ask.time for ask in service.asks]
    assert [ask.text for ask in service.asks] == ["a", "a", "b"]
    assert 0.99 < times[1] - times[0] < 10
    assert texts(outcomes) == ["answer to a", "answer to b"]


def test_pause_of_one_request_holds_the_others(make):
    def plan(ask: Ask) -> Answer | None:
        if ask.text == "a" and ask.nth == 1:
            return Answer(429, headers={"Retry-After": "1"})
        return Answer(wait=0.5) if ask.text == "b" else None

    with Service(plan) as service:
        make(service, concurrency=2).complete_all(["a", *"bcdef"])
    refused = next(ask.time for ask in service.asks if ask.text == "a")
    # When the one that was under way has its reply, its place stays empty until the pause is over.
    assert {ask.text for ask in service.asks if ask.time < refused + 0.99} <= {"a", "b"}
    assert service.counts() == Counter({"a": 2, **dict.fromkeys("bcdef", 1)})


def test_retry_after_as_a_date_is_measured_by_the_servers_clock(make):
    # A server whose clock stands years off: by ours the date is past.
    headers = {"Date": formatdate(1e9, usegmt=True), "Retry-After": formatdate(1e9 + 1, usegmt=True)}
    with Service(first_time(Answer(503, headers=headers))) as service:
        outcomes = make(service).complete_all(["a"])
    assert 0.99 < service.asks[1].time - service.asks[0].time < 10
    assert texts(outcomes) == ["answer to a"]


def test_server_that_asks_for_too_long_is_not_waited_for(make):
    with Service(lambda ask: Answer(429, headers={"Retry-After": "3600"})) as service:
        began = time.monotonic()
        outcome = make(service).complete_all(["a"])[0]
        assert time.monotonic() - began < 10
    assert (outcome.reason, outcome.attempts, outcome.retryable) == ("rate_limited", 1, True)
    assert outcome.message == "HTTP 429 (asks to wait 3600 s)"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("3", 3.0), ("0", 0.0), ("0.25", 0.25), ("-1", None), ("nan", None), ("inf", None), ("soon", None), ("", None),
     ("9" * 40, None), ("Thu, 01 Jan 1970 00:00:10 GMT", 10.0), ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(said, seconds):
    from interp_nb.features.hosted.sending import retry_after

    assert retry_after({"retry-after": said, "date": "Thu, 01 Jan 1970 00:00:00 GMT"}) == seconds


def test_waits_double_with_jitter():
    """Seen at the server: the gaps grow, and no wait is below half of its step."""
    from interp_nb.features.hosted.client import HostedModel
    from interp_nb.features.hosted.records import Retries

    with Service(lambda ask: Answer(500)) as service:
        retries = Retries(attempts=5, first_wait=0.04, longest_wait=0.16)
        with HostedModel("openai", "m", budget=None, base_url=service.url, api_key_env=None, retries=retries) as model:
            model.complete_all(["a"])
    gaps = [after.time - before.time for before, after in zip(service.asks, service.asks[1:], strict=False)]
    assert len(gaps) == 4
    for gap, step in zip(gaps, (0.04, 0.08, 0.16, 0.16), strict=True):
        assert gap > 0.49 * step
    assert "authorization" not in service.asks[0].headers


# Load and limits


def test_hundreds_of_requests_under_faults_keep_their_order_and_their_number(make):
    draw = random.Random(3)
    faults = [Answer(429), Answer(500), Answer(reset=True), Answer(cut=5), Answer(body=b"{"), Answer(503)]
    planned = {f"p{i}": [draw.choice(faults) for _ in range(draw.choice([0, 0, 0, 1, 1, 2]))] for i in range(300)}

    def plan(ask: Ask) -> Answer | None:
        return planned[ask.text][ask.nth - 1] if ask.nth <= len(planned[ask.text]) else Answer(wait=0.002)

    seen: list[tuple[int, int]] = []
    with Service(plan) as service:
        model = make(service, concurrency=16, retries={"first_wait": 0.002})
        outcomes = model.complete_all(list(planned), progress=lambda done, of: seen.append((done, of)))
    assert texts(outcomes) == [f"answer to p{i}" for i in range(300)]
    assert service.counts() == Counter({text: 1 + len(faults) for text, faults in planned.items()})
    assert [outcome.attempts for outcome in outcomes] == [1 + len(faults) for faults in planned.values()]
    assert 2 <= service.most_at_once <= 16
    assert seen == sorted(set(seen))
    assert seen[-1] == (300, 300)


def test_concurrency_holds_over_calls_from_several_threads(make):
    with Service(lambda ask: Answer(wait=0.01)) as service:
        model = make(service, concurrency=3)
        threads = [
            threading.Thread(target=model.complete_all, args=([f"{t}-{i}" for i in range(12)],)) for t in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(service.asks) == 48
    assert service.most_at_once <= 3


def test_requests_per_minute_hold_by_the_servers_clock_and_over_calls(make):
    with Service() as service:
        model = make(service, requests_per_minute=60 * 40)
        for call in range(2):
            model.complete_all([f"{call}-{i}" for i in range(12)])
    times = sorted(ask.time for ask in service.asks)
    # 40 a second, evenly: within 0.2 s at most 8, and some for what the way to the server adds and takes away.
    assert max(sum(start <= t < start + 0.2 for t in times) for start in times) <= 15
    assert times[-1] - times[0] > 0.8 * 23 / 40


def test_tokens_per_minute_hold_by_the_servers_clock(make):
    def plan(ask: Ask) -> Answer | None:
        # As many tokens as were estimated, so that there is nothing to correct.
        return Answer(body=openai_reply("x" * 40, {"prompt_tokens": 144, "completion_tokens": 16}))

    with Service(plan) as service:
        # 144 tokens estimated to be read and 16 to be written at most: 25 requests a second, after one second's worth.
        model = make(service, tokens_per_minute=60 * 25 * 160, max_tokens=16)
        model.complete_all([f"{'x' * 382}{i:02d}" for i in range(45)])
    times = sorted(ask.time for ask in service.asks)
    assert len(times) == 45
    assert times[-1] - times[0] > 0.8 * (45 - 1 - 25) / 25


def test_tokens_that_were_not_used_are_not_waited_for(make):
    with Service() as service:
        # By the estimate a second each; a reply takes a hundredth of that.
        model = make(service, tokens_per_minute=60 * 4000, max_tokens=4000, concurrency=1)
        began = time.monotonic()
        model.complete_all([str(i) for i in range(20)])
        assert time.monotonic() - began < 10
    assert len(service.asks) == 20


def test_equal_prompts_are_asked_once(make):
    from interp_nb.features.hosted.records import Prompt

    with Service(lambda ask: Answer(wait=0.01)) as service:
        model = make(service)
        outcomes = model.complete_all(["a", "a", "b", Prompt("a"), Prompt("a", sample=1)])
        again = model.complete_all(["b", "a"])
    assert service.counts() == Counter({"a": 2, "b": 1})
    assert texts(outcomes) == ["answer to a", "answer to a", "answer to b", "answer to a", "answer to a"]
    assert [outcome.attempts for outcome in again] == [0, 0]


def test_no_prompts_are_no_work(make):
    with Service() as service:
        assert make(service).complete_all([]) == []
    assert service.asks == []


# Stopping


def test_stop_keeps_what_came_and_sends_no_more(make):
    stop = threading.Event()

    def plan(ask: Ask) -> Answer | None:
        if ask.text == "p6":
            stop.set()
        return Answer(wait=0.01)

    with Service(plan) as service:
        model = make(service, concurrency=4, timeouts={"grace": 10.0})
        prompts = [f"p{i}" for i in range(500)]
        outcomes = model.complete_all(prompts, stop=stop)
        got = [outcome for outcome in outcomes if hasattr(outcome, "text")]
        # What was under way came back within the grace period: everything that was asked has its reply.
        assert 4 <= len(got) == len(service.asks) < 500
        assert {outcome.reason for outcome in outcomes if not hasattr(outcome, "text")} == {"cancelled"}
        assert texts(model.complete_all(prompts[:20])) == [f"answer to {prompt}" for prompt in prompts[:20]]
    assert set(service.counts().values()) == {1}


def test_stop_does_not_wait_for_a_service_that_hangs(make):
    stop = threading.Event()

    def plan(ask: Ask) -> Answer | None:
        stop.set()
        return Answer(wait=20.0)

    with Service(plan) as service:
        began = time.monotonic()
        outcomes = make(service, timeouts={"grace": 0.1}).complete_all(["a"] + [f"p{i}" for i in range(20)], stop=stop)
        assert time.monotonic() - began < 15
    assert {outcome.reason for outcome in outcomes} == {"cancelled"}
    assert sum(outcome.attempts for outcome in outcomes) == len(service.asks)


def test_interrupt_ends_the_call_and_loses_no_reply(make, request):
    def plan(ask: Ask) -> Answer | None:
        if ask.text == "p5":
            _thread.interrupt_main()
        return Answer(wait=0.01)

    # Shells start background processes with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with Service(plan) as service:
        model = make(service, concurrency=2, timeouts={"grace": 10.0})
        prompts = [f"p{i}" for i in range(500)]
        with pytest.raises(KeyboardInterrupt):
            model.complete_all(prompts)
        n_asked = len(service.asks)
        time.sleep(0.1)
        assert 6 <= len(service.asks) == n_asked < 500
        outcomes = model.complete_all([ask.text for ask in service.asks])
        assert len(service.asks) == n_asked
    assert {outcome.attempts for outcome in outcomes} == {0}


def test_progress_that_fails_stops_the_call(make):
    def progress(done: int, of: int) -> None:
        raise RuntimeError("the bar is gone")

    with Service(lambda ask: Answer(wait=0.01)) as service:
        with pytest.raises(RuntimeError, match="the bar is gone"):
            make(service, concurrency=1).complete_all([f"p{i}" for i in range(500)], progress=progress)
        assert len(service.asks) < 500


def test_closing_frees_who_waits(make):
    with Service(lambda ask: Answer(wait=20.0)) as service:
        model = make(service)
        closing = threading.Timer(0.2, model.close)
        closing.start()
        outcomes = model.complete_all(["a", "b"])
        closing.join()
    assert [outcome.reason for outcome in outcomes] == ["cancelled", "cancelled"]


def test_thread_ends_with_the_object(make):
    from interp_nb.features.hosted.client import HostedModel

    def running() -> int:
        return sum(thread.name == "interp_nb hosted models" for thread in threading.enumerate())

    before = running()
    with Service() as service:
        model = HostedModel("openai", "m", budget=None, base_url=service.url, api_key_env=None)
        model.complete_all(["a"])
        assert running() == before + 1
        del model
        deadline = time.monotonic() + 5
        while running() > before and time.monotonic() < deadline:
            time.sleep(0.01)
    assert running() == before


# Where a loop runs already


def test_works_inside_a_running_event_loop(make):
    async def cell(model: Any) -> list[Any]:
        return model.complete_all(["a", "b"])

    with Service() as service:
        assert texts(asyncio.run(cell(make(service)))) == ["answer to a", "answer to b"]


def test_awaited_call_leaves_the_loop_free_and_can_be_cancelled(make):
    arrived, released = threading.Event(), threading.Event()

    def plan(ask: Ask) -> Answer | None:
        arrived.set()
        # The reply comes when the caller's loop says so, which it can only while it is free.
        return Answer() if released.wait(timeout=20) else Answer(500)

    async def cell(model: Any) -> list[Any]:
        async def release() -> None:
            while not arrived.is_set():
                await asyncio.sleep(0.005)
            released.set()

        releasing = asyncio.create_task(release())
        outcomes = await model.acomplete_all(["a", "b"])
        await releasing
        released.clear()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(model.acomplete_all([f"slow{i}" for i in range(50)]), 0.1)
        released.set()
        return outcomes

    with Service(plan) as service:
        outcomes = asyncio.run(cell(make(service, concurrency=2)))
        assert len(service.asks) < 52
    assert texts(outcomes) == ["answer to a", "answer to b"]


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "opena"}, "provider must be one of .*did you mean 'openai'"),
        ({"base_url": "http://example.com/v1"}, "unencrypted"),
        ({"base_url": "http://127.0.0.1.example.com/v1"}, "unencrypted"),
        ({"base_url": "http://127.0.0.1@example.com/v1"}, "bare address"),
        ({"base_url": "https://user:word@example.com/v1"}, "bare address"),
        ({"base_url": "https://example.com/v1?key=x"}, "bare address"),
        ({"base_url": "ftp://example.com"}, "must begin with https://"),
        ({"base_url": "example.com/v1"}, "must begin with https://"),
        ({"base_url": "https://example.com/v1", "api_key_env": "unset"}, "Say which key"),
        ({"budget": 1.0}, "No price is known for 'm' here"),
        ({"budget": -1.0, "prices": {"m": (1.0, 1.0)}}, "budget must be above 0"),
        ({"budget": float("nan"), "prices": {"m": (1.0, 1.0)}}, "budget must be above 0"),
        ({"prices": {"m": (-1.0, 1.0)}}, "A price is"),
        ({"concurrency": 0}, "concurrency must be above 0"),
        ({"requests_per_minute": 0}, "requests_per_minute must be above 0"),
        ({"max_tokens": 0}, "max_tokens must be above 0"),
        ({"api_key_env": "INTERP_NB_NO_SUCH_KEY"}, "INTERP_NB_NO_SUCH_KEY holds no key"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(options, message):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.client import HostedModel

    chosen = {"provider": "openai", "base_url": "http://localhost:9/v1", "api_key_env": None, "budget": None, **options}
    if chosen["api_key_env"] == "unset":
        del chosen["api_key_env"]
    with pytest.raises(ConfigError, match=message):
        HostedModel(chosen.pop("provider"), "m", **chosen)


def test_prompt_without_room_for_a_reply_is_refused(make):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.records import Prompt

    with Service() as service, pytest.raises(ConfigError, match="max_tokens must be above 0, got -5"):
        make(service).complete_all([Prompt("x", max_tokens=-5)])


@pytest.mark.parametrize("package", ["httpx", "tenacity", "aiolimiter"])
def test_missing_package_is_named_with_its_extra(monkeypatch, package):
    from interp_nb._errors import ConfigError
    from interp_nb.features.hosted.client import HostedModel

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"{package}.*pip install interp_nb\[api\]"):
        HostedModel("openai", "m", budget=None)


def test_redirect_is_not_followed(make):
    with Service() as stranger:
        target = stranger.url + "/elsewhere"
        with Service(lambda ask: Answer(307, headers={"Location": target})) as service:
            outcome = make(service).complete_all(["a"])[0]
        assert stranger.asks == []
    assert (outcome.reason, outcome.attempts, outcome.retryable) == ("redirect", 1, False)
    assert target in outcome.message


def test_reply_under_a_wrong_content_type_is_read_all_the_same(make):
    with Service(lambda ask: Answer(body=good(ask), headers={"Content-Type": "text/html"})) as service:
        outcome = make(service).complete_all(["a"])[0]
    assert outcome.text == "answer to a"


def test_repr_is_one_plain_line(make):
    with Service() as service:
        assert repr(make(service)) == "HostedModel(openai m, spent $0.0000)"
        priced = make(service, budget=2.5, prices={"m": (1.0, 2.0)})
        assert repr(priced) == "HostedModel(openai m, spent $0.0000 of $2.50)"
        assert str(priced.quote(["abcd", "abcd", "e"])) == "2 requests (0 more are in the ledger), at most $0.0023"
    assert json.dumps(KEY) not in repr(vars(priced))
