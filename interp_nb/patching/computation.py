"""From a question to a grid: what is run on a model, and how computed cells become effects.

1. A `Recipe` says what is asked, without the model; its `build` runs the unpatched prompts and makes the cells.
2. `compute` makes the empty grid, and a job that fills it; `resume` makes another for the cells that are missing.

What is not here: the runs (`engine`), the order they come in (`confirm`), how a grid is written to (`filling`), and
which cells answer which question (`grid`, `heads`, `ablation`, `tracing`).
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from interp_nb._jobs import Job
from interp_nb._show import Live, peek
from interp_nb.models.info import model_info
from interp_nb.models.prompts import Contrast, ContrastTokens
from interp_nb.models.protocol import HookedModel
from interp_nb.patching.cells import Cell
from interp_nb.patching.confirm import steps
from interp_nb.patching.direction import Direction
from interp_nb.patching.engine import Plan, estimate, run_cells
from interp_nb.patching.filling import fill
from interp_nb.patching.layout import Layout
from interp_nb.patching.metrics import MetricFunction
from interp_nb.patching.prediction import Prediction, top_tokens
from interp_nb.patching.result import PatchGrid
from interp_nb.patching.states import PENDING
from interp_nb.patching.study import AnyStep, Study, Work


class Part(NamedTuple):
    """Cells of some of the contrasts, on one plan."""

    plan: Plan
    """Their unpatched runs."""
    cells: list[Cell]
    """Their patched runs; a cell's key is its row and column."""
    contrasts: list[int]
    """Which contrasts they are."""


class Built(NamedTuple):
    """A recipe on a model: unpatched runs made, patched ones still to run."""

    layout: Layout
    """Rows and columns."""
    parts: list[Part]
    """One part, or one per contrast where contrasts differ in length."""
    str_tokens: tuple[list[str], list[str]]
    """The first contrast's clean and corrupted prompt, one string per token."""
    facts: dict[str, Any] = {}  # noqa: RUF012 - a tuple's default, never written to
    """What came out while building and belongs into the provenance."""


Build = Callable[[HookedModel, str | MetricFunction, int | None], Built]
"""`build(model, metric, only)`: runs the unpatched prompts of every contrast, or of one of them."""


@dataclass(frozen=True)
class Recipe:
    """A question about a model, without the model."""

    function: str
    """The public function that was called."""
    contrast: Contrast
    """Its prompts and answers."""
    site: str
    """What is patched."""
    metric: str | MetricFunction
    """What is measured."""
    direction: Direction
    """Which run is patched."""
    build: Build
    """Makes the runs. It must not hold the model, or the model would live as long as the grid."""
    again: Callable[..., Any] | None = None
    """How the widget's editor computes another such grid, see `Live`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """The call's other arguments, for the provenance: plain values only."""
    kind: str | None = None
    """What the summary calls this besides the direction, such as "mean ablation"."""
    study: Study = field(default_factory=Study)
    """How cells are come by, and what they are compared with."""
    max_bytes: int | None = None
    """Memory that a batch may take; None = what is available."""
    patches_per_forward: int | None = None
    """Most cells in one forward pass; None = as many as fit."""

    def steps(self, parts: Sequence[Part], grid: PatchGrid) -> Iterator[AnyStep]:
        """Compute what a grid lacks, batch by batch."""
        limits = {"max_bytes": self.max_bytes, "patches_per_forward": self.patches_per_forward}
        return steps(parts, self.study, grid._work, peek(grid, "per_contrast"), **limits)

    def resume(self, grid: PatchGrid, *, live: bool) -> None:
        """Compute what a grid lacks, into it."""
        built = self.build(grid._live.model(), self.metric, None)
        _run(self, grid, built.parts, live=live)

    def predict(
        self, model: HookedModel, at: tuple[int, int], place: Mapping[str, int], contrast: int, top_k: int
    ) -> Prediction:
        """Run one cell of one contrast and say what the model then predicts."""
        # The probability of the answer is defined for every question, and needs the last position only.
        plan, cells, _ = self.build(model, "prob", contrast).parts[0]
        patched = run_cells(plan, [cell for cell in cells if cell.key == at])[0]
        base = top_tokens(model, plan.base.logits[0], top_k)
        clean = top_tokens(model, plan.donor.logits[0], top_k) if plan.base_is == "corrupted" else base
        found = top_tokens(model, patched[0], top_k)
        return Prediction(dict(place), self.direction, patched=found, unpatched=base, clean=clean)


