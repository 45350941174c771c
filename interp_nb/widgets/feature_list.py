"""The list of a feature dashboard: a column of numbers for each thing it sorts by, and the texts of its rows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from interp_nb.widgets.codec import Array
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.feature_words import listed

NUMBERS: Final = ("density", "max", "mean", "interesting")
DEAD, DENSE, LABELLED, HUMAN, RELIABLE = 1, 2, 4, 8, 16
"""Bits of the column "flags"."""
CONCEPT: Final = "ground_truth"
"""The method whose labels are the concepts of the answer key."""
MAX_LABEL: Final = 120
"""Letters of a label that a row has; all of them are with the latent itself."""
N_WORDS: Final = 3
"""Tokens that stand for a latent without a label."""
SCORES: Final = ("balanced_accuracy", "low", "high", "precision", "recall")
"""What is said of a label's detection of held-out firings; the list shows the first."""


def columns(store: Any, latents: Array | None) -> dict[str, Array]:
    """Collect the numbers of the rows.

    Args:
        latents: The latents that have rows, in order; None = all.
    """
    rows = np.arange(store.d_sae) if latents is None else latents
    found = {name: np.asarray(store.column(name), dtype=np.float32)[rows] for name in NUMBERS}
    labels = store.labels.current()
    concepts = {latent: text for latent in labels if (text := concept_text(store, latent))}
    found["score"] = np.array([score_of(labels.get(int(latent))) for latent in rows], dtype=np.float32)
    texts = {latent: label.text for latent, label in labels.items() if label.text}
    found["label_rank"], found["concept_rank"] = (ranks(each, rows) for each in (texts, concepts))
    flags = DEAD * np.asarray(store.column("dead"), bool) + DENSE * np.asarray(store.column("dense"), bool)
    for latent, label in labels.items():
        flags[latent] += LABELLED + HUMAN * label.human + RELIABLE * bool(label.reliable)
    found["flags"] = flags[rows].astype(np.uint8)
    return found if latents is None else {"latents": rows.astype(np.int32)} | found


def texts_of(store: Any, latents: Sequence[int]) -> dict[str, list[Any]]:
    """Collect the texts of some rows: label, concept, and the tokens the latent fires on most."""
    return {
        "latents": [int(latent) for latent in latents],
        "label": [label_text(store, latent) for latent in latents],
        "concept": [concept_text(store, latent) for latent in latents],
        "words": words(store, latents),
    }


def label_text(store: Any, latent: int) -> str:
    """Return what a latent is called, cut to the length of a row; "" where nobody said."""
    label = store.labels.of(int(latent))
    return "" if label is None else cut(drawable(label.text), MAX_LABEL)


def concept_text(store: Any, latent: int) -> str:
    """Return the concept of the answer key that goes with a latent; "" where there is none."""
    label = store.labels.machine(int(latent), CONCEPT)
    return "" if label is None else cut(drawable(label.text), MAX_LABEL)


def words(store: Any, latents: Sequence[int]) -> list[str]:
    """Write the tokens that latents fire on most, a line for each."""
    if not len(latents):
        return []
    ids = np.asarray(store.top_token_ids([int(latent) for latent in latents], N_WORDS)).reshape(-1, N_WORDS)
    known = np.unique(ids[ids >= 0])
    strings = dict(zip(known.tolist(), store.token_strings(known.tolist()), strict=True))
    return [drawable(listed([visible(strings[token]) for token in row if token >= 0])) for row in ids.tolist()]


def score_of(label: Any) -> float:
    """Return how well a label predicts; NaN where nobody measured."""
    return scores_of(label).get(SCORES[0], float("nan"))


def scores_of(label: Any) -> dict[str, float]:
    """Return what is known of how well a label predicts, see `scoring.Score`."""
    score = {} if label is None else label.score
    # A store may have been anywhere: what is no number is not shown.
    detection = score.get("detection")
    found = {name: detection.get(name) for name in SCORES} if isinstance(detection, dict) else {}
    found["correlation"] = score.get("correlation")
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}


def ranks(texts: dict[int, str], rows: Array) -> Array:
    """Number the texts of rows by the alphabet, equal ones alike; -1 where there is none."""
    order = {
        text: place for place, text in enumerate(sorted(set(texts.values()), key=lambda text: (text.lower(), text)))
    }
    found: Array = np.array([order[texts[row]] if row in texts else -1 for row in rows.tolist()], dtype=np.int32)
    return found


def drawable(text: str) -> str:
    """Make a text fit for UTF-8: half of a surrogate pair, which a byte-level token can be, has no such form."""
    return text.encode("utf-8", "replace").decode("utf-8")
