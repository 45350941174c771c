"""The best n firings of every latent, exactly and in bounded memory, whatever the order in which they come.

1. Every firing has a key of 32 bits, the smaller the better: its strength, for top examples, or its lot, for a uniform
   sample. Equal keys: the earlier place in the text is better.
2. A firing whose key is worse than its latent's n-th best is forgotten at once; that is nearly all of them. The others
   wait, with their windows, until there are as many as are kept; then they are merged.
3. Merging sorts (latent, key) as one number.

Top examples are at most one per window of text: of a latent's firings in a stretch of 128 tokens of a document only
the best counts, so that one loud document does not fill the list.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, UInt32, UInt64

from interp_nb.features.firing import Block, ByLatent, around, pair_lot, row_hash, splitmix
from interp_nb.sae.batches import CONTEXT

WINDOW: Final = 128
"""Tokens of a document that give a latent one top example at most."""
NONE: Final = np.uint32(0xFFFFFFFF)
"""Worse than any key."""
LEAST_WAITING: Final = 2**16
"""Firings that wait before they are merged, at least: merging few costs about as much as merging some."""


class Firings(NamedTuple):
    """Firings of latents, with the text around them."""

    latent: Int32[np.ndarray, " n"]
    key: UInt32[np.ndarray, " n"]
    doc: Int64[np.ndarray, " n"]
    pos: Int64[np.ndarray, " n"]
    value: Float32[np.ndarray, " n"]
    context: Int32[np.ndarray, "n context"]
    around: Float32[np.ndarray, "n context"]
    """The latent's activations on `context`."""


