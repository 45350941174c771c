"""On which share of places a latent fires, given the last tokens, and how far that can be relied on.

Steps 1 to 3 of the `tokens` explainer; what becomes of them is in `ngrams`.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from interp_nb.features.corpus import Corpus, kinds_of_text
from interp_nb.sae.batches import CONTEXT_BEFORE

Unseen = Literal["documents", "kinds"]
"""What a label has to hold on: other documents, or kinds of text never seen."""

N_FOLDS: Final = 8
MIN_FOLDS: Final = 5
"""Fewest folds with at least `MIN_FIRINGS` firings: a label has to hold on most of the text."""
MIN_FIRINGS: Final = {"documents": 1, "kinds": 3}
"""A stray firing or two say little of a kind of text; folds of documents are all alike."""
LEANING: Final = 2.0
"""How many sightings of an n-gram weigh as much as what the shorter one says."""
FLOOR: Final = 0.02
"""Least share that can count as a yes: below, an n-gram was seen with as good as no firing."""
LEAST_CHANGE: Final = 0.5
"""N-grams that change less than half a judgment are left out of a rule."""
MAX_NGRAMS: Final = 128
"""N-grams of a rule at most: those that change most judgments."""
VIEWS: Final[dict[str, tuple[int, ...]]] = {"token": (0, 1, 2), "follows": (1, 0, 2), "before": (1, 2, 3)}
"""How far back the tokens lie that are told one after another."""


class _Level(NamedTuple):
    """The n-grams of one length near a latent's firings."""

    keys: Int64[np.ndarray, " ngram"]
    """Their tokens as one number each, see `Places`."""
    shares: Float64[np.ndarray, " ngram"]
    """Share of places on which the latent fires, leaning on that of the shorter n-gram."""
    firings: Float64[np.ndarray, " ngram"]
    changes: Float64[np.ndarray, " ngram"]
    """How far the shares are from those of the shorter n-grams, times the places."""


class Fit(NamedTuple):
    """What one view says of one latent."""

    view: str
    accuracy: float
    """Cross-validated balanced accuracy."""
    threshold: float
    """Share from which on it says yes."""
    levels: tuple[_Level, ...]
    """The n-grams it is made of, by length."""


class Rule(NamedTuple):
    """What predicts by a view."""

    shares: dict[tuple[int, ...], float]
    """Share by n-gram, in the view's order; one that is not there has that of its beginning, or 0."""
    firings: dict[tuple[int, ...], int]
    """Firings by n-gram."""

    def named(self, threshold: float) -> list[tuple[int, ...]]:
        """List the shortest n-grams that say yes, those with the most firings first."""
        yes = {ngram for ngram, share in self.shares.items() if share > threshold}
        shortest = [ngram for ngram in yes if not any(ngram[:length] in yes for length in range(1, len(ngram)))]
        return sorted(shortest, key=lambda ngram: (-self.firings[ngram], ngram))


