"""Labels for the latents of a store, made by an explainer and tested on text that it has not seen.

    labels = label_features(store, "tokens", score_on=other_store)

1. The documents of the store are halved (or another store is given to be scored on).
2. Chunk by chunk: evidence from the one half, explanations, questions from the other, judgments, scores. Each chunk is
   in the store's label book before the next begins, so an interruption loses one chunk.
3. As a control, labels are exchanged among latents and judged again: what that gives is what a label gets by luck.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from jaxtyping import Int64

from interp_nb._errors import ConfigError
from interp_nb._show import Showable, result, two_decimals
from interp_nb.features.corpus import Corpus, LatentStore
from interp_nb.features.examining import Examiner, drawing
from interp_nb.features.explain import Evidence, Explainer, Explanation, explainer_of
from interp_nb.features.labels import Label, plain, utc_now
from interp_nb.features.questions import Sizes, hard_rows, of_row
from interp_nb.features.records import Feature
from interp_nb.features.scoring import Score

if TYPE_CHECKING:
    import pandas as pd

CHUNK: Final = 64
"""Latents that are explained, asked about and written together."""
N_CONTRAST: Final = 10
"""Windows without a firing in the evidence."""


@result
class FeatureLabels(Showable):
    """Hold labels of latents with how well each predicts on text it was not made from."""

    _picture: ClassVar[str] = "feature_labels"

    labels: list[Label]
    """One per latent that was explained, in order; an empty text where the explainer had none to give."""
    errors: dict[str, str]
    """Why there is none, by latent."""
    method: str
    """The explainer's name."""
    n_alive: int
    """Latents of the store that fired at all."""
    shuffled: float
    """Mean balanced accuracy of detection with labels exchanged among latents; NaN if that was not run."""
    provenance: dict[str, Any]
    """What it takes to compute this again."""
    _live: Any = field(default=None, compare=False, repr=False)

    @property
    def labelled(self) -> list[Label]:
        """The labels that have a text."""
        return [label for label in self.labels if label.text]

    @property
    def scored(self) -> list[Label]:
        """Those that could be put to the test: their latents fire on the held-out text."""
        return [label for label in self.labelled if np.isfinite(_detection(label, "balanced_accuracy"))]

    @property
    def balanced_accuracy(self) -> float:
        """Mean balanced accuracy of detection of the labels that were tested; NaN if none was."""
        values = [_detection(label, "balanced_accuracy") for label in self.scored]
        return float(np.mean(values)) if values else float("nan")

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per latent: label, scores and whether it is reliable."""
        import pandas as pd

        names = ("balanced_accuracy", "low", "high", "precision", "recall", "specificity")
        rows = [
            {
                "latent_idx": label.latent_idx, "label": label.text, "reliable": label.reliable,
                **{name: _detection(label, name) for name in names},
                "fuzzing": _number(label.score.get("fuzzing", {}).get("balanced_accuracy")),
                "correlation": _number(label.score.get("correlation")),
                "n_firings": int(label.score.get("detection", {}).get("n_positive") or 0),
                "n_typical": int(label.score.get("n_typical") or 0),
                "error": self.errors.get(str(label.latent_idx), ""),
            }
            for label in self.labels
        ]  # fmt: skip
        columns = [
            "latent_idx",
            "label",
            "reliable",
            *names,
            "fuzzing",
            "correlation",
            "n_firings",
            "n_typical",
            "error",
        ]
        return pd.DataFrame(rows, columns=columns).set_index("latent_idx")

    def _summary(self) -> str:
        parts = [self.method, f"{len(self.labelled)} of {len(self.labels)} latents labelled"]
        if self.scored:
            parts.append(f"detection {two_decimals(self.balanced_accuracy)} on {len(self.scored)}")
            parts.append(f"{sum(label.reliable is True for label in self.labels)} reliable")
        if np.isfinite(self.shuffled):
            parts.append(f"shuffled {two_decimals(self.shuffled)}")
        return f"FeatureLabels({', '.join(parts)})"


def label_features(
    store: LatentStore,
    method: str | Explainer = "tokens",
    *,
    latents: Sequence[int] | Int64[np.ndarray, " latent"] | None = None,
    score_on: LatentStore | None = None,
    control: bool | None = None,
    sizes: Sizes | None = None,
    min_strength: float = 0.0,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
    **options: Any,
) -> FeatureLabels:
    """Label latents, and measure how well each label predicts on text that it was not made from.

    Labels go into `store.labels`, where a person's always counts before a machine's.

    Args:
        method: "tokens", "ground_truth", "local", "api", or an explainer of your own, see `explain.Explainer`.
        latents: Which ones; None = all that fired.
        score_on: A store of the same latents over other text to test on; None = half of the documents of this one,
            which then serve for nothing else.
        control: Judge exchanged labels too; None = only where answers are free.
        sizes: How many questions are asked about each latent.
        min_strength: Firings below this share of the latent's median firing are not asked about, neither as firings nor
            as silence; 0 = all are. The weakest firings of an SAE are mostly noise, and what is in question then is
            what a latent stands for, not where its threshold lies.
        progress: Is called with the latents that are done and their number.
        **options: Of the explainer, such as `model=` of "local" or `documents=` of "ground_truth".

    Raises:
        ConfigError: an unknown method or option, no latent to label, or stores of different latents.
        DataError: a store keeps no tokens to draw from.
        DiskError: labels could not be written.

    Cost: seconds for rules; with a hosted model, one prompt to explain and about nine
    to score per latent; a local one judges about 200 windows.
    Source: Paulo et al. 2024 (detection, fuzzing), https://arxiv.org/abs/2410.13928.
    """
    if method == "api":
        # What was paid for stays with the store, and is not asked again.
        options = {"ledger": getattr(store, "path", None), **options}
    explainer = explainer_of(method, **options)
    chosen = _chosen(store, latents)
    if not min_strength >= 0:
        raise ConfigError(f"min_strength must be at least 0, got {min_strength}")
    if score_on is not None:
        _check_other_text(store, score_on)
    corpus = Corpus(store, None if score_on is not None else "explain", seed=seed)
    target = store if score_on is None else score_on
    held_out = Corpus(target, None if score_on is not None else "score", seed=seed)
    examiner = Examiner(explainer, target, held_out, sizes or Sizes(), min_strength=min_strength, seed=seed)
    labels: list[Label] = []
    explained: list[Explanation] = []
    for first in range(0, len(chosen), CHUNK):
        evidence = _gathered(store, corpus, chosen[first : first + CHUNK], explainer, seed)
        found = _explained(explainer, evidence)
        scores = examiner.scores(found, _typical(evidence))
        made = [_label(one, explainer.name, scores.get(one.latent_idx)) for one in found]
        store.labels.add_all(label for label in made if label.text)
        labels += made
        explained += found
        if progress is not None:
            progress(len(labels), len(chosen))
    run_control = explainer.free if control is None else control
    tested = [one for one, label in zip(explained, labels, strict=True) if label.text and label.score]
    return FeatureLabels(
        labels=labels,
        errors={str(one.latent_idx): one.error for one in explained if one.error},
        method=explainer.name,
        n_alive=int((np.asarray(store.column("count")) > 0).sum()),
        shuffled=examiner.shuffled(tested) if run_control else float("nan"),
        provenance={
            "function": "label_features", "method": explainer.name, "seed": seed,
            "sizes": list(examiner.sizes), "min_strength": min_strength,
            "score_on": "held-out half" if score_on is None else repr(score_on), "store": repr(store),
        },
    )  # fmt: skip


def _check_other_text(store: LatentStore, score_on: LatentStore) -> None:
    """Refuse to score on another SAE's store, or on the text that labels are made from."""
    if score_on.d_sae != store.d_sae:
        raise ConfigError(
            f"score_on must be a store of the same latents, got one of {score_on.d_sae} instead of {store.d_sae}"
        )
    here, there = (getattr(each, "provenance", {}) for each in (store, score_on))
    if here.get("sae") != there.get("sae"):
        raise ConfigError("score_on must be a store of the same SAE, got one of another: build it with the same one")
    texts = [[json.dumps(part, sort_keys=True) for part in known.get("data", ())] for known in (here, there)]
    if score_on is store or set(texts[0]) & set(texts[1]):
        raise ConfigError(
            "score_on holds the text that the labels are made from, on which they would look too good; leave it out to "
            "hold half of the documents back, or give a store of other text"
        )


