"""What a feature dashboard answers, as JSON: one latent, a text's features, a change's effect.

A latent's reply is complete in itself: its tokens are indices into a table of its own, so that it reads the same in a
notebook, in a recording and in a test.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from interp_nb.features.labels import Label
from interp_nb.features.records import Example, Feature
from interp_nb.widgets.codec import pack
from interp_nb.widgets.feature_list import concept_text, drawable, label_text, scores_of, texts_of, words
from interp_nb.widgets.feature_words import band_name, effect_code, latent_code, text_code
from interp_nb.widgets.requests import Answer

DIGITS: Final = 5
"""Digits of numbers on the wire: one more than is shown."""
PARTS: Final = ("latents", "bias", "error", "other")
"""What the measure of a text's answer is made of, see `DirectParts`."""
MAX_HISTORY: Final = 8
FACTS: Final = (
    "count", "density", "mean", "max", "decoder_norm", "encoder_norm", "encoder_decoder_cosine", "bias", "dead",
    "dense",
)  # fmt: skip


class Strings:
    """The tokens of one reply: each string once, named by its place."""

    def __init__(self, store: Any, token_ids: Iterable[int]) -> None:
        self._places = {token: place for place, token in enumerate(sorted({int(token) for token in token_ids}))}
        self.texts = [drawable(text) for text in store.token_strings(list(self._places))]

    def at(self, token_id: int) -> int:
        """Return the place of a token."""
        return self._places[int(token_id)]


def detail(store: Any, feature: Feature, index: int, effects: Any) -> dict[str, Any]:
    """Write all that is known of one latent.

    Args:
        index: Which store it is.
        effects: [d_vocab] direct logits per unit of activation; None where they are not known.
    """
    strings = Strings(store, _tokens(feature))
    labels = store.labels
    return {
        "latent_idx": int(feature.latent_idx),
        "store": index,
        "facts": {name: _plain(getattr(feature, name)) for name in FACTS},
        "label": label_json(labels.of(feature.latent_idx)),
        "labels": [label_json(each) for each in labels.history(feature.latent_idx)[: -MAX_HISTORY - 1 : -1]],
        "concept": concept_text(store, feature.latent_idx),
        "histogram": [int(count) for count in feature.histogram],
        "decoder": {
            "edges": [number(edge) for edge in feature.decoder_edges],
            "counts": [int(count) for count in feature.decoder_histogram],
        },
        "heads": numbers(feature.head_shares),
        "strings": strings.texts,
        "bands": _bands(feature, int(store.n_bands)),
        "examples": [_example(example, strings, effects) for example in feature.examples],
        "top_tokens": [
            {
                "token": strings.at(stat.token_id),
                "count": int(stat.count),
                "mean": number(stat.mean),
                "share": number(stat.share),
            }
            for stat in feature.top_tokens
        ],
        "logits_up": [[strings.at(token), number(value)] for token, value in feature.logits_up],
        "logits_down": [[strings.at(token), number(value)] for token, value in feature.logits_down],
        "neighbours": named(store, feature.neighbors),
        "cofiring": named(store, feature.cofiring),
        "code": latent_code(feature.latent_idx, index),
    }


def text_reply(store: Any, found: Any, prompt: str, index: int, asked: dict[str, Any]) -> Answer:
    """Write the features of a text, a `PromptFeatures`; what it was ranked by is its `score`."""
    arrays = {"acts": found.acts} | ({} if found.direct is None else {"direct": found.direct})
    specs, block = pack(arrays)
    latents = [int(latent) for latent in found.latents]
    rows = texts_of(store, latents)
    given = {name: value for name, value in asked.items() if value is not None}
    return {
        "tokens": [drawable(token) for token in found.tokens],
        "rank_by": asked["rank_by"],
        "pos": asked["pos"],
        "answer": asked["answer"] or "",
        "wrong": asked["wrong"] or "",
        "note": str(found.note),
        "latents": latents,
        "label": rows["label"],
        "words": rows["words"],
        "max": numbers(found.max),
        "mean": numbers(found.mean),
        "n_firing": [int(count) for count in found.n_tokens_firing],
        "score": numbers(found.score),
        "metric": None if found.metric is None else number(float(found.metric)),
        "parts": None if found.direct_parts is None else parts_json(found.direct_parts),
        "ablation": None if found.ablation is None else numbers(found.ablation),
        "arrays": specs,
        "code": text_code(prompt, index, given),
    }, [block]


