"""What goes into a hosted model and what comes out: plain, frozen, and free of anything secret."""

from dataclasses import dataclass
from typing import Literal

Finish = Literal["stop", "length", "filter", "other"]
Reason = Literal[
    "budget", "cancelled", "connection", "malformed", "quota", "rate_limited", "redirect", "refused", "server_error",
    "service_down", "timeout", "unauthorized",
]  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """One request to a hosted model."""

    text: str
    """What the user says."""
    system: str = ""
    """Standing instructions; empty = none are sent."""
    max_tokens: int | None = None
    """Longest reply, in tokens; None = the model object's setting."""
    sample: int = 0
    """Number of the sample: equal prompts are asked and paid once, unless this differs."""


@dataclass(frozen=True)
class Completion:
    """A reply, as text and nothing but text."""

    text: str
    """What the model said; empty when it said nothing."""
    finish: Finish
    """Why it ended; "length" = cut off at `max_tokens`."""
    input_tokens: int
    """Tokens that were read, by the reply's own count unless `usage_doubtful`."""
    output_tokens: int
    """Tokens that were written, likewise."""
    cost: float
    """US dollars this reply cost when it was asked for; 0.0 where no price is known."""
    attempts: int
    """Requests it took; 0 = it came out of the ledger."""
    usage_doubtful: bool = False
    """Whether the reply's count was missing or cannot be true, so that the worst case was charged."""


@dataclass(frozen=True)
class Failure:
    """Why an item has no reply; its neighbors in the list have theirs."""

    reason: Reason
    """One word for programs."""
    message: str
    """A sentence for people: what was expected, what came, what to do."""
    attempts: int
    """Requests that were sent for it; 0 = none, so nothing was paid."""
    retryable: bool
    """Whether asking again later may help."""
    status: int | None = None
    """HTTP status of the last answer, if there was one."""


@dataclass(frozen=True)
class Timeouts:
    """How long one request may take, in seconds."""

    connect: float | int = 10.0
    """Until the connection stands."""
    read: float | int = 60.0
    """Between two pieces of the reply."""
    total: float | int = 180.0
    """For the whole request, however steadily it drips; every attempt has its own."""
    grace: float | int = 5.0
    """For requests under way when the caller stops, since they are paid for either way; then they are cut."""


@dataclass(frozen=True)
class Retries:
    """When a request that failed is sent again; the waits double and are drawn at random between half and whole."""

    attempts: int = 6
    """Requests per item at most, the first one counted."""
    first_wait: float | int = 1.0
    """Seconds before the second attempt."""
    longest_wait: float | int = 60.0
    """Seconds no wait exceeds; a server that asks for more (Retry-After) is not waited for."""
    give_up_after: int = 5
    """Items in a row that fail after their last attempt; then the service is down, and the rest is not sent."""


@dataclass(frozen=True)
class Quote:
    """What asking would take, said before anything is sent."""

    n_asked: int
    """Requests that would be sent."""
    n_in_ledger: int
    """Prompts whose reply is paid for already."""
    worst_cost: float | None
    """US dollars at most, if every reply is as long as it may be; None = no price is known."""
    expected_tokens: int
    """Tokens to read (estimated) and to write (at most)."""

    def __str__(self) -> str:
        dollars = "no price known" if self.worst_cost is None else f"at most ${self.worst_cost:.4f}"
        return f"{self.n_asked} requests ({self.n_in_ledger} more are in the ledger), {dollars}"
