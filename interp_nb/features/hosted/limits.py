"""How fast requests may leave: requests and tokens per minute, and the pauses that a server asks for.

Requests are spaced evenly rather than sent in bursts, since providers enforce a minute's limit over seconds too. Tokens
are estimated before a request and corrected by the reply's count: what was underestimated is waited for by the next
request, what was overestimated is credited to it.
"""

import asyncio
import math
from typing import Any, Final

MINUTE: Final = 60.0
# A credit for overestimates may shorten the wait of what comes next, not save up for a burst.
_LARGEST_CREDIT: Final = 0.1
# Bytes per token in running text is about 4, in code and markup about 3; the lower one errs towards slower.
_BYTES_PER_TOKEN: Final = 3
# Roles and separators of a chat: a handful of tokens per message in every template that is published.
_TOKENS_PER_REQUEST: Final = 16
# For the worst case: room for what a provider adds around the text.
_MOST_TOKENS_PER_REQUEST: Final = 128


def expected_tokens(text: str) -> int:
    """Estimate the tokens of a prompt."""
    return math.ceil(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + _TOKENS_PER_REQUEST


def most_tokens(text: str) -> int:
    """Bound the tokens of a prompt from above: no tokenizer in use has tokens shorter than a byte."""
    return len(text.encode("utf-8", "replace")) + _MOST_TOKENS_PER_REQUEST


class Pace:
    """Lets requests go one after the other, as fast as the limits allow.

    Belongs to the event loop that first uses it.

    Args:
        requests_per_minute: None = no limit.
        tokens_per_minute: Of prompts and replies together; None = no limit.
    """

    def __init__(self, requests_per_minute: float | int | None, tokens_per_minute: float | int | None) -> None:
        self._requests = self._tokens = None
        if requests_per_minute is not None:
            self._requests = _bucket(1.0, MINUTE / requests_per_minute)
        # One second's worth may go at once: larger requests wait for as many seconds as they take.
        self._burst = (tokens_per_minute or 0) / MINUTE
        if tokens_per_minute is not None:
            self._tokens = _bucket(self._burst, 1.0)
        self._most_credit = _LARGEST_CREDIT * (tokens_per_minute or 0)
        self._owed = 0.0
        self._not_before = 0.0
        self._line = asyncio.Lock()

    async def turn(self, tokens: int) -> None:
        """Wait until a request of so many tokens may go; first come, first served."""
        async with self._line:
            if self._tokens is not None:
                due = tokens + self._owed
                self._owed = min(due, 0.0)
                while due > 0:
                    part = min(due, self._burst)
                    await self._tokens.acquire(part)
                    due -= part
            if self._requests is not None:
                await self._requests.acquire()
            # Last, because a reply that comes in meanwhile may ask for a pause.
            while (left := self._not_before - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(left)

    def correct(self, estimated: int, used: int) -> None:
        """Take the count of a reply for the estimate that was let through."""
        self._owed = max(self._owed + used - estimated, -self._most_credit)

    def pause(self, seconds: float | int) -> None:
        """Let nothing go for so long: the server asked everybody to wait, not one request."""
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)


def _bucket(size: float | int, seconds: float | int) -> Any:
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(size, seconds)
