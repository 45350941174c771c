"""Patch every layer and position of a prompt, and say how much of the behavior each of them carries.

What is not here: the patched runs themselves (`engine`), how a grid is filled (`computation`), the metrics (`metrics`),
the result (`result`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast

from interp_nb._errors import ConfigError
from interp_nb.models.prompts import Contrast
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import hook_name
from interp_nb.patching import alignment
from interp_nb.patching import basis as bases
from interp_nb.patching.attribution import STEPS
from interp_nb.patching.cells import Patch
from interp_nb.patching.checks import check_arguments, check_positions, check_site_name, not_default
from interp_nb.patching.computation import Build, Built, Part, Recipe, compute, only_one
from interp_nb.patching.direction import Direction
from interp_nb.patching.engine import prepare
from interp_nb.patching.layout import by_layer_and, layers_around
from interp_nb.patching.metrics import MetricFunction, metric_name
from interp_nb.patching.result import PatchGrid
from interp_nb.patching.study import Study

DEFAULTS: Final = {"window": 1, "rows": None, "align": None}


def patch_grid(
    model: HookedModel,
    contrast: Contrast,
    site: str = "resid_pre",
    *,
    method: str = "exact",
    budget: float | int | None = None,
    steps: int = STEPS,
    metric: str | MetricFunction = "logit_diff",
    direction: str = "denoise",
    window: int = 1,
    basis: Any = None,
    rows: Sequence[int] | None = None,
    align: alignment.Spans | None = None,
    baseline: str | None = None,
    n_baseline: int = 20,
    seed: int = 0,
    max_bytes: int | None = None,
    patches_per_forward: int | None = None,
    live: bool = False,
) -> PatchGrid:
    """Patch one (layer, position) at a time and measure how far the output moves.

    denoise: clean activations into the corrupted run, effect = (patched - corrupted) / (clean - corrupted);
    noise: corrupted activations into the clean run, effect = (clean - patched) / (clean - corrupted).
    Over several contrasts: the ratio of the means. Undefined (NaN, state 2) when clean and corrupted differ by less
    than 0.1 logit (0.01 for `prob`, 0.001 nats for `kl`) or by less than two standard errors.

    Args:
        site: A short name of a place in every layer: `resid_pre`, `attn_out`, `mlp_out`, `mlp_post`, `z`, ... Of the
            places that heads have, all heads are patched; `patch_heads` takes them one by one.
        method: "exact" runs every cell. "attribution", "integrated_gradients" and "atp_star" estimate cells, and run 16
            random ones so that the error is known. "preview" shows the first of these at once, then runs every cell.
        budget: Share of the cells that are run although there are estimates, the largest first, every fifth one a
            random cell.
        steps: Points of integrated gradients.
        metric: `logit_diff`, `prob` (of the answer) or `kl` (from the clean prediction), at the last position; or a
            function of logits `[contrast pos d_vocab]` that returns one number per contrast.
        window: How many layers around a cell's own are patched together.
        basis: Patch neurons or SAE latents of one site instead, which is then a full hook name: "neurons", or an object
            with `encode(acts)` and `decode(latent_acts)`. What the SAE does not explain stays as it is.
        rows: Which neurons or latents; None = the 20 whose activation differs most between the runs.
        align: Named spans, by which prompts of unequal length are lined up: `{"subject": ("Eiffel Tower",
            "Colosseum")}`, clean and corrupted words, or a list of such pairs for each contrast. Columns are then the
            spans, and the last token as "end". Spans meet at their last tokens. A metric of your own sees one contrast
            at a time.
        baseline: What chance reaches: |effect| of `n_baseline` random patches of every cell, their 95th percentile.
            "random_direction" replaces what a patch changes by a random direction of equal length, "random_position"
            patches in the donor's activation from another position.
        seed: Of random cells, random patches and the resampled contrasts of the intervals.
        max_bytes: Memory that a batch may take; None = what is available.
        patches_per_forward: Most cells in one forward pass; None = as many as fit. Memory, not result.
        live: Return at once; a background job fills the grid, `.wait()` or reading a number waits for it, `.stop()`
            ends it and keeps what is there, `.resume()` goes on.

    Returns:
        PatchGrid [layer pos], [layer span] with `align`, [neuron pos] or [latent pos] with a basis. An interrupt
        (KeyboardInterrupt) of the blocking call warns and returns what was computed.

    Raises:
        ConfigError: no such method, direction or metric, or a basis or spans that do not fit.
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
    study = Study(method, budget, steps, baseline, n_baseline, seed)
    check_arguments(metric, direction, window=window, patches_per_forward=patches_per_forward)
    bases.check_basis(basis, rows, site, window)
    if align is not None and baseline == "random_position":
        raise ConfigError("spans have no other position to take from; use baseline='random_direction' with align=")
    build: Build
    if basis is not None and align is not None:
        raise ConfigError("basis= and align= cannot be combined: reword the prompts until they have the same length")
    if basis is not None:
        build = partial(bases.build, contrast, site, direction, basis, rows)
    elif align is not None:
        check_site_name(site)
        alignment.check_spans(align, site, len(contrast.prompts().clean))
        build = partial(alignment.build, contrast, site, direction, window, align)
    else:
        check_site_name(site)
        build = partial(_build, contrast, site, direction, window)
    options = {"window": window, "rows": None if rows is None else list(rows), "align": _plain(align)}
    recipe = Recipe(
        "patch_grid",
        contrast,
        site,
        metric,
        cast(Direction, direction),
        build,
        again=partial(
            again, patch_grid, (contrast, metric), site=site, direction=direction, window=window, basis=basis,
            rows=rows, align=align, **study.arguments(),
        ),
        arguments=not_default(options, DEFAULTS),
        study=study,
        max_bytes=max_bytes,
        patches_per_forward=patches_per_forward,
    )  # fmt: skip
    return compute(model, recipe, live=live)