def effect_reply(found: Any, latent: int, prompt: str, index: int, asked: dict[str, Any]) -> dict[str, Any]:
    """Write what changing a latent did, a `FeatureEffect`."""
    return {
        "latent_idx": latent,
        "kind": asked["kind"],
        "strength": asked.get("strength"),
        "tokens": [drawable(token) for token in found.tokens],
        "acts": numbers(found.acts),
        "new_acts": numbers(found.new_acts),
        "before": _likely(found.token_strings, found.before),
        "after": _likely(found.token_strings, found.after),
        "kl": number(float(found.kl)),
        "continuation_before": drawable("".join(found.continuation_before)),
        "continuation_after": drawable("".join(found.continuation_after)),
        "note": str(found.note),
        "code": effect_code(latent, prompt, index, asked),
    }


def parts_json(parts: Any) -> dict[str, float | None]:
    """Write what a measure is made of."""
    return dict(zip(PARTS, numbers(parts), strict=True))


def _likely(tokens: Any, probs: Any) -> list[dict[str, Any]]:
    """Write tokens with their probabilities, likeliest first."""
    pairs = sorted(zip(tokens, np.asarray(probs).tolist(), strict=True), key=lambda pair: -pair[1])
    return [{"token": drawable(token), "prob": number(prob)} for token, prob in pairs]


def label_json(label: Label | None) -> dict[str, Any] | None:
    """Write a label; its explanation stays in the store."""
    if label is None:
        return None
    return {
        **{name: drawable(getattr(label, name)) for name in ("text", "method", "author", "time")},
        "human": label.human,
        "reliable": label.reliable,
        "score": {name: number(value) for name, value in scores_of(label).items()},
    }


def named(store: Any, pairs: Iterable[tuple[int, float]]) -> list[dict[str, Any]]:
    """Write latents with a number each, and with what they are called."""
    pairs = list(pairs)
    latents = [int(latent) for latent, _ in pairs]
    if not latents:
        return []
    called = [label_text(store, latent) for latent in latents]
    return [
        {"latent_idx": latent, "value": number(value), "label": label, "words": said}
        for latent, (_, value), label, said in zip(latents, pairs, called, words(store, latents), strict=True)
    ]


def number(value: float) -> float | None:
    """Return a number with the digits the wire has; None where it is not finite."""
    return float(f"{float(value):.{DIGITS}g}") if math.isfinite(value) else None


def numbers(values: Any) -> list[float | None]:
    """Return numbers with the digits the wire has."""
    return [number(value) for value in np.asarray(values).tolist()]


def _plain(value: float | int) -> float | int | None:
    """Keep flags and counts as they are; other numbers get the digits of the wire."""
    return value if isinstance(value, int) else number(float(value))


def _tokens(feature: Feature) -> set[int]:
    """Collect the tokens that a latent's panel names."""
    examples = {int(token) for example in feature.examples for token in example.token_ids}
    logits = {int(token) for token, _ in (*feature.logits_up, *feature.logits_down)}
    return examples | logits | {int(stat.token_id) for stat in feature.top_tokens}


def _bands(feature: Feature, n_bands: int) -> list[dict[str, Any]]:
    values: dict[int, list[float]] = {}
    for example in feature.examples:
        values.setdefault(int(example.band), []).append(float(example.value))
    return [
        {
            "band": band,
            "name": band_name(band, n_bands),
            "low": number(min(each)),
            "high": number(max(each)),
            "n": len(each),
        }
        for band, each in values.items()
    ]


def _example(example: Example, strings: Strings, effects: Any) -> dict[str, Any]:
    values = np.asarray(example.values, dtype=np.float64)
    following: list[float | None] = []
    if effects is not None:
        # What it does to the token that comes next: its activation times what one unit of it adds to that logit.
        on_next = np.append(values[:-1] * np.asarray(effects)[example.token_ids[1:]], math.nan)
        following = [
            number(value) if fires else None for value, fires in zip(on_next.tolist(), values > 0, strict=True)
        ]
    return {
        "band": int(example.band),
        "doc": int(example.doc),
        "pos": int(example.pos),
        "at": int(example.at),
        "value": number(example.value),
        "tokens": [strings.at(token) for token in example.token_ids.tolist()],
        # A plain 0 for what does not fire: most of what there is, and it should not take four characters each.
        "values": [number(value) or (0 if value == 0 else None) for value in values.tolist()],
        "effects": following,
    }
