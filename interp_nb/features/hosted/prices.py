"""What tokens cost, and the meter that stops before a budget is exceeded.

Money is counted in whole picodollars, so that reserving and releasing leave no rounding behind.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from interp_nb._errors import ConfigError, nearest

PICO: Final = 10**12
"""Picodollars in a dollar."""


class Price(NamedTuple):
    """US dollars per million tokens."""

    input: float | int
    """For what the model reads."""
    output: float | int
    """For what it writes, its hidden reasoning included."""


PRICES: dict[str, Price] = {
    "claude-opus-4-5": Price(5.0, 25.0),
    "claude-opus-4-1": Price(15.0, 75.0),
    "claude-opus-4": Price(15.0, 75.0),
    "claude-sonnet-4-5": Price(3.0, 15.0),
    "claude-sonnet-4": Price(3.0, 15.0),
    "claude-haiku-4-5": Price(1.0, 5.0),
    "claude-3-7-sonnet": Price(3.0, 15.0),
    "claude-3-5-haiku": Price(0.8, 4.0),
    "claude-3-haiku": Price(0.25, 1.25),
    "gpt-5": Price(1.25, 10.0),
    "gpt-5-mini": Price(0.25, 2.0),
    "gpt-5-nano": Price(0.05, 0.4),
    "gpt-4.1": Price(2.0, 8.0),
    "gpt-4.1-mini": Price(0.4, 1.6),
    "gpt-4.1-nano": Price(0.1, 0.4),
    "gpt-4o": Price(2.5, 10.0),
    "gpt-4o-2024-05-13": Price(5.0, 15.0),
    "gpt-4o-mini": Price(0.15, 0.6),
    "o3": Price(2.0, 8.0),
    "o4-mini": Price(1.1, 4.4),
}
"""List prices in US dollars per million tokens, as known when this version was made. PRICES CHANGE, and this table does
not know: look at the provider's price page, and set what it says, for one model object with `prices={"name": (input,
output)}` or for the session with `PRICES["name"] = Price(input, output)`. The table speaks for the providers' own
addresses only, and for requests below the length from which some models cost more (200,000 tokens)."""

# A name followed by a date, or by "latest", is that model at that date.
_DATED: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


def price_of(
    model: str, prices: Mapping[str, tuple[float | int, float | int]] | None, *, from_table: bool
) -> Price | None:
    """Find the price of a model: what the caller says, else the table's; None where neither knows.

    Args:
        prices: The caller's own, by model name.
        from_table: Whether the table may be asked.

    Raises:
        ConfigError: a price is negative or no number.
    """
    undated = _DATED.sub("", model)
    for table in (prices or {}, PRICES if from_table else {}):
        for name in (model, undated):
            if name in table:
                price = Price(*(float(value) for value in table[name]))
                if not all(0 <= value < 1e6 for value in price):
                    raise ConfigError(f"A price is (input, output) in US dollars per million tokens, got {price}")
                return price
    return None


def unpriced(model: str, *, own_address: bool) -> ConfigError:
    """Say that a budget cannot be kept for a model whose price nobody stated."""
    why = nearest(model, PRICES) if own_address else "list prices hold at the provider's own address only"
    return ConfigError(
        f"No price is known for {model!r} here ({why}), so no budget can be kept. Say prices={{{model!r}: (input, "
        "output)}, in US dollars per million tokens, or budget=None to spend without a limit"
    )


class Meter:
    """Counts what was spent, and what requests under way may still cost at worst.

    The invariant: spent + reserved never exceeds the budget, unless a reply cost more than the worst case that was
    reserved for it. Belongs to one event loop; reading its numbers is safe from any thread.

    Args:
        price: None = everything counts as free.
        budget: US dollars; None = no limit.
        spent: Picodollars spent before.
    """

    def __init__(self, price: Price | None, budget: float | int | None, spent: int = 0) -> None:
        self.price = price
        self.limit = None if budget is None else int(budget * PICO)
        self.spent = spent
        self.reserved = 0
        self._changed = asyncio.Event()

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Return picodollars for so many tokens, rounded up."""
        if self.price is None:
            return 0
        # A millionth of a dollar is a million picodollars.
        per_input, per_output = (_micro(value) for value in self.price)
        return input_tokens * per_input + output_tokens * per_output

    def try_reserve(self, worst: int) -> bool:
        """Set money aside for a request if it is there."""
        if self.limit is not None and self.spent + self.reserved + worst > self.limit:
            return False
        self.reserved += worst
        return True

    async def reserve(self, worst: int) -> bool:
        """Set money aside, waiting for requests under way to give back what they did not need.

        Returns:
            False when the money is not there and will not be.
        """
        while not self.try_reserve(worst):
            if self.limit is not None and self.spent + worst > self.limit:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def settle(self, worst: int, cost: int) -> None:
        """Turn a reservation into what the request cost."""
        self.reserved -= worst
        self.spent += cost
        self._changed.set()


def _micro(price: float | int) -> int:
    """Picodollars per token, rounded up; the list's decimals are exact."""
    return math.ceil(round(price * 1e6, 3))
