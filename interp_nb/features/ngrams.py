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
   accuracy is at least `CLAIMS_FROM`. There is none to hold on unseen kinds of text for latents whose firings hover at
   the threshold: what little fires them elsewhere is something else.

Steps 1 to 3 are in `ngram_shares`.

Source of the shares: Jelinek and Mercer 1980, Interpolated estimation of Markov source parameters from sparse data.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from interp_nb._errors import ConfigError
from interp_nb.features.corpus import Corpus
from interp_nb.features.explain import Evidence, Explanation, Judgment, Question
from interp_nb.features.ngram_shares import VIEWS, Fit, Places, Rule, Unseen

CLAIMS_FROM: Final = 0.8
"""Least cross-validated balanced accuracy at which a label is given."""
HOVERS: Final = 2.0
"""Firings hover at the threshold where their median is below so many times the weakest firings of any latent (their
first percentile). The weakest firings of an SAE are mostly noise (Bricken et al. 2023, Towards Monosemanticity)."""
MIN_DOCS: Final = 8
"""Fewest documents with a firing from which a label is made."""
AS_GOOD: Final = 0.01
"""Views whose accuracies differ by less are equally good: the one that needs fewer n-grams is taken."""
MAX_NAMED: Final = 5
"""N-grams that a label names."""


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
    corpus_only = True

    def __init__(self, unseen: Unseen = "documents", claims_from: float = CLAIMS_FROM) -> None:
        if unseen not in ("documents", "kinds"):
            raise ConfigError(f"unseen must be 'documents' or 'kinds', got {unseen!r}")
        if not 0.5 <= claims_from <= 1:
            raise ConfigError(f"claims_from is a balanced accuracy, from 0.5 to 1, got {claims_from}")
        self.unseen, self.claims_from = unseen, claims_from
        self._places: Places | None = None

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
            self._places = Places(evidence.corpus, self.unseen)
        places, latent_idx = self._places, evidence.latent_idx
        n_docs = len(np.unique(evidence.corpus.doc[evidence.rows]))
        if n_docs < MIN_DOCS:
            return Explanation(latent_idx, "", error=f"fires in {n_docs} of the sampled documents, {MIN_DOCS} needed")
        if self.unseen == "kinds" and np.median(evidence.values) < HOVERS * places.weakest:
            return Explanation(latent_idx, "", error="its firings hover at the activation threshold")
        fires = np.zeros(len(evidence.corpus), bool)
        fires[evidence.rows] = True
        fits = [places.fit(fires, view) for view in VIEWS]
        most = max(fit.accuracy for fit in fits)
        if most >= self.claims_from:
            good = [(fit, places.rule(fit)) for fit in fits if fit.accuracy >= most - AS_GOOD]
            best, rule = min(good, key=lambda one: (len(one[1].named(one[0].threshold)), -one[0].accuracy))
            if best.accuracy >= self.claims_from:
                return Explanation(latent_idx, _words(best, rule, evidence.corpus), _learned(best, rule))
            most = best.accuracy
        return Explanation(
            latent_idx, "", error=f"tokens do not explain it: balanced accuracy {most:.2f} on {self.unseen}"
        )


def _learned(fit: Fit, rule: Rule) -> dict[str, Any]:
    """Write what predicts as plain JSON."""
    return {
        "view": fit.view, "threshold": fit.threshold, "cross_validated": fit.accuracy,
        "shares": {" ".join(map(str, ngram)): share for ngram, share in rule.shares.items()},
    }  # fmt: skip


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


def _words(fit: Fit, rule: Rule, corpus: Corpus) -> str:
    """Name the first n-grams that say yes."""
    named = rule.named(fit.threshold)
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
