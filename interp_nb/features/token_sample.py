"""A uniform sample of the tokens that were read, with their contexts and everything that fires on them.

A token is drawn by its lot, a hash of its place: the tokens with the smallest lots are the sample, whatever the batches
they come in. As many are kept as are asked for, or as fit the pairs that may be kept.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt64

from interp_nb.features.firing import Block, Firing, Rows, join, row_hash
from interp_nb.sae.batches import CONTEXT

N_TOKENS: Final = 2**17
"""Tokens of the sample: a share of 1 % is known to within 0.05 %."""
N_PAIRS: Final = 2**23
"""Pairs of the sample at most: 64 MB."""


class TokenSample(NamedTuple):
    """Tokens drawn uniformly from the text, in reading order, and the latents that fire on them."""

    token_ids: Int32[np.ndarray, " row"]
    contexts: Int32[np.ndarray, "row context"]
    """Token ids around each, itself at 11; -1 beyond the window."""
    doc: Int64[np.ndarray, " row"]
    pos: Int64[np.ndarray, " row"]
    row_of: Int64[np.ndarray, " pair"]
    """Index of each pair's token in this sample."""
    latent: Int32[np.ndarray, " pair"]
    value: Float32[np.ndarray, " pair"]


class Sampler:
    """Draws the sample while text is read."""

    def __init__(self, seed: int, n_tokens: int = N_TOKENS, n_pairs: int = N_PAIRS) -> None:
        self._seed, self._n_tokens, self._n_pairs = seed, n_tokens, n_pairs
        none = np.zeros(0, np.int64)
        rows = Rows(none.astype(np.int32), none, none, np.zeros((0, CONTEXT), np.int32))
        self._kept = (rows, Firing(np.zeros(1, np.int64), none.astype(np.int32), none.astype(np.float32)))
        self._waiting: list[tuple[Rows, Firing]] = []
        self._n_waiting = 0
        self._worst: np.uint64 | None = None

    @staticmethod
    def nbytes(n_tokens: int = N_TOKENS, n_pairs: int = N_PAIRS) -> int:
        """Say how much memory one takes at most: the sample, as much waiting, and both joined and sorted."""
        return 4 * (n_tokens * (4 * CONTEXT + 40) + n_pairs * 8) + n_pairs * 16

    def add(self, block: Block) -> None:
        """Look at a block's tokens."""
        start, stop = block.core.start, block.core.stop
        lots = self._lots(block.rows.place[start:stop])
        chosen = np.arange(start, stop) if self._worst is None else start + np.flatnonzero(lots <= self._worst)
        if not len(chosen):
            return
        firing = block.firing.take(chosen)
        self._waiting.append((block.rows.take(chosen), firing))
        self._n_waiting += len(chosen)
        waiting_pairs = sum(len(found.latents) for _, found in self._waiting)
        if self._n_waiting >= self._n_tokens or waiting_pairs >= self._n_pairs:
            self.merge()

    def merge(self) -> None:
        """Decide between the sample and what waits."""
        if not self._waiting:
            return
        rows, firing = join([self._kept, *self._waiting])
        self._waiting, self._n_waiting = [], 0
        place = rows.place
        lots = self._lots(place)
        order = np.lexsort((place, lots))
        pairs = np.cumsum(np.diff(firing.offsets)[order])
        n = min(self._n_tokens, int(np.searchsorted(pairs, self._n_pairs, side="right")))
        if n < len(order):
            order = order[:n]
            self._worst = lots[order[-1]] if n else np.uint64(0)
        order = order[np.argsort(place[order], kind="stable")]
        self._kept = rows.take(order), firing.take(order)

    def content(self) -> tuple[Rows, Firing]:
        """Return the sample, in reading order."""
        self.merge()
        return self._kept

    def load(self, rows: Rows, firing: Firing, worst: int | None) -> None:
        """Go on from what `content` returned, with the largest lot that is still let in."""
        self._kept = rows, firing
        self._worst = None if worst is None else np.uint64(worst)

    @property
    def worst(self) -> int | None:
        """The largest lot that is let in; None while all are."""
        return None if self._worst is None else int(self._worst)

    def _lots(self, place: Int64[np.ndarray, " row"]) -> UInt64[np.ndarray, " row"]:
        return row_hash(place, self._seed)
