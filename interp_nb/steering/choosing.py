"""Which strength and layer to take: the largest effect that a price allows, and the cells that nothing betters.

Pure functions of measured cells; what is measured is in `sweep`.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from interp_nb.steering.coherence import DISTINCT_SHARE

KL_MAX: Final = 0.1
"""Nats per token that the prediction of unrelated text may change: two equally likely words moved to odds of 5 to 2 are
0.1 nats."""
MASS_MIN: Final = 0.5
"""Share of the baseline's mass on the trait's words that has to be left: with less, it speaks of other things."""
AS_GOOD: Final = 0.005
"""Effects that differ by less are equal, and the cheaper one is taken."""


class SweepCell(NamedTuple):
    """One layer and strength, and what was measured there; NaN where something is unknown."""

    layer: int
    """The layer steered."""
    strength: float
    """The strength; 1 = one raw mean difference."""
    effect: float
    """How far the trait moved from the baseline, mean over prompts."""
    target: float
    """The trait."""
    mass: float
    """Probability on the trait's words; NaN for a classifier."""
    kl: float
    """Nats per token on unrelated text."""
    distinct_2: float
    """Share of distinct bigrams within the generated texts."""
    variety: float
    """Share of distinct bigrams over all generated texts together."""
    random: float
    """Largest size of the effect that random directions of equal norm had; NaN where none were run."""


class Bounds(NamedTuple):
    """What a choice may cost."""

    kl_max: float = KL_MAX
    """Most nats per token on unrelated text."""
    distinct_min: float = DISTINCT_SHARE
    """Least distinct-2, within texts and over all of them, as a share of the baseline's."""
    mass_min: float = MASS_MIN
    """Least mass on the trait's words, as a share of the baseline's."""


class Chosen(NamedTuple):
    """What was chosen, and why."""

    cell: SweepCell | None
    """The choice; None when no cell may be taken."""
    reason: str
    """A sentence: among how many it was best, or what kept the others out."""


def choose(cells: Sequence[SweepCell], baseline: SweepCell, bounds: Bounds, sign: int) -> Chosen:
    """Choose the largest effect within bounds, the cheapest of those that are as good.

    A cell qualifies that moves the trait the wanted way, further than the random directions did, and keeps the bounds.
    What is unknown (NaN) rules out where it is a price, except a mass, which classifiers do not have, and a distinct-2,
    which texts of one token do not have.

    Args:
        cells: What was measured, in any order.
        baseline: The unsteered model.
        sign: 1 = more of the trait is wanted, -1 = less.
    """
    moved = [cell for cell in cells if not math.isnan(cell.effect)]
    if not moved:
        return Chosen(None, "no cell was measured")
    beyond = [cell for cell in moved if sign * cell.effect > max(0.0, 0.0 if math.isnan(cell.random) else cell.random)]
    if not beyond:
        way = "up" if sign > 0 else "down"
        return Chosen(None, f"no cell moves the trait {way} further than random directions of equal norm do")
    paid = [cell for cell in beyond if not broken_bounds(cell, baseline, bounds)]
    if not paid:
        nearest = min(beyond, key=lambda cell: (len(broken_bounds(cell, baseline, bounds)), _price(cell)))
        broken = ", ".join(broken_bounds(nearest, baseline, bounds))
        return Chosen(
            None,
            f"none of the {len(beyond)} cells that move the trait keeps the bounds; nearest is layer {nearest.layer} "
            f"at strength {nearest.strength:g}: {broken}",
        )
    most = max(sign * cell.effect for cell in paid)
    best = min((cell for cell in paid if sign * cell.effect >= most - AS_GOOD), key=_price)
    return Chosen(
        best, f"the largest effect of the {len(paid)} cells within the bounds, of {len(beyond)} that move the trait"
    )


def broken_bounds(cell: SweepCell, baseline: SweepCell, bounds: Bounds) -> list[str]:
    """Say which bounds a cell breaks, in words with both numbers."""
    broken = []
    if not cell.kl <= bounds.kl_max:
        broken.append(f"KL {cell.kl:.3g} above {bounds.kl_max:g}")
    for name, words in (("distinct_2", "distinct-2 within texts"), ("variety", "distinct-2 over all texts")):
        found, least = getattr(cell, name), bounds.distinct_min * getattr(baseline, name)
        if found < least:
            broken.append(f"{words} {found:.2f} below {least:.2f}")
    if cell.mass < bounds.mass_min * baseline.mass:
        broken.append(f"mass {cell.mass:.2f} below {bounds.mass_min * baseline.mass:.2f}")
    return broken


def pareto(cells: Sequence[SweepCell], sign: int) -> list[SweepCell]:
    """Give the cells that no other betters: none has as much effect for less KL, or more for as much.

    The baseline, effect 0 for nothing, is among them once. Cheapest first; what is unknown is left out.
    """
    known = [cell for cell in cells if not (math.isnan(cell.effect) or math.isnan(cell.kl))]
    front: list[SweepCell] = []
    for cell in sorted(known, key=lambda each: (each.kl, -sign * each.effect, abs(each.strength))):
        if not front or sign * cell.effect > sign * front[-1].effect:
            front.append(cell)
    return front


def _price(cell: SweepCell) -> tuple[float, float]:
    return (math.inf if math.isnan(cell.kl) else cell.kl, abs(cell.strength))
