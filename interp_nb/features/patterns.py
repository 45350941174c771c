"""Activation patterns: how the latents of two dictionaries fire on the same rows.

1. Two stores that read the same text hold the same tokens in their samples: document, position and the tokens around
   are equal. Then a row is such a token.
2. Stores of other texts share types of tokens. Then a row is a type that both saw `MIN_SEEN` times, and a latent's
   value there its mean activation. What fires for what came before a token is not seen by this.

Values are sparse; correlations are computed a block of latents at a time.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from scipy.sparse import csc_array, csr_array

MIN_ROWS: Final = 100
"""Fewest rows that patterns are compared on; ours. Correlations of fewer say little about thousands of latents."""
MIN_SEEN: Final = 10
"""Fewest occurrences of a type of token in each sample; ours. A mean over fewer is mostly chance."""
MIN_FIRINGS: Final = 5
"""Fewest rows on which one of two latents fires, for their correlation to be known; ours."""


class Patterns(NamedTuple):
    """The same rows through two dictionaries."""

    kind: str
    """What a row is: "token", "token type", or "none" where there are too few of either."""
    a: csc_array
    """Activations `[row n_a]`."""
    b: csc_array
    """Activations `[row n_b]`."""

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.a.shape[0])

    def firings(self) -> tuple[Int64[np.ndarray, " n_a"], Int64[np.ndarray, " n_b"]]:
        """Count the rows on which each latent fires."""
        return _firings(self.a), _firings(self.b)

    def swapped(self) -> "Patterns":
        """Return the same rows with a and b in each other's place."""
        return Patterns(self.kind, self.b, self.a)


class Correlation:
    """Pearson correlations of activations over rows, between the latents of two dictionaries.

    A latent that fires on no row has correlation 0 with those that do; a pair of which neither fires on `MIN_FIRINGS`
    rows has none.
    """

    def __init__(self, patterns: Patterns) -> None:
        self._a, self._mean_a = _scaled(patterns.a)
        self._b, self._mean_b = _scaled(patterns.b)
        self._fires_a, self._fires_b = (counts >= MIN_FIRINGS for counts in patterns.firings())

    def block(self, start: int, stop: int) -> Float32[torch.Tensor, "rows n_b"]:
        """Correlate latents of a that follow each other with all of b; NaN where that is not known."""
        return self.among(np.arange(start, stop))

    def among(self, latents: Int64[np.ndarray, " row"]) -> Float32[torch.Tensor, "rows n_b"]:
        """Correlate some latents of a with all of b; NaN where that is not known."""
        products = (self._a[:, latents].T @ self._b).toarray()
        products -= np.outer(self._mean_a[latents], self._mean_b)
        products[~(self._fires_a[latents, None] | self._fires_b)] = np.nan
        return torch.from_numpy(products.astype(np.float32, copy=False))

    def of(self, a: Int64[np.ndarray, " pair"], b: Int64[np.ndarray, " pair"]) -> Float32[np.ndarray, " pair"]:
        """Correlate pair by pair; NaN where that is not known."""
        products = np.asarray(self._a[:, a].multiply(self._b[:, b]).sum(0), np.float32)
        products -= self._mean_a[a] * self._mean_b[b]
        products[~(self._fires_a[a] | self._fires_b[b])] = np.nan
        return products


def shared_patterns(a: Any, b: Any, strings_a: Any, strings_b: Any, n_a: int, n_b: int) -> Patterns:
    """Find the rows that two token samples have in common.

    Args:
        a: The `sample()` of a store, b that of another.
        strings_a: Gives the strings of token ids of a, `strings_a(ids) -> list[str]`; strings_b those of b.
        n_a: Number of latents of a, n_b of b.
    """
    matrices = (_matrix(a, n_a), _matrix(b, n_b))
    in_a, in_b = _same_tokens(a, b)
    if len(in_a) >= MIN_ROWS:
        return Patterns("token", csc_array(matrices[0][in_a]), csc_array(matrices[1][in_b]))
    types_a, types_b = _types(a, strings_a), _types(b, strings_b)
    shared = sorted(types_a.keys() & types_b.keys())
    if len(shared) >= MIN_ROWS:
        means = (_means(m, t, shared) for m, t in zip(matrices, (types_a, types_b), strict=True))
        return Patterns("token type", *means)
    return Patterns("none", csc_array((0, n_a), dtype=np.float32), csc_array((0, n_b), dtype=np.float32))