class Keeper:
    """The best n firings of every latent.

    Args:
        seed: Of the lots of a uniform sample; None = keep the strongest firings, one per window of text.
    """

    def __init__(self, d_sae: int, n: int, seed: int | None = None) -> None:
        self.d_sae, self.n, self._seed = d_sae, n, seed
        self._worst = np.full(d_sae, NONE)
        self._waiting: list[Firings] = []
        self._n_waiting = 0
        slots = (d_sae, n)
        self._kept: dict[str, np.ndarray] = {
            "key": np.full(slots, NONE),
            "doc": np.full(slots, -1, np.int64),
            "pos": np.full(slots, -1, np.int64),
            "value": np.zeros(slots, np.float32),
            "context": np.full((*slots, CONTEXT), -1, np.int32),
            "around": np.full((*slots, CONTEXT), np.nan, np.float32),
        }

    @staticmethod
    def nbytes(d_sae: int, n: int) -> int:
        """Say how much memory one takes at most, with what waits and what a merge needs."""
        a_firing = 4 + 8 + 8 + 4 + 8 * CONTEXT
        waiting = max(LEAST_WAITING, d_sae * n)
        # Sorting holds a column of what is kept a second time, the widest of them 4 * CONTEXT bytes a firing.
        return d_sae * n * (a_firing + 4 * CONTEXT + 40) + waiting * (2 * a_firing + 60)

    def offer(self, block: Block, found: ByLatent, core: Bool[np.ndarray, " pair"] | None) -> None:
        """Look at a block's firings.

        Args:
            core: Which of them are the block's own; None = all.
        """
        if not self.n:
            return
        keys = self._keys(block, found)
        better = keys <= np.repeat(self._worst, np.diff(found.starts))
        chosen = np.flatnonzero(better if core is None else better & core)
        if self._seed is None:
            chosen = self._best_of_windows(block, found, keys, chosen)
        if not len(chosen):
            return
        rows = found.rows[chosen]
        where = block.rows.take(rows)
        values = found.values[chosen]
        seen = around(block, found, chosen)
        self._waiting.append(
            Firings(found.latents[chosen], keys[chosen], where.doc, where.pos, values, where.context, seen)
        )
        self._n_waiting += len(chosen)
        if self._n_waiting >= max(LEAST_WAITING, self.d_sae * self.n):
            self.merge()

    def merge(self) -> None:
        """Decide between what is kept and what waits."""
        if not self._waiting:
            return
        new = Firings(*(np.concatenate(column) for column in zip(*self._waiting, strict=True)))
        self._waiting, self._n_waiting = [], 0
        touched = np.unique(new.latent)
        old_slots = (touched[:, None].astype(np.int64) * self.n + np.arange(self.n)).ravel()
        flat = {name: column.reshape(self.d_sae * self.n, *column.shape[2:]) for name, column in self._kept.items()}
        old_slots = old_slots[flat["doc"][old_slots] >= 0]
        latent = np.concatenate([(old_slots // self.n).astype(np.uint64), new.latent.astype(np.uint64)])
        key, doc, pos = (np.concatenate([flat[name][old_slots], getattr(new, name)]) for name in ("key", "doc", "pos"))
        order = ordered((latent << np.uint64(32)) | key, (doc << 32) + pos)
        if self._seed is None:
            order = order[~_repeated(splitmix(latent ^ splitmix((doc << 32) + pos // WINDOW)), order)]
        order = order[ranks(latent[order].astype(np.int64), self.d_sae) < self.n]
        self._write(flat, touched, old_slots, new, order)
        self._worst[touched] = self._kept["key"][touched].max(axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is kept `[d_sae n]`, best first; document -1 where there are fewer."""
        self.merge()
        place = (self._kept["doc"] << 32) + self._kept["pos"]
        order = np.lexsort((place, self._kept["key"]), axis=1)
        for column in self._kept.values():
            index = order if column.ndim == 2 else order[:, :, None]
            column[:] = np.take_along_axis(column, index, axis=1)
        return {name: column for name, column in self._kept.items() if name != "key"}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from what `arrays` returned."""
        for name, column in arrays.items():
            self._kept[name][:] = column
        held = self._kept["doc"] >= 0
        if self._seed is None:
            keys = _strength(self._kept["value"])
        else:
            latents = np.repeat(np.arange(self.d_sae, dtype=np.int32), self.n)
            place = (self._kept["doc"] << 32) + self._kept["pos"]
            keys = pair_lot(row_hash(place.ravel(), self._seed), latents).reshape(held.shape)
        self._kept["key"][:] = np.where(held, keys, NONE)
        if self.n:
            self._worst[:] = self._kept["key"].max(axis=1)

    def _keys(self, block: Block, found: ByLatent) -> UInt32[np.ndarray, " pair"]:
        if self._seed is None:
            return _strength(found.values)
        return pair_lot(row_hash(block.rows.place, self._seed)[found.rows], found.latents)

    def _best_of_windows(
        self, block: Block, found: ByLatent, keys: np.ndarray, chosen: Int64[np.ndarray, " chosen"]
    ) -> Int64[np.ndarray, " best"]:
        """Leave of each latent's firings in one window the best; those of a window follow each other."""
        if len(chosen) < 2:
            return chosen
        rows, latents = found.rows[chosen], found.latents[chosen]
        window = (block.rows.doc << 32) + block.rows.pos // WINDOW
        first = np.ones(len(chosen), np.bool_)
        first[1:] = (window[rows[1:]] != window[rows[:-1]]) | (latents[1:] != latents[:-1])
        numbered = (keys[chosen].astype(np.uint64) << np.uint64(32)) | np.arange(len(chosen), dtype=np.uint64)
        best = np.minimum.reduceat(numbered, np.flatnonzero(first)) & np.uint64(0xFFFFFFFF)
        return chosen[best.astype(np.int64)]

    def _write(
        self, flat: dict[str, np.ndarray], touched: np.ndarray, old_slots: np.ndarray, new: Firings, order: np.ndarray
    ) -> None:
        """Put what comes in where something goes out, or where nothing was; what stays is not moved."""
        n_old = len(old_slots)
        stay, come = old_slots[order[order < n_old]], order[order >= n_old] - n_old
        free = np.ones((len(touched), self.n), np.bool_)
        free[np.searchsorted(touched, stay // self.n), stay % self.n] = False
        of, slot = np.nonzero(free)
        flat["key"][touched[of] * np.int64(self.n) + slot] = NONE
        flat["doc"][touched[of] * np.int64(self.n) + slot] = -1
        # The first free slots of each latent, as many as come.
        latents = new.latent[come]
        wanted = np.bincount(np.searchsorted(touched, latents), minlength=len(touched))
        taken = ranks(of, len(touched)) < wanted[of]
        slots = touched[of[taken]] * np.int64(self.n) + slot[taken]
        for name, column in flat.items():
            column[slots] = getattr(new, name)[come]


def ordered(keys: UInt64[np.ndarray, " n"], place: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Give the order of keys, equal ones by place."""
    # Not a stable sort by two keys: NumPy's plain one is vectorized, and keys are rarely equal.
    order = np.argsort(keys)
    ranked = keys[order]
    equal = ranked[1:] == ranked[:-1]
    if equal.any():
        tied = np.zeros(len(keys), np.bool_)
        tied[1:] |= equal
        tied[:-1] |= equal
        at = np.flatnonzero(tied)
        some = order[at]
        order[at] = some[np.lexsort((place[some], keys[some]))]
    return order


def ranks(groups: Int64[np.ndarray, " n"], n_groups: int) -> Int64[np.ndarray, " n"]:
    """Number the members of groups that stand together, from 0 in each."""
    counts = np.bincount(groups, minlength=n_groups)
    found: Int64[np.ndarray, " n"] = np.arange(len(groups)) - (np.cumsum(counts) - counts)[groups]
    return found


def _strength(values: Float32[np.ndarray, "*n"]) -> UInt32[np.ndarray, "*n"]:
    """Turn activations into keys: the bits of positive floats ascend as they do."""
    keys: UInt32[np.ndarray, "*n"] = ~np.ascontiguousarray(values).view(np.uint32)
    return keys


def _repeated(hashes: UInt64[np.ndarray, " n"], order: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Mark, along an order, what has the hash of something before it."""
    along = hashes[order]
    repeated = np.zeros(len(order), np.bool_)
    sorting = np.argsort(along)
    ranked = along[sorting]
    equal = ranked[1:] == ranked[:-1]
    if equal.any():
        tied = np.zeros(len(order), np.bool_)
        tied[1:] |= equal
        tied[:-1] |= equal
        some = sorting[tied]
        some = some[np.lexsort((some, along[some]))]
        repeated[some[1:][along[some[1:]] == along[some[:-1]]]] = True
    return repeated
