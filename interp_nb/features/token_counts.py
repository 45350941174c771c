"""On which tokens of the vocabulary each latent fires, and how strongly: the heaviest tokens of every latent.

Firings are added up by (latent, token) in sparse matrices. When those hold many more tokens than are kept, the tokens
with the smallest sums of activations are forgotten, latent by latent. So counts are exact for latents that fire on no
more kinds of tokens than are kept; of the others, a token that was forgotten and comes back starts again from zero.
"""

from typing import Final

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_array

from interp_nb.features.firing import Block, by_latent
from interp_nb.features.keeping import ordered, ranks

_FULL: Final = 4
"""Tokens are forgotten when as many times more are held than are kept."""
_N_TOKENS: Final = 2**31 - 1
"""Token ids are below this; a sparse matrix takes no room for columns."""


class TokenCounts:
    """The tokens with the largest sums of activations, of every latent.

    Args:
        n: Tokens kept of a latent.
    """

    def __init__(self, d_sae: int, n: int) -> None:
        self.d_sae, self.n = d_sae, n
        # Complex numbers: the real part adds activations up, the imaginary part counts firings. One sum instead of two.
        self._all = csr_array((d_sae, _N_TOKENS), dtype=np.complex128)
        self._recent = self._all.copy()

    @staticmethod
    def nbytes(d_sae: int, n: int) -> int:
        """Say how much memory one takes at most: two sparse matrices and their sum, and what sorting them needs."""
        return d_sae * n * _FULL * (20 * 2 + 30) + 16 * d_sae

    def add(self, block: Block) -> None:
        """Count a block's firings."""
        core = np.arange(block.core.start, block.core.stop)
        core = core[block.rows.token[core] >= 0]
        if not self.n or not len(core):
            return
        # Rows sorted by token: then so are, within a latent, its firings.
        order = core[np.argsort(block.rows.token[core], kind="stable")]
        found = by_latent(block.firing.take(order), self.d_sae)
        if not len(found.rows):
            return
        token = block.rows.token[order][found.rows]
        first = np.ones(len(token), np.bool_)
        first[1:] = (token[1:] != token[:-1]) | (found.latents[1:] != found.latents[:-1])
        starts = np.flatnonzero(first)
        sums = np.add.reduceat(found.values.astype(np.float64), starts)
        counts = np.diff(starts, append=len(token))
        self._recent = self._recent + _matrix(self.d_sae, found.latents[starts], token[starts], sums + 1j * counts)
        # Two matrices: the large one is added to rarely.
        if self._recent.nnz > self.d_sae * self.n // 2:
            self._settle()
            if self._all.nnz > self.d_sae * self.n * _FULL:
                self._forget()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return tokens (-1 beyond), counts and sums of activations `[d_sae n]`, the largest sums first."""
        self._settle()
        self._forget()
        held = self._all
        latents = np.repeat(np.arange(self.d_sae), np.diff(held.indptr))
        order = _heaviest(latents, held.indices, held.data.real)
        slots = latents[order], ranks(latents[order], self.d_sae)
        made: dict[str, np.ndarray] = {
            "token": np.full((self.d_sae, self.n), -1, np.int32),
            "count": np.zeros((self.d_sae, self.n), np.int64),
            "sum": np.zeros((self.d_sae, self.n)),
        }
        made["token"][slots] = held.indices[order]
        made["count"][slots] = held.data.imag[order]
        made["sum"][slots] = held.data.real[order]
        return made

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from what `arrays` returned."""
        latents, slots = np.nonzero(arrays["token"] >= 0)
        token = arrays["token"][latents, slots]
        values = arrays["sum"][latents, slots] + 1j * arrays["count"][latents, slots]
        order = np.lexsort((token, latents))
        self._all = _matrix(self.d_sae, latents[order], token[order], values[order])

    def _settle(self) -> None:
        self._all = self._all + self._recent
        self._recent = csr_array(self._all.shape, dtype=np.complex128)

    def _forget(self) -> None:
        """Keep the tokens with the largest sums, of latents that have more than are kept."""
        lengths = np.diff(self._all.indptr)
        if not (lengths > self.n).any():
            return
        latents = np.repeat(np.arange(self.d_sae), lengths)
        some = np.flatnonzero(lengths[latents] > self.n)
        order = some[_heaviest(latents[some], self._all.indices[some], self._all.data.real[some])]
        kept = np.ones(len(latents), np.bool_)
        kept[order[ranks(latents[order], self.d_sae) >= self.n]] = False
        self._all = _matrix(self.d_sae, latents[kept], self._all.indices[kept], self._all.data[kept])


def _heaviest(latents: np.ndarray, token: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Sort by latent, then by the sum of activations, the largest first; equal ones by token."""
    keys = ~sums.astype(np.float32).view(np.uint32)
    return ordered((latents.astype(np.uint64) << np.uint64(32)) | keys, token.astype(np.int64))


def _matrix(d_sae: int, latents: np.ndarray, token: np.ndarray, values: np.ndarray) -> csr_array:
    """Make a matrix of entries that are in order and differ."""
    starts = np.zeros(d_sae + 1, np.int64 if len(token) >= 2**31 else np.int32)
    np.cumsum(np.bincount(latents, minlength=d_sae), out=starts[1:])
    made = csr_array((values, token.astype(np.int32, copy=False), starts), shape=(d_sae, _N_TOKENS))
    made.has_canonical_format = True
    return made


def occurrences(before: Int64[np.ndarray, " n"], block: Block) -> Int64[np.ndarray, " m"]:
    """Count a block's tokens on top of those before."""
    token = block.rows.token[block.core]
    found = np.bincount(token[token >= 0], minlength=len(before))
    found[: len(before)] += before
    return found
