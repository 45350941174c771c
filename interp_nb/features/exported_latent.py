"""One latent in SAEDashboard's JSON, which Neuronpedia reads: an entry of a batch's `features`.

What is not measured is an empty list there, never a made-up number: neurons that correlate with a latent, the histogram
of its logits where no model is given, and its heads where it does not write to heads.

Source: https://github.com/jbloomAus/SAEDashboard (neuronpedia/neuronpedia_dashboard.py, neuronpedia_converter.py).
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch

from interp_nb.features.correlated import Correlated
from interp_nb.features.geometry import latent_logits
from interp_nb.features.records import TOP_BAND, Example, Feature
from interp_nb.features.store import FeatureStore
from interp_nb.models.protocol import HookedModel

N_NAMED: Final = 3
"""Coordinates of the decoder direction and latents that fire alike that are named; SAEDashboard's own number."""
N_LOGIT_BINS: Final = 50
"""Bins of the histogram of logits; SAEDashboard's own number."""


def batch_feature(
    store: FeatureStore,
    feature: Feature,
    correlated: Sequence[Correlated] = (),
    model: HookedModel | None = None,
) -> dict[str, Any]:
    """Write one latent as an entry of SAEDashboard's `features`.

    Args:
        correlated: Latents that fire like it, the most alike first.
        model: See `write_neuronpedia`.
    """
    aligned = _aligned(store, feature.latent_idx)
    logit_counts, logit_edges = _logit_histogram(store, feature.latent_idx, model)
    up, down = feature.logits_up, feature.logits_down
    edges = np.asarray(store.edges, dtype=np.float64)
    return {
        "feature_index": feature.latent_idx,
        **aligned,
        "correlated_neurons_indices": [],
        "correlated_neurons_pearson": [],
        "correlated_neurons_l1": [],
        "correlated_features_indices": [each.latent_idx for each in correlated],
        "correlated_features_pearson": [finite(each.pearson) for each in correlated],
        # By its name the share of a norm; SAEDashboard's converter writes the cosine there.
        "correlated_features_l1": [finite(each.cosine) for each in correlated],
        "neg_str": _strings(store, [token for token, _ in down]),
        "neg_values": [finite(value) for _, value in down],
        "pos_str": _strings(store, [token for token, _ in up]),
        "pos_values": [finite(value) for _, value in up],
        "frac_nonzero": finite(feature.density),
        "freq_hist_data_bar_heights": [int(count) for count in feature.histogram],
        # Bins are log-spaced, so their middles are geometric.
        "freq_hist_data_bar_values": [finite(math.sqrt(a * b)) for a, b in pairwise(edges)],
        "logits_hist_data_bar_heights": logit_counts,
        "logits_hist_data_bar_values": [finite((a + b) / 2) for a, b in pairwise(logit_edges)],
        "n_prompts_total": int(store.n_docs),
        "n_tokens_in_prompt": max((len(example.token_ids) for example in feature.examples), default=0),
        "dataset": ", ".join(str(part.get("kind", "")) for part in store.provenance["data"]),
        "decoder_weights_dist": [finite(share) for share in feature.head_shares],
        "activations": [_activation(store, feature, example) for example in feature.examples],
        "vector": _vector(store, feature.latent_idx),
    }


def finite(value: float) -> float | None:
    """Return a number to 6 digits, as JSON has it: None where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _activation(store: FeatureStore, feature: Feature, example: Example) -> dict[str, Any]:
    low, high, share = _bin(store, feature, example.band)
    return {
        "bin_min": low,
        "bin_max": high,
        "bin_contains": share,
        "qualifying_token_index": int(example.at),
        "tokens": _strings(store, example.token_ids.tolist()),
        "values": [finite(value) or 0.0 for value in example.values.tolist()],
    }


def _bin(store: FeatureStore, feature: Feature, band: int) -> tuple[float, float, float]:
    """Return the bin of an example as SAEDashboard writes it: -1 and -1 around the strongest ones."""
    if band == TOP_BAND:
        return -1.0, finite(feature.max) or 0.0, -1.0
    values = [example.value for example in feature.examples if example.band == band]
    return finite(min(values)) or 0.0, finite(max(values)) or 0.0, 1.0 / int(store.n_bands)


def _aligned(store: FeatureStore, latent_idx: int) -> dict[str, list[Any]]:
    """Name the coordinates of the decoder direction that are largest, as SAEDashboard's neuron alignment does."""
    weights = np.array(_vector(store, latent_idx))
    largest = np.argsort(-weights, kind="stable")[:N_NAMED]
    total = float(np.abs(weights).sum()) or 1.0
    return {
        "neuron_alignment_indices": [int(place) for place in largest],
        "neuron_alignment_values": [finite(weights[place]) for place in largest],
        "neuron_alignment_l1": [finite(abs(weights[place]) / total) for place in largest],
    }


def _logit_histogram(store: FeatureStore, latent_idx: int, model: HookedModel | None) -> tuple[list[int], list[float]]:
    """Count the tokens of the vocabulary by what the latent adds to their logits; return counts and edges of bins."""
    logits = None if model is None else latent_logits(model, store, latent_idx)
    if logits is None:
        return [], []
    counts, edges = np.histogram(logits, N_LOGIT_BINS)
    return counts.tolist(), edges.tolist()


def _vector(store: FeatureStore, latent_idx: int) -> list[float]:
    row = store.source.rows(torch.tensor([latent_idx]))[0]
    return [finite(weight) or 0.0 for weight in row.float().tolist()]


def _strings(store: FeatureStore, token_ids: Iterable[int]) -> list[str]:
    # Half of a surrogate pair, which a byte-level token can be, has no UTF-8 form.
    return [text.encode("utf-8", "replace").decode() for text in store.token_strings(list(token_ids))]
