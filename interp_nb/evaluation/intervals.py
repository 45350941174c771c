"""Intervals of a report's numbers: ratios of sums over documents, and shares and means over latents."""

import math
from collections.abc import Callable
from typing import Final

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from interp_nb._stats import bootstrap_counts, bootstrap_mean, share_interval
from interp_nb.evaluation.rows import Metric

MIN_DOCS: Final = 5
"""Fewest documents from which an interval is given: with fewer, it would hold the truth in less than 83 of 100 cases
(`_stats.bootstrap_ratio`)."""
ENOUGH_DOCS: Final = 20
"""Documents from which about 93 of 100 intervals hold the truth (the same)."""
_GROUPS: Final = 2048
"""Resampled at most at once; more latents are dealt out to as many bundles, whose means vary as much."""


def too_little_text(n_docs: int) -> list[str]:
    """Say in words when documents are too few for intervals."""
    if n_docs < MIN_DOCS:
        return [
            f"too little text for intervals: {n_docs} document{'s' * (n_docs != 1)}, at least {MIN_DOCS} are needed, "
            f"and {ENOUGH_DOCS} for intervals to rely on; give more documents"
        ]
    if n_docs < ENOUGH_DOCS:
        return [
            f"intervals from {n_docs} documents are too narrow: give at least {ENOUGH_DOCS} documents to rely on them"
        ]
    return []


def ratios(sums: dict[str, Float64[Tensor, "doc 2"]], with_bos: dict[str, float], *, seed: int) -> dict[str, Metric]:
    """Make metrics of numerators and denominators by document; NaN where a denominator is 0."""
    if not sums:
        return {}
    over, under = (torch.stack([each[:, side] for each in sums.values()], 1) for side in (0, 1))
    found = of_sums(torch.cat([over, under], 1), _ratio, seed=seed)
    return {name: Metric(*ends, len(over), "documents", with_bos.get(name, math.nan))
            for name, ends in zip(sums, found, strict=True)}  # fmt: skip


def of_sums(
    counts: Float[Tensor, "doc count"],
    statistic: Callable[[Float[Tensor, "*batch count"]], Float[Tensor, "*batch cell"]],
    *,
    seed: int,
) -> list[tuple[float, float, float]]:
    """Compute numbers from sums over documents: value, low, high of each; no ends of fewer than `MIN_DOCS`."""
    values = statistic(counts.double().sum(0)).tolist()
    if len(counts) < MIN_DOCS:
        return [(value, math.nan, math.nan) for value in values]
    ends = bootstrap_counts(counts, statistic, seed=seed)
    return list(zip(values, ends.low.tolist(), ends.high.tolist(), strict=True))


def share(chosen: Bool[Tensor, " latent"], with_bos: float = math.nan) -> Metric:
    """Give a share of latents, with Wilson's interval: a bootstrap would be sure of a share of 0 or 1."""
    n, n_chosen = len(chosen), int(chosen.sum())
    ends = share_interval(n_chosen, n)
    return Metric(n_chosen / n if n else math.nan, *ends, n, "latents", with_bos)


def mean(values: Float[Tensor, " latent"], *, seed: int, with_bos: float = math.nan, of: str = "latents") -> Metric:
    """Give the mean over latents or concepts; unknown ones (NaN) are left out."""
    known = values[~values.isnan()].double()
    if not len(known):
        return Metric(math.nan, math.nan, math.nan, 0, of, with_bos)
    bundled = known
    if len(known) > _GROUPS:
        order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
        bundled = known[order[: len(known) // _GROUPS * _GROUPS]].view(_GROUPS, -1).mean(1)
    ends = bootstrap_mean(bundled.unsqueeze(1), seed=seed)
    return Metric(float(known.mean()), float(ends.low), float(ends.high), len(known), of, with_bos)


def _ratio(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
    over, under = sums.chunk(2, -1)
    return torch.where(under != 0, over / torch.where(under != 0, under, 1.0), math.nan)
