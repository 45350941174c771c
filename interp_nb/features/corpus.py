"""Tokens drawn evenly from documents, with what fired on them: what labels are made from, and what they are tested on.

The documents of a store are split in two by a hash of their number, so that no document serves both; where the labels
are tested on another store, each store is one half of its own.
"""

from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from interp_nb._errors import DataError

Half = Literal["explain", "score"]

N_NEIGHBORS: Final = 8
"""Decoder neighbors, and as many co-firing latents, whose firings are taken for hard negatives."""
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


@runtime_checkable
class LatentStore(Protocol):
    """What is read of a feature store to label its latents."""

    d_sae: int
    n_bands: int
    labels: Any

    def column(self, name: str) -> np.ndarray:
        """Return one value per latent."""

    def latents(self, indices: Any) -> list[Any]:
        """Return what is known of latents."""

    def sample(self) -> Any:
        """Return the token sample."""

    def token_strings(self, ids: Any) -> list[str]:
        """Turn token ids into text."""


class Firings(NamedTuple):
    """Where one latent fires among the rows of a corpus."""

    rows: Int64[np.ndarray, " firing"]
    """Rows, in order."""
    values: Float32[np.ndarray, " firing"]
    """Its activations there."""


class Corpus:
    """The token sample of a store, or of the half of its documents that is set aside for a purpose.

    Args:
        half: Which half of the documents; None = all of them.
        seed: Draws the halves.

    Raises:
        DataError: the store keeps no token of these documents.
    """

    def __init__(self, store: LatentStore, half: Half | None = None, *, seed: int = 0) -> None:
        sample = store.sample()
        doc = np.asarray(sample.doc)
        keep = np.ones(len(doc), bool) if half is None else in_half(doc, half, seed)
        if not keep.any():
            raise DataError(
                f"no token of the {'store' if half is None else half + ' half'} is left to look at; build the store "
                "from more documents"
            )
        self.half, self.seed, self.strings = half, seed, store.token_strings
        self.token_ids: Int32[np.ndarray, " row"] = np.asarray(sample.token_ids)[keep]
        self.contexts: Int32[np.ndarray, "row context"] = np.asarray(sample.contexts)[keep]
        self.doc: Int64[np.ndarray, " row"] = doc[keep].astype(np.int64)
        self.pos: Int64[np.ndarray, " row"] = np.asarray(sample.pos)[keep].astype(np.int64)
        pairs = keep[np.asarray(sample.row_of)]
        rows = (np.cumsum(keep) - 1)[np.asarray(sample.row_of)[pairs]]
        latents = np.asarray(sample.latent)[pairs]
        order = np.lexsort((rows, latents))
        self._rows, self._values = rows[order].astype(np.int64), np.asarray(sample.value)[pairs][order]
        self._starts = np.searchsorted(latents[order], np.arange(store.d_sae + 1))
        self._kept: dict[int, bool] = {}
        self._by_token = np.argsort(self.token_ids, kind="stable")
        self._tokens_sorted = self.token_ids[self._by_token]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.token_ids)

    def keeps(self, doc: int) -> bool:
        """Say whether a document is in this half."""
        if doc not in self._kept:
            self._kept[doc] = self.half is None or bool(in_half(np.array([doc]), self.half, self.seed)[0])
        return self._kept[doc]

    def firings(self, latent_idx: int) -> Firings:
        """Return where a latent fires."""
        part = slice(int(self._starts[latent_idx]), int(self._starts[latent_idx + 1]))
        return Firings(self._rows[part], self._values[part])

    def weakest(self) -> float:
        """Return about the smallest activation there is: the first percentile over all latents."""
        return float(np.quantile(self._values, 0.01)) if len(self._values) else 0.0

    def with_token(self, token_id: int) -> Int64[np.ndarray, " row"]:
        """Return the rows of a token."""
        first, last = np.searchsorted(self._tokens_sorted, [token_id, token_id + 1])
        return self._by_token[first:last]

    def silent(self, latent_idx: int, n: int, rng: np.random.Generator) -> Int64[np.ndarray, " row"]:
        """Draw rows evenly from those on which a latent does not fire."""
        rows = self.firings(latent_idx).rows
        drawn = rng.permutation(len(self))[: n + len(rows)] if n + len(rows) < len(self) else np.arange(len(self))
        return np.setdiff1d(drawn, rows, assume_unique=True)[:n]

    def hard(
        self, latent_idx: int, tokens: Int32[np.ndarray, " firing"], others: list[int], n: int, rng: np.random.Generator
    ) -> Int64[np.ndarray, " row"]:
        """Draw rows on which a latent does not fire although much speaks for it.

        One half has tokens on which it does fire elsewhere, as often as it fires on them; on the other half latents
        fire that are near it. Where one kind runs short the other fills up.

        Args:
            tokens: The tokens of its firings.
            others: Latents near it.
        """
        firing = np.zeros(len(self), bool)
        firing[self.firings(latent_idx).rows] = True
        alike = self._alike(tokens, firing, n, rng)
        near = np.unique(np.concatenate([self.firings(other).rows for other in others])) if others else alike[:0]
        near = rng.permutation(near[~firing[near]])
        near = near[~np.isin(near, alike)]
        n_near = max(n - len(alike), min(n // 2, len(near)))
        return np.concatenate([alike[: n - n_near], near[:n_near]])

    def _alike(
        self, tokens: Int32[np.ndarray, " firing"], firing: Bool[np.ndarray, " row"], n: int, rng: np.random.Generator
    ) -> Int64[np.ndarray, " drawn"]:
        """Draw silent rows by token, each token as often as the latent fires on it."""
        found: list[Any] = []
        if len(tokens):
            ids, counts = np.unique(tokens, return_counts=True)
            candidates = {int(token): self.with_token(int(token)) for token in ids}
            left = {token: rng.permutation(rows[~firing[rows]]) for token, rows in candidates.items()}
            wanted = rng.multinomial(4 * n, counts / counts.sum())
            found = [left[int(token)][: int(many)] for token, many in zip(ids, wanted, strict=True)]
        rows = np.concatenate(found) if found else np.zeros(0, np.int64)
        return rng.permutation(rows)[:n]


def in_half(doc: Int64[np.ndarray, " row"], half: Half, seed: int) -> Bool[np.ndarray, " row"]:
    """Say which documents are in a half: the same ones whatever else is in the store."""
    # splitmix64's finalizer: neighboring numbers end up anywhere.
    with np.errstate(over="ignore"):
        mixed = doc.astype(np.uint64) + np.uint64(seed) * _MULTIPLIER + _MULTIPLIER
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    scored: Bool[np.ndarray, " row"] = (mixed & np.uint64(1)).astype(bool)
    return scored if half == "score" else ~scored


def kinds_of_text(corpus: Corpus, n_kinds: int) -> Int64[np.ndarray, " row"]:
    """Sort documents into kinds by the words around their tokens; return the kind of each row.

    k-means over the documents' bags of tokens, rare ones weighing more (tf-idf), by scikit-learn.
    """
    from scipy.sparse import csr_matrix
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfTransformer

    ids, number = np.unique(corpus.doc, return_inverse=True)
    if len(ids) <= n_kinds:
        return number.astype(np.int64)
    real = corpus.contexts >= 0
    row = np.repeat(number, real.sum(1))
    bags = csr_matrix((np.ones(len(row)), (row, corpus.contexts[real])))
    bags.sum_duplicates()
    bags.data[:] = 1.0  # the windows of neighboring tokens overlap, so counts say how many of them were drawn
    kinds = KMeans(n_kinds, n_init=3, random_state=corpus.seed).fit_predict(TfidfTransformer().fit_transform(bags))
    found: Int64[np.ndarray, " row"] = kinds[number].astype(np.int64)
    return found
