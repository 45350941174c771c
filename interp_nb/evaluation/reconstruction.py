"""Reconstruction: how close what an SAE writes is to what it should, and what the model makes of it.

1. Errors, variance and angles, of every counted row (`row_sums`).
2. Losses (`losses`): the model with reconstructions, with the mean and with zeros in place.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from interp_nb.evaluation.intervals import of_sums, ratios
from interp_nb.evaluation.losses import CE, COUNT, KL, LOSS_TOKENS, Losses, distances, measure_losses
from interp_nb.evaluation.names import ABLATIONS, names_of
from interp_nb.evaluation.places import Places
from interp_nb.evaluation.row_sums import RowSums, centered
from interp_nb.evaluation.rows import Distribution, GroupResult, Metric
from interp_nb.evaluation.text import Evaluated
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.metrics import share_explained
from interp_nb.sae.recovery import share_recovered

_COSINE_BINS: Final = 100
_ROWS_AT_ONCE: Final = 4096
_OF_LOSSES: Final = ("ce_", "kl_", "loss_")
_Sums = dict[str, Float64[Tensor, "doc 2"]]


def measure_reconstruction(
    sae: SAE, model: HookedModel, text: Evaluated, places: Places, found: RowSums, *, seed: int
) -> Iterator[GroupResult | None]:
    """Measure the group: yields None between forwards, and last what was found.

    Cost: see `losses.measure_losses`.
    """
    losses: Losses | None = None
    for part in measure_losses(sae, model, text, places):
        losses = part
        yield None
    assert losses is not None
    sums, with_bos = _of_rows(text, found)
    metrics = ratios(sums, with_bos, seed=seed) | {"explained_variance": _explained(text, found, seed)}
    by_loss, loss_with_bos, skipped = _of_losses(losses)
    metrics |= ratios({name: pair[losses.measured] for name, pair in by_loss.items()}, loss_with_bos, seed=seed)
    spread = _spreads(text, found)
    explained = text.by_document(torch.stack([spread - found.squared_error[: text.n_counted], spread], 1))
    n_measured = int(losses.counted[:, COUNT].sum())
    notes = []
    if text.n_counted > LOSS_TOKENS:
        notes.append(
            f"CE and KL are of {n_measured} predictions in {int(losses.measured.sum())} documents, the first "
            f"{LOSS_TOKENS} tokens"
        )
    yield GroupResult(
        metrics, {"cosine_similarity": _cosines(found.cosine[: text.n_counted])}, notes=notes, skipped=skipped,
        sums=sums | {"explained_variance": explained} | by_loss,
    )  # fmt: skip


def _of_rows(text: Evaluated, found: RowSums) -> tuple[_Sums, dict[str, float]]:
    """Sum errors and angles by document; and their means over all rows."""
    width = text.all_targets.shape[1]
    rows = {"mse": found.squared_error / width, "mae": found.absolute_error / width, "cosine_similarity": found.cosine}
    sums = {
        name: text.by_document(torch.stack([values, torch.ones_like(values)], 1)[: text.n_counted])
        for name, values in rows.items()
    }
    return sums, {name: float(values.mean()) for name, values in rows.items()}


def _explained(text: Evaluated, found: RowSums, seed: int) -> Metric:
    """Give explained variance; in every resample the mean is that of its own documents."""
    errors = text.by_document(found.squared_error[: text.n_counted].unsqueeze(1))
    counts = torch.cat([errors, centered(text, found.counted.mean)], 1)

    def statistic(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
        apart = sums[..., 1:-2].square().sum(-1) / sums[..., -1]
        spread = sums[..., -2] - apart
        return torch.where(spread > 0, 1 - sums[..., 0] / spread, torch.nan).unsqueeze(-1)

    _, low, high = of_sums(counts, statistic, seed=seed)[0]
    value = share_explained(float(found.squared_error[: text.n_counted].sum()), found.counted)
    with_bos = share_explained(float(found.squared_error.sum()), found.every)
    return Metric(value, low, high, len(counts), "documents", with_bos)


def _spreads(text: Evaluated, found: RowSums) -> Float64[Tensor, " row"]:
    """Give the squared distance of each counted row from their mean."""
    parts = torch.split(text.targets, _ROWS_AT_ONCE)
    return torch.cat([(part.double() - found.counted.mean).square().sum(1) for part in parts])


def _of_losses(losses: Losses) -> tuple[_Sums, dict[str, Any], dict[str, str]]:
    """Turn sums of losses into numerators and denominators by document, numbers with BOS, and what has no meaning."""
    sums: _Sums = {}
    with_bos: dict[str, Any] = {}
    kept, every = losses.counted, losses.with_bos.sum(0)
    if not float(kept[:, COUNT].sum()):
        words = "no document has two counted tokens in a row, so nothing is predicted"
        return sums, with_bos, {name: words for name in names_of("reconstruction") if name.startswith(_OF_LOSSES)}
    for name, column in (("ce_clean", CE["clean"]), ("ce_recons", CE["recons"]), ("kl_recons", KL["recons"])):
        sums[name] = kept[:, [column, COUNT]]
        with_bos[name] = float(every[column] / every[COUNT])
    skipped = {}
    for ablation in ABLATIONS:
        for kind in ("loss", "kl"):
            name = f"{kind}_recovered_{ablation}"
            if math.isnan(_share(kept.sum(0), kind, ablation)):
                skipped[name] = f"{ablation} ablation changes nothing here, so no share of it can be recovered"
                continue
            clean, recons, ablated = distances(kept, kind, ablation)
            sums[name] = torch.stack([ablated - recons, ablated - clean], 1)
            with_bos[name] = _share(every, kind, ablation)
    return sums, with_bos, skipped


def _share(total: Float64[Tensor, " column"], kind: str, ablation: str) -> float:
    return share_recovered(*(float(each / total[COUNT]) for each in distances(total, kind, ablation)))


def _cosines(values: Float64[Tensor, " row"]) -> Distribution:
    edges = torch.linspace(-1, 1, _COSINE_BINS + 1)
    counts = torch.histc(values.float().clamp(-1, 1), _COSINE_BINS, -1, 1).long()
    return Distribution(edges, counts, "tokens by cosine of activation and reconstruction")
