"""Patched runs in batches: exact, one forward for many cells, started at the patched layer.

1. `prepare` runs both prompts once. The run that is patched is the base, the other one the donor: clean into corrupted
   for denoising, the reverse for noising. It keeps the base's residual stream entering every layer and both runs'
   activations at the site.
2. `sweep` goes through the layers, first and last ones first so that the picture is readable early. The cells of a
   layer share forwards that start at that layer: every row is the base, with the donor's activation written in at one
   position.
3. A cell whose activation is the same in both runs (every position before the first difference) is the base run, so its
   value is known and nothing is computed.

What is not here: the effect (`grid` divides) and anything about display.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._errors import HookNameError, ShapeError
from interp_nb.models.edit import HookFunction, forward
from interp_nb.models.finite import check_finite, check_pattern
from interp_nb.models.prompts import ContrastTokens
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import SHORT_NAMES, hook_name, hook_names
from interp_nb.patching.metrics import Metric, MetricFunction, make_metric


@dataclass(frozen=True)
class Plan:
    """Everything that the patched runs of one grid share."""

    model: HookedModel
    """The model, held for as long as the grid is computed."""
    hooks: list[str]
    """Hook point of the site, per layer."""
    residual: list[Float[Tensor, "contrast pos d_model"]]
    """Base run: the residual stream entering each layer."""
    base: list[Float[Tensor, "contrast pos d_site"]]
    """Base run: the activation at the site, per layer."""
    donor: list[Float[Tensor, "contrast pos d_site"]]
    """Donor run: the same."""
    metric: Metric
    """What the runs are measured by."""
    base_metric: Float[Tensor, " contrast"]
    """Metric of the run that is patched."""
    donor_metric: Float[Tensor, " contrast"]
    """Metric of the run that activations come from."""


class PatchedCells(NamedTuple):
    """Some cells of one layer, computed."""

    layer: int
    """Layer they are in."""
    positions: list[int]
    """Their positions."""
    metric: Float[Tensor, "cell contrast"]
    """Metric of the patched runs."""


def prepare(
    model: HookedModel, tokens: ContrastTokens, site: str, metric: str | MetricFunction, *, denoise: bool
) -> Plan:
    """Run both prompts and keep what the patched runs need.

    Args:
        site: Short name of a site with one vector per position.
        denoise: Patch clean activations into the corrupted run; else the reverse.

    Raises:
        HookNameError: a layer of the model has no such site.
        ShapeError: the site's activations are not [contrast pos d], or the metric's not one number per contrast.
        NonFiniteError: a run holds NaN; the message names the first place.
    """
    layers = range(int(model.cfg.n_layers))
    hooks = [hook_name(model, site, layer) for layer in layers]
    entering = [hook_name(model, "resid_pre", layer) for layer in layers]
    clean, clean_logits = _run(model, tokens.clean, [*entering, *hooks])
    corrupted, corrupted_logits = _run(model, tokens.corrupted, [*entering, *hooks])
    measured = make_metric(metric, tokens, clean_logits)
    clean_metric = measured.measure(clean_logits, "the clean run")
    corrupted_metric = measured.measure(corrupted_logits, "the corrupted run")
    base, donor = (corrupted, clean) if denoise else (clean, corrupted)
    for name in hooks:
        _check_site(name, base[name], tokens.clean)
    return Plan(
        model=model,
        hooks=hooks,
        residual=[base[name] for name in entering],
        base=[base[name] for name in hooks],
        donor=[donor[name] for name in hooks],
        metric=measured,
        base_metric=corrupted_metric if denoise else clean_metric,
        donor_metric=clean_metric if denoise else corrupted_metric,
    )


def sweep(plan: Plan, patches_per_forward: int) -> Iterator[PatchedCells]:
    """Yield every cell of the grid once, in batches that show the picture early.

    Args:
        patches_per_forward: Cells that share one forward pass. Memory, not result.
    """
    differs = [_differs(base, donor) for base, donor in zip(plan.base, plan.donor, strict=True)]
    for layer, row in enumerate(differs):
        same = (~row).nonzero().flatten().tolist()
        if same:
            yield PatchedCells(layer, same, plan.base_metric.expand(len(same), -1))
    for layer in readable_order(len(plan.hooks)):
        positions = differs[layer].nonzero().flatten().tolist()
        for start in range(0, len(positions), patches_per_forward):
            batch = positions[start : start + patches_per_forward]
            yield PatchedCells(layer, batch, patch(plan, layer, [[position] for position in batch]))


def patch(plan: Plan, layer: int, cells: Sequence[Sequence[int]]) -> Float[Tensor, "cell contrast"]:
    """Measure patched runs, all of one layer in one forward pass.

    Args:
        cells: The positions that each run is patched at: one for a cell of the grid, several to patch them together.
    """
    n_contrasts, donor = len(plan.base_metric), plan.donor[layer]

    def write_donor(activation: Tensor, hook: Any) -> None:
        # NOTE: in place. TransformerLens's hook_resid_mid sits at the entry of the second norm: a new tensor returned
        # there would reach the MLP only, while the skip connection carried the old one on.
        for row, positions in enumerate(cells):
            at = slice(row * n_contrasts, (row + 1) * n_contrasts)
            activation[at, list(positions)] = donor[:, list(positions)]

    rows = plan.residual[layer].repeat(len(cells), 1, 1)
    logits = forward(
        plan.model,
        rows,
        hooks=[(plan.hooks[layer], write_donor)],
        start_at_layer=layer,
        last_position=plan.metric.last_position,
    )
    # [cell * contrast, pos, d_vocab]: a metric sees one run of every contrast at a time, in the order they were given.
    runs = logits.reshape(len(cells), n_contrasts, *logits.shape[1:])
    where = f"the run patched at {plan.hooks[layer]}"
    return torch.stack([plan.metric.measure(run, where) for run in runs])


def readable_order(n_layers: int) -> list[int]:
    """Order layers so that the first are spread out: the ends, then the middles."""
    order, spans = list(dict.fromkeys([0, n_layers - 1])), [(0, n_layers - 1)]
    while spans:
        low, high = spans.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            spans += [(low, middle), (middle, high)]
    return order


def _run(
    model: HookedModel, tokens: Int[Tensor, "contrast pos"], names: list[str]
) -> tuple[dict[str, Tensor], Float[Tensor, "contrast pos d_vocab"]]:
    """Run once and return activations and logits, all finite, in the order in which the model computes them."""
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> HookFunction:
        def read(activation: Tensor, hook: Any) -> None:
            # A copy: some models write into the residual stream in place further up.
            kept[name] = activation.detach().clone()

        return read

    # Patterns are only looked at, because that is where NaN scores disappear (see `check_pattern`).
    known = hook_names(model)
    patterns = {SHORT_NAMES["pattern"].format(layer=layer) for layer in range(int(model.cfg.n_layers))} & known
    logits = forward(model, tokens, hooks=[(name, keep(name)) for name in dict.fromkeys([*names, *sorted(patterns)])])
    for name, activation in kept.items():
        (check_pattern if name in patterns else check_finite)(activation, name)
    missing = [name for name in names if name not in kept]
    if missing:
        raise HookNameError(
            f"expected an activation at {missing[0]}, but the forward pass never reached it; "
            "choose a site that this model computes"
        )
    check_finite(logits, "the logits")
    return kept, logits


def _check_site(name: str, activation: Tensor, tokens: Int[Tensor, "contrast pos"]) -> None:
    if activation.ndim != 3 or activation.shape[:2] != tokens.shape:
        raise ShapeError(
            f"{name} must be one vector per position, [contrast={tokens.shape[0]} pos={tokens.shape[1]} d], got "
            f"{list(activation.shape)}; choose resid_pre, resid_mid, resid_post, attn_out or mlp_out"
        )


def _differs(
    base: Float[Tensor, "contrast pos d_site"], donor: Float[Tensor, "contrast pos d_site"]
) -> Bool[Tensor, " pos"]:
    return (base != donor).any(-1).any(0).cpu()
