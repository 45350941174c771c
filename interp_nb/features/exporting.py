"""Latents in other people's formats: Neuronpedia's and SAEDashboard's JSON, and frames for pandas.

Two forms: "batch" is what SAEDashboard hands to Neuronpedia (`batch-0.json`, ...), "export" is what Neuronpedia gives
out (lines of JSON, gzipped, in folders by kind). What a store does not measure is an empty list there, never a made-up
number. The page of a dashboard is written by `FeatureDashboard.to_html`.

Source: https://github.com/jbloomAus/SAEDashboard (neuronpedia/neuronpedia_dashboard.py), https://www.neuronpedia.org/api-doc.
"""

import gzip
import json
import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from interp_nb._atomic import write_atomically
from interp_nb._errors import ConfigError, SaveFormatError, nearest
from interp_nb.features.records import TOP_BAND, Example, Feature
from interp_nb.features.store import FeatureStore

if TYPE_CHECKING:
    import pandas as pd

FORMS: Final = ("batch", "export")
PER_FILE: Final = 128
"""Latents in one file, as SAEDashboard's batches have them."""
N_ALIGNED: Final = 3
"""Coordinates of the decoder direction that are named; SAEDashboard's own number."""


def write_neuronpedia(
    store: FeatureStore, path: str | Path, latents: Sequence[int], *, form: str = "batch"
) -> list[Path]:
    """Write latents in Neuronpedia's JSON; dead ones are listed as skipped.

    Args:
        path: A folder, made if it is not there.
        form: "batch" for SAEDashboard's files, "export" for Neuronpedia's own.

    Returns:
        The files written.

    Raises:
        ConfigError: an unknown form.
        SaveFormatError: the path is a file.
        DiskError: the files could not be written.
    """
    if form not in FORMS:
        raise ConfigError(f"form must be one of {', '.join(FORMS)}, got {form!r}; {nearest(form, FORMS)}")
    folder = Path(path)
    if folder.is_file():
        raise SaveFormatError(f"{folder} is a file; this writes several into a folder: give another path")
    dead = np.asarray(store.column("dead"), dtype=bool)
    alive = [latent_idx for latent_idx in latents if not dead[latent_idx]]
    skipped = [latent_idx for latent_idx in latents if dead[latent_idx]]
    write = _write_batches if form == "batch" else _write_export
    return write(store, folder, alive, skipped)


def examples_frame(store: FeatureStore, latents: Sequence[int]) -> "pd.DataFrame":
    """Return a row per example of some latents, with its text and the values on it."""
    import pandas as pd

    return pd.concat([store.examples_frame(latent_idx).assign(latent_idx=latent_idx) for latent_idx in latents])


def batch_feature(store: FeatureStore, feature: Feature) -> dict[str, Any]:
    """Write one latent as an entry of SAEDashboard's `features`."""
    aligned = _aligned(store, feature.latent_idx)
    up, down = feature.logits_up, feature.logits_down
    edges = np.asarray(store.edges, dtype=np.float64)
    return {
        "feature_index": feature.latent_idx,
        **aligned,
        "correlated_neurons_indices": [],
        "correlated_neurons_pearson": [],
        "correlated_neurons_l1": [],
        "correlated_features_indices": [],
        "correlated_features_pearson": [],
        "correlated_features_l1": [],
        "neg_str": _strings(store, [token for token, _ in down]),
        "neg_values": [_number(value) for _, value in down],
        "pos_str": _strings(store, [token for token, _ in up]),
        "pos_values": [_number(value) for _, value in up],
        "frac_nonzero": _number(feature.density),
        "freq_hist_data_bar_heights": [int(count) for count in feature.histogram],
        # Bins are log-spaced, so their middles are geometric.
        "freq_hist_data_bar_values": [_number(math.sqrt(a * b)) for a, b in pairwise(edges)],
        "logits_hist_data_bar_heights": [],
        "logits_hist_data_bar_values": [],
        "n_prompts_total": int(store.n_docs),
        "n_tokens_in_prompt": max((len(example.token_ids) for example in feature.examples), default=0),
        "dataset": ", ".join(str(part.get("kind", "")) for part in store.provenance["data"]),
        "decoder_weights_dist": [],
        "activations": [_activation(store, feature, example) for example in feature.examples],
        "vector": _vector(store, feature.latent_idx),
    }


def layer_of(site: str) -> int:
    """Return the layer in a hook name, -1 where it has none."""
    found = re.search(r"blocks\.(\d+)\.", site)
    return int(found[1]) if found else -1


def _write_batches(store: FeatureStore, folder: Path, alive: list[int], skipped: list[int]) -> list[Path]:
    head = {
        "model_id": str(store.model_name),
        "layer": layer_of(str(store.site)),
        "sae_set": str(store.site),
        "sae_id_suffix": None,
    }
    written = []
    for number, some in enumerate(_batches(alive)):
        entries = [batch_feature(store, feature) for feature in store.latents(some)]
        written.append(_write(folder / f"batch-{number}.json", _json(head | {"features": entries}).encode()))
    return [*written, _write(folder / "skipped_indexes.json", _json(head | {"skipped_indexes": skipped}).encode())]