def _plain(align: alignment.Spans | None) -> dict[str, Any] | None:
    return None if align is None else dict(align)


def _build(
    contrast: Contrast,
    site: str,
    direction: str,
    size: int,
    model: HookedModel,
    metric: str | MetricFunction,
    only: int | None,
) -> Built:
    """Run both prompts, and make a cell for every layer and position."""
    tokens = only_one(contrast.tokens(model), only)
    n_layers = int(model.cfg.n_layers)
    hooks = [hook_name(model, site, layer) for layer in range(n_layers)]
    plan = prepare(model, tokens, metric, base="corrupted" if direction == "denoise" else "clean", keep=hooks)
    check_positions(plan.base, hooks)
    layout = by_layer_and("pos", n_layers, tokens.str_tokens[0][0])

    def patches(layer: int, pos: int) -> list[Patch]:
        return [Patch(hooks[at], plan.donor.at(hooks[at]), (pos,)) for at in layers_around(layer, size, n_layers)]

    parts = [Part(plan, layout.cells(patches), list(range(len(tokens.clean))))]
    return Built(layout, parts, tokens.str_tokens[0], {"hooks": hooks})


def again(
    function: Any,
    as_given: tuple[Contrast, str | MetricFunction],
    model: HookedModel,
    *,
    inputs: dict[str, Any] | None = None,
    metric: str | None = None,
    **others: Any,
) -> PatchGrid:
    """Compute a live grid from what the widget's editor sends.

    What it leaves out stays as it was given.
    """
    contrast, own = as_given
    # The widget knows a caller's own metric by its name only.
    chosen = own if metric is None or metric == metric_name(own) else metric
    chosen_contrast = contrast if inputs is None else Contrast(**inputs)
    grid: PatchGrid = function(model, chosen_contrast, metric=chosen, live=True, **others)
    return grid
