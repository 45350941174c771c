"""The gate of a feature dictionary: which features are sure, matter and are specific enough.

1. Confidence: the lower end of the interval of the label's balanced accuracy on held-out text, the smallest one over
   firings drawn at random and every strength of firing (`scoring`).
2. Causal effect: how far predictions move when the feature is taken out where it fires, nats per firing (`effects`).
3. Specificity: how much of that is more than a random direction does, and lies where the label says (`effects`).

All three are held against thresholds by the lower end of a 95 % interval: what passes is above with some certainty.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int64

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.features.effects import N_WINDOWS, measure_effects
from interp_nb.features.explain import Explainer
from interp_nb.features.gate_report import GateReport, checked_thresholds
from interp_nb.features.labels import FILE, Label
from interp_nb.features.scoring import MAX_UNANSWERED, MIN_DOCS
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel

CONFIDENCE: Final = 0.7
"""What `label_features` calls reliable."""
CAUSAL_EFFECT: Final = 0.01
"""Nats per firing; ours. Well above rounding, and a hundredth of what a token of text carries."""
SPECIFICITY: Final = 0.6
"""Ours: half as much again as a random direction does (0.6 / 0.4), and where the label says."""


def gate_features(
    store: Any,
    model: HookedModel | None = None,
    *,
    latents: Sequence[int] | Int64[np.ndarray, " feature"] | None = None,
    confidence: float | None = CONFIDENCE,
    causal_effect: float | None = CAUSAL_EFFECT,
    specificity: float | None = SPECIFICITY,
    n_windows: int = N_WINDOWS,
    explainer: Explainer | None = None,
    seed: int = 0,
) -> GateReport:
    """Measure features of a store, and say which are sure, matter and are specific enough.

    Each is held against its threshold by the lower end of a 95 % interval. See the docstrings of `features.gate` and
    `features.effects` for what is measured.

    Args:
        model: The model the store was built with; not needed where only confidence is asked for.
        latents: Features to look at; None = those with a label, or, where confidence is not asked for, all that fire.
        confidence: Balanced accuracy of the label, 0 to 1; None = not asked for.
        causal_effect: Nats per firing; None = not asked for.
        specificity: 0 to 1; None = not asked for.
        n_windows: Windows of text per feature.
        explainer: Judges windows by labels of its own name, so that specificity can ask where these apply; None =
            labels by `tokens` judge themselves.

    Raises:
        ConfigError: no features, thresholds that make no sense, or something to measure and no model.
        ShapeError: there is no such latent.

    Cost: three forwards of some 17 tokens per window; features without a label are not measured where one is needed.
    """
    thresholds = checked_thresholds(
        {"confidence": confidence, "causal_effect": causal_effect, "specificity": specificity}
    )
    needs_model = causal_effect is not None or specificity is not None
    if needs_model and model is None:
        raise ConfigError(
            "causal effect and specificity are measured in the model: give model=, or causal_effect=None and "
            "specificity=None"
        )
    current: dict[int, Label] = store.labels.current()
    chosen = _chosen(store, latents, current, confidence)
    texts = tuple(current[latent].text if latent in current else "" for latent in chosen)
    columns = _unmeasured_columns(len(chosen))
    places = [place for place, text in enumerate(texts) if text or confidence is None]
    if needs_model and places:
        assert model is not None
        found = measure_effects(
            store, model, [chosen[place] for place in places], n_windows=n_windows, explainer=explainer, seed=seed
        )
        for name, column in columns.items():
            column[places] = getattr(found, name)
    return GateReport(
        latents=np.array(chosen, np.int64),
        labels=texts,
        confidence=np.array([confidence_of(store, latent) for latent in chosen], np.float64),
        **columns,
        thresholds=thresholds,
        of=fingerprint(store),
        provenance={
            "function": "gate_features",
            "store": repr(store),
            "n_windows": n_windows,
            "seed": seed,
            "model": None if model is None else model_info(model)._asdict(),
            "explainer": None if explainer is None else explainer.name,
        },
    )


def confidence_of(store: Any, latent_idx: int) -> float:
    """Return how sure a latent's label is: the smallest lower end over random firings and all bands.

    NaN where `label_features` would not say either: not scored, or on firings of too few documents in one of these, or
    with too many questions left unanswered. A person's label has the score of the machine's if it says the same.
    """
    label: Label | None = store.labels.of(latent_idx)
    if label is not None and label.human:
        machine = store.labels.machine(latent_idx)
        label = machine if machine is not None and machine.text == label.text else label
    score = {} if label is None else label.score
    kinds = [score.get("detection") or {}, *score.get("bands", ())]
    known = all(kind.get("low") is not None and kind.get("n_docs", 0) >= MIN_DOCS for kind in kinds)
    if not known or (score.get("unanswered") or 0.0) > MAX_UNANSWERED:
        return float("nan")
    return float(min(kind["low"] for kind in kinds))


def identity_of(store: Any) -> dict[str, Any]:
    """Say whose features a store holds: which latents of which model, plain JSON."""
    return {"latents": store.source.identity(), "model": store.provenance.get("model")}


def fingerprint(store: Any) -> str:
    """Hash what a store is as a gate sees it: whose features, over how much text, with which labels."""
    labels = Path(store.path) / FILE
    held = labels.read_bytes() if labels.is_file() else b""
    facts = identity_of(store) | {"n_tokens": store.n_tokens, "labels": hashlib.sha256(held).hexdigest()}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _chosen(store: Any, latents: Any, current: dict[int, Label], confidence: float | None) -> list[int]:
    """Choose the features to look at."""
    if latents is None and confidence is None:
        chosen = np.flatnonzero(~np.asarray(store.column("dead"), bool)).tolist()
    else:
        given = [latent for latent, label in current.items() if label.text] if latents is None else latents
        chosen = sorted({int(latent) for latent in given})
    if not chosen:
        raise ConfigError("there are no features to look at; label some with label_features(store), or give latents=")
    if chosen[0] < 0 or chosen[-1] >= store.d_sae:
        raise ShapeError(f"a latent is 0 to {store.d_sae - 1} here, got {chosen[0] if chosen[0] < 0 else chosen[-1]}")
    return chosen


def _unmeasured_columns(n: int) -> dict[str, Any]:
    shares = ("causal_effect", "causal_effect_low", "specificity", "specificity_low", "own_share", "label_share")
    counts = ("n_windows", "n_docs")
    return {name: np.full(n, np.nan) for name in shares} | {name: np.zeros(n, np.int64) for name in counts}
