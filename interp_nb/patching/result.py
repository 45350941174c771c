"""The grid of patching effects, whatever its rows and columns are.

What is not here: how cells are computed (`engine`) and put into a grid (`computation`), what one patched run predicts
(`prediction`).
"""

from collections import namedtuple
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from jaxtyping import Bool, Float, Int8, UInt8
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb._jobs import Job
from interp_nb._show import Live, Showable, peek, result
from interp_nb.models.prompts import Contrast
from interp_nb.patching.certainty import cleared, signs
from interp_nb.patching.direction import Direction
from interp_nb.patching.edges import Margin, margin
from interp_nb.patching.metrics import UNITS
from interp_nb.patching.places import best_cell, find_cell
from interp_nb.patching.prediction import Prediction
from interp_nb.patching.preview import PreviewError, preview_error
from interp_nb.patching.report import frame, summary
from interp_nb.patching.states import PENDING, UNDEFINED

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@result
class PatchGrid(Showable):
    """Hold how much of a behavior each activation carries, cell by cell.

    denoise: effect = (patched - corrupted) / (clean - corrupted); noise: (clean - patched) / (clean - corrupted);
    ablate: (clean - ablated) / clean; all means over the contrasts. 0 = nothing, 1 = all of it; effects may leave that
    range.
    """

    _widget: ClassVar[str] = "interp_nb.widgets.patch_grid:PatchGridWidget"
    _awaited: ClassVar[tuple[str, ...]] = ("effect", "per_contrast", "state", "low", "high", "baseline", "preview")
    _schema: ClassVar[int] = 2

    effect: Float[Tensor, "row col"]
    """Share of the difference between clean and corrupted; NaN where pending or undefined."""
    per_contrast: Float[Tensor, "contrast row col"]
    """Raw metric of every patched run, in `unit`; NaN where pending."""
    state: UInt8[Tensor, "row col"]
    """0 = pending, 1 = exact, 2 = the effect is undefined (see `provenance["undefined_below"]`), 3 = an estimate."""
    clean_metric: Float[Tensor, " contrast"]
    """Metric of the clean runs, in `unit`."""
    corrupted_metric: Float[Tensor, " contrast"]
    """Metric of the corrupted runs, in `unit`; 0 for ablations, where all of the metric is lost."""
    contrast: Contrast
    """The prompts and answers, as they were given; both prompts are the same where the question has only one."""
    clean_tokens: list[str]
    """The first contrast's clean prompt, one string per position."""
    corrupted_tokens: list[str]
    """The first contrast's corrupted prompt, one string per position."""
    site: str
    """What was patched: a place in every layer, or a full hook name."""
    metric: str
    """Name of what was measured."""
    direction: Direction
    """Which run was patched: the corrupted one ("denoise") or the clean one ("noise", "ablate")."""
    method: str
    """How the effects were computed: "exact" = every cell was run."""
    model_name: str
    """Model that was run."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    axes: tuple[str, str] = ("layer", "pos")
    """What the rows and the columns are."""
    row_labels: list[str] = field(default_factory=list)
    """Name of every row; left out = its layer."""
    col_labels: list[str] = field(default_factory=list)
    """Name of every column, a token where the columns are positions; left out = the clean prompt's tokens."""
    row_keys: list[dict[str, int]] = field(default_factory=list)
    """What every row is in `selected`, such as {"layer": 3, "head": 1}; left out = its layer. Columns add their own."""
    low: Float[Tensor, "row col"] | None = None
    """Lower end of the effect's bootstrap interval, over contrasts; None with one contrast."""
    high: Float[Tensor, "row col"] | None = None
    """Upper end of that interval; None with one contrast."""
    statistics: dict[str, Any] = field(default_factory=dict)
    """How the interval was made: method, level, n_resamples, seed, n_contrasts."""
    baseline: Float[Tensor, "row col"] | None = None
    """What chance reaches: the 95th percentile of |effect| over random patches of the cell; None = not asked for."""
    baseline_kind: str | None = None
    """What the random patches were: "random_direction" or "random_position"."""
    preview: Float[Tensor, "row col"] | None = None
    """Effects as attribution estimates them, kept beside the exact ones; None = no attribution was run."""
    passes: dict[str, int] = field(default_factory=dict)
    """Passes of the model that this took: forward, backward. A patched run is one forward pass, though it begins at its
    layer; contrasts, which share batches, are counted once; cells that change nothing are not run, and not counted."""
    estimate: dict[str, Any] = field(default_factory=dict, compare=False)
    """What running every cell was expected to take before it began: bytes, seconds; empty where they are estimated."""
    _live: Any = field(default=None, compare=False, repr=False)
    _recipe: Any = field(default=None, compare=False, repr=False)
    """How cells are run again, for `predict` and `resume` (`computation.Recipe`)."""
    _work: Any = field(default=None, compare=False, repr=False)
    """Estimates and random patches per contrast, for `resume` (`study.Work`)."""
    _headless: bool = field(default=False, compare=False, repr=False)
    """Whether the repr leaves the best cell out, because how far a background job is depends on the moment."""

    def __post_init__(self) -> None:
        """Name rows and columns that were left unnamed: layers and tokens."""
        n_rows = len(peek(self, "state"))
        for name, value in (
            ("row_labels", [str(row) for row in range(n_rows)]),
            ("row_keys", [{self.axes[0]: row} for row in range(n_rows)]),
            ("col_labels", list(self.clean_tokens)),
        ):
            if not getattr(self, name):
                object.__setattr__(self, name, value)

    @property
    def unit(self) -> str:
        """Unit of the metric; empty for a metric of the caller's own."""
        return UNITS.get(self.metric, "")

    @property
    def partial(self) -> bool:
        """Whether cells are missing or not confirmed yet.

        Because the job runs, or was stopped or interrupted.
        """
        state, baseline, run = peek(self, "state"), peek(self, "baseline"), ~peek(self, "per_contrast").isnan().any(0)
        lacks_chance = baseline is not None and bool(baseline[state != UNDEFINED].isnan().any())
        return bool((state == PENDING).any()) or lacks_chance or int(run.sum()) < self.statistics.get("n_exact", 0)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that name a cell in `selected`, in the order `predict` takes."""
        return (*self.row_keys[0], self.axes[1])

    @property
    def best(self) -> Any:
        """The first cell within 0.005 of the largest effect; None while none is known.

        A named tuple of `keys`.
        """
        at = best_cell(self.effect)
        return None if at is None else namedtuple("Place", self.keys)(**self.place(*at))

    @property
    def difference(self) -> Float[Tensor, "row col"]:
        """How far the metric moves: patched minus unpatched, means, in `unit`.

        With `metric="prob"` this is the indirect effect of Meng et al. 2022.
        """
        base = self.corrupted_metric if self.direction == "denoise" else self.clean_metric
        return (self.per_contrast - base[:, None, None]).mean(0)

    @property
    def sign(self) -> Int8[Tensor, "row col"]:
        """Sign of the effect: 1 or -1 where its interval excludes 0, else 0.

        All 0 when there are no intervals.
        """
        return signs(self.low, self.high, self.state.shape)

    @property
    def clears_baseline(self) -> Bool[Tensor, "row col"] | None:
        """Whether the effect exceeds its baseline; None without a baseline.

        |effect| > baseline and, where there are intervals, a sign that is sure.
        """
        return None if self.baseline is None else cleared(self.effect, self.baseline, self.low, self.high)

    @property
    def preview_error(self) -> PreviewError | None:
        """How far estimates are from exact effects; None while no cell has both.

        Of a sample of random cells it is what to expect of the others; of those that a budget chose by their size, the
        error of the largest.
        """
        preview = peek(self, "preview")
        return None if preview is None else preview_error(preview, peek(self, "effect"), peek(self, "state"))

    def place(self, row: int, col: int) -> dict[str, int]:
        """Name a cell as `selected` does, such as {"layer": 3, "pos": 5}."""
        return {**self.row_keys[row], self.axes[1]: col}

    def at(self, *place: int, **named: int) -> tuple[int, int]:
        """Find the row and column of a cell, the inverse of `place`.

        Args:
            *place: Values of `keys`, in their order; or give them by name.

        Raises:
            ShapeError: there is no such cell in this grid.
            ConfigError: a key is missing, unknown or given twice.
        """
        return find_cell(self.axes[1], self.row_keys, len(self.col_labels), place, named)

    def by_layer(self) -> Margin:
        """Sum up every layer: its mean effect, its largest and where that is.

        Raises:
            ConfigError: the rows are not in layers (neurons or latents of one place).
        """
        return self.along("layer")

    def by_position(self) -> Margin:
        """Sum up every position: its mean effect, its largest and where that is.

        Raises:
            ConfigError: the columns are not positions.
        """
        return self.along("pos")

    def along(self, axis: str) -> Margin:
        """Sum up along one of the keys of a cell: mean and largest effect per value of it.

        Args:
            axis: One of `keys`; or the name of the rows, for one entry per row.

        Raises:
            ConfigError: no such axis in this grid.
        """
        return margin(self.effect, axis, self.axes, self.row_labels, self.col_labels, self.row_keys)

    def wait(self) -> "PatchGrid":
        """Wait until the grid is complete, and return it; its repr then names the best.

        Raises:
            Exception: what the computation raised, when it failed.
        """
        super().wait()
        object.__setattr__(self, "_headless", False)
        return self

    def pause(self) -> None:
        """Hold the background job after the batch under way, until `resume` or `stop`."""
        job = self._job()
        if job is not None:
            job.pause()

    def resume(self, *, live: bool = False) -> "PatchGrid":
        """Compute the cells that a stop left out, into this grid; return it.

        Args:
            live: Return at once; a background job goes on filling the grid.

        Raises:
            ConfigError: the model is gone, or the grid was loaded from a file.

        Cost: two forward passes, and the missing cells.
        """
        job = self._job()
        if job is not None and job.busy:
            job.resume()
            return self if live else self.wait()
        if self.partial:
            self._model()
            self._recipe.resume(self, live=live)
        return self

    def _model(self) -> Any:
        return (self._live or Live(None)).model()

    def _run_in_background(self, job: Job[Any]) -> None:
        object.__setattr__(self, "_headless", True)
        job.start()

    def predict(self, *place: int, top_k: int = 10, contrast: int = 0, **named: int) -> Prediction:
        """Run the patch of one cell and say what the model then predicts.

        Args:
            *place: The cell, by the values of `keys` (layer and position, layer and head, ...), or by name.
            top_k: How many tokens to list.
            contrast: Which of several contrasts (or samples of noise) to run.

        Raises:
            ShapeError: the cell or the contrast is not in this grid.
            ConfigError: the model is gone, or the grid was loaded from a file.

        Cost: one forward pass of three prompts.
        """
        row, col = self.at(*place, **named)
        if not 0 <= contrast < len(self.clean_metric):
            raise ShapeError(f"contrast must be 0 to {len(self.clean_metric) - 1} in this grid, got {contrast}")
        if top_k < 1:
            raise ConfigError(f"top_k must be at least 1, got {top_k}")
        model = self._model()
        prediction: Prediction = self._recipe.predict(model, (row, col), self.place(row, col), contrast, top_k)
        return prediction

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per cell: keys, tokens, effect, mean patched metric."""
        return frame(self)

    def numpy(self) -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Return `effect` as a NumPy array [row col]."""
        return self.effect.numpy()

    def _summary(self) -> str:
        return summary(self, None if self._headless else best_cell(self.effect))
