"""Intervals against a slow loop and on distributions whose truth is known; ranks against definitions."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb._stats import bootstrap_counts, bootstrap_ratio, rank_correlation


def slow_interval(numerator: list[float], denominator: list[float], draws: list[list[int]], level: float):
    """BCa with loops, from Efron 1987."""
    normal = torch.distributions.Normal(0.0, 1.0)
    n = len(numerator)
    ratio = sum(numerator) / sum(denominator)
    resampled = sorted(sum(numerator[i] for i in draw) / sum(denominator[i] for i in draw) for draw in draws)
    size = len(resampled)
    ties = sum(math.isclose(value, ratio, abs_tol=1e-12) for value in resampled)
    below = sum(value < ratio - 1e-12 for value in resampled) + 0.5 * ties
    below = min(max(below / size, 1 / (size + 1)), size / (size + 1))
    bias = float(normal.icdf(torch.tensor(below, dtype=torch.float64)))
    left = [
        (sum(numerator) - numerator[i]) / (sum(denominator) - denominator[i]) for i in range(n)
    ]  # fmt: skip
    away = [sum(left) / n - value for value in left]
    skew = sum(a**3 for a in away) / (6 * sum(a**2 for a in away) ** 1.5)
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        moved = bias + float(normal.icdf(torch.tensor(tail, dtype=torch.float64)))
        at = float(normal.cdf(torch.tensor(bias + moved / (1 - skew * moved), dtype=torch.float64))) * (size - 1)
        low, high = resampled[math.floor(at)], resampled[math.ceil(at)]
        ends.append(low + (high - low) * (at - math.floor(at)))
    return ends


def test_interval_equals_the_loop():
    denominator = torch.rand(7) + 1
    numerator = torch.randn(7, 5) + 0.3 * denominator[:, None]
    found = bootstrap_ratio(numerator, denominator, n_resamples=300, seed=5)
    drawn = torch.randint(7, (300, 7), generator=torch.Generator().manual_seed(5)).tolist()
    for cell in range(5):
        low, high = slow_interval(numerator[:, cell].tolist(), denominator.tolist(), drawn, 0.95)
        assert float(found.low[cell]) == pytest.approx(low, abs=1e-5)
        assert float(found.high[cell]) == pytest.approx(high, abs=1e-5)


@pytest.mark.parametrize(("n_contrasts", "least", "most"), [(5, 0.74, 0.88), (20, 0.89, 0.96), (80, 0.92, 0.97)])
def test_intervals_hold_the_truth_as_often_as_they_say(n_contrasts, least, most):
    # Contrasts with a distance of 3 +- 1 and a true ratio of 0.4 with normal errors; 40 grids of 50 cells.
    generator = torch.Generator().manual_seed(2)
    hits = []
    for experiment in range(40):
        denominator = 3 + torch.randn(n_contrasts, generator=generator)
        numerator = 0.4 * denominator.unsqueeze(1) + torch.randn(n_contrasts, 50, generator=generator)
        low, high = bootstrap_ratio(numerator, denominator, n_resamples=200, seed=experiment)
        hits.append(((low <= 0.4) & (high >= 0.4)).float().mean())
    assert least <= float(torch.stack(hits).mean()) <= most


def test_one_contrast_says_nothing_about_the_spread():
    low, high = bootstrap_ratio(torch.ones(1, 3), torch.ones(1))
    assert low.isnan().all()
    assert high.isnan().all()
    assert low.shape == (3,)


def test_contrasts_that_agree_have_an_interval_without_width():
    low, high = bootstrap_ratio(torch.full((4, 2), 0.3), torch.full((4,), 1.5))
    assert torch.equal(low, high)
    torch.testing.assert_close(low, torch.full((2,), 0.2))
    nothing = bootstrap_ratio(torch.zeros(3, 1), torch.tensor([1.0, 2.0, 3.0]))
    assert (float(nothing.low), float(nothing.high)) == (0.0, 0.0)


def test_a_cell_has_the_same_interval_in_any_batch_and_the_seed_decides():
    numerator, denominator = torch.randn(6, 4), torch.rand(6) + 1
    together = bootstrap_ratio(numerator, denominator, seed=3)
    alone = bootstrap_ratio(numerator[:, 2:3], denominator, seed=3)
    assert together.low[2] == alone.low[0]
    assert together.high[2] == alone.high[0]
    assert bootstrap_ratio(numerator, denominator, seed=4).low[2] != alone.low[0]


def test_the_global_random_state_stays_as_it_was():
    before = torch.get_rng_state()
    bootstrap_ratio(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.ones(6))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_wider_level_gives_a_wider_interval():
    numerator, denominator = torch.randn(9, 1), torch.ones(9)
    narrow, wide = (bootstrap_ratio(numerator, denominator, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < numerator.mean() < narrow.high < wide.high


@pytest.mark.parametrize("options", [{"level": 0.0}, {"level": 1.0}, {"n_resamples": 0}])
def test_senseless_numbers_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        bootstrap_ratio(torch.ones(3, 1), torch.ones(3), **options)


def test_rank_correlation_is_that_of_ranks():
    first = torch.tensor([1.0, 2.0, 3.0, 400.0])
    assert rank_correlation(first, first**3) == pytest.approx(1.0)
    assert rank_correlation(first, -first) == pytest.approx(-1.0)
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert rank_correlation(torch.tensor([0.0, 5.0, 5.0, 9.0]), first) == pytest.approx(4.5 / math.sqrt(22.5))
    assert math.isnan(rank_correlation(torch.ones(3), first[:3]))
    assert math.isnan(rank_correlation(first[:1], first[:1]))


def test_bootstrap_of_counts_is_that_of_the_ratio_where_the_number_is_a_ratio():
    counts = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    of_counts = bootstrap_counts(counts, lambda sums: sums[..., :1] / sums[..., 1:], n_resamples=200, seed=3)
    of_ratio = bootstrap_ratio(counts[:, :1], counts[:, 1], n_resamples=200, seed=3)
    torch.testing.assert_close(of_counts.low, of_ratio.low)
    torch.testing.assert_close(of_counts.high, of_ratio.high)


def test_bootstrap_of_counts_with_one_group_or_nothing_counted_says_nothing():
    recall = lambda sums: sums[..., :1] / sums[..., 1:]
    assert bootstrap_counts(torch.ones(1, 2), recall).low.isnan().all()
    assert bootstrap_counts(torch.zeros(5, 2), recall).high.isnan().all()


def test_bootstrap_of_counts_passes_over_resamples_that_say_nothing():
    """One document in three has a positive: resamples without any count as the number itself."""
    counts = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    interval = bootstrap_counts(counts, lambda sums: sums[..., :1] / sums[..., 1:])
    assert interval.low == interval.high == 1.0
