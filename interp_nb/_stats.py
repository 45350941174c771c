"""How sure a number is: bootstrap intervals over contrasts or documents, and how well two rankings agree.

Contrasts are resampled, never tokens: the tokens of one prompt are not independent of each other.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError

LEVEL: Final = 0.95
N_RESAMPLES: Final = 1000
"""Resamples of an interval: enough for the 2.5 % tails to move by less than their own width (Efron and Tibshirani 1993,
An Introduction to the Bootstrap, section 14.3 asks for 1000)."""


ROUNDING: Final = 1e-12
"""Ratios in float64 that differ by this share of the largest are equal."""


class Interval(NamedTuple):
    """Where a number lies, by the bootstrap."""

    low: Float[Tensor, " cell"]
    """Lower end; NaN where nothing can be said."""
    high: Float[Tensor, " cell"]
    """Upper end; NaN where nothing can be said."""


def bootstrap_ratio(
    numerator: Float[Tensor, "contrast cell"],
    denominator: Float[Tensor, " contrast"],
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound the ratio of two means by resampling contrasts (bootstrap, BCa).

    ratio = mean(numerator) / mean(denominator), each resample drawing the same contrasts for both. The ends are the
    percentiles of the resampled ratios, corrected for bias and skew (BCa); with one contrast they are NaN, and where
    all contrasts agree they are equal. Few contrasts give intervals that are too narrow: of 95 % intervals of normal
    contrasts, about 83 % hold the true ratio with 5 contrasts, 93 % with 20.

    Args:
        level: Share of intervals that should hold the true ratio, between 0 and 1.
        seed: The same seed draws the same contrasts for every cell, whichever batch a cell is in.

    Raises:
        ConfigError: level or n_resamples make no sense.

    Source: Efron 1987, Better Bootstrap Confidence Intervals, https://doi.org/10.1080/01621459.1987.10478410.
    """
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level must be between 0 and 1, got {level}")
    if n_resamples < 1:
        raise ConfigError(f"n_resamples must be at least 1, got {n_resamples}")
    n_contrasts = len(denominator)
    if n_contrasts < 2:
        nothing = torch.full(numerator.shape[1:], torch.nan)
        return Interval(nothing, nothing.clone())
    over, under = numerator.double().cpu(), denominator.double().cpu()
    times = _times_drawn(n_contrasts, n_resamples, seed)
    ratios = (times @ over) / (times @ under).unsqueeze(1)
    ratio = over.mean(0) / under.mean()
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=over.dtype)
    ends = _quantiles(ratios, _corrected(tails, ratios, ratio, _left_out(over, under)))
    return Interval(*ends.float())


def bootstrap_counts(
    counts: Float[Tensor, "group count"],
    statistic: Callable[[Float[Tensor, "*batch count"]], Float[Tensor, "*batch cell"]],
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound numbers that are computed from counts by resampling the groups that were counted (bootstrap, BCa).

    As `bootstrap_ratio`, for any function of the sums over groups. Resamples in which a number is not defined, as a
    recall without a positive, say nothing and count as the number itself.

    Args:
        counts: One row per group, as a document; what is counted in it.
        statistic: Computes the numbers from sums of rows.

    Source: Efron 1987, Better Bootstrap Confidence Intervals, https://doi.org/10.1080/01621459.1987.10478410.
    """
    rows = counts.double().cpu()
    value = statistic(rows.sum(0))
    if len(rows) < 2:
        nothing = torch.full_like(value, torch.nan).float()
        return Interval(nothing, nothing.clone())

    def of(sums: Tensor) -> Tensor:
        found = statistic(sums)
        return torch.where(found.isnan(), value, found)

    resampled = of(_times_drawn(len(rows), n_resamples, seed) @ rows)
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=rows.dtype)
    ends = _quantiles(resampled, _corrected(tails, resampled, value, of(rows.sum(0) - rows)))
    return Interval(*torch.where(value.isnan(), value, ends).float())


def bootstrap_mean(
    values: Float[Tensor, "contrast cell"],
    *,
    level: float = LEVEL,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Bound the mean of known values by resampling contrasts (bootstrap, BCa).

    As `bootstrap_ratio`, but a value may be unknown (NaN) and is then left out of its cell's mean, in every resample.
    An end is NaN where fewer than two contrasts are known.
    """
    known = ~values.isnan()
    n_cells = values.shape[1]
    found = bootstrap_counts(
        torch.cat([values.nan_to_num(nan=0.0), known.to(values)], 1),
        lambda sums: sums[..., :n_cells] / sums[..., n_cells:],
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )
    enough = (known.sum(0) > 1).cpu()
    return Interval(*(torch.where(enough, end, torch.nan) for end in found))


def share_interval(n_chosen: int, n: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Bound a share of independent things, such as of latents (Wilson); NaN of nothing.

    Holds at shares of 0 and 1 too, where resampling would be sure.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    if not n:
        return math.nan, math.nan
    z = float(torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)))
    share, shift = n_chosen / n, z * z / n
    middle = share + shift / 2
    half = z * math.sqrt(share * (1 - share) / n + shift / (4 * n))
    return max(0.0, (middle - half) / (1 + shift)), min(1.0, (middle + half) / (1 + shift))


