"""What is compared on ground truth: the latents of an SAE, and directions that are no SAE's.

Every dictionary gives its activations latent after latent, a few latents at a time: pairs (row, latent, value) of where
each is active. Of an SAE and "random" these are firings. Of the others, every latent has a value everywhere, and where
it says yes is left to the threshold that is chosen for it. All read activations minus their mean.

    raw          the activations' own dimensions, and the negative of each
    pca          their principal components on the half that is chosen on, and the negative of each
    random       as many random unit directions as the SAE has latents; on every token the k with the largest
                 projections fire, k = the SAE's L0 there
    random_free  the same directions without k: ten times the work

Of ways to make random directions as sparse as the SAE this one told concepts best on the pocket model: one cut for all
(with or without the norms of the SAE's encoder rows) and a cut for each at the density of the SAE's latents were worse.
It is one draw of directions: four draws there had a mean F1 of 0.22 to 0.24, a spread as wide as an interval over
documents.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, Int64
from torch import Tensor

from interp_nb.evaluation.reading import encoded
from interp_nb.features.firing import Firing, by_latent
from interp_nb.sae.coder import SAE

BASELINES: Final = ("raw", "pca", "random", "random_free")
_PAIRS_AT_ONCE: Final = 400_000
_PRODUCTS_AT_ONCE: Final = 2**23


class Pairs(NamedTuple):
    """Where some latents are active, latent after latent."""

    latents: Int32[np.ndarray, " pair"]
    """Their indices, ascending."""
    rows: Int32[np.ndarray, " pair"]
    """Tokens."""
    values: Float32[np.ndarray, " pair"]
    """Activations; of what fires, their size."""


class Dictionary:
    """Latents that were run over rows of activations.

    Args:
        firing: Where they fire; None = `directions` give a value everywhere.
        directions: What rows are projected on.
    """

    def __init__(
        self, d_sae: int, firing: Firing | None = None, *, acts: Float[Tensor, "row d_in"] | None = None,
        directions: Float[Tensor, "latent d_in"] | None = None,
    ) -> None:  # fmt: skip
        self.d_sae = d_sae
        self._sorted = None if firing is None else by_latent(firing._replace(values=np.abs(firing.values)), d_sae)
        self._acts, self._directions = acts, directions

    @property
    def dense(self) -> bool:
        """Whether every latent has a value on every row."""
        return self._sorted is None

    def blocks(self) -> Iterator[Pairs]:
        """Go through all latents, a block of them at a time."""
        if self._sorted is None:
            assert self._acts is not None
            step = max(1, _PAIRS_AT_ONCE // max(1, len(self._acts)))
            for start in range(0, self.d_sae, step):
                yield self._projected(np.arange(start, min(self.d_sae, start + step)))
            return
        starts, first = self._sorted.starts, 0
        while first < self.d_sae:
            last = int(np.searchsorted(starts, starts[first] + _PAIRS_AT_ONCE, side="right")) - 1
            last = min(self.d_sae, max(first + 1, last))
            yield self._part(first, last)
            first = last

    def of(self, latent_idx: int) -> Pairs:
        """Return where one latent is active."""
        return self._projected(np.array([latent_idx])) if self.dense else self._part(latent_idx, latent_idx + 1)

    def firings(self) -> Int64[np.ndarray, " latent"]:
        """Count the rows on which each latent is active."""
        if self._sorted is None:
            return np.full(self.d_sae, 0 if self._acts is None else len(self._acts))
        return np.diff(self._sorted.starts)

    def _part(self, first: int, last: int) -> Pairs:
        assert self._sorted is not None
        part = slice(int(self._sorted.starts[first]), int(self._sorted.starts[last]))
        return Pairs(self._sorted.latents[part], self._sorted.rows[part], self._sorted.values[part])

    def _projected(self, latents: Int64[np.ndarray, " latent"]) -> Pairs:
        assert self._acts is not None
        assert self._directions is not None
        values = (self._directions[torch.from_numpy(latents)] @ self._acts.T).numpy()
        rows = np.tile(np.arange(values.shape[1], dtype=np.int32), len(latents))
        return Pairs(np.repeat(latents.astype(np.int32), values.shape[1]), rows, values.reshape(-1))


def of_sae(sae: SAE, acts: Float[Tensor, "row d_in"]) -> Dictionary:
    """Return an SAE's latents on rows."""
    return Dictionary(sae.cfg.d_sae, encoded(sae, acts))


def baseline(
    kind: str, acts: Float[Tensor, "row d_in"], chosen_on: Bool[np.ndarray, " row"], *, d_sae: int = 0, l0: float = 0.0,
    seed: int = 0,
) -> Dictionary:  # fmt: skip
    """Return latents that are no SAE's.

    Args:
        kind: One of `BASELINES`.
        chosen_on: Rows that mean and components are computed from.
        d_sae: Random directions.
        l0: How many of them fire on a token, rounded.
    """
    on = acts[torch.from_numpy(chosen_on)].float()
    centered, d_in = acts.float() - on.mean(0), acts.shape[1]
    if kind.startswith("random"):
        drawn = torch.randn(d_sae, d_in, generator=torch.Generator().manual_seed(seed))
        directions = torch.nn.functional.normalize(drawn, dim=1)
        if kind == "random_free":
            return Dictionary(d_sae, acts=centered, directions=directions)
        return Dictionary(d_sae, _largest(centered, directions, min(d_sae, max(1, round(l0)))))
    if kind == "raw":
        axes = torch.eye(d_in)
    else:
        wide = (on - on.mean(0)).double()
        axes = torch.linalg.eigh(wide.T @ wide).eigenvectors.T.float()
    return Dictionary(2 * d_in, acts=centered, directions=torch.cat([axes, -axes]))


def _largest(centered: Float[Tensor, "row d_in"], directions: Float[Tensor, "latent d_in"], k: int) -> Firing:
    """Let the k largest projections of every row fire, as far as they are positive."""
    counts, latents, values = [], [], []
    for part in torch.split(centered, max(1, _PRODUCTS_AT_ONCE // len(directions))):
        largest, which = (part @ directions.T).topk(k, 1)
        fires = largest > 0
        counts.append(fires.sum(1).numpy())
        latents.append(which[fires].int().numpy())
        values.append(largest[fires].numpy())
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return Firing(offsets, np.concatenate(latents), np.concatenate(values))
