"""Latents in other people's formats: Neuronpedia's and SAEDashboard's JSON, and frames for pandas.

Two forms: "batch" is what SAEDashboard hands to Neuronpedia (`batch-0.json`, ...), "export" is what Neuronpedia gives
out (lines of JSON, gzipped, in folders by kind). What is in the entry of a latent is in `exported_latent`. The page of
a dashboard is written by `FeatureDashboard.to_html`.

Source: https://github.com/jbloomAus/SAEDashboard (neuronpedia/neuronpedia_dashboard.py), https://www.neuronpedia.org/api-doc.
"""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from interp_nb._atomic import write_atomically
from interp_nb._errors import ConfigError, SaveFormatError, nearest
from interp_nb.features.correlated import most_correlated
from interp_nb.features.exported_latent import N_NAMED, batch_feature, finite
from interp_nb.features.records import Feature
from interp_nb.features.store import FeatureStore
from interp_nb.models.protocol import HookedModel

if TYPE_CHECKING:
    import pandas as pd

FORMS: Final = ("batch", "export")
PER_FILE: Final = 128
"""Latents in one file, as SAEDashboard's batches have them."""


def write_neuronpedia(
    store: FeatureStore,
    path: str | Path,
    latents: Sequence[int],
    *,
    form: str = "batch",
    model: HookedModel | None = None,
) -> list[Path]:
    """Write latents in Neuronpedia's JSON; dead ones are listed as skipped.

    Args:
        path: A folder, made if it is not there.
        form: "batch" for SAEDashboard's files, "export" for Neuronpedia's own.
        model: The one the store was built with, for the histograms of logits.

    Returns:
        The files written.

    Raises:
        ConfigError: an unknown form.
        SaveFormatError: the path is a file.
        DiskError: the files could not be written.

    Cost: see `most_correlated`; with a model, one product of its unembedding per latent.
    """
    if form not in FORMS:
        raise ConfigError(f"form must be one of {', '.join(FORMS)}, got {form!r}; {nearest(form, FORMS)}")
    folder = Path(path)
    if folder.is_file():
        raise SaveFormatError(f"{folder} is a file; this writes several into a folder: give another path")
    dead = np.asarray(store.column("dead"), dtype=bool)
    alive = [latent_idx for latent_idx in latents if not dead[latent_idx]]
    skipped = [latent_idx for latent_idx in latents if dead[latent_idx]]
    entries = _entries(store, alive, model)
    if form == "batch":
        return _write_batches(store, folder, entries, skipped)
    return _write_export(store, folder, entries)


def examples_frame(store: FeatureStore, latents: Sequence[int]) -> "pd.DataFrame":
    """Return a row per example of some latents, with its text and the values on it."""
    import pandas as pd

    return pd.concat([store.examples_frame(latent_idx).assign(latent_idx=latent_idx) for latent_idx in latents])


def layer_of(site: str) -> int:
    """Return the layer in a hook name, -1 where it has none."""
    found = re.search(r"blocks\.(\d+)\.", site)
    return int(found[1]) if found else -1


Entries = Iterator[list[tuple[Feature, dict[str, Any]]]]
"""File by file, latents with what SAEDashboard writes of them."""


def _entries(store: FeatureStore, alive: list[int], model: HookedModel | None) -> Entries:
    correlated = most_correlated(store, alive, N_NAMED) if alive else {}
    for some in _batches(alive):
        features = store.latents(some)
        yield [(each, batch_feature(store, each, correlated[each.latent_idx], model)) for each in features]


def _write_batches(store: FeatureStore, folder: Path, entries: Entries, skipped: list[int]) -> list[Path]:
    head = {
        "model_id": str(store.model_name),
        "layer": layer_of(str(store.site)),
        "sae_set": str(store.site),
        "sae_id_suffix": None,
    }
    written = []
    for number, some in enumerate(entries):
        features = [entry for _, entry in some]
        written.append(_write(folder / f"batch-{number}.json", _json(head | {"features": features}).encode()))
    return [*written, _write(folder / "skipped_indexes.json", _json(head | {"skipped_indexes": skipped}).encode())]


def _write_export(store: FeatureStore, folder: Path, entries: Entries) -> list[Path]:
    written = []
    source = _source(store)
    for number, some in enumerate(entries):
        kinds = {
            "features": [_export_feature(store, source, entry, feature) for feature, entry in some],
            "activations": [line for _, entry in some for line in _export_activations(store, source, entry)],
            "explanations": [line for each, _ in some for line in _export_labels(store, source, each.latent_idx)],
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
        "maxActApprox": finite(feature.max),
        "hasVector": bool(entry["vector"]),
        "vector": entry["vector"],
        "hookName": str(store.site),
        "topkCosSimIndices": [int(latent_idx) for latent_idx, _ in feature.neighbors],
        "topkCosSimValues": [finite(cosine) for _, cosine in feature.neighbors],
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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _batches(latents: list[int]) -> Iterable[list[int]]:
    return (latents[start : start + PER_FILE] for start in range(0, len(latents), PER_FILE))


def _write(path: Path, data: bytes) -> Path:
    write_atomically(path, lambda part: part.write_bytes(data))
    return path
