"""One call of `complete_all`: its items, who is under way, and when to give up.

Each item: the ledger first, then a place among the concurrent, then attempts. Each attempt: money set aside for the
worst case, a turn within the rate limits, a line in the ledger, the request, the bill. Everything here runs in the
thread of one event loop, so what stands between two awaits cannot be torn apart.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import WeakValueDictionary

from interp_nb.features.hosted.endpoints import Endpoint, Reply
from interp_nb.features.hosted.keys import Key
from interp_nb.features.hosted.ledger import Ledger
from interp_nb.features.hosted.limits import Pace
from interp_nb.features.hosted.prices import PICO, Meter
from interp_nb.features.hosted.records import Completion, Failure, Retries, Timeouts
from interp_nb.features.hosted.sending import AttemptError, attempt, new_client

Outcome = Completion | Failure
CANCELLED: Final = Failure("cancelled", "Stopped before there was a reply; ask again to go on", 0, retryable=True)
# A token covers few bytes of text; a count that claims more than this many per token did not count this text.
_MOST_BYTES_PER_TOKEN: Final = 64
# No request has this many tokens; what claims more is noise and no count.
_MOST_TOKENS: Final = 10**9
_log = logging.getLogger("interp_nb.features.hosted")


@dataclass
class Shared:
    """What all runs of a model object have in common; belongs to its event loop."""

    endpoint: Endpoint
    key: Key
    timeouts: Timeouts
    retries: Retries
    concurrency: int
    ledger: Ledger
    meter: Meter
    pace: Pace
    places: asyncio.Semaphore
    locks: WeakValueDictionary[str, asyncio.Lock]
    failed_in_a_row: int = 0
    """Items that failed after their last attempt, since one had a reply; in this run and those before."""


@dataclass
class Asked:
    """One item on its way."""

    key: str
    body: dict[str, Any]
    max_tokens: int
    input_bytes: int
    worst_input: int
    expected: int
    worst_cost: int
    attempts: int = 0


@dataclass
class Run:
    """Ask for a list of items and keep an outcome for each, in order."""

    shared: Shared
    asked: Sequence[Asked]
    finished: Callable[[], object]
    """Called in the loop's thread whenever an item has its outcome."""
    outcomes: list[Outcome] = field(init=False)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _ending: Failure | None = None
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.outcomes = [CANCELLED] * len(self.asked)

    async def __call__(self) -> list[Outcome]:
        """Run to the end, or to where it was stopped.

        Raises:
            DiskError: the ledger cannot be written; nothing more was sent.
        """
        async with new_client(self.shared.timeouts, self.shared.endpoint, self.shared.concurrency) as client:
            self._tasks = [asyncio.create_task(self._item(at, client)) for at in range(len(self.asked))]
            for task in self._tasks:
                task.add_done_callback(self._item_ended)
            if self._ending is not None:
                self.stop()
            if self._tasks:
                await asyncio.wait(self._tasks)
        failures = [task.exception() for task in self._tasks if not task.cancelled()]
        for error in failures:
            if error is not None:
                raise error
        return self.outcomes

    def stop(self) -> None:
        """Send nothing more; what is under way has a little time to come back, since it is paid for."""
        self._ending = self._ending or CANCELLED
        for task in self._tasks:
            if task not in self._under_way:
                task.cancel()
        if self._under_way:
            asyncio.get_running_loop().call_later(self.shared.timeouts.grace, self.cut)

    def cut(self) -> None:
        """End what is under way too."""
        for task in self._tasks:
            task.cancel()

    def _item_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.stop()
        self.finished()

    async def _item(self, at: int, client: Any) -> None:
        asked = self.asked[at]
        # Equal requests queue up behind the first, and find its reply in the ledger.
        lock = self.shared.locks.setdefault(asked.key, asyncio.Lock())  # goes when nobody holds it anymore
        try:
            async with lock:
                known = self.shared.ledger.completion(asked.key)
                if known is None:
                    async with self.shared.places:
                        known_or_failed = await self._ask(asked, client)
                self.outcomes[at] = known_or_failed if known is None else known
        except asyncio.CancelledError:
            self.outcomes[at] = replace(CANCELLED, attempts=asked.attempts)

    async def _ask(self, asked: Asked, client: Any) -> Outcome:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.shared.retries.attempts),
            wait=self._wait,
            retry=retry_if_exception(self._goes_again),
            reraise=True,
        )
        try:
            completion: Completion = await retrying(self._attempt, asked, client)
        except AttemptError as error:
            self._look_at(error)
            return Failure(error.reason, error.message, asked.attempts, error.retryable, error.status)
        self.shared.failed_in_a_row = 0
        return completion

    async def _attempt(self, asked: Asked, client: Any) -> Completion:
        shared = self.shared
        self._still_worth_it()
        if not await shared.meter.reserve(asked.worst_cost):
            raise AttemptError("budget", self._over_budget(asked), retryable=False, may_be_paid=False)
        cost, name, task = 0, None, asyncio.current_task()
        assert task is not None
        try:
            await shared.pace.turn(asked.expected)
            self._still_worth_it()
            name = shared.ledger.sent(asked.worst_cost)
            asked.attempts += 1
            # From here on it may be charged, until the server says that it was not.
            cost = asked.worst_cost
            self._under_way.add(task)
            started = time.monotonic()
            try:
                reply = await attempt(client, shared.endpoint, asked.body, shared.key, shared.timeouts)
            except AttemptError as error:
                cost = cost if error.may_be_paid else 0
                _say(asked, error.reason, error.status, started)
                raise
            finally:
                self._under_way.discard(task)
            # NOTE: no await from here to the ledger, so that nothing that is paid for can be lost.
            cost, completion = self._bill(asked, reply)
            shared.ledger.replied(name, asked.key, completion, cost)
            name = None
            _say(asked, "reply", 200, started)
            return completion
        except AttemptError as error:
            if error.retry_after is not None and error.retry_after <= shared.retries.longest_wait:
                shared.pace.pause(error.retry_after)
            raise
        finally:
            shared.meter.settle(asked.worst_cost, cost)
            if name is not None:
                shared.ledger.ended(name, cost)

    def _bill(self, asked: Asked, reply: Reply) -> tuple[int, Completion]:
        """Believe the reply's count where it can be true; else charge the worst case, or what it says if more."""
        meter, read, written = self.shared.meter, reply.input_tokens, reply.output_tokens
        counted = all(type(n) is int and 0 <= n <= _MOST_TOKENS for n in (read, written))
        believable = (
            counted
            and asked.input_bytes / _MOST_BYTES_PER_TOKEN <= read <= asked.worst_input
            and len(reply.text.encode()) / _MOST_BYTES_PER_TOKEN <= written <= asked.max_tokens
        )
        if believable:
            self.shared.pace.correct(asked.expected, read + written)
            cost = meter.cost(read, written)
        else:
            cost = max(asked.worst_cost, meter.cost(read, written)) if counted else asked.worst_cost
            read, written = (read, written) if counted else (asked.worst_input, asked.max_tokens)
        return cost, Completion(
            reply.text, reply.finish, read, written, cost / PICO, asked.attempts, usage_doubtful=not believable
        )

    def _still_worth_it(self) -> None:
        """See, after every wait, that the run was not given up meanwhile."""
        if self._ending is not None:
            why = self._ending
            raise AttemptError(why.reason, why.message, why.retryable, may_be_paid=False, status=why.status)

    def _goes_again(self, error: BaseException) -> bool:
        return (
            isinstance(error, AttemptError)
            and error.retryable
            and self._ending is None
            and (error.retry_after or 0.0) <= self.shared.retries.longest_wait
        )

    def _wait(self, state: Any) -> float:
        """Draw the seconds before the next attempt, no fewer than the server asked for."""
        retries = self.shared.retries
        error: AttemptError = state.outcome.exception()
        doubled = retries.first_wait * 2.0 ** min(state.attempt_number - 1, 30)
        drawn = float(min(doubled, retries.longest_wait)) * self._random.uniform(0.5, 1.0)
        if error.retry_after is None:
            return drawn
        # A little later than asked, each by its own draw, so that not all come back in the same instant.
        return error.retry_after + min(drawn, float(retries.first_wait))

    def _look_at(self, error: AttemptError) -> None:
        """Stop the whole run where the rest would fare no better."""
        if error.for_all:
            self._end(Failure(error.reason, f"Not sent, after: {error.message}", 0, error.retryable, error.status))
        elif error.reason in ("connection", "rate_limited", "server_error", "timeout") and error.retryable:
            self.shared.failed_in_a_row += 1
            if self.shared.failed_in_a_row >= self.shared.retries.give_up_after:
                why = f"Not sent: {self.shared.failed_in_a_row} items in a row failed, the last with: {error.message}"
                self._end(Failure("service_down", why, 0, retryable=True, status=error.status))

    def _end(self, failure: Failure) -> None:
        if self._ending is None:
            self._ending = failure
            _log.warning("hosted model: %s", failure.message)

    def _over_budget(self, asked: Asked) -> str:
        meter = self.shared.meter
        return (
            f"Of the budget of ${(meter.limit or 0) / PICO:.4f}, ${meter.spent / PICO:.4f} is spent (earlier runs of "
            f"this ledger included), and this may cost ${asked.worst_cost / PICO:.4f}; raise the budget or lower "
            "max_tokens, and ask again"
        )


def _say(asked: Asked, outcome: str, status: int | None, started: float) -> None:
    """Log an attempt, by the hash of its request; never what it says."""
    seconds = time.monotonic() - started
    facts = {"request": asked.key[:12], "attempt": asked.attempts, "outcome": outcome, "status": status}
    _log.info(
        "request %(request)s, attempt %(attempt)s: %(outcome)s (%(status)s)", facts,
        extra={"hosted": {**facts, "seconds": round(seconds, 3)}},
    )  # fmt: skip
