"""`SteeringSweep`: what steering does and costs, for every layer and strength.

How the numbers are measured is in `sweep`, how one of the cells is chosen in `choosing`.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb._errors import ConfigError, nearest
from interp_nb._show import Showable, peek, result, two_decimals
from interp_nb.steering.choosing import Bounds, Chosen, SweepCell, choose, pareto

if TYPE_CHECKING:
    import pandas as pd

MEASURES: Final = {
    "target": "the trait",
    "effect": "how far the trait moved from the baseline",
    "mass": "probability on the trait's words",
    "perplexity": "of the generated text, under the unsteered model",
    "repetition": "share of 4-grams that were there before in their text",
    "distinct_1": "different tokens / tokens, within a text",
    "distinct_2": "different bigrams / bigrams, within a text",
    "variety": "different bigrams / bigrams, over all texts together",
    "kl": "nats per token on unrelated text, from the unsteered model",
    "norm_share": "length of what is added / length of what is there",
}
"""What is measured in every cell. "variety" has no interval: resampled texts would repeat each other."""


class Curve(NamedTuple):
    """One measure over the grid."""

    value: Float[Tensor, "layer strength"]
    """Mean over prompts, or over documents for "kl"; NaN where unknown."""
    low: Float[Tensor, "layer strength"]
    """Lower end of its bootstrap interval; NaN where there is none."""
    high: Float[Tensor, "layer strength"]
    """Upper end."""


@result
class SteeringSweep(Showable):
    """Hold what a steering vector does, and what it costs, at every layer and strength."""

    _picture: ClassVar[str] = "steering_sweep"
    _awaited: ClassVar[tuple[str, ...]] = (
        "value", "low", "high", "baseline", "per_prompt", "kl_per_document", "random", "done", "notes"
    )  # fmt: skip

    name: str
    """Name of the vector."""
    trait: str
    """Name of what is measured."""
    site: str
    """Where the vector is added."""
    layers: list[int]
    """Rows of the grid."""
    strengths: list[float]
    """Columns; 0 = the unsteered model exactly."""
    value: Float[Tensor, "measure layer strength"]
    """Every measure, in the order of `MEASURES`; NaN where pending or unknown. See `curve`."""
    low: Float[Tensor, "measure layer strength"]
    """Lower ends of the bootstrap intervals over prompts (documents for "kl")."""
    high: Float[Tensor, "measure layer strength"]
    """Upper ends."""
    baseline: Float[Tensor, " measure"]
    """The unsteered model."""
    per_prompt: Float[Tensor, "layer strength prompt"]
    """The trait of every prompt."""
    kl_per_document: Float[Tensor, "layer strength document"]
    """Nats per token of every unrelated document."""
    random: Float[Tensor, "control layer strength"]
    """Effect of random directions with the vector's norm."""
    done: Bool[Tensor, "layer strength"]
    """Which cells were measured."""
    prompts: list[str]
    """What the trait was measured after."""
    n_documents: int
    """Unrelated documents."""
    bounds: Bounds
    """What a choice may cost."""
    toward: str
    """Which way the trait is wanted: "positive" or "negative"."""
    notes: list[str]
    """What the reader has to know, such as cells that overflowed."""
    model_name: str
    """The model."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Any = dataclasses.field(default=None, compare=False)
    _headless: bool = dataclasses.field(default=False, compare=False)
    """Whether the repr leaves the numbers out, because how far a background job is depends on the moment."""

    def wait(self) -> "SteeringSweep":
        """Wait until every cell is measured, and return the sweep.

        Raises:
            Exception: what the measuring raised, when it failed.
        """
        super().wait()
        object.__setattr__(self, "_headless", False)
        return self

    @property
    def partial(self) -> bool:
        """Whether cells are missing: the job runs, or was stopped, interrupted or failed."""
        return not bool(peek(self, "done").all())

    def curve(self, measure: str) -> Curve:
        """Return one of `MEASURES` with its intervals.

        Raises:
            ConfigError: there is no such measure.
        """
        if measure not in MEASURES:
            raise ConfigError(f"no measure {measure!r}; {nearest(measure, MEASURES)}")
        row = list(MEASURES).index(measure)
        return Curve(self.value[row], self.low[row], self.high[row])

    def cell(self, layer: int, strength: float | int) -> SweepCell:
        """Return what was measured at one layer and strength.

        Raises:
            ConfigError: it is not in the grid.
        """
        if layer not in self.layers or float(strength) not in self.strengths:
            raise ConfigError(
                f"the grid has layers {self.layers} and strengths {self.strengths}, got layer {layer} and strength "
                f"{strength:g}"
            )
        return self._cell(self.layers.index(layer), self.strengths.index(float(strength)))

    @property
    def cells(self) -> list[SweepCell]:
        """Every cell that was measured, layer by layer."""
        return [self._cell(row, column) for row, column in self.done.nonzero().tolist()]

    @property
    def choice(self) -> SweepCell | None:
        """The largest effect within the bounds; None when nothing qualifies, and `reason` then says why.

        Effects that differ by less than 0.005 are equal, and the cheapest of them is taken.
        """
        return self.choose().cell

    @property
    def reason(self) -> str:
        """Why `choice` is what it is, in words."""
        return self.choose().reason

    def choose(self, **bounds: float | int) -> Chosen:
        """Choose with other bounds: `kl_max`, `distinct_min`, `mass_min`; what is left out stays.

        Raises:
            ConfigError: there is no such bound.
        """
        unknown = [name for name in bounds if name not in Bounds._fields]
        if unknown:
            raise ConfigError(f"no bound {unknown[0]!r}; {nearest(unknown[0], Bounds._fields)}")
        return choose(
            self.cells,
            self._unsteered(),
            self.bounds._replace(**{name: float(bound) for name, bound in bounds.items()}),
            self._sign,
        )

    @property
    def pareto(self) -> list[SweepCell]:
        """The cells with the largest effect for their KL, cheapest first; the baseline is the first of them."""
        return pareto([self._unsteered(), *self.cells], self._sign)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per cell: layer, strength, every measure with its interval, and the random directions."""
        import pandas as pd

        rows = []
        largest = self._random_most()
        for row, layer in enumerate(self.layers):
            for column, strength in enumerate(self.strengths):
                found: dict[str, Any] = {"layer": layer, "strength": strength}
                for index, name in enumerate(MEASURES):
                    for ending, values in (("", self.value), ("_low", self.low), ("_high", self.high)):
                        found[name + ending] = float(values[index, row, column])
                rows.append(found | {"random": float(largest[row, column]), "done": bool(self.done[row, column])})
        return pd.DataFrame(rows)

    @property
    def _sign(self) -> int:
        return 1 if self.toward == "positive" else -1

    def _random_most(self) -> Float[Tensor, "layer strength"]:
        sizes = self.random.abs()
        return (
            sizes.nan_to_num(nan=-1.0).amax(0).where(~sizes.isnan().all(0), math.nan)
            if len(sizes)
            else (torch.full(self.done.shape, math.nan))
        )

    def _cell(self, row: int, column: int) -> SweepCell:
        known = dict(zip(MEASURES, self.value[:, row, column].tolist(), strict=True))
        fields = {name: known[name] for name in SweepCell._fields if name in known}
        random = float(self._random_most()[row, column])
        return SweepCell(layer=self.layers[row], strength=self.strengths[column], random=random, **fields)

    def _unsteered(self) -> SweepCell:
        known = dict(zip(MEASURES, self.baseline.tolist(), strict=True))
        fields = {name: known[name] for name in SweepCell._fields if name in known}
        return SweepCell(layer=self.layers[0], strength=0.0, random=0.0, **fields)

    def _summary(self) -> str:
        sizes = f"layer={len(self.layers)} x strength={len(self.strengths)}"
        parts = [self.name, self.site, sizes, f"{len(self.prompts)} prompts", self.trait]
        if self._headless:
            return f"SteeringSweep({', '.join([*parts, 'live'])})"
        base = two_decimals(float(self.baseline[0]))
        chosen = self.choice
        if chosen is None:
            return f"SteeringSweep({', '.join([*parts, f'baseline {base}', 'no choice'])})"
        found = f"{base} to {two_decimals(chosen.target)} at layer {chosen.layer} strength {chosen.strength:g}"
        return f"SteeringSweep({', '.join([*parts, found, f'KL {two_decimals(chosen.kl)}'])})"
