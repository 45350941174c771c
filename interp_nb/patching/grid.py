"""Patch every layer and position of a prompt, and say how much of the behavior each of them carries.

What is not here: the patched runs themselves (`engine`), the metrics (`metrics`), the result (`result`).
"""

import warnings
from functools import partial
from typing import Any, Final, cast, get_args

import torch

from interp_nb._errors import ConfigError, HookNameError, nearest
from interp_nb._jobs import Job
from interp_nb._show import Live, peek
from interp_nb.models.info import model_info
from interp_nb.models.prompts import Contrast
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES
from interp_nb.patching.engine import PatchedCells, Plan, prepare, sweep
from interp_nb.patching.metrics import MetricFunction, check_metric_name, is_defined, metric_name
from interp_nb.patching.result import COMPUTED, PENDING, UNDEFINED, Direction, PatchGrid

METHODS: Final = ("exact",)

GRID_SITES: Final = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
"""Sites with one vector per position, as every layer of most models has them."""


def patch_grid(
    model: HookedModel,
    contrast: Contrast,
    site: str = "resid_pre",
    *,
    method: str = "exact",
    metric: str | MetricFunction = "logit_diff",
    direction: str = "denoise",
    patches_per_forward: int = 32,
    live: bool = False,
) -> PatchGrid:
    """Patch one (layer, position) at a time and measure how far the output moves.

    denoise: clean activations into the corrupted run, effect = (patched - corrupted) / (clean - corrupted);
    noise: corrupted activations into the clean run, effect = (clean - patched) / (clean - corrupted).
    Over several contrasts: the ratio of the means. Undefined (NaN, state 2) when clean and corrupted differ by less
    than 0.1 logit (0.01 for `prob`, 0.001 nats for `kl`) or by less than two standard errors.

    Args:
        site: `resid_pre`, `attn_out`, `mlp_out`, or another short name of a place with one vector per position.
        method: "exact" runs every cell.
        metric: `logit_diff`, `prob` (of the answer) or `kl` (from the clean prediction), at the last position; or a
            function of logits `[contrast pos d_vocab]` that returns one number per contrast.
        patches_per_forward: How many cells share one forward pass. Memory, not result.
        live: Return at once; a background job fills the grid, `.wait()` or reading a number waits for it, `.stop()`
            ends it and keeps what is there.

    Returns:
        PatchGrid. An interrupt (KeyboardInterrupt) of the blocking call warns and returns what was computed.

    Raises:
        ConfigError: no such method, direction or metric.
        HookNameError: the model has no such site; the message lists the nearest names.
        PromptError: a prompt is empty or longer than the context.
        TokenAlignmentError: prompts differ in length, or nowhere.
        AnswerTokenError: an answer is not one token.
        ShapeError: the site or the metric has the wrong shape.
        NonFiniteError: activations or the metric are NaN; the message names the place.

    Cost: at most n_layers * n_pos / patches_per_forward forward passes of what lies above the patched layer, and two
        whole ones.
    Source: Meng et al. 2022 (causal tracing), https://arxiv.org/abs/2202.05262; Heimersheim and Nanda 2024 (denoising
        and noising), https://arxiv.org/abs/2404.15255.

    Example:
        >>> patch_grid(model, contrast)  # doctest: +SKIP
        PatchGrid(resid_pre, layer=6 x pos=15, logit_diff, best +0.94 at layer 4 pos 11)
    """
    _check_arguments(site, method, metric, direction, patches_per_forward)
    again = partial(_again, as_given=(contrast, metric), site=site, direction=direction)
    handle = Live(model, again)
    plan, grid = _start(model, contrast, site, metric, cast(Direction, direction), patches_per_forward, handle)
    job = Job(partial(sweep, plan, patches_per_forward), on_step=partial(_fill, grid, plan), name=f"patch {site}")
    handle.job = job
    if live:
        grid._run_in_background(job)
        return grid
    job.run()
    if job.state == "interrupted":
        done = int((grid.state != PENDING).sum())
        warnings.warn(
            f"patch_grid was interrupted: {done} of {grid.state.numel()} cells are there, the others are NaN",
            stacklevel=2,
        )
    return grid