def rank_correlation(first: Float[Tensor, " n"], second: Float[Tensor, " n"]) -> float:
    """Say how far two lists rank alike (Spearman), -1 to 1.

    NaN below 2 entries, or where one list is flat.

    Source: Spearman 1904, https://doi.org/10.2307/1412159; equal numbers share the mean of their ranks.
    """
    if len(first) < 2:
        return float("nan")
    ranks = torch.stack([_ranks(first), _ranks(second)])
    ranks = ranks - ranks.mean(1, keepdim=True)
    norms = ranks.norm(dim=1)
    return float(ranks[0] @ ranks[1] / norms.prod()) if bool((norms > 0).all()) else float("nan")


def _times_drawn(n: int, n_resamples: int, seed: int) -> Float[Tensor, "resample contrast"]:
    """Count how often each of n is drawn in each resample."""
    # Not torch.multinomial on the global state: results must not depend on, or move, anybody else's random numbers.
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(n, (n_resamples, n), generator=generator)
    times = torch.zeros(n_resamples, n, dtype=torch.float64)
    return times.scatter_add_(1, drawn, torch.ones_like(times))


def _left_out(
    numerator: Float[Tensor, "contrast cell"], denominator: Float[Tensor, " contrast"]
) -> Float[Tensor, "contrast cell"]:
    """The ratio without each contrast in turn."""
    return (numerator.sum(0) - numerator) / (denominator.sum() - denominator).unsqueeze(1)


def _corrected(
    tails: Float[Tensor, " tail"],
    ratios: Float[Tensor, "resample cell"],
    ratio: Float[Tensor, " cell"],
    left_out: Float[Tensor, "contrast cell"],
) -> Float[Tensor, "tail cell"]:
    """The percentiles at which BCa reads the resampled ratios (Efron 1987, equations 2.3 and 6.6)."""
    n = len(ratios)
    # Ties count half: with few contrasts many resamples equal the ratio itself, all but for rounding.
    away = ratios - ratio
    tied = away.abs() <= ROUNDING * ratios.abs().amax(0)
    below = torch.where(tied, torch.full_like(away, 0.5), (away < 0).to(away)).mean(0)
    bias = torch.special.ndtri(below.clamp(1 / (n + 1), n / (n + 1)))
    lost = left_out.mean(0) - left_out
    spread = lost.pow(2).sum(0).pow(1.5)
    # No spread: the contrasts agree, every percentile is the same number, and there is nothing to correct.
    skew = torch.where(spread > 0, lost.pow(3).sum(0) / (6 * spread), torch.zeros_like(spread))
    moved = bias + torch.special.ndtri(tails).unsqueeze(1)
    at: Tensor = torch.special.ndtr(bias + moved / (1 - skew * moved))
    return at


def _quantiles(values: Float[Tensor, "resample cell"], at: Float[Tensor, "tail cell"]) -> Float[Tensor, "tail cell"]:
    """Read percentiles, another one per column, between the two nearest values."""
    ordered = values.sort(0).values
    place = (at * (len(values) - 1)).clamp(0, len(values) - 1)
    below, above = place.floor().long(), place.ceil().long()
    low, high = ordered.gather(0, below), ordered.gather(0, above)
    return low + (high - low) * (place - below)


def _ranks(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Rank from 1; equal values share the mean of their ranks."""
    ordered, place = values.double().sort()
    _, group, sizes = torch.unique(ordered, return_inverse=True, return_counts=True)
    last = sizes.cumsum(0)
    mean_rank = last.double() - (sizes.double() - 1) / 2
    return torch.empty_like(ordered).scatter_(0, place, mean_rank[group])
