"""Latents that fire like each other: correlations and cosines of activations over a store's token sample.

Not the co-firing latents of a store: those share firings, these share how strong the firings are.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from scipy.sparse import csc_array

from interp_nb.features.overlap import patterns_of
from interp_nb.features.patterns import Correlation

_AT_ONCE: Final = 128
"""Latents whose correlations with all others are in memory at once."""


class Correlated(NamedTuple):
    """A latent that fires like another one."""

    latent_idx: int
    """Index of the latent."""
    pearson: float
    """Correlation of their activations over all tokens of the sample."""
    cosine: float
    """Cosine of the same activations, which tokens without a firing do not change."""


def most_correlated(store: Any, latents: Sequence[int], n: int) -> dict[int, tuple[Correlated, ...]]:
    """List, for each of some latents, the n of its store that fire most like it, the most alike first.

    Latents without a positive correlation to name, or with too few firings in the sample, have none.

    Cost: reads the token sample, and multiplies its activations by each other, 128 latents at a time.
    """
    patterns = patterns_of(store, store)
    if patterns.kind != "token":
        return dict.fromkeys(latents, ())  # too few tokens were sampled
    correlation, found = Correlation(patterns), {}
    for start in range(0, len(latents), _AT_ONCE):
        chosen = np.array(latents[start : start + _AT_ONCE], np.int64)
        pearson = correlation.among(chosen).nan_to_num(nan=-torch.inf)
        pearson[torch.arange(len(chosen)), torch.from_numpy(chosen)] = -torch.inf
        best = pearson.topk(min(n, pearson.shape[1]), dim=1)
        for latent, values, others in zip(chosen.tolist(), best.values, best.indices, strict=True):
            near = others[values > 0].numpy()
            cosines = _cosines(patterns.a, latent, near)
            found[latent] = tuple(map(Correlated, near.tolist(), values[values > 0].tolist(), cosines.tolist()))
    return found


def _cosines(acts: csc_array, latent: int, others: np.ndarray) -> Float64[np.ndarray, " other"]:
    own, near = acts[:, [latent]], acts[:, others]
    products = (near.T @ own).toarray()[:, 0]
    norms = np.sqrt(np.asarray(near.multiply(near).sum(0), np.float64) * float(own.multiply(own).sum()))
    return np.asarray(products / norms, np.float64)
