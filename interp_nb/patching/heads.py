"""Patch heads one by one: their output, queries, keys, values or patterns, everywhere or position by position."""

from functools import partial
from typing import Final, cast

from interp_nb._errors import HookNameError, nearest
from interp_nb.models.prompts import Contrast
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import hook_name
from interp_nb.patching.attribution import STEPS
from interp_nb.patching.cells import Patch, heads_first
from interp_nb.patching.checks import check_arguments, check_positions
from interp_nb.patching.computation import Built, Part, Recipe, compute, only_one
from interp_nb.patching.direction import Direction
from interp_nb.patching.engine import Run, prepare
from interp_nb.patching.grid import again
from interp_nb.patching.layout import Layout, by_head_and_pos, by_layer_and_head
from interp_nb.patching.metrics import MetricFunction
from interp_nb.patching.result import PatchGrid
from interp_nb.patching.study import Study

HEAD_SITES: Final = ("z", "q", "k", "v", "pattern", "attn_scores", "result")
"""Sites with one entry per head."""


def patch_heads(
    model: HookedModel,
    contrast: Contrast,
    site: str = "z",
    *,
    by_position: bool = False,
    method: str = "exact",
    budget: float | int | None = None,
    steps: int = STEPS,
    metric: str | MetricFunction = "logit_diff",
    direction: str = "denoise",
    baseline: str | None = None,
    n_baseline: int = 20,
    seed: int = 0,
    max_bytes: int | None = None,
    patches_per_forward: int | None = None,
    live: bool = False,
) -> PatchGrid:
    """Patch one head at a time and measure how far the output moves.

    The effect is that of `patch_grid`: 0 = nothing, 1 = all of the difference between clean and corrupted.

    Args:
        site: `z` (what the head has gathered), `q`, `k`, `v` or `pattern`. Where queries share keys and values, `k` and
            `v` have one column per key-value head, and patching one changes every head that reads it.
        by_position: One cell per head and position instead of one per head. Of patterns, positions are destinations.
        method: See `patch_grid`, as budget, steps, baseline, n_baseline and seed.
        metric: See `patch_grid`.
        live: See `patch_grid`.

    Returns:
        PatchGrid [layer head]; by position [head pos], a row for every head of every layer, named "layer.head".

    Raises:
        HookNameError: the model has no such site, or the site has no heads.
        ConfigError: no such method, direction or metric.

    Cost: at most n_layers * n_heads (* n_pos) / patches_per_forward forward passes of what lies above the patched
        layer, and two whole ones.
    Source: Wang et al. 2022 (indirect object identification), https://arxiv.org/abs/2211.00593.

    Example:
        >>> patch_heads(model, contrast)  # doctest: +SKIP
        PatchGrid(z, layer=4 x head=8, logit_diff, best +0.61 at layer 3 head 2)
    """
    check_head_site(site)
    study = Study(method, budget, steps, baseline, n_baseline, seed)
    check_arguments(metric, direction, patches_per_forward=patches_per_forward)
    recipe = Recipe(
        "patch_heads",
        contrast,
        site,
        metric,
        cast(Direction, direction),
        partial(_build, contrast, site, direction, by_position),
        again=partial(
            again,
            patch_heads,
            (contrast, metric),
            site=site,
            direction=direction,
            by_position=by_position,
            **study.arguments(),
        ),
        arguments={"by_position": True} if by_position else {},
        study=study,
        max_bytes=max_bytes,
        patches_per_forward=patches_per_forward,
    )
    return compute(model, recipe, live=live)


def _build(
    contrast: Contrast,
    site: str,
    direction: str,
    by_position: bool,
    model: HookedModel,
    metric: str | MetricFunction,
    only: int | None,
) -> Built:
    """Run both prompts, and make a cell for every head, and position if asked for."""
    tokens = only_one(contrast.tokens(model), only)
    hooks = [hook_name(model, site, layer) for layer in range(int(model.cfg.n_layers))]
    plan = prepare(model, tokens, metric, base="corrupted" if direction == "denoise" else "clean", keep=hooks)
    check_positions(plan.base, hooks)
    layout = head_layout(plan.base, hooks, tokens.str_tokens[0][0] if by_position else None)

    def patches(row: int, col: int) -> list[Patch]:
        layer, head, positions = head_place(layout, row, col)
        return [Patch(hooks[layer], plan.donor.at(hooks[layer]), positions, (head,))]

    parts = [Part(plan, layout.cells(patches), list(range(len(tokens.clean))))]
    return Built(layout, parts, tokens.str_tokens[0], {"hooks": hooks})


def head_layout(run: Run, hooks: list[str], tokens: list[str] | None) -> Layout:
    """Lay out the heads that a site has.

    Args:
        tokens: Names of the positions, for a grid by position; None = no positions.
    """
    n_heads = run.at(hooks[0]).shape[1 if heads_first(hooks[0]) else 2]
    if tokens is None:
        return by_layer_and_head(len(hooks), n_heads)
    return by_head_and_pos(len(hooks), n_heads, tokens)


def head_place(layout: Layout, row: int, col: int) -> tuple[int, int, tuple[int, ...] | None]:
    """Say which layer, head and positions a cell is.

    All positions (None) where columns are heads.
    """
    place = {**layout.row_keys[row], layout.axes[1]: col}
    return place["layer"], place["head"], (col,) if "pos" in place else None


def check_head_site(site: str) -> None:
    """Refuse a site that has no heads.

    Raises:
        HookNameError: naming those that have.
    """
    if site not in HEAD_SITES:
        raise HookNameError(
            f"site must be one that heads have, {', '.join(HEAD_SITES[:5])}, got {site!r}; {nearest(site, HEAD_SITES)}"
        )
