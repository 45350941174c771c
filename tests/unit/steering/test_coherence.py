"""Whether text is text: numbers on paper, and what is said of loops, of little variety and of gibberish."""

import math

import pytest

from interp_nb.steering.coherence import (
    DISTINCT_SHARE,
    REPEATED_SHARE,
    SHORTEST,
    degeneration,
    distinct_n,
    mean_surprise,
    perplexity,
    repetition,
)

FINE = [f"w{at}" for at in range(20)]


@pytest.mark.parametrize(
    ("tokens", "n", "expected"),
    [
        ("abab", 1, 2 / 4),
        ("abab", 2, 2 / 3),
        ("abcd", 2, 1.0),
        ("aaaa", 2, 1 / 3),
        ([5, 5, 7, 5, 5], 2, 3 / 4),
        (["x", "y"], 2, 1.0),
    ],
)
def test_distinct_n_is_what_paper_says(tokens, n, expected):
    assert distinct_n(tokens, n) == pytest.approx(expected)
    assert repetition(tokens, n) == pytest.approx(1 - expected)


def test_texts_too_short_for_a_number_give_nan():
    assert math.isnan(distinct_n("a", 2))
    assert math.isnan(repetition("abc"))
    assert math.isnan(perplexity([]))
    assert math.isnan(mean_surprise([]))


def test_perplexity_is_what_a_model_wavers_between():
    assert perplexity([math.log(0.25)] * 3) == pytest.approx(4.0)
    # The geometric mean, not that of probabilities.
    assert perplexity([math.log(0.5), math.log(0.125)]) == pytest.approx(4.0)
    assert math.isinf(perplexity([-math.inf, -1.0]))
    assert perplexity([-5000.0]) > 1e300


def test_nothing_is_said_of_text_that_is_fine():
    assert degeneration(FINE, [-2.0] * 20) == []
    assert degeneration(FINE, [-2.0] * 20, baseline=FINE, baseline_log_probs=[-2.0] * 20) == []


def test_a_loop_is_said_once():
    assert degeneration(list("ab" * 8)) == ["it repeats itself: 85% of its runs of 4 tokens were there before"]


def test_text_that_varies_little_is_said():
    # Pairs come back, runs of four hardly do.
    tokens = list("abcabdabeabfabgabhab")
    assert repetition(tokens) < REPEATED_SHARE
    said = degeneration(tokens, baseline=FINE)
    assert said == [f"it varies little: {distinct_n(tokens):.0%} of its pairs of tokens are different"]
    assert distinct_n(tokens) < DISTINCT_SHARE


def test_the_baseline_is_the_yardstick_where_there_is_one():
    loop = list("abcd" * 5)
    assert degeneration(loop) != []
    assert degeneration(loop, baseline=loop) == []
    # Ten times as unlikely a token as its own text is too much, and a thousand-fold perplexity with none.
    assert degeneration(FINE, [-3.4] * 20, baseline=FINE, baseline_log_probs=[-1.0] * 20) == [
        "the unsteered model finds it unlikely: perplexity 30, its own text 2.72"
    ]
    assert degeneration(FINE, [-3.2] * 20, baseline=FINE, baseline_log_probs=[-1.0] * 20) == []
    assert degeneration(FINE, [-6.8] * 20) == []
    assert degeneration(FINE, [-7.0] * 20) == ["the unsteered model finds it unlikely: perplexity 1.1e+03"]


def test_short_texts_are_not_judged():
    assert degeneration("a" * (SHORTEST - 1), [-20.0] * (SHORTEST - 1)) == []
    assert degeneration("a" * SHORTEST) != []
    # A short baseline is no yardstick: the absolute bound holds.
    assert degeneration(list("ab" * 8), baseline="aaaaaaa") != []
