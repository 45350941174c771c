"""Intervals hold the truth as often as they say, and resample documents, never tokens."""

import math

import pytest
import torch

from interp_nb.evaluation.intervals import MIN_DOCS, mean, ratios, share, too_little_text


def test_intervals_of_ratios_hold_the_truth_in_about_95_of_100_cases():
    """Documents of unlike lengths, their tokens alike within: tokens resampled would hold it in less than 60."""
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(200):
        lengths = torch.randint(5, 60, (40,), generator=generator).double()
        level = 2 + torch.randn(40, generator=generator).double()
        found = ratios({"mse": torch.stack([level * lengths, lengths], 1)}, {}, seed=0)["mse"]
        held += found.low <= 2 <= found.high
    assert 180 <= held <= 198


def test_more_tokens_in_the_same_documents_do_not_narrow_an_interval():
    sums = torch.rand(30, 2, dtype=torch.float64) + 0.5
    one, ten = (ratios({"mse": sums * n}, {}, seed=0)["mse"] for n in (1, 10))
    assert (one.value, one.low, one.high) == pytest.approx((ten.value, ten.low, ten.high))
    assert one.n == 30
    assert one.unit_resampled == "documents"


def test_few_documents_have_no_interval_and_the_words_say_so():
    sums = torch.rand(MIN_DOCS - 1, 2, dtype=torch.float64) + 0.5
    found = ratios({"mse": sums}, {}, seed=0)["mse"]
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert not math.isnan(found.value)
    assert "too little text for intervals: 4 documents, at least 5 are needed" in too_little_text(4)[0]
    assert "1 document," in too_little_text(1)[0]
    assert "too narrow" in too_little_text(19)[0]
    assert too_little_text(20) == []


def test_number_without_a_denominator_is_unknown():
    found = ratios({"mse": torch.zeros(8, 2, dtype=torch.float64)}, {}, seed=0)["mse"]
    assert math.isnan(found.value)


def test_share_of_all_is_not_certain():
    found = share(torch.ones(20, dtype=torch.bool))
    assert found.value == 1
    # Wilson: n / (n + z^2).
    assert found.low == pytest.approx(20 / (20 + 1.959964**2))
    assert found.high == 1
    assert math.isnan(share(torch.zeros(0, dtype=torch.bool)).value)


def test_mean_over_many_latents_has_the_interval_of_the_normal_distribution():
    values = torch.randn(50_000, dtype=torch.float64) + 3
    values[::7] = torch.nan
    found = mean(values, seed=0)
    known = values[~values.isnan()]
    assert found.n == len(known)
    assert found.value == pytest.approx(float(known.mean()))
    half = 1.96 * float(known.std()) / math.sqrt(len(known))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)
