"""Whether generated text is still text: repetition, distinct n-grams, perplexity under the model as it is.

Numbers of one text. A text too short for a number gives NaN, never 0: nothing was measured. What a sweep makes of them
over many prompts is in `sweep`.
"""

from collections.abc import Hashable, Sequence
from math import exp, isfinite, log, nan
from typing import Final

REPEATED_N: Final = 4
"""Length of the n-grams whose repetition counts (Welleck et al. 2020, seq-rep-4)."""
SHORTEST: Final = 12
"""Tokens below which nothing is said about a text: one repeated word would decide."""
REPEATED_SHARE: Final = 0.4
"""Share of repeated 4-grams that is too much with no baseline at hand: people repeat less than 1 % of them, a language
model that decodes greedily and loops about 44 % (Welleck et al. 2020, on WikiText-103)."""
REPEATED_MORE: Final = 0.2
"""The same beyond the baseline's share: one 4-gram in five is a phrase of six words said twice in twenty."""
DISTINCT_LEAST: Final = 0.5
"""Share of distinct bigrams that is too little with no baseline at hand: every bigram is there twice."""
DISTINCT_SHARE: Final = 0.8
"""Share of the baseline's distinct-2 that has to be left, here and in the choice of a sweep."""
SURPRISE_MORE: Final = log(10.0)
"""Nats per token beyond the baseline's: the model as it is finds each token ten times less likely than its own."""
SURPRISE_MOST: Final = log(1000.0)
"""Nats per token with no baseline at hand: text that people write, or a model samples, has a perplexity of tens, and
words drawn at random from a vocabulary one of thousands."""


def distinct_n(tokens: Sequence[Hashable], n: int = 2) -> float:
    """Give the share of n-grams in a text that are different from each other.

    distinct-n = different n-grams / n-grams; 1 = nothing is said twice. Li et al. divide by the tokens instead, which
    short texts feel: five different tokens would have a distinct-2 of 0.8. NaN below n tokens.

    Source: Li et al. 2016 (distinct-1, distinct-2), https://arxiv.org/abs/1510.03055.
    """
    grams = n_grams(tokens, n)
    return len(set(grams)) / len(grams) if grams else nan


def repetition(tokens: Sequence[Hashable], n: int = REPEATED_N) -> float:
    """Give the share of n-grams in a text that were there before: 1 - distinct-n.

    0 = none, near 1 = a loop; NaN below n tokens.

    Source: Welleck et al. 2020 (seq-rep-n), https://arxiv.org/abs/1908.04319.
    """
    return 1.0 - distinct_n(tokens, n)


def perplexity(log_probs: Sequence[float]) -> float:
    """Give how many tokens a model wavers between on average: exp(-mean log-probability).

    Args:
        log_probs: Of the generated tokens, given the prompt, under the model whose judgment counts: for steered text
            the unsteered model. In nats; NaN with no token.
    """
    surprise = mean_surprise(log_probs)
    return exp(min(surprise, 700.0)) if isfinite(surprise) else surprise


def mean_surprise(log_probs: Sequence[float]) -> float:
    """Give the mean of -log-probability, in nats per token; NaN with no token."""
    return -sum(log_probs) / len(log_probs) if len(log_probs) else nan


def n_grams(tokens: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """List all runs of n tokens, repeated ones included."""
    return [tuple(tokens[at : at + n]) for at in range(len(tokens) - n + 1)]


def degeneration(
    tokens: Sequence[Hashable],
    log_probs: Sequence[float] = (),
    *,
    baseline: Sequence[Hashable] = (),
    baseline_log_probs: Sequence[float] = (),
) -> list[str]:
    """Say in words what is wrong with a text, if anything.

    Texts of less than 12 tokens are not judged, and a baseline that short is no yardstick.

    Args:
        tokens: The generated text's, without the prompt: ids or strings.
        log_probs: Of its tokens under the unsteered model; left out = not judged.
        baseline: What the unsteered model says after the same prompt.
        baseline_log_probs: Of the baseline's tokens under the unsteered model.

    Returns:
        One clause per fault; none = nothing found.
    """
    if len(tokens) < SHORTEST:
        return []
    has_baseline = len(baseline) >= SHORTEST
    said = []
    repeated, distinct = repetition(tokens), distinct_n(tokens)
    allowed = repetition(baseline) + REPEATED_MORE if has_baseline else REPEATED_SHARE
    if repeated > allowed:
        said.append(f"it repeats itself: {repeated:.0%} of its runs of {REPEATED_N} tokens were there before")
    least = DISTINCT_SHARE * distinct_n(baseline) if has_baseline else DISTINCT_LEAST
    # A loop is said once.
    if distinct < least and not said:
        said.append(f"it varies little: {distinct:.0%} of its pairs of tokens are different")
    judged = has_baseline and len(baseline_log_probs) > 0
    surprise = mean_surprise(log_probs)
    if surprise > (mean_surprise(baseline_log_probs) + SURPRISE_MORE if judged else SURPRISE_MOST):
        compared = f", its own text {_number(perplexity(baseline_log_probs))}" if judged else ""
        said.append(f"the unsteered model finds it unlikely: perplexity {_number(perplexity(log_probs))}{compared}")
    return said


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1e6 else f"{value:.0e}"
