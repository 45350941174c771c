"""`SideEffects`: what steering costs on benchmarks, with intervals, as a table and as a price tag.

How the questions are asked is in `side_effects`.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from interp_nb._show import Showable, result, two_decimals

if TYPE_CHECKING:
    import pandas as pd


class Bounded(NamedTuple):
    """A mean over questions with its interval."""

    value: float
    """The mean."""
    low: float
    """Lower end of the bootstrap interval, over questions; NaN with one question."""
    high: float
    """Upper end."""


class BenchmarkEffect(NamedTuple):
    """One benchmark, without and with steering."""

    name: str
    """The benchmark."""
    n_questions: int
    """Its questions."""
    accuracy_before: Bounded
    """Share of questions answered right, unsteered."""
    accuracy_after: Bounded
    """The same, steered."""
    accuracy_change: Bounded
    """After minus before, question by question."""
    loss_before: Bounded
    """-log probability of the right answer, in nats, unsteered."""
    loss_after: Bounded
    """The same, steered."""
    loss_change: Bounded
    """After minus before, question by question."""
    kl: Bounded
    """How far the prediction after the prompt moved, in nats."""

    @property
    def falls(self) -> bool:
        """Whether accuracy falls for sure: the interval of its change lies below 0."""
        return self.accuracy_change.high < 0


@result
class SideEffects(Showable):
    """Hold what steering costs on a set of benchmarks."""

    _picture: ClassVar[str] = "side_effects"

    steering: str
    """What was done to the model."""
    norm_share: Bounded
    """Length of what was added / length of what was there, over the steered tokens of each prompt."""
    effects: list[BenchmarkEffect]
    """One per benchmark, in order."""
    overall: BenchmarkEffect
    """All questions together."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Any = dataclasses.field(default=None, compare=False)

    @property
    def price(self) -> str:
        """The price tag, in words."""
        change, kl = self.overall.accuracy_change, self.overall.kl
        before, after = self.overall.accuracy_before.value, self.overall.accuracy_after.value
        most = max(self.effects, key=lambda effect: effect.kl.value)
        falling = [effect for effect in self.effects if effect.falls]
        lost = ", ".join(
            f"{effect.name} {two_decimals(effect.accuracy_change.value, sign=True)} {_ends(effect.accuracy_change)}"
            for effect in falling
        )
        return (
            f"accuracy {two_decimals(before)} to {two_decimals(after)} over {self.overall.n_questions} questions "
            f"(change {two_decimals(change.value, sign=True)} {_ends(change)}); "
            + (f"falls on {lost}; " if falling else "falls on no benchmark beyond its interval; ")
            + f"KL {two_decimals(kl.value)} nats, most on {most.name} ({two_decimals(most.kl.value)}), for "
            f"{two_decimals(self.norm_share.value)} of the norm"
        )

    def effect(self, name: str) -> BenchmarkEffect:
        """Return one benchmark's numbers.

        Raises:
            KeyError: there is no such benchmark.
        """
        return {effect.name: effect for effect in self.effects}[name]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per benchmark and one for all: every number with its interval."""
        import pandas as pd

        rows = []
        for effect in [*self.effects, self.overall]:
            row: dict[str, Any] = {"benchmark": effect.name, "n_questions": effect.n_questions}
            for name in BenchmarkEffect._fields[2:]:
                found: Bounded = getattr(effect, name)
                row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            rows.append(row)
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        before, after = self.overall.accuracy_before.value, self.overall.accuracy_after.value
        lost = [effect.name for effect in self.effects if effect.falls]
        falls = f"falls on {', '.join(lost)}" if lost else "falls on none"
        return (
            f"SideEffects({self.steering}, {len(self.effects)} benchmarks, accuracy {two_decimals(before)} to "
            f"{two_decimals(after)}, {falls}, KL {two_decimals(self.overall.kl.value)})"
        )


def _ends(found: Bounded) -> str:
    if math.isnan(found.low):
        return "[no interval]"
    return f"[{two_decimals(found.low, sign=True)}, {two_decimals(found.high, sign=True)}]"
