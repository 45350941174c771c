"""The grid of patching effects, and what one patched run predicts.

What is not here: how cells are computed (`engine`) and started (`grid`).
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb._jobs import Job
from interp_nb._show import Live, Showable, peek, result, two_decimals
from interp_nb.models.edit import forward
from interp_nb.models.prompts import Contrast
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import hook_name
from interp_nb.patching.metrics import UNITS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Direction = Literal["denoise", "noise"]

PENDING, COMPUTED, UNDEFINED = 0, 1, 2

BEST_WITHIN = 0.005
"""Effects this close count as equal when the best cell is named, so that rounding does not decide."""


class Cell(NamedTuple):
    """One cell of a grid."""

    layer: int
    """Layer, from 0."""
    pos: int
    """Position in the prompt, from 0, the begin-of-text token included."""


class TokenScore(NamedTuple):
    """A token that may come next."""

    token: str
    """The token as text."""
    prob: float
    """Its probability, from 0 to 1."""
    logit: float
    """Its logit."""


@dataclass(frozen=True)
class Prediction:
    """What comes next in a patched run and those it was made of, likeliest first."""

    layer: int
    """Layer that was patched."""
    pos: int
    """Position that was patched."""
    direction: Direction
    """Whether the corrupted run was patched ("denoise") or the clean one ("noise")."""
    patched: list[TokenScore]
    """With the patch."""
    unpatched: list[TokenScore]
    """The run that is patched, without the patch."""
    clean: list[TokenScore]
    """The clean run."""

    def __repr__(self) -> str:
        """Show the most likely token before and after."""
        before, after = self.unpatched[0], self.patched[0]
        return (
            f"Prediction(layer {self.layer} pos {self.pos}: {before.token!r} {two_decimals(before.prob)} "
            f"-> {after.token!r} {two_decimals(after.prob)})"
        )


@result
class PatchGrid(Showable):
    """Hold how much of a behavior each activation carries, per layer and position.

    denoise: effect = (patched - corrupted) / (clean - corrupted); noise: (clean - patched) / (clean - corrupted), all
    means over the contrasts. 0 = nothing, 1 = all of it; effects may leave that range.
    """

    _widget: ClassVar[str] = "interp_nb.widgets.patch_grid:PatchGridWidget"
    _awaited: ClassVar[tuple[str, ...]] = ("effect", "per_contrast", "state")

    effect: Float[Tensor, "layer pos"]
    """Share of the difference between clean and corrupted; NaN where pending or undefined."""
    per_contrast: Float[Tensor, "contrast layer pos"]
    """Raw metric of every patched run, in `unit`; NaN where pending."""
    state: UInt8[Tensor, "layer pos"]
    """0 = pending, 1 = computed, 2 = computed, but the effect is undefined (see `provenance["undefined_below"]`)."""
    clean_metric: Float[Tensor, " contrast"]
    """Metric of the clean runs, in `unit`."""
    corrupted_metric: Float[Tensor, " contrast"]
    """Metric of the corrupted runs, in `unit`."""
    contrast: Contrast
    """The prompts and answers, as they were given."""
    clean_tokens: list[str]
    """The first contrast's clean prompt, one string per position."""
    corrupted_tokens: list[str]
    """The first contrast's corrupted prompt, one string per position."""
    site: str
    """What was patched in every layer."""
    metric: str
    """Name of what was measured."""
    direction: Direction
    """Which run was patched: the corrupted one ("denoise") or the clean one ("noise")."""
    method: str
    """How the effects were computed: "exact" = every cell was run."""
    model_name: str
    """Model that was run."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Any = field(default=None, compare=False, repr=False)
    _headless: bool = field(default=False, compare=False, repr=False)
    """Whether the repr leaves the best cell out, because how far a background job is depends on the moment."""

    @property
    def unit(self) -> str:
        """Unit of the metric; empty for a metric of the caller's own."""
        return UNITS.get(self.metric, "")

    @property
    def partial(self) -> bool:
        """Whether cells are missing, because the job runs or was stopped or interrupted."""
        return bool((peek(self, "state") == PENDING).any())

    @property
    def best(self) -> Cell | None:
        """The first cell within 0.005 of the largest effect; None while none is known."""
        effect = self.effect
        known = effect.nan_to_num(nan=-torch.inf)
        if bool(known.isneginf().all()):
            return None
        layer, pos = (int(index) for index in (known >= known.max() - BEST_WITHIN).nonzero()[0])
        return Cell(layer, pos)

    def wait(self) -> "PatchGrid":
        """Wait until the grid is complete, and return it; its repr then names the best.

        Raises:
            Exception: what the computation raised, when it failed.
        """
        super().wait()
        object.__setattr__(self, "_headless", False)
        return self

    def _run_in_background(self, job: Job[Any]) -> None:
        object.__setattr__(self, "_headless", True)
        job.start()

    def predict(self, layer: int, pos: int, top_k: int = 10, *, contrast: int = 0) -> Prediction:
        """Run the patch of one cell and say what the model then predicts.

        Args:
            top_k: How many tokens to list.
            contrast: Which of several contrasts to run.

        Raises:
            ShapeError: the cell or the contrast is not in this grid.
            ConfigError: the model is gone, or the grid was loaded from a file.

        Cost: one forward pass of three prompts.
        """
        sizes = {"layer": (layer, len(self.effect)), "pos": (pos, len(self.clean_tokens))}
        sizes["contrast"] = (contrast, len(self.clean_metric))
        for name, (value, size) in sizes.items():
            if not 0 <= value < size:
                raise ShapeError(f"{name} must be 0 to {size - 1} in this grid, got {value}")
        if top_k < 1:
            raise ConfigError(f"top_k must be at least 1, got {top_k}")
        model = (self._live or Live(None)).model()
        tokens = self.contrast.tokens(model)
        clean, corrupted = tokens.clean[contrast], tokens.corrupted[contrast]
        base, donor = (corrupted, clean) if self.direction == "denoise" else (clean, corrupted)

        def write_donor(activation: Tensor, hook: Any) -> None:
            activation[2, pos] = activation[0, pos]  # in place, see `engine.patch`

        hooks = [(hook_name(model, self.site, layer), write_donor)]
        logits = forward(model, torch.stack([donor, base, base]), hooks=hooks, last_position=True)[:, -1]
        of_donor, of_base, of_patched = (_top(model, row, top_k) for row in logits)
        of_clean = of_donor if self.direction == "denoise" else of_base
        return Prediction(layer, pos, self.direction, patched=of_patched, unpatched=of_base, clean=of_clean)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per cell: layer, position, tokens, effect, mean patched metric."""
        import pandas as pd

        n_layers, n_pos = self.effect.shape
        return pd.DataFrame(
            {
                "layer": [layer for layer in range(n_layers) for _ in range(n_pos)],
                "pos": list(range(n_pos)) * n_layers,
                "clean_token": self.clean_tokens * n_layers,
                "corrupted_token": self.corrupted_tokens * n_layers,
                "effect": self.effect.flatten().numpy(),
                "patched": self.per_contrast.mean(0).flatten().numpy(),
            }
        )

    def numpy(self) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Return `effect` as a NumPy array [layer pos]."""
        return self.effect.numpy()

    def _summary(self) -> str:
        n_layers, n_pos = self.effect.shape
        parts = [self.site, f"layer={n_layers} x pos={n_pos}", self.metric]
        if self.direction == "noise":
            parts.append("noise")
        return f"PatchGrid({', '.join([*parts, self._headline()])})"

    def _headline(self) -> str:
        """Sum up what came out; of a live grid that nobody waited for, only that it is one."""
        if self._headless:
            return "live"
        if bool((self.state == UNDEFINED).any()):
            distance = abs(float((self.clean_metric - self.corrupted_metric).mean()))
            return f"undefined: clean and corrupted differ by {two_decimals(distance)}"
        best = self.best
        if best is None:
            return "nothing computed"
        done = int((self.state != PENDING).sum())
        some = f"{done} of {self.state.numel()} cells, " if self.partial else ""
        return f"{some}best {two_decimals(float(self.effect[best]), sign=True)} at layer {best.layer} pos {best.pos}"


def _top(model: HookedModel, logits: Float[Tensor, " d_vocab"], top_k: int) -> list[TokenScore]:
    """List the most likely next tokens; of equal logits the smaller token id first."""
    logits = logits.float().cpu()
    ids = logits.argsort(descending=True, stable=True)[:top_k]
    probs = logits.softmax(-1)
    strings = [str(piece) for piece in model.to_str_tokens(ids)]
    return [
        TokenScore(string, float(probs[token]), float(logits[token]))
        for string, token in zip(strings, ids.tolist(), strict=True)
    ]