class Places:
    """The n-grams of a corpus, in every view, numbered."""

    def __init__(self, corpus: Corpus, unseen: Unseen) -> None:
        self.corpus = corpus
        self.folds = kinds_of_text(corpus, N_FOLDS) if unseen == "kinds" else _dealt(corpus.doc, N_FOLDS)
        self.weakest = corpus.weakest()
        self._enough = MIN_FIRINGS[unseen]
        self._base = int(max(corpus.contexts.max(), 0)) + 2
        self._n_tokens = np.bincount(corpus.token_ids, minlength=self._base)
        self._codes = {view: self._numbered(offsets) for view, offsets in VIEWS.items()}

    def _numbered(
        self, offsets: tuple[int, ...]
    ) -> list[tuple[Int64[np.ndarray, " ngram"], Int64[np.ndarray, " row"]]]:
        """List the n-grams of each length, and the number of each row's."""
        keys = np.zeros(len(self.corpus), np.int64)
        found = []
        for offset in offsets:
            # In base d_vocab + 2: three tokens of the largest vocabularies (2^20) fit 63 bits.
            keys = keys * self._base + self.corpus.contexts[:, CONTEXT_BEFORE - offset].astype(np.int64) + 1
            ngrams, number = np.unique(keys, return_inverse=True)
            found.append((ngrams, number))
        return found

    def fit(self, fires: Bool[np.ndarray, " row"], view: str) -> Fit:
        """Find the shares of a view and how far they can be relied on."""
        levels = self._codes[view]
        first = levels[0][1]
        active = np.zeros(len(levels[0][0]), bool)
        active[first[fires]] = True
        rows = np.flatnonzero(active[first])  # nothing fires anywhere else, so nothing is predicted there
        fired, fold = fires[rows], self.folds[rows]
        held_out, all_in = np.zeros(len(rows)), np.zeros(len(rows))
        found = []
        for ngrams, number in levels:
            kept, place = _compact(number[rows], len(ngrams))
            n, k = np.bincount(place), np.bincount(place, fired)
            cell = place * N_FOLDS + fold
            n_fold = np.bincount(cell, minlength=len(kept) * N_FOLDS)[cell]
            k_fold = np.bincount(cell, fired, minlength=len(kept) * N_FOLDS)[cell]
            held_out = (k[place] - k_fold + LEANING * held_out) / (n[place] - n_fold + LEANING)
            one = np.zeros(len(kept), np.int64)
            one[place] = np.arange(len(rows))
            shorter = all_in[one]
            shares = (k + LEANING * shorter) / (n + LEANING)
            found.append(_Level(ngrams[kept], shares, k, np.abs(shares - shorter) * n))
            all_in = shares[place]
        return Fit(view, *self._threshold(fires, rows, held_out), tuple(found))

    def _threshold(
        self, fires: Bool[np.ndarray, " row"], rows: Int64[np.ndarray, " near"], held_out: Float64[np.ndarray, " near"]
    ) -> tuple[float, float]:
        """Find the share from which on to say yes, and the balanced accuracy that it gives."""
        per_fold = np.bincount(self.folds[fires], minlength=N_FOLDS)
        counted = per_fold >= self._enough
        if counted.sum() < MIN_FOLDS:
            return 0.0, 1.0
        tokens = self.corpus.token_ids
        firings = np.bincount(tokens[fires], minlength=self._base)
        silent = self._n_tokens - firings
        fired, fold = fires[rows], self.folds[rows]
        recall = np.where(fired & counted[fold], 1 / np.maximum(per_fold[fold], 1) / counted.sum(), 0.0)
        alike = np.where(fired, 0.0, firings[tokens[rows]] / np.maximum(silent[tokens[rows]], 1))
        order = np.argsort(-held_out, kind="stable")
        shares = held_out[order]
        alarms = np.cumsum(~fired[order]) / max(1, int(silent.sum()))
        hard = np.cumsum(alike[order]) / firings[silent > 0].sum() if (firings[silent > 0] > 0).any() else alarms
        balanced = (np.cumsum(recall[order]) + 1 - (alarms + hard) / 2) / 2
        last_of_its_share = np.append(shares[1:] != shares[:-1], True) & (shares > FLOOR)
        if not last_of_its_share.any():
            return 0.0, 1.0
        at = int(np.argmax(np.where(last_of_its_share, balanced, -1.0)))
        below = shares[at + 1] if at + 1 < len(shares) else 0.0
        return float(balanced[at]), float((shares[at] + below) / 2)

    def rule(self, fit: Fit) -> Rule:
        """Take the n-grams of a fit that change most judgments."""
        changes = np.concatenate([level.changes for level in fit.levels])
        enough = np.sort(changes)[-MAX_NGRAMS] if len(changes) > MAX_NGRAMS else 0.0
        found: list[tuple[tuple[int, ...], float, float, float]] = []
        for length, level in enumerate(fit.levels, 1):
            some = np.flatnonzero((level.changes > LEAST_CHANGE) & (level.changes >= enough))
            columns = (column[some].tolist() for column in (-level.changes, level.shares, level.firings))
            found += zip(self._tokens(level.keys[some], length), *columns, strict=True)
        kept = sorted(sorted(found, key=lambda each: (each[1], each[0]))[:MAX_NGRAMS])
        return Rule({ngram: round(share, 4) for ngram, _, share, _ in kept}, {ngram: int(n) for ngram, _, _, n in kept})

    def _tokens(self, keys: Int64[np.ndarray, " ngram"], length: int) -> list[tuple[int, ...]]:
        """Turn numbers of n-grams back into tokens."""
        columns = []
        for _ in range(length):
            keys, token = np.divmod(keys, self._base)
            columns.append((token - 1).tolist())
        return list(zip(*reversed(columns), strict=True))


def _compact(
    numbers: Int64[np.ndarray, " row"], n: int
) -> tuple[Int64[np.ndarray, " kept"], Int64[np.ndarray, " row"]]:
    """Number afresh: `np.unique` with its inverse, of numbers below n that need no sorting."""
    there = np.zeros(n, bool)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def _dealt(doc: Int64[np.ndarray, " row"], n_folds: int) -> Int64[np.ndarray, " row"]:
    """Deal documents out to folds, all rows of one to the same."""
    ids, number = np.unique(doc, return_inverse=True)
    dealt: Int64[np.ndarray, " row"] = (np.random.default_rng(0).permutation(len(ids)) % n_folds)[number]
    return dealt
