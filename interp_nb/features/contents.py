"""What goes into a version of a feature dictionary: whose features they are, which ones, and what is known of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from interp_nb._errors import ConfigError, StoreMismatchError
from interp_nb.features import artifact
from interp_nb.features.gate import confidence_of, fingerprint
from interp_nb.features.gate_report import GateReport
from interp_nb.features.labels import plain


def check_same_features(was: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Refuse a store of another SAE or model.

    Raises:
        StoreMismatchError: naming what differs.
    """
    odd = [
        f"{name} {was['latents'].get(name)} there, {now['latents'].get(name)} here"
        for name in sorted(was["latents"].keys() | now["latents"].keys())
        if was["latents"].get(name) != now["latents"].get(name)
    ]
    weights = [(one["model"] or {}).get("weights") for one in (was, now)]
    if weights[0] != weights[1]:
        odd.append(f"model weights {weights[0]} there, {weights[1]} here")
    if odd:
        raise StoreMismatchError(
            f"the dictionary at {str(path)!r} holds features of another SAE or model than this store "
            f"({'; '.join(odd)}): make one of its own with FeatureDictionary.create, and compare the two with "
            "compare_dictionaries"
        )


def features_of(store: Any, gate: GateReport | None) -> Int64[np.ndarray, " feature"]:
    """Choose the features of a version: those that passed the gate, or all that fire.

    Raises:
        StoreMismatchError: the gate was made of another store.
        ConfigError: none passed.
    """
    if gate is None:
        return np.flatnonzero(~np.asarray(store.column("dead"), bool)).astype(np.int64)
    if gate.of != fingerprint(store):
        raise StoreMismatchError(
            "this gate was made of another store, or of this one before it was labelled or read further: make it again "
            "with gate_features(store, ...)"
        )
    if not len(gate.passing):
        raise ConfigError(f"{gate!r}: no feature passed, so there is nothing to add; gate.to_frame() says why")
    return np.sort(gate.passing)


def content_of(store: Any, kept: Int64[np.ndarray, " feature"], gate: GateReport | None) -> artifact.Content:
    """Gather the files of a version: the store's, with the labels of the kept features alone, and two of its own."""
    latents = kept.tolist()
    folder = Path(store.path)
    files = tuple(sorted(Path(file) for file in store.files() if Path(file).name != artifact.LABELS))
    thresholds = None if gate is None else gate.thresholds
    made = {
        artifact.FEATURES: _json({"latents": latents, "gate": thresholds}),
        artifact.SCORES: _json(_scores(store, latents, gate)),
        f"{artifact.STORE}/{artifact.LABELS}": _labels(folder / artifact.LABELS, set(latents)),
    }
    return artifact.Content(folder, files, made)


def _scores(store: Any, latents: list[int], gate: GateReport | None) -> dict[str, dict[str, Any]]:
    """Gather what was measured of each feature: of labelled ones at least how well the label predicts."""
    labels, measured = store.labels.current(), {} if gate is None else gate.measured()
    found: dict[str, dict[str, Any]] = {}
    for latent in latents:
        held = dict(measured.get(latent, {}))
        if latent in labels:
            held |= {"label": labels[latent].score, "confidence": confidence_of(store, latent)}
        if held:
            found[str(latent)] = held
    return found


def _labels(file: Path, kept: set[int]) -> bytes:
    """Take the lines of a file of labels that are of some latents, as they stand there."""
    lines = file.read_bytes().splitlines(keepends=True) if file.is_file() else []
    return b"".join(line for line in lines if line.endswith(b"\n") and _latent(line) in kept)


def _latent(line: bytes) -> int | None:
    try:
        found = json.loads(line)["latent_idx"]
    except (ValueError, TypeError, KeyError):
        return None  # a line that a killed process left; the book passes it over too
    return found if isinstance(found, int) else None


def _json(value: Any) -> bytes:
    return (json.dumps(plain(value), sort_keys=True) + "\n").encode()
