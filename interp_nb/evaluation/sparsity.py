"""Sparsity: how many latents fire on a token, how often each fires, and how long reconstructions are."""

import math
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from interp_nb.evaluation.intervals import of_sums, ratios, share
from interp_nb.evaluation.names import DENSE_ABOVE
from interp_nb.evaluation.row_sums import RowSums
from interp_nb.evaluation.rows import Distribution, GroupResult, Metric
from interp_nb.evaluation.text import Evaluated
from interp_nb.features.firing import Firing
from interp_nb.sae.metrics import DENSITY_EDGES, density_histogram

QUANTILES: Final = {"l0_p10": 0.1, "l0_median": 0.5, "l0_p90": 0.9}
"""Quantiles of the count of latents that fire on a token."""
_BINS: Final = 100
_SURE: Final = 6.0
"""Standard errors from `DENSE_ABOVE` beyond which a latent is dense, or is not, in every resample."""


def measure_sparsity(text: Evaluated, found: RowSums, d_sae: int, *, seed: int) -> GroupResult:
    """Measure the group; cheap, since what fires is known."""
    n = text.n_counted
    count = torch.from_numpy(np.diff(text.all_fired.offsets)).double()
    ratio = found.length_ratio
    known = ~ratio.isnan()
    rows = {
        "l0": (count, torch.ones_like(count)),
        "active_share": (count / d_sae, torch.ones_like(count)),
        "shrinkage": (ratio.nan_to_num(), known.double()),
        "reconstruction_bias": (found.recons_squares, found.products),
        "l1": (_l1(text.all_fired), torch.ones_like(count)),
    }
    sums = {name: text.by_document(torch.stack(pair, 1)[:n]) for name, pair in rows.items()}
    with_bos = {name: _ratio(over, under) for name, (over, under) in rows.items()}
    firing, every = firing_shares(text.fired, d_sae), firing_shares(text.all_fired, d_sae)
    metrics = ratios(sums, with_bos, seed=seed) | _quantiles(text, count.long(), seed)
    metrics["dead_fraction"] = share(firing == 0, float((every == 0).double().mean()))
    metrics["dense_fraction"] = _dense(text, d_sae, float((every > DENSE_ABOVE).double().mean()), seed)
    density = density_histogram(firing)[0]
    return GroupResult(
        metrics=metrics,
        distributions={
            "l0": _l0_histogram(count[:n].long()),
            "density": Distribution(
                torch.tensor(DENSITY_EDGES), density, "latents by log10 of the share of tokens they fire on"
            ),
        },
        sums=sums,
    )


def firing_shares(fired: Firing, d_sae: int) -> Float64[Tensor, " d_sae"]:
    """Give the share of rows on which each latent fires."""
    counts = torch.from_numpy(np.bincount(fired.latents, minlength=d_sae))
    return counts.double() / max(1, fired.n_rows)


def _l1(fired: Firing) -> Float64[Tensor, " row"]:
    """Sum the sizes of the activations on each row."""
    row = np.repeat(np.arange(fired.n_rows), np.diff(fired.offsets))
    sizes = np.abs(fired.values.astype(np.float64))
    return torch.from_numpy(np.bincount(row, weights=sizes, minlength=fired.n_rows)).double()  # whole numbers of none


def _ratio(over: Float64[Tensor, " row"], under: Float64[Tensor, " row"]) -> float:
    total = float(under.sum())
    return float(over.sum()) / total if total else math.nan


def _dense(text: Evaluated, d_sae: int, with_bos: float, seed: int) -> Metric:
    """Give the share of latents that fire on more than a tenth of the tokens; documents are resampled."""
    fired, n = text.fired, text.n_counted
    length = np.bincount(text.doc_number[:n].numpy(), minlength=text.n_docs)
    doc = np.repeat(text.doc_number[:n].numpy(), np.diff(fired.offsets))
    pair, count = np.unique(fired.latents.astype(np.int64) * text.n_docs + doc, return_counts=True)
    latent, doc = pair // text.n_docs, pair % text.n_docs
    # A latent is dense where the sum of (firings - a tenth of the tokens) over documents is above 0.
    share_of, tokens = DENSE_ABOVE, length[doc]
    excess = np.bincount(latent, weights=count, minlength=d_sae) - share_of * length.sum()
    squares = np.bincount(latent, weights=count**2 - 2 * share_of * count * tokens, minlength=d_sae)
    # Not in place: where nothing fires at all, bincount gives whole numbers.
    squares = squares + share_of**2 * (length.astype(float) ** 2).sum()
    spread = np.sqrt(np.maximum(squares - excess**2 / text.n_docs, 0))
    unsure = np.abs(excess) <= _SURE * spread + 1e-9
    surely = int(((excess > 0) & ~unsure).sum())
    column = np.cumsum(unsure) - 1
    counts = torch.zeros(text.n_docs, int(unsure.sum()) + 1, dtype=torch.float64)
    counts[:, -1] = torch.from_numpy(length)
    kept = unsure[latent]
    counts[doc[kept], column[latent[kept]]] = torch.from_numpy(count[kept]).double()

    def statistic(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch 1"]:
        above = sums[..., :-1] > share_of * sums[..., -1:] + 1e-9
        return (surely + above.double().sum(-1, keepdim=True)) / d_sae

    return Metric(*of_sums(counts, statistic, seed=seed)[0], text.n_docs, "documents", with_bos)


def _quantiles(text: Evaluated, count: Int[Tensor, " every_row"], seed: int) -> dict[str, Metric]:
    """Give quantiles of the counts: the least count that at least such a share of tokens do not exceed."""
    values, place = torch.unique(count, return_inverse=True)
    n = text.n_counted
    counts = torch.zeros(text.n_docs, len(values), dtype=torch.float64)
    counts.index_put_((text.doc_number[:n], place[:n]), torch.ones(n, dtype=torch.float64), accumulate=True)
    wanted = torch.tensor(list(QUANTILES.values()), dtype=torch.float64)

    def statistic(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
        shares = sums.cumsum(-1) / sums.sum(-1, keepdim=True)
        # Sums of counts are exact, their ratio is rounded once: a share that should be 0.1 may lie just below it.
        below = (shares.unsqueeze(-2) < wanted.unsqueeze(-1) - 1e-12).sum(-1)
        found: Tensor = values[below.clamp(max=len(values) - 1)].double()
        return found

    every = statistic(torch.bincount(place, minlength=len(values)).double()).tolist()
    return {
        name: Metric(*ends, text.n_docs, "documents", with_bos)
        for name, ends, with_bos in zip(QUANTILES, of_sums(counts, statistic, seed=seed), every, strict=True)
    }


def _l0_histogram(count: Int[Tensor, " row"]) -> Distribution:
    """Count tokens by how many latents fire on them: bins of one where they are few."""
    width = max(1, math.ceil((int(count.max()) + 1) / _BINS))
    n_bins = int(count.max()) // width + 1
    counts = torch.bincount(count // width, minlength=n_bins)
    return Distribution(torch.arange(n_bins + 1).double() * width, counts, "tokens by latents that fire on them")
