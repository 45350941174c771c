"""What a model predicts with reconstructions, the mean, or zeros in place of its activations, summed by document.

1. Every window is run as it is.
2. It is run again with each of the three in place, from the first layer that this changes: at counted tokens, and then
   at begin-of-text tokens too, where there are any.
3. Cross-entropy of each run, and KL from the first one, are summed over predictions of a counted token from one.

Where rows are put and which predictions count is `sae.recovery`'s, which does the same with one ablation while an SAE
is trained.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from interp_nb._measures import kl_of
from interp_nb.evaluation.names import ABLATIONS
from interp_nb.evaluation.places import Places
from interp_nb.evaluation.text import Evaluated, Part
from interp_nb.features.wiring import resumed_at, start_of
from interp_nb.models.edit import forward
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.recovery import predicted, reconstructed, replaced

LOSS_TOKENS: Final = 16_384
"""Tokens whose predictions are measured at most: each costs seven forwards, and a thousand documents give intervals of
a few thousandths on a share recovered."""
RUNS: Final = ("recons", *ABLATIONS)
"""What is put in place of activations."""
COUNT: Final = 0
"""Column of the number of predictions."""
CE: Final = {name: 1 + number for number, name in enumerate(("clean", *RUNS))}
"""Columns of cross-entropy, nats."""
KL: Final = {name: 1 + len(CE) + number for number, name in enumerate(RUNS)}
"""Columns of KL from the untouched run, nats."""
_COLUMNS: Final = 1 + len(CE) + len(KL)


class Losses(NamedTuple):
    """Sums over predictions, by document; columns are `COUNT`, `CE` and `KL`."""

    counted: Float64[Tensor, "doc column"]
    """Begin-of-text tokens neither replaced nor measured."""
    with_bos: Float64[Tensor, "doc column"]
    """Both."""

    @property
    def measured(self) -> Bool[Tensor, " doc"]:
        """Documents of which anything was predicted."""
        return self.counted[:, COUNT] > 0


class _Place(NamedTuple):
    """Where patched runs begin and what they replace."""

    sites: tuple[str, ...]
    start: str | None
    layer: int | None


def measure_losses(sae: SAE, model: HookedModel, text: Evaluated, places: Places) -> Iterator[Losses]:
    """Run the first `LOSS_TOKENS` tokens; yields the sums so far after the windows of each forward.

    Cost: one forward pass of those tokens and six from the layer that is written to on, three where there are no
        begin-of-text tokens; the SAE once.
    """
    start, layer = start_of(model, places.writes)
    sites = places.writes if layer is None else tuple(resumed_at(model, site) for site in places.writes)
    place = _Place(sites, start, layer)
    means = [rows.mean(0) for rows in (text.targets, text.all_targets)]
    losses = Losses(*(torch.zeros(text.n_docs, _COLUMNS, dtype=torch.float64) for _ in range(2)))
    for part in text.parts(model, first_rows=LOSS_TOKENS):
        entering, clean = _run_clean(model, part, place)
        masks = [part.mask(text.n_counted), part.mask(len(text.all_doc))]
        recons = reconstructed(sae, text.all_acts[part.row[masks[1]]]).cpu()
        for total, mask, mean in zip(losses, masks, means, strict=True):
            if total is losses.with_bos and text.n_counted == len(text.all_doc):
                total.copy_(losses.counted)
                continue
            puts = {"recons": recons[mask[masks[1]]], "mean": mean, "zero": torch.zeros_like(mean)}
            _add(total, model, part, mask, place, entering, clean, puts)
        yield losses


def distances(sums: Float64[Tensor, "*doc column"], kind: str, ablation: str) -> tuple[Tensor, Tensor, Tensor]:
    """Give CE ("loss"), or KL from the untouched run ("kl"): of that run, with reconstructions, ablated."""
    at = CE if kind == "loss" else KL
    clean = sums[..., CE["clean"]] if kind == "loss" else torch.zeros_like(sums[..., COUNT])
    return clean, sums[..., at["recons"]], sums[..., at[ablation]]


def _run_clean(model: HookedModel, part: Part, place: _Place) -> tuple[Tensor, Tensor]:
    """Run windows as they are: what patched runs start from, and log-probabilities."""
    tokens = part.tokens.to(getattr(model.cfg, "device", None) or "cpu")
    kept: list[Tensor] = []
    hooks = [] if place.start is None else [(place.start, lambda value, hook: kept.append(value.detach().clone()))]
    logits = forward(model, tokens, hooks=hooks)
    return (kept[0] if kept else tokens), logits.float().log_softmax(-1)


def _add(
    total: Float64[Tensor, "doc column"], model: HookedModel, part: Part, mask: Bool[Tensor, "window pos"],
    place: _Place, entering: Tensor, clean: Tensor, puts: dict[str, Tensor],
) -> None:  # fmt: skip
    """Run windows with rows put in place, and add what their predictions cost."""
    counts = predicted(mask)
    here, following = counts.to(clean.device), part.tokens[:, 1:][counts].to(clean.device)
    columns = torch.zeros(int(counts.sum()), _COLUMNS, dtype=torch.float64)
    columns[:, COUNT] = 1
    reference = clean[:, :-1][here]
    columns[:, CE["clean"]] = _surprise(reference, following)
    for name, put in puts.items():
        rows = put.expand(int(mask.sum()), -1)
        logits = replaced(model, entering, place.sites, mask, rows, start_at_layer=place.layer)
        log_probs = logits[:, :-1][here].float().log_softmax(-1)
        columns[:, CE[name]] = _surprise(log_probs, following)
        columns[:, KL[name]] = kl_of(reference, log_probs).double().cpu()
    total.index_add_(0, part.doc[:, :-1][counts], columns)


def _surprise(log_probs: Float[Tensor, "row d_vocab"], tokens: Tensor) -> Float64[Tensor, " row"]:
    return -log_probs.gather(1, tokens.unsqueeze(1))[:, 0].double().cpu()