def compute(model: HookedModel, recipe: Recipe, *, live: bool) -> PatchGrid:
    """Answer a question: make the grid, and fill it now or in the background.

    Returns:
        The grid; with `live` at once, else complete, or partial after a KeyboardInterrupt, which warns.
    """
    built = recipe.build(model, recipe.metric, None)
    grid = _empty(model, recipe, built)
    _run(recipe, grid, built.parts, live=live)
    return grid


def only_one(tokens: ContrastTokens, only: int | None) -> ContrastTokens:
    """Leave one contrast of several; None leaves all."""
    return tokens if only is None else chosen(tokens, [only])


def chosen(tokens: ContrastTokens, which: Sequence[int]) -> ContrastTokens:
    """Take contrasts by number, as often as they are named."""
    rows = list(which)
    return ContrastTokens(
        clean=tokens.clean[rows],
        corrupted=tokens.corrupted[rows],
        answer=tokens.answer[rows],
        wrong=tokens.wrong[rows],
        str_tokens=[tokens.str_tokens[row] for row in rows],
    )


def _empty(model: HookedModel, recipe: Recipe, built: Built) -> PatchGrid:
    """Make a grid with no cells in it."""
    shape, metric = built.layout.shape, built.parts[0].plan.metric
    clean, corrupted = (
        torch.cat([getattr(part.plan, f"{which}_metric") for part in built.parts]) for which in ("clean", "corrupted")
    )
    info, study = model_info(model), recipe.study
    first = built.parts[0].plan
    once = torch.equal(first.base.tokens, first.donor.tokens) and not first.base.patches

    def nothing(*sizes: int) -> Tensor:
        return torch.full((*sizes, *shape), torch.nan)

    return PatchGrid(
        effect=nothing(),
        per_contrast=nothing(len(clean)),
        state=torch.zeros(shape, dtype=torch.uint8),
        clean_metric=clean,
        # An ablation loses all of the metric at 0; there is no corrupted run.
        corrupted_metric=torch.zeros_like(clean) if recipe.direction == "ablate" else corrupted,
        contrast=recipe.contrast,
        clean_tokens=built.str_tokens[0],
        corrupted_tokens=built.str_tokens[1],
        site=recipe.site,
        metric=metric.name,
        direction=recipe.direction,
        method=study.method,
        model_name=info.name,
        provenance={
            "function": recipe.function,
            "arguments": dict(recipe.arguments),
            "patches_per_forward": recipe.patches_per_forward,
            "undefined_below": metric.undefined_below,
            "model": info._asdict(),
            **({"kind": recipe.kind} if recipe.kind else {}),
            **built.facts,
        },
        **built.layout._asdict(),
        low=nothing() if len(clean) > 1 else None,
        high=nothing() if len(clean) > 1 else None,
        statistics=study.statistics(len(clean), shape[0] * shape[1]),
        baseline=nothing() if study.baseline else None,
        baseline_kind=study.baseline,
        preview=nothing() if study.estimator else None,
        passes={"forward": 1 if once else 2, "backward": 0},
        estimate=_estimate(recipe, built.parts) if study.method in ("exact", "preview") else {},
        _live=Live(model, recipe.again),
        _recipe=recipe,
        _work=Work(
            estimates=nothing(len(clean)) if study.estimator else None,
            draws=nothing(study.n_baseline, len(clean)) if study.baseline else None,
        ),
    )


def _estimate(recipe: Recipe, parts: Sequence[Part]) -> dict[str, Any]:
    """Say what running every cell will take; refuses what does not fit into memory, before anything runs."""
    limits = {"max_bytes": recipe.max_bytes, "patches_per_forward": recipe.patches_per_forward}
    expected = [estimate(plan, cells, **limits) for plan, cells, _ in parts]
    return {"bytes": max(each.bytes for each in expected), "seconds": sum(each.seconds for each in expected)}


def _run(recipe: Recipe, grid: PatchGrid, parts: Sequence[Part], *, live: bool) -> None:
    """Fill a grid by a job, which the grid's handle then names."""
    job = Job(partial(recipe.steps, parts, grid), on_step=partial(fill, grid), name=f"{recipe.function} {recipe.site}")
    grid._live.job = job
    if live:
        grid._run_in_background(job)
        return
    job.run()
    if job.state == "interrupted":
        done = int((grid.state != PENDING).sum())
        warnings.warn(
            f"{recipe.function} was interrupted: {done} of {grid.state.numel()} cells are there, the others are NaN; "
            "resume() computes them",
            stacklevel=4,
        )
