"""A map of latents: their directions on a plane, like ones near each other.

Directions are what latents write, each divided by its norm, so that the map shows where they point and not how far.
"""

import contextlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32

from interp_nb._atomic import write_atomically
from interp_nb._errors import ConfigError, DiskError, nearest
from interp_nb.features.plain_latents import Neurons
from interp_nb.features.wiring import source_of

METHODS: Final = ("pca", "umap")
SEED: Final = 0
NEIGHBORS: Final = 15
"""Latents that UMAP takes for the neighborhood of each; the library's own default."""


def feature_map(store: Any, method: str = "pca") -> Float32[np.ndarray, "d_sae 2"]:
    """Place latents on a plane by their directions; kept in the store's folder.

    Args:
        store: A store, or an SAE; then nothing is kept.
        method: "pca", which is linear, always the same and takes a moment; or "umap", which shows clusters, takes
            minutes for tens of thousands of latents and needs umap-learn.

    Raises:
        ConfigError: no such method, umap-learn is missing, or the latents are neurons.

    Source: McInnes et al. 2018 (UMAP), https://arxiv.org/abs/1802.03426.
    """
    if method not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}, got {method!r}; {nearest(method, METHODS)}")
    rows = _directions(store)
    folder = getattr(store, "path", None)
    kept = None if folder is None else Path(folder) / f"map-{method}.npy"
    found = None if kept is None else _read(kept, len(rows))
    if found is None:
        found = (_pca if method == "pca" else _umap)(rows)
        if kept is not None:
            with contextlib.suppress(DiskError):  # a store that may not be written to is mapped again next time
                write_atomically(kept, lambda part: _write(part, found))
    return found


def map_methods() -> dict[str, str]:
    """Say of each method what it lacks here: "" = nothing, it can be used."""
    return {"pca": "", "umap": "" if find_spec("umap") else "needs umap-learn: pip install umap-learn"}


def map_note(store: Any, method: str = "pca") -> str:
    """Say what a map shows of the directions."""
    if method == "umap":
        return "UMAP of cosines: near means alike; distances between groups mean little"
    rows, places = _directions(store), feature_map(store, "pca")
    spread = float(rows.var(0).sum())
    share = float(places.var(0).sum()) / spread if spread > 0 else 1.0
    return f"2 components hold {100 * share:.0f} % of the variance"


def _directions(store: Any) -> Float32[np.ndarray, "d_sae d_out"]:
    source = source_of(store)
    if isinstance(source, Neurons):
        raise ConfigError("a map needs directions, and neurons have none but the axes; map an SAE or directions")
    rows = source.rows(torch.arange(source.d_sae)).float()
    unit: Float32[np.ndarray, "d_sae d_out"] = torch.nn.functional.normalize(rows).numpy()
    return unit


def _pca(rows: Float32[np.ndarray, "d_sae d_out"]) -> Float32[np.ndarray, "d_sae 2"]:
    from sklearn.decomposition import PCA

    if len(rows) < 2:
        return np.zeros((len(rows), 2), np.float32)  # one latent varies along nothing
    n = min(2, rows.shape[1])
    found = PCA(n, random_state=SEED).fit_transform(rows)
    return np.pad(found, ((0, 0), (0, 2 - n))).astype(np.float32)


def _umap(rows: Float32[np.ndarray, "d_sae d_out"]) -> Float32[np.ndarray, "d_sae 2"]:
    try:
        umap: Any = import_module("umap")
    except ImportError as error:
        raise ConfigError(
            f"method='umap' needs umap-learn, which is not here ({error}): pip install umap-learn, or use method='pca'"
        ) from error
    if len(rows) < 4:
        return _pca(rows)  # too few for neighborhoods
    # With a seed UMAP runs on one thread and says so; the same map every time is worth it.
    made = umap.UMAP(n_neighbors=min(NEIGHBORS, len(rows) - 1), metric="cosine", random_state=SEED, n_jobs=1)
    return np.asarray(made.fit_transform(rows), np.float32)


def _read(path: Path, n: int) -> Float32[np.ndarray, "d_sae 2"] | None:
    """Read a map that was kept; None where there is none, or not of as many latents."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == (n, 2) and found.dtype == np.float32 else None


def _write(path: Path, found: Float32[np.ndarray, "d_sae 2"]) -> None:
    with path.open("wb") as file:  # by name, numpy would add an ending
        np.save(file, found)
