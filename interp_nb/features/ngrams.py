"""The `tokens` explainer: labels from the tokens and n-grams on which a latent fires. No model, no answer key.

For each latent, from tokens drawn evenly from the text:

1. Three views of a place, each a list of tokens told one after another: "token" (the token there, the one before, the
   one before that), "follows" (the one before, the token there, ...) and "before" (the three before, not the token).
2. In each view, the share of places on which the latent fires given the first, the first two, all three; each share
   leans on that of the shorter n-gram, the more so the fewer times the longer one was seen.
3. Cross-validation: shares are predicted for every fold from the others. Folds are documents dealt out at random, or
   kinds of text (clusters of documents by their words), where labels have to hold on kinds of text never seen. Recall
   is the mean over folds; false alarms count half at random places, half at places with the tokens of its firings.
4. The view and the share from which on it says yes are those of the best balanced accuracy. There is a label where that
   accuracy, less one standard error over the folds, is at least `CLAIMS_FROM`. There is none to hold on unseen kinds of
   text for latents whose firings hover at the threshold: what little fires them elsewhere is something else.

Source of the shares: Jelinek and Mercer 1980, Interpolated estimation of Markov source parameters from sparse data.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from interp_nb._errors import ConfigError
from interp_nb.features.corpus import Corpus, kinds_of_text
from interp_nb.features.explain import Evidence, Explanation, Judgment, Question
from interp_nb.sae.batches import CONTEXT_BEFORE

Unseen = Literal["documents", "kinds"]

CLAIMS_FROM: Final = 0.8
"""Least cross-validated balanced accuracy, less its standard error over folds, at which a label is given."""
HOVERS: Final = 2.0
"""Firings hover at the threshold where their median is below so many times the weakest firings of any latent (their
first percentile). The weakest firings of an SAE are mostly noise (Bricken et al. 2023, Towards Monosemanticity)."""
MIN_DOCS: Final = 8
"""Fewest documents with a firing from which a label is made."""
N_FOLDS: Final = 8
MIN_FOLDS: Final = 5
"""Fewest folds with at least `MIN_FIRINGS` firings: a label has to hold on most of the text."""
MIN_FIRINGS: Final = {"documents": 1, "kinds": 3}
"""A stray firing or two say little of a kind of text; folds of documents are all alike."""
LEANING: Final = 2.0
"""How many sightings of an n-gram weigh as much as what the shorter one says."""
FLOOR: Final = 0.02
"""Least share that can count as a yes: below, an n-gram was seen with as good as no firing."""
AS_GOOD: Final = 0.01
"""Views whose accuracies differ by less are equally good: the one that needs fewer n-grams is taken."""
MAX_NGRAMS: Final = 128
"""N-grams of a rule at most: those that change most judgments."""
MAX_NAMED: Final = 5
"""N-grams that a label names."""
VIEWS: Final[dict[str, tuple[int, ...]]] = {"token": (0, 1, 2), "follows": (1, 0, 2), "before": (1, 2, 3)}
"""How far back the tokens lie that are told one after another."""


class TokensExplainer:
    """Explains latents by tokens and n-grams.

    Args:
        unseen: What a label has to hold on: other documents of the same kinds, or kinds of text never seen.
        claims_from: Least balanced accuracy, see above, at which a label is given, 0.5 to 1.

    Raises:
        ConfigError: an argument makes no sense.
    """

    name = "tokens"
    free = True

    def __init__(self, unseen: Unseen = "documents", claims_from: float = CLAIMS_FROM) -> None:
        if unseen not in ("documents", "kinds"):
            raise ConfigError(f"unseen must be 'documents' or 'kinds', got {unseen!r}")
        if not 0.5 <= claims_from <= 1:
            raise ConfigError(f"claims_from is a balanced accuracy, from 0.5 to 1, got {claims_from}")
        self.unseen, self.claims_from = unseen, claims_from
        self._places: _Places | None = None

    def explain_all(self, evidence: Sequence[Evidence]) -> list[Explanation]:
        """Explain latents, see `Explainer.explain_all`."""
        return [self._explain(one) for one in evidence]

    def judge_all(self, judgments: Sequence[Judgment]) -> list[Float64[np.ndarray, " question"]]:
        """Look the n-grams before the marked tokens up, see `Explainer.judge_all`."""
        return [
            np.array([_said(judgment.explanation.rule, question) for question in judgment.questions], float)
            for judgment in judgments
        ]

    def _explain(self, evidence: Evidence) -> Explanation:
        if self._places is None or self._places.corpus is not evidence.corpus:
            self._places = _Places(evidence.corpus, self.unseen)
        places, latent_idx = self._places, evidence.latent_idx
        n_docs = len(np.unique(evidence.corpus.doc[evidence.rows]))
        if n_docs < MIN_DOCS:
            return Explanation(latent_idx, "", error=f"fires in {n_docs} of the sampled documents, {MIN_DOCS} needed")
        if self.unseen == "kinds" and np.median(evidence.values) < HOVERS * places.weakest:
            return Explanation(latent_idx, "", error="its firings hover at the activation threshold")
        fires = np.zeros(len(evidence.corpus), bool)
        fires[evidence.rows] = True
        fits = [places.fit(fires, view) for view in VIEWS]
        good = [fit for fit in fits if fit.accuracy >= max(fit.accuracy for fit in fits) - AS_GOOD]
        best = min(good, key=lambda fit: (len(_named(fit)), -fit.accuracy))
        if best.accuracy < self.claims_from:
            return Explanation(
                latent_idx,
                "",
                error=f"tokens do not explain it: balanced accuracy {best.accuracy:.2f} on {self.unseen}",
            )
        rule = {
            "view": best.view, "threshold": best.threshold, "cross_validated": best.accuracy,
            "shares": {" ".join(map(str, ngram)): share for ngram, share in best.shares.items()},
        }  # fmt: skip
        return Explanation(latent_idx, _words(best, evidence.corpus), rule)


class _Fit(NamedTuple):
    """What one view says of one latent."""

    view: str
    accuracy: float
    """Cross-validated balanced accuracy."""
    error: float
    """Its standard error over folds."""
    threshold: float
    """Share from which on it says yes."""
    shares: dict[tuple[int, ...], float]
    """Share by n-gram, in the view's order; one that is not there has that of its beginning, or 0."""
    firings: dict[tuple[int, ...], int]
    """Firings by n-gram."""


