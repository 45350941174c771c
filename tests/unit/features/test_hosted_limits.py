"""The pace of hosted requests on a clock that jumps: exact, and no real waiting."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TICK = 1e-9


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._look = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def _jump(self, timeout: float | None = None) -> Any:
        events = self._look(0)
        # As everywhere, time passes while one looks: a timer that fires a rounding error early comes again a bit later.
        self._now += TICK if events or not timeout else timeout + TICK
        return events

    def time(self) -> float:
        return self._now


def timed(work: Coroutine[Any, Any, Any]) -> Any:
    loop = JumpingLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def departures(pace: Any, tokens: list[int], used: list[int] | None = None) -> list[float]:
    """Send requests all at once, and return when each was let go, in the order in which they queued."""
    went = [0.0] * len(tokens)

    async def one(at: int) -> None:
        await pace.turn(tokens[at])
        went[at] = asyncio.get_running_loop().time()
        if used is not None:
            pace.correct(tokens[at], used[at])

    await asyncio.gather(*(one(at) for at in range(len(tokens))))
    return went


AMOUNTS = st.lists(st.integers(1, 5000), min_size=1, max_size=16)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(AMOUNTS, st.integers(6000, 100_000), st.integers(1, 5000))
def test_no_span_of_time_sees_more_than_its_share(tokens, tokens_per_minute, requests_per_minute):
    from interp_nb.features.hosted.limits import Pace

    async def work() -> list[float]:
        return await departures(Pace(requests_per_minute, tokens_per_minute), tokens)

    went = timed(work())
    assert went == sorted(went)
    gap, rate = 60 / requests_per_minute, tokens_per_minute / 60
    for first in range(len(went)):
        for last in range(first + 1, len(went)):
            span = went[last] - went[first]
            assert span >= (last - first) * gap * (1 - 1e-6)
            # One second's worth may go at once.
            assert sum(tokens[first + 1 : last + 1]) <= rate * (span + 1) * (1 + 1e-6) + 1e-6


@settings(deadline=None, derandomize=True, max_examples=60)
@given(AMOUNTS, st.integers(6000, 100_000))
def test_pace_wastes_no_time(tokens, tokens_per_minute):
    from interp_nb.features.hosted.limits import Pace

    async def work() -> list[float]:
        return await departures(Pace(None, tokens_per_minute), tokens)

    assert max(timed(work())) <= sum(tokens) / (tokens_per_minute / 60) * (1 + 1e-6)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 8000)), min_size=1, max_size=16), st.integers(6000, 50_000)
)
def test_what_was_underestimated_is_waited_for(requests, tokens_per_minute):
    from interp_nb.features.hosted.limits import Pace

    expected = [estimate for estimate, _ in requests]
    used = [max(estimate, true) for estimate, true in requests]

    async def work() -> list[float]:
        return await departures(Pace(None, tokens_per_minute), expected, used)

    went = timed(work())
    rate = tokens_per_minute / 60
    for last in range(1, len(went)):
        assert sum(used[:last]) + expected[last] <= rate * (went[last] + 1) * (1 + 1e-6) + 1e-6


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.integers(100, 2000), min_size=2, max_size=16), st.integers(6000, 50_000))
def test_what_was_overestimated_is_credited_but_saves_up_to_no_burst(expected, tokens_per_minute):
    from interp_nb.features.hosted.limits import Pace

    used = [estimate // 10 for estimate in expected]

    async def work() -> tuple[list[float], list[float]]:
        plain = await departures(Pace(None, tokens_per_minute), expected)
        began = asyncio.get_running_loop().time()
        credited = await departures(Pace(None, tokens_per_minute), expected, used)
        return plain, [at - began for at in credited]

    plain, credited = timed(work())
    rate = tokens_per_minute / 60
    assert all(sooner <= later + 1e-6 for sooner, later in zip(credited, plain, strict=True))
    for first in range(len(credited)):
        for last in range(first + 1, len(credited)):
            span = credited[last] - credited[first]
            assert sum(used[first + 1 : last]) <= rate * (span + 1) + tokens_per_minute / 10 + 1e-6


def test_credit_of_any_size_saves_up_to_a_tenth_of_a_minute():
    from interp_nb.features.hosted.limits import Pace

    async def work() -> list[float]:
        pace = Pace(None, 60_000)
        pace.correct(10**6, 0)
        return await departures(pace, [1000] * 20)

    # 20,000 tokens at 1,000 a second, less one second's worth and 6,000 of credit.
    assert timed(work())[-1] == pytest.approx(13.0)


def test_pause_holds_everybody_and_the_longest_counts():
    from interp_nb.features.hosted.limits import Pace

    async def work() -> list[float]:
        pace = Pace(None, None)
        pace.pause(5.0)
        pace.pause(2.0)
        waiting = asyncio.create_task(departures(pace, [1, 1]))
        await asyncio.sleep(3.0)
        pace.pause(4.0)
        return await waiting

    assert timed(work()) == pytest.approx([7.0, 7.0])


def test_cancelled_request_leaves_the_line():
    from interp_nb.features.hosted.limits import Pace

    async def work() -> float:
        pace = Pace(60, None)
        await pace.turn(1)
        waiting = [asyncio.create_task(pace.turn(1)) for _ in range(3)]
        await asyncio.sleep(0.5)
        waiting[0].cancel()
        waiting[1].cancel()
        await waiting[2]
        return asyncio.get_running_loop().time()

    assert timed(work()) == pytest.approx(1.0)