def _same_tokens(a: Any, b: Any) -> tuple[Int64[np.ndarray, " row"], Int64[np.ndarray, " row"]]:
    """Find the tokens of both samples that stand at the same place of the same text."""
    _, in_a, in_b = np.intersect1d(_places(a), _places(b), assume_unique=True, return_indices=True)
    contexts_a, contexts_b = np.asarray(a.contexts), np.asarray(b.contexts)
    if contexts_a.shape[1] != contexts_b.shape[1]:
        return in_a[:0], in_b[:0]
    same = (contexts_a[in_a] == contexts_b[in_b]).all(1)
    return in_a[same], in_b[same]


def _places(sample: Any) -> np.ndarray:
    """Write document and position as one value that sorts."""
    pairs = np.stack([np.asarray(sample.doc, np.int64), np.asarray(sample.pos, np.int64)], axis=1)
    return np.ascontiguousarray(pairs).view([("doc", np.int64), ("pos", np.int64)])[:, 0]


def _types(sample: Any, strings: Any) -> dict[str, Int64[np.ndarray, " row"]]:
    """Find the rows of every type of token, by its string: ids mean nothing to another tokenizer."""
    ids, where = np.unique(np.asarray(sample.token_ids), return_inverse=True)
    order = np.argsort(where, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(where, minlength=len(ids)))[:-1])
    often = [(token, places) for token, places in zip(ids.tolist(), rows, strict=True) if len(places) >= MIN_SEEN]
    return dict(zip(strings([token for token, _ in often]), (places for _, places in often), strict=True))


def _means(matrix: csr_array, types: dict[str, Int64[np.ndarray, " row"]], shared: Sequence[str]) -> csc_array:
    """Average activations over the rows of each type."""
    sizes = np.array([len(types[name]) for name in shared])
    rows = np.concatenate([types[name] for name in shared])
    of_type = np.repeat(np.arange(len(shared)), sizes)
    weights = np.repeat(1.0 / sizes, sizes).astype(np.float32)
    averaging = csr_array((weights, (of_type, rows)), shape=(len(shared), matrix.shape[0]))
    return csc_array(averaging @ matrix)


def _matrix(sample: Any, n_latents: int) -> csr_array:
    columns = (np.asarray(sample.row_of), np.asarray(sample.latent))
    shape = (len(sample.token_ids), n_latents)
    return csr_array((np.asarray(sample.value, np.float32), columns), shape=shape)


def _scaled(matrix: csc_array) -> tuple[csc_array, Float32[np.ndarray, " latent"]]:
    """Divide columns so that products of columns, less products of the means that are returned, are correlations."""
    n = max(1, matrix.shape[0])
    sums = np.asarray(matrix.sum(0), np.float64)
    squares = np.asarray(matrix.multiply(matrix).sum(0), np.float64)
    spread = np.sqrt(np.maximum(squares - sums**2 / n, 0))
    # What varies by rounding only does not vary.
    factor = np.where(spread > 1e-6 * np.sqrt(squares), 1 / np.where(spread > 0, spread, 1), 0)
    scaled = matrix.astype(np.float32, copy=True)
    scaled.data *= np.repeat(factor, np.diff(scaled.indptr)).astype(np.float32)
    return scaled, (sums * factor / np.sqrt(n)).astype(np.float32)


def _firings(matrix: csc_array) -> Int64[np.ndarray, " latent"]:
    fires = csc_array((matrix.data > 0, matrix.indices, matrix.indptr), shape=matrix.shape)
    return np.asarray(fires.sum(0, dtype=np.int64)).astype(np.int64)


def fires_on(matrix: csc_array, latents: Sequence[int]) -> Bool[np.ndarray, "row latent"]:
    """Mark the rows on which some latents fire."""
    marks: Bool[np.ndarray, "row latent"] = (matrix[:, list(latents)] > 0).toarray()
    return marks