class _Places:
    """The n-grams of a corpus, in every view, numbered."""

    def __init__(self, corpus: Corpus, unseen: Unseen) -> None:
        self.corpus = corpus
        self.folds = kinds_of_text(corpus, N_FOLDS) if unseen == "kinds" else _dealt(corpus.doc, N_FOLDS)
        self.weakest = corpus.weakest()
        self._enough = MIN_FIRINGS[unseen]
        self._base = int(max(corpus.contexts.max(), 0)) + 2
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

    def fit(self, fires: Bool[np.ndarray, " row"], view: str) -> _Fit:
        """Find the shares of a view and how far they can be relied on."""
        levels = self._codes[view]
        first = levels[0][1]
        active = np.zeros(len(levels[0][0]), bool)
        active[first[fires]] = True
        rows = np.flatnonzero(active[first])  # nothing fires anywhere else, so nothing is predicted there
        fired, fold = fires[rows], self.folds[rows]
        held_out, all_in = np.zeros(len(rows)), np.zeros(len(rows))
        shares: dict[tuple[int, ...], float] = {}
        firings: dict[tuple[int, ...], int] = {}
        changes: list[tuple[float, tuple[int, ...]]] = []
        for length, (ngrams, number) in enumerate(levels, 1):
            kept, place = np.unique(number[rows], return_inverse=True)
            n, k = np.bincount(place), np.bincount(place, fired)
            cell = place * N_FOLDS + fold
            n_fold = np.bincount(cell, minlength=len(kept) * N_FOLDS)[cell]
            k_fold = np.bincount(cell, fired, minlength=len(kept) * N_FOLDS)[cell]
            held_out = (k[place] - k_fold + LEANING * held_out) / (n[place] - n_fold + LEANING)
            shorter = all_in
            all_in = (k[place] + LEANING * all_in) / (n[place] + LEANING)
            one = np.zeros(len(kept), np.int64)
            one[place] = np.arange(len(rows))
            moved = np.abs(all_in - shorter)[one] * n
            for index in np.flatnonzero(moved > 0.5):
                ngram = self._tokens(int(ngrams[kept[index]]), length)
                shares[ngram], firings[ngram] = round(float(all_in[one[index]]), 4), int(k[index])
                changes.append((float(moved[index]), ngram))
        accuracy, threshold = self._threshold(fires, rows, held_out)
        error = self._error(fires, rows[fired & (held_out > threshold)])
        return _Fit(view, accuracy, error, threshold, _pruned(shares, changes), firings)

    def _threshold(
        self, fires: Bool[np.ndarray, " row"], rows: Int64[np.ndarray, " near"], held_out: Float64[np.ndarray, " near"]
    ) -> tuple[float, float]:
        """Find the share from which on to say yes, and the balanced accuracy that it gives."""
        per_fold = np.bincount(self.folds[fires], minlength=N_FOLDS)
        counted = per_fold >= self._enough
        if counted.sum() < MIN_FOLDS:
            return 0.0, 1.0
        tokens = self.corpus.token_ids
        firings, silent = (np.bincount(tokens[which], minlength=self._base) for which in (fires, ~fires))
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

    def _error(self, fires: Bool[np.ndarray, " row"], found: Int64[np.ndarray, " found"]) -> float:
        """Compute the standard error of the balanced accuracy from the recalls of the folds."""
        per_fold = np.bincount(self.folds[fires], minlength=N_FOLDS)
        counted = per_fold >= self._enough
        if counted.sum() < 2:
            return 0.5
        recalls = np.bincount(self.folds[found], minlength=N_FOLDS)[counted] / per_fold[counted]
        return float(recalls.std(ddof=1) / np.sqrt(counted.sum()) / 2)

    def _tokens(self, key: int, length: int) -> tuple[int, ...]:
        found = []
        for _ in range(length):
            key, token = divmod(key, self._base)
            found.append(token - 1)
        return tuple(reversed(found))