def _write_export(store: FeatureStore, folder: Path, alive: list[int], skipped: list[int]) -> list[Path]:
    written = []
    source = _source(store)
    for number, some in enumerate(_batches(alive)):
        features = store.latents(some)
        entries = [batch_feature(store, feature) for feature in features]
        kinds = {
            "features": [
                _export_feature(store, source, entry, each) for entry, each in zip(entries, features, strict=True)
            ],
            "activations": [line for entry in entries for line in _export_activations(store, source, entry)],
            "explanations": [line for latent_idx in some for line in _export_labels(store, source, latent_idx)],
        }
        for kind, lines in kinds.items():
            data = "".join(_json(line) + "\n" for line in lines).encode()
            # No time and no name in the header: the same store is the same file.
            written.append(_write(folder / kind / f"batch-{number}.jsonl.gz", gzip.compress(data, mtime=0)))
    return written


def _export_feature(store: FeatureStore, source: str, entry: dict[str, Any], feature: Feature) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in ("feature_index", "activations", "vector")}
    return {
        "modelId": str(store.model_name),
        "layer": source,
        "index": str(feature.latent_idx),
        "sourceSetName": source.partition("-")[2],
        "maxActApprox": _number(feature.max),
        "hasVector": bool(entry["vector"]),
        "vector": entry["vector"],
        "hookName": str(store.site),
        "topkCosSimIndices": [int(latent_idx) for latent_idx, _ in feature.neighbours],
        "topkCosSimValues": [_number(cosine) for _, cosine in feature.neighbours],
        **kept,
    }


def _export_activations(store: FeatureStore, source: str, entry: dict[str, Any]) -> Iterable[dict[str, Any]]:
    index = entry["feature_index"]
    for number, each in enumerate(entry["activations"]):
        values = each["values"]
        yield {
            "id": f"{source}-{index}-{number}",
            "modelId": str(store.model_name),
            "layer": source,
            "index": str(index),
            "tokens": each["tokens"],
            "values": values,
            "maxValue": max(values),
            "maxValueTokenIndex": values.index(max(values)),
            "minValue": min(values),
            "binMin": each["bin_min"],
            "binMax": each["bin_max"],
            "binContains": each["bin_contains"],
            "qualifyingTokenIndex": each["qualifying_token_index"],
        }


def _export_labels(store: FeatureStore, source: str, latent_idx: int) -> Iterable[dict[str, Any]]:
    for number, label in enumerate(store.labels.history(latent_idx)):
        if label.text:
            yield {
                "id": f"{source}-{latent_idx}-{number}",
                "modelId": str(store.model_name),
                "layer": source,
                "index": str(latent_idx),
                "description": label.text,
                "authorId": label.author,
                "typeName": label.method,
                "explanationModelName": "" if label.human else label.author,
                "scores": label.score,
            }


def _source(store: FeatureStore) -> str:
    """Name the source as Neuronpedia does: layer, dash, what is read there."""
    return f"{max(0, layer_of(str(store.site)))}-{str(store.site).rpartition('.')[2].removeprefix('hook_')}"


def _activation(store: FeatureStore, feature: Feature, example: Example) -> dict[str, Any]:
    low, high, share = _bin(store, feature, example.band)
    return {
        "bin_min": low,
        "bin_max": high,
        "bin_contains": share,
        "qualifying_token_index": int(example.at),
        "tokens": _strings(store, example.token_ids.tolist()),
        "values": [_number(value) or 0.0 for value in example.values.tolist()],
    }


def _bin(store: FeatureStore, feature: Feature, band: int) -> tuple[float, float, float]:
    """Return the bin of an example as SAEDashboard writes it: -1 and -1 around the strongest ones."""
    if band == TOP_BAND:
        return -1.0, _number(feature.max) or 0.0, -1.0
    values = [example.value for example in feature.examples if example.band == band]
    return _number(min(values)) or 0.0, _number(max(values)) or 0.0, 1.0 / int(store.n_bands)


def _aligned(store: FeatureStore, latent_idx: int) -> dict[str, list[Any]]:
    """Name the coordinates of the decoder direction that are largest, as SAEDashboard's neuron alignment does."""
    weights = np.array(_vector(store, latent_idx))
    largest = np.argsort(-np.abs(weights), kind="stable")[:N_ALIGNED]
    total = float(np.abs(weights).sum()) or 1.0
    return {
        "neuron_alignment_indices": [int(place) for place in largest],
        "neuron_alignment_values": [_number(weights[place]) for place in largest],
        "neuron_alignment_l1": [_number(abs(weights[place]) / total) for place in largest],
    }


def _vector(store: FeatureStore, latent_idx: int) -> list[float]:
    row = store.source.rows(torch.tensor([latent_idx]))[0]
    return [_number(weight) or 0.0 for weight in row.float().tolist()]


def _strings(store: FeatureStore, token_ids: Iterable[int]) -> list[str]:
    # Half of a surrogate pair, which a byte-level token can be, has no UTF-8 form.
    return [text.encode("utf-8", "replace").decode() for text in store.token_strings(list(token_ids))]


def _number(value: float) -> float | None:
    """Return a number to 6 digits, as JSON has it: None where it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _batches(latents: list[int]) -> Iterable[list[int]]:
    return (latents[start : start + PER_FILE] for start in range(0, len(latents), PER_FILE))


def _write(path: Path, data: bytes) -> Path:
    write_atomically(path, lambda part: part.write_bytes(data))
    return path
