"""The questions a label is tested with, drawn from held-out documents, and the answers that are kept apart from them.

Of one latent:

1. positives: firings drawn at random, and some from each quantile band of their strength;
2. negatives: tokens drawn at random on which it does not fire, and as many hard ones (`Corpus.hard`);
3. for fuzzing: windows in which it fires, once with the right tokens marked and once with as many wrong ones.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from interp_nb.features.corpus import N_NEIGHBORS, Corpus
from interp_nb.features.explain import Question
from interp_nb.features.records import TOP_BAND, Example, Feature
from interp_nb.sae.batches import CONTEXT_BEFORE

RANDOM: Final = "random"
SILENT: Final = "silent"
HARD: Final = "hard"


class Asked(NamedTuple):
    """Questions about one latent with what is true: the latter never goes to an explainer."""

    questions: tuple[Question, ...]
    """The windows, positives and negatives in mixed order."""
    values: Float64[np.ndarray, " question"]
    """The latent's activation on the marked tokens, the mean where there are several; 0 for negatives."""
    kinds: tuple[str, ...]
    """How each was drawn: "random", "band 0", ... for positives, "silent" and "hard" for negatives."""

    @property
    def fires(self) -> Bool[np.ndarray, " question"]:
        """Whether the latent fires on the marked tokens."""
        return self.values > 0

    def doc(self) -> np.ndarray:
        """Return the document of each question."""
        return np.array([question.doc for question in self.questions], np.int64)


class Sizes(NamedTuple):
    """How many questions of each kind there are at most for one latent."""

    n_random: int = 40
    """Firings drawn at random, and negatives of either kind."""
    n_per_band: int = 10
    """Firings from each quantile band."""
    n_fuzzing: int = 20
    """Windows for fuzzing, each asked about with right and with wrong marks."""


def detection(
    corpus: Corpus, feature: Feature, sizes: Sizes, rng: np.random.Generator, *, n_bands: int, weakest: float = 0.0
) -> Asked:
    """Draw the questions of detection; without a positive there are none.

    Args:
        n_bands: Quantile bands of the firings; "band 0" are the weakest.
        weakest: Weaker firings are not asked about, neither as positives nor as negatives.
    """
    rows, values = corpus.firings(feature.latent_idx)
    examples: list[Example] = []
    if len(rows) < n_bands * sizes.n_per_band:
        # Too rare for the token sample: the store's bands were drawn evenly from all firings as well.
        seen = set(zip(corpus.doc[rows].tolist(), corpus.pos[rows].tolist(), strict=True))
        even = [one for one in feature.examples if one.band != TOP_BAND and corpus.keeps(one.doc)]
        examples = [one for one in even if (one.doc, one.pos) not in seen]
        values = np.concatenate([values, np.array([one.value for one in examples], values.dtype)])
    band = np.argsort(np.argsort(values, kind="stable")) * n_bands // max(1, len(values))
    asked = np.flatnonzero(values >= weakest)
    if not len(asked):
        return Asked((), np.zeros(0), ())
    drawn = [(int(index), RANDOM) for index in rng.permutation(asked)[: sizes.n_random]]
    for number in range(n_bands):
        inside = rng.permutation(asked[band[asked] == number])[: sizes.n_per_band]
        drawn += [(int(index), f"band {number}") for index in inside]
    n_rows = len(rows)
    found = [
        (
            of_row(corpus, int(rows[index])) if index < n_rows else of_example(examples[index - n_rows]),
            float(values[index]),
            kind,
        )
        for index, kind in drawn
    ]
    silent = corpus.silent(feature.latent_idx, sizes.n_random, rng)
    hard = hard_rows(corpus, feature, sizes.n_random, rng)
    found += [(of_row(corpus, int(row)), 0.0, SILENT) for row in silent]
    found += [(of_row(corpus, int(row)), 0.0, HARD) for row in hard]
    return _mixed(found, rng)


def fuzzing(corpus: Corpus, feature: Feature, sizes: Sizes, rng: np.random.Generator) -> Asked:
    """Draw the questions of fuzzing from windows in which the latent does not fire on everything."""
    inside = [example for example in feature.examples if corpus.keeps(example.doc)]
    found: list[tuple[Question, float, str]] = []
    for index in rng.permutation(len(inside)):
        example = inside[index]
        right, silent = np.flatnonzero(example.values > 0), np.flatnonzero(example.values == 0)
        if not len(right) or not len(silent) or len(found) >= 2 * sizes.n_fuzzing:
            continue
        wrong = np.sort(rng.permutation(silent)[: len(right)])
        found.append((of_example(example, right), float(example.values[right].mean()), RANDOM))
        found.append((of_example(example, wrong), 0.0, SILENT))
    return _mixed(found, rng)


def hard_rows(corpus: Corpus, feature: Feature, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of hard negatives of a latent, see `Corpus.hard`."""
    tokens = corpus.token_ids[corpus.firings(feature.latent_idx).rows]
    if not len(tokens):
        inside = [example for example in feature.examples if corpus.keeps(example.doc)]
        tokens = np.array([example.token_ids[example.at] for example in inside], np.int32)
    near = [*feature.neighbors[:N_NEIGHBORS], *feature.cofiring[:N_NEIGHBORS]]
    others = sorted({int(other) for other, _ in near} - {feature.latent_idx})
    return corpus.hard(feature.latent_idx, tokens, others, n, rng)


def of_row(corpus: Corpus, row: int) -> Question:
    """Ask about the token of a row."""
    return _question(
        corpus.contexts[row], (CONTEXT_BEFORE,), int(corpus.doc[row]), int(corpus.pos[row]), CONTEXT_BEFORE
    )


def of_example(example: Example, marked: Sequence[int] | np.ndarray | None = None) -> Question:
    """Ask about the firing token of an example, or about the tokens that are marked."""
    marks = (example.at,) if marked is None else tuple(int(index) for index in marked)
    return _question(example.token_ids, marks, example.doc, example.pos, example.at)


def _question(ids: np.ndarray, marked: tuple[int, ...], doc: int, pos: int, at: int) -> Question:
    """Cut off what lies beyond the window."""
    real = np.flatnonzero(ids >= 0)
    first, last = int(real[0]), int(real[-1]) + 1
    return Question(
        np.asarray(ids[first:last], np.int32), tuple(index - first for index in marked), doc, pos, at - first
    )


def _mixed(found: list[tuple[Question, float, str]], rng: np.random.Generator) -> Asked:
    """Put questions into an order that gives nothing away."""
    order = [found[index] for index in rng.permutation(len(found))]
    return Asked(
        tuple(question for question, _, _ in order),
        np.array([value for _, value, _ in order], float),
        tuple(kind for _, _, kind in order),
    )
