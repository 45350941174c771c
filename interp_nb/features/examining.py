"""Putting explanations to the test: questions are drawn, an explainer judges them, its judgments are scored."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import numpy as np

from interp_nb.features.corpus import Corpus, LatentStore
from interp_nb.features.explain import Explainer, Explanation, Judgment, Task
from interp_nb.features.questions import Asked, Sizes, detection, fuzzing
from interp_nb.features.records import Feature
from interp_nb.features.scoring import Score, balanced_accuracy, score

_SETS: Final = {"evidence": 0, "detection": 1, "fuzzing": 2}
"""What random numbers are drawn for: each has its own, so that one does not move another."""
_AT_ONCE: Final = 64


class Examiner:
    """Asks one explainer about latents of one store.

    Args:
        store: What knows the latents' firings on the text that is asked about.
        corpus: The documents of it that are asked about.
        min_strength: See `label_features`.
    """

    def __init__(
        self, explainer: Explainer, store: LatentStore, corpus: Corpus, sizes: Sizes, *, min_strength: float = 0.0,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.explainer, self.store, self.corpus, self.sizes = explainer, store, corpus, sizes
        self.min_strength, self.seed = min_strength, seed
        self._typical: dict[int, float] = {}

    def scores(self, explanations: Sequence[Explanation], typical: dict[int, float]) -> dict[int, Score]:
        """Score the explanations that have a text, by latent; latents that never fire there are left out.

        Args:
            typical: Median firing of each latent in the text that it was explained from.
        """
        self._typical |= typical
        drawn = [
            (one, asked, fuzzing(self.corpus, feature, self.sizes, self._drawing(one, "fuzzing")))
            for one, feature, asked in self._drawn([one for one in explanations if one.text])
            if asked.questions
        ]
        said = self._judged([(one, asked) for one, asked, _ in drawn], "detection")
        said_fuzzed = self._judged([(one, fuzzed) for one, _, fuzzed in drawn], "fuzzing")
        return {
            one.latent_idx: score(
                asked, said[i], fuzzed, said_fuzzed[i], n_bands=self.store.n_bands,
                n_typical=self._n_typical(one.latent_idx), seed=self.seed,
            )
            for i, (one, asked, fuzzed) in enumerate(drawn)
        }  # fmt: skip

    def shuffled(self, explanations: Sequence[Explanation]) -> float:
        """Judge each latent by another one's explanation: the mean balanced accuracy of detection.

        NaN where there are no two explanations to exchange.
        """
        if len(explanations) < 2:
            return float("nan")
        order = np.random.default_rng(self.seed).permutation(len(explanations))
        other = np.empty_like(order)
        other[order] = np.roll(order, 1)  # one cycle through all of them, so that none keeps its own
        values: list[float] = []
        for first in range(0, len(explanations), _AT_ONCE):
            part = range(first, min(first + _AT_ONCE, len(explanations)))
            asked = [asked for _, _, asked in self._drawn([explanations[i] for i in part])]
            pairs = [(explanations[int(other[i])], asked[i - first]) for i in part]
            said = self._judged(pairs, "detection")
            values += [balanced_accuracy(questions, said[i]) for i, (_, questions) in enumerate(pairs)]
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def _drawn(self, explanations: Sequence[Explanation]) -> Iterator[tuple[Explanation, Feature, Asked]]:
        """Draw the questions of detection, the same ones every time; give what the store knows of the latents too."""
        if not explanations:
            return
        features = self.store.latents([one.latent_idx for one in explanations])
        for one, feature in zip(explanations, features, strict=True):
            weakest = self.min_strength * self._typical.get(one.latent_idx, 0.0)
            asked = detection(
                self.corpus, feature, self.sizes, self._drawing(one, "detection"), n_bands=self.store.n_bands,
                weakest=weakest,
            )  # fmt: skip
            yield one, feature, asked

    def _judged(self, pairs: Sequence[tuple[Explanation, Asked]], task: Task) -> list[Any]:
        judgments = [Judgment(one, task, asked.questions, self.store.token_strings) for one, asked in pairs]
        said = self.explainer.judge_all(judgments) if judgments else []
        # Of too many or too few answers nobody knows which is whose: none of them counts.
        return list(said) if len(said) == len(judgments) else [np.zeros(0)] * len(judgments)

    def _n_typical(self, latent_idx: int) -> int:
        values = self.corpus.firings(latent_idx).values
        return int((values >= self._typical.get(latent_idx, np.inf)).sum())

    def _drawing(self, one: Explanation, task: Task) -> np.random.Generator:
        return drawing(self.seed, one.latent_idx, task)


def drawing(seed: int, latent_idx: int, what: Literal["evidence", "detection", "fuzzing"]) -> np.random.Generator:
    """Make the random numbers with which something of one latent is drawn, whatever is drawn of others."""
    return np.random.default_rng([seed, latent_idx, _SETS[what]])
