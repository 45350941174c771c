"""The best latent and threshold for every concept on one half of the documents, and what they are worth on the other.

Choosing is exact: every value that a latent takes on a token with the concept is tried as its threshold.

1. A latent's pairs are sorted by value, the largest first. The rank of a value is how many tokens reach it, ties
   counted, so equal values are never told apart.
2. Of a concept held by n tokens, the j-th of which by value has rank r: precision j / r, recall j / n, so
   F1 = 2 j / (r + n).
3. The largest F1 over latents and ranks wins; of equal ones the first. The threshold is half-way to the next value.

Scoring counts, per document of the other half, tokens it says yes to rightly, says yes to, and should say yes to.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int32, Int64
from torch import Tensor

from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary, Pairs

N_COUNTS: Final = 3


class Chosen(NamedTuple):
    """For every concept the latent and the threshold with the best F1 on the half that is chosen on."""

    latent_idx: Int64[np.ndarray, " concept"]
    """-1 where no latent was active on a token with the concept."""
    threshold: Float64[np.ndarray, " concept"]
    """It says yes above this."""
    f1: Float64[np.ndarray, " concept"]
    """F1 there, on what it was chosen for: too good by the choice."""


class Counts(NamedTuple):
    """What answers and truth of all concepts came to in each document that is scored."""

    right: Float[Tensor, "doc concept"]
    """Tokens said yes to that have the concept."""
    said: Float[Tensor, "doc concept"]
    """Tokens said yes to."""
    true: Float[Tensor, "doc concept"]
    """Tokens that have the concept."""

    def stacked(self) -> Float[Tensor, "doc count"]:
        """Put the three beside each other, for `_stats.bootstrap_counts`."""
        return torch.cat(list(self), 1)


def f1_of(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch concept"]:
    """Give F1 = 2 right / (said + true) from sums of `Counts.stacked`; NaN where no token has the concept."""
    right, said, true = sums.chunk(N_COUNTS, -1)
    return torch.where(true > 0, 2 * right / (said + true), torch.nan)


def choose(dictionary: Dictionary, concepts: Concepts) -> Chosen:
    """Choose a latent and a threshold for every concept, on the half that is not scored."""
    best = Chosen(np.full(concepts.n, -1), np.full(concepts.n, np.inf), np.zeros(concepts.n))
    if not concepts.n:
        return best
    there = np.bincount(_valid(concepts.half(scored=False).of_row), minlength=concepts.n)
    for block in dictionary.blocks():
        keep = ~concepts.scored[block.rows]
        found = best_in(Pairs(*(column[keep] for column in block)), concepts.of_row, there)
        better = found.f1 > best.f1
        for mine, new in zip(best, found, strict=True):
            mine[better] = new[better]
    for concept in np.flatnonzero(best.latent_idx >= 0):
        pairs = dictionary.of(int(best.latent_idx[concept]))
        best.threshold[concept] = _below(pairs.values[~concepts.scored[pairs.rows]], best.threshold[concept])
    return best


def best_in(
    pairs: Pairs, of_row: Int32[np.ndarray, "row field"], there: Int64[np.ndarray, " concept"]
) -> Chosen:  # fmt: skip
    """Find the best F1 of every concept among some latents; the threshold is the smallest value said yes to.

    Args:
        there: How many tokens have each concept.
    """
    n_concepts = len(there)
    best = Chosen(np.full(n_concepts, -1), np.full(n_concepts, np.inf), np.zeros(n_concepts))
    if not len(pairs.latents):
        return best
    order = np.lexsort((-pairs.values, pairs.latents))
    latents, values = pairs.latents[order], pairs.values[order]
    rank = _ranks(latents, values)
    labels = of_row[pairs.rows[order]]
    pair, column = np.nonzero(labels >= 0)
    if not len(pair):
        return best
    concept = labels[pair, column].astype(np.int64)
    # Stable: inside a group of one latent and one concept, values stay sorted.
    key = (latents[pair] - latents[0]) * np.int64(n_concepts) + concept
    grouped = np.argsort(key, kind="stable")
    key, pair, concept = key[grouped], pair[grouped], concept[grouped]
    f1 = 2 * _place_in_group(key) / (rank[pair] + there[concept])
    start = np.flatnonzero(np.diff(key, prepend=-1))
    of_group, most = concept[start], np.maximum.reduceat(f1, start)
    by_concept = np.lexsort((-most, of_group))
    winners = by_concept[np.flatnonzero(np.diff(of_group[by_concept], prepend=-1))]
    ends = np.append(start[1:], len(key))
    for group in winners.tolist():
        entry = start[group] + int(f1[start[group] : ends[group]].argmax())
        which = of_group[group]
        best.latent_idx[which] = latents[pair[entry]]
        best.threshold[which] = values[pair[entry]]
        best.f1[which] = f1[entry]
    return best


def score(dictionary: Dictionary, concepts: Concepts, chosen: Chosen) -> Counts:
    """Count what the chosen latents say on the half that is scored, document by document."""
    tally = _Tally(concepts)
    for concept, (latent_idx, threshold) in enumerate(zip(chosen.latent_idx, chosen.threshold, strict=True)):
        if latent_idx < 0:
            continue
        pairs = dictionary.of(int(latent_idx))
        says = np.zeros(len(concepts.doc), bool)
        says[pairs.rows[pairs.values > threshold]] = True
        tally.says(concept, says)
    return tally.counts()


def score_answers(answers: Bool[np.ndarray, "row concept"], concepts: Concepts) -> Counts:
    """Count answers that are given for every row and concept, on the half that is scored."""
    tally = _Tally(concepts)
    for concept in range(concepts.n):
        tally.says(concept, answers[:, concept])
    return tally.counts()


def best_cut(scores: Float[np.ndarray, " row"], has: Bool[np.ndarray, " row"]) -> float:
    """Give the cut of one score that tells a concept with the best F1."""
    pairs = Pairs(np.zeros(len(scores), np.int32), np.arange(len(scores), dtype=np.int32), scores.astype(np.float32))
    labels = np.where(has, 0, -1).astype(np.int32)[:, None]
    found = best_in(pairs, labels, np.array([int(has.sum())]))
    return _below(pairs.values, float(found.threshold[0])) if found.latent_idx[0] >= 0 else np.inf


class _Tally:
    """Counts of one set of answers, over the documents that are scored."""

    def __init__(self, concepts: Concepts) -> None:
        self._concepts = concepts
        self._docs, place = np.unique(concepts.doc[concepts.scored], return_inverse=True)
        self._place = np.full(len(concepts.doc), -1)
        self._place[concepts.scored] = place
        self._has = concepts.table()
        self._made = np.zeros((N_COUNTS, len(self._docs), concepts.n))
        for concept in range(concepts.n):
            self._made[2, :, concept] = self._by_document(self._has[:, concept])

    def says(self, concept: int, says: Bool[np.ndarray, " row"]) -> None:
        self._made[0, :, concept] = self._by_document(says & self._has[:, concept])
        self._made[1, :, concept] = self._by_document(says)

    def counts(self) -> Counts:
        return Counts(*torch.from_numpy(self._made))

    def _by_document(self, marked: Bool[np.ndarray, " row"]) -> Int64[np.ndarray, " doc"]:
        return np.bincount(self._place[marked & self._concepts.scored], minlength=len(self._docs))


def _valid(of_row: Int32[np.ndarray, "row field"]) -> Int32[np.ndarray, " value"]:
    return of_row[of_row >= 0]


def _ranks(latents: Int32[np.ndarray, " pair"], values: np.ndarray) -> Int64[np.ndarray, " pair"]:
    """Say how many pairs of the same latent reach each value; equal values share the largest rank."""
    n = len(latents)
    begins = np.diff(latents, prepend=-1) != 0
    changes = begins | (np.diff(values, prepend=np.nan) != 0)
    start = np.flatnonzero(begins)
    run = np.flatnonzero(changes)
    last = np.append(run[1:], n) - 1
    end = np.repeat(last, np.diff(np.append(run, n)))
    return end + 1 - np.repeat(start, np.diff(np.append(start, n)))


def _place_in_group(key: Int64[np.ndarray, " entry"]) -> Int64[np.ndarray, " entry"]:
    """Number the entries of each run of equal keys from 1."""
    start = np.flatnonzero(np.diff(key, prepend=-1))
    return np.arange(len(key)) - np.repeat(start, np.diff(np.append(start, len(key)))) + 1


def _below(values: np.ndarray, smallest: float) -> float:
    """Put a threshold half-way between the smallest value said yes to and the next; where a latent is silent, 0."""
    lower = values[values < smallest]
    if len(lower):
        return float((smallest + lower.max()) / 2)
    return 0.0 if smallest > 0 else float(np.nextafter(np.float32(smallest), np.float32(-np.inf)))