def _again(
    model: HookedModel,
    *,
    as_given: tuple[Contrast, str | MetricFunction],
    inputs: dict[str, Any] | None = None,
    metric: str | None = None,
    **others: Any,
) -> PatchGrid:
    """Compute a live grid from what the widget's editor sends; what it leaves out stays as it was given."""
    contrast, own = as_given
    # The widget knows a caller's own metric by its name only.
    chosen = own if metric is None or metric == metric_name(own) else metric
    return patch_grid(model, contrast if inputs is None else Contrast(**inputs), metric=chosen, live=True, **others)


def _start(
    model: HookedModel,
    contrast: Contrast,
    site: str,
    metric: str | MetricFunction,
    direction: Direction,
    patches_per_forward: int,
    handle: Live,
) -> tuple[Plan, PatchGrid]:
    """Run the clean and the corrupted prompts, and make the empty grid."""
    tokens = contrast.tokens(model)
    plan = prepare(model, tokens, site, metric, denoise=direction == "denoise")
    n_contrasts, n_pos = tokens.clean.shape
    shape = (len(plan.hooks), n_pos)
    clean, corrupted = plan.donor_metric, plan.base_metric
    if direction == "noise":
        clean, corrupted = corrupted, clean
    info = model_info(model)
    grid = PatchGrid(
        effect=torch.full(shape, torch.nan),
        per_contrast=torch.full((n_contrasts, *shape), torch.nan),
        state=torch.zeros(shape, dtype=torch.uint8),
        clean_metric=clean,
        corrupted_metric=corrupted,
        contrast=contrast,
        clean_tokens=tokens.str_tokens[0][0],
        corrupted_tokens=tokens.str_tokens[0][1],
        site=site,
        metric=plan.metric.name,
        direction=direction,
        method="exact",
        model_name=info.name,
        provenance={
            "function": "patch_grid",
            "patches_per_forward": patches_per_forward,
            "hooks": plan.hooks,
            "undefined_below": plan.metric.undefined_below,
            "model": info._asdict(),
        },
        _live=handle,
    )
    return plan, grid


def _fill(grid: PatchGrid, plan: Plan, cells: PatchedCells) -> None:
    """Write computed cells into a grid: the raw metric, the effect, and last of all the state that says it is there."""
    at = cells.positions
    peek(grid, "per_contrast")[:, cells.layer, at] = cells.metric.T
    defined = is_defined(grid.clean_metric, grid.corrupted_metric, plan.metric.undefined_below)
    if defined:
        # Means of differences, not differences of means: a run that did not change then has an effect of exactly 0.
        moved = (cells.metric - plan.base_metric).mean(-1)
        # Adding 0.0 turns -0.0, from a negative distance, into 0.0.
        peek(grid, "effect")[cells.layer, at] = moved / (plan.donor_metric - plan.base_metric).mean() + 0.0
    peek(grid, "state")[cells.layer, at] = COMPUTED if defined else UNDEFINED


def _check_arguments(
    site: str, method: str, metric: str | MetricFunction, direction: str, patches_per_forward: int
) -> None:
    """Refuse arguments that no model could satisfy, before anything runs."""
    if site not in SHORT_NAMES:
        raise HookNameError(
            f"site must be a short name, because the grid patches it in every layer, got {site!r}; "
            f"{nearest(site.rpartition('hook_')[2], [*GRID_SITES, *SHORT_NAMES])}"
        )
    if method not in METHODS:
        raise ConfigError(f"method must be 'exact', got {method!r}")
    if direction not in get_args(Direction):
        raise ConfigError(f"direction must be 'denoise' or 'noise', got {direction!r}")
    if patches_per_forward < 1:
        raise ConfigError(f"patches_per_forward must be at least 1, got {patches_per_forward}")
    check_metric_name(metric)