def _pruned(
    shares: dict[tuple[int, ...], float], changes: list[tuple[float, tuple[int, ...]]]
) -> dict[tuple[int, ...], float]:
    """Keep the n-grams that change most judgments."""
    most = sorted(changes, key=lambda change: (-change[0], change[1]))[:MAX_NGRAMS]
    return {ngram: shares[ngram] for ngram in sorted(ngram for _, ngram in most)}


def _dealt(doc: Int64[np.ndarray, " row"], n_folds: int) -> Int64[np.ndarray, " row"]:
    """Deal documents out to folds, all rows of one to the same."""
    ids, number = np.unique(doc, return_inverse=True)
    dealt: Int64[np.ndarray, " row"] = (np.random.default_rng(0).permutation(len(ids)) % n_folds)[number]
    return dealt


def _said(rule: dict[str, Any], question: Question) -> float:
    """Judge the marked tokens by a rule: the mean over them, 0.5 at the share from which on it says yes."""
    if "shares" not in rule or rule.get("view") not in VIEWS:
        return float("nan")
    shares = [_share(rule, question.token_ids, index) for index in question.marked]
    at = float(rule["threshold"])
    return float(np.mean([share * (1 - at) / (share * (1 - at) + (1 - share) * at) for share in shares]))


def _share(rule: dict[str, Any], token_ids: Any, index: int) -> float:
    known, share, key = rule["shares"], 0.0, ""
    for offset in VIEWS[rule["view"]]:
        token = int(token_ids[index - offset]) if index >= offset else -1
        key = f"{key} {token}".strip()
        share = known.get(key, share)
    return float(share)


def _named(fit: _Fit) -> list[tuple[int, ...]]:
    """List the shortest n-grams that say yes, those with the most firings first."""
    yes = {ngram for ngram, share in fit.shares.items() if share > fit.threshold}
    shortest = [ngram for ngram in yes if not any(ngram[:length] in yes for length in range(1, len(ngram)))]
    return sorted(shortest, key=lambda ngram: (-fit.firings[ngram], ngram))


def _words(fit: _Fit, corpus: Corpus) -> str:
    """Name the first n-grams that say yes."""
    named = _named(fit)
    words = [_phrase(fit.view, ngram, corpus) for ngram in named[:MAX_NAMED]]
    return ", ".join(words) + (f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else "")


def _phrase(view: str, ngram: tuple[int, ...], corpus: Corpus) -> str:
    offsets = VIEWS[view][: len(ngram)]
    strings = {
        offset: corpus.strings([token])[0] if token >= 0 else ""
        for offset, token in zip(offsets, ngram, strict=True)
    }  # fmt: skip
    before = "".join(strings[offset] for offset in sorted(strings, reverse=True) if offset)
    where = f"after {_quoted(before)}" if before else "at the beginning" if len(strings) > (0 in strings) else ""
    what = _quoted(strings[0]) if 0 in strings else "any token"
    return f"{what} {where}".strip()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