def _chosen(store: LatentStore, latents: Any) -> Int64[np.ndarray, " latent"]:
    alive = np.flatnonzero(np.asarray(store.column("count")) > 0)
    chosen = alive if latents is None else np.asarray(latents, np.int64).ravel()
    if not len(chosen):
        raise ConfigError("there is no latent to label: none was given, or none of the store ever fired")
    if chosen.min() < 0 or chosen.max() >= store.d_sae:
        raise ConfigError(
            f"latents must be from 0 to {store.d_sae - 1}, got {int(chosen.min())} to {int(chosen.max())}"
        )
    return np.array(list(dict.fromkeys(chosen.tolist())), np.int64)


def _gathered(
    store: LatentStore, corpus: Corpus, latents: Int64[np.ndarray, " latent"], explainer: Explainer, seed: int
) -> list[Evidence]:
    """Gather what the explainer reads of some latents."""
    if not getattr(explainer, "corpus_only", False):
        return [_evidence(store, corpus, feature, seed) for feature in store.latents(latents)]
    density = np.asarray(store.column("density"))
    return [
        Evidence(latent, (), (), (), (), float(density[latent]), corpus, *corpus.firings(latent))
        for latent in latents.tolist()
    ]


def _evidence(store: LatentStore, corpus: Corpus, feature: Feature, seed: int) -> Evidence:
    latent_idx = feature.latent_idx
    firings = corpus.firings(latent_idx)
    contrast = hard_rows(corpus, feature, N_CONTRAST, drawing(seed, latent_idx, "evidence"))
    return Evidence(
        latent_idx=latent_idx,
        examples=tuple(example for example in feature.examples if corpus.keeps(example.doc)),
        contrast=tuple(of_row(corpus, int(row)) for row in contrast),
        logits_up=tuple(store.token_strings([token for token, _ in feature.logits_up])),
        logits_down=tuple(store.token_strings([token for token, _ in feature.logits_down])),
        density=feature.density,
        corpus=corpus,
        rows=firings.rows,
        values=firings.values,
    )


def _explained(explainer: Explainer, evidence: list[Evidence]) -> list[Explanation]:
    """Explain; an explainer that loses count has explained nothing."""
    found = explainer.explain_all(evidence)
    wanted = [one.latent_idx for one in evidence]
    if [one.latent_idx for one in found] == wanted:
        return found
    got = f"{len(found)} answers for {len(wanted)} latents, or in another order"
    return [Explanation(latent_idx, "", error=f"{explainer.name} gave {got}") for latent_idx in wanted]


def _typical(evidence: Sequence[Evidence]) -> dict[int, float]:
    """Give the median firing of each latent that fires at all."""
    return {one.latent_idx: float(np.median(one.values)) for one in evidence if len(one.values)}


def _label(explanation: Explanation, method: str, measured: Score | None) -> Label:
    return Label(
        explanation.latent_idx,
        explanation.text,
        method,
        method,
        utc_now(),
        plain(measured.to_json()) if measured is not None else {},
        None if measured is None else measured.reliable,
        False,
        plain(explanation.rule),
    )


def _detection(label: Label, name: str) -> float:
    return _number(label.score.get("detection", {}).get(name))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
