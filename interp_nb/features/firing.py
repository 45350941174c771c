"""Which latents fire on a block of tokens, as pairs (row, latent, value), in the two orders that statistics want.

1. `Firing`: row after row. It comes from `latents`, some hundred rows at a time; `[row d_sae]` never lies in memory.
2. `ByLatent`: latent after latent, rows ascending. A counting sort (SciPy's change from compressed rows to compressed
   columns), which is linear in the pairs.

A block has rows of its own (`core`) and a few around them that belong to the blocks before and after: they are seen in
the windows around a firing, and counted where they are core.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Int32, Int64, UInt32, UInt64

from interp_nb.sae.batches import CONTEXT, CONTEXT_BEFORE

AFTER: Final = CONTEXT - 1 - CONTEXT_BEFORE
"""Tokens shown after the one that fires."""
HALO: Final = CONTEXT - 1
"""Rows that a block takes over from the one before: those whose windows were not whole, and what is in them."""
_NOWHERE: Final = np.int64(-(2**62))
"""No place in a text."""


class Firing(NamedTuple):
    """Latents that fire on some rows: row after row, latents ascending inside a row."""

    offsets: Int64[np.ndarray, " row_plus_one"]
    """Where each row begins; at the end, the number of pairs."""
    latents: Int32[np.ndarray, " pair"]
    values: Float32[np.ndarray, " pair"]

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.offsets) - 1

    def cut(self, start: int, stop: int) -> "Firing":
        """Return some of the rows."""
        pairs = slice(self.offsets[start], self.offsets[stop])
        return Firing(self.offsets[start : stop + 1] - self.offsets[start], self.latents[pairs], self.values[pairs])

    def take(self, rows: Int[np.ndarray, " taken"]) -> "Firing":
        """Return chosen rows, in the order they are given."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        pairs = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Firing(offsets, self.latents[pairs], self.values[pairs])


class Rows(NamedTuple):
    """Where rows are from: a token each."""

    token: Int32[np.ndarray, " row"]
    """-1 where the data are activations without text."""
    doc: Int64[np.ndarray, " row"]
    pos: Int64[np.ndarray, " row"]
    context: Int32[np.ndarray, "row context"]

    def take(self, rows: slice | Int[np.ndarray, " taken"]) -> "Rows":
        """Return some of them."""
        return Rows(*(column[rows] for column in self))

    @property
    def place(self) -> Int64[np.ndarray, " row"]:
        """Document and position as one number, ascending in reading order."""
        found: Int64[np.ndarray, " row"] = (self.doc << 32) + self.pos
        return found


class ByLatent(NamedTuple):
    """Pairs sorted by latent, rows ascending."""

    starts: Int64[np.ndarray, " d_sae_plus_one"]
    """Where each latent begins; at the end, the number of pairs."""
    rows: Int32[np.ndarray, " pair"]
    latents: Int32[np.ndarray, " pair"]
    values: Float32[np.ndarray, " pair"]


class Block(NamedTuple):
    """Rows with what fires on them."""

    rows: Rows
    firing: Firing
    core: slice
    """The rows that this block counts; the others are there to be seen around them."""


def join(parts: list[tuple[Rows, Firing]]) -> tuple[Rows, Firing]:
    """Put rows one after another."""
    if len(parts) == 1:
        return parts[0]
    rows = Rows(*(np.concatenate(column) for column in zip(*(rows for rows, _ in parts), strict=True)))
    ends = np.cumsum([0, *(firing.offsets[-1] for _, firing in parts)])
    offsets = [firing.offsets[:-1] + end for (_, firing), end in zip(parts, ends, strict=False)]
    latents, values = (np.concatenate([getattr(firing, name) for _, firing in parts]) for name in ("latents", "values"))
    return rows, Firing(np.concatenate([*offsets, ends[-1:]]), latents, values)


def by_latent(firing: Firing, d_sae: int) -> ByLatent:
    """Sort pairs by latent."""
    from scipy.sparse import csr_array  # not above: reading a store does without SciPy

    # SciPy copies indices and offsets of unlike widths.
    offsets = firing.offsets.astype(np.int32) if firing.offsets[-1] < 2**31 else firing.offsets
    made = csr_array((firing.values, firing.latents, offsets), shape=(firing.n_rows, d_sae)).tocsc()
    starts = made.indptr.astype(np.int64)
    latents = np.repeat(np.arange(d_sae, dtype=np.int32), np.diff(starts))
    return ByLatent(starts, made.indices.astype(np.int32, copy=False), latents, made.data)


def around(
    block: Block, found: ByLatent, chosen: Int64[np.ndarray, " chosen"]
) -> Float32[np.ndarray, "chosen context"]:
    """Give a latent's activations on the tokens around some of its firings.

    0 where it does not fire; NaN on what is no row of the same document: begin-of-text, padding, other documents.

    Args:
        chosen: Indices into the pairs of `found`.
    """
    laid_out: Float32[np.ndarray, "chosen context"] = _known(block.rows.place)[found.rows[chosen]]
    laid_out[:, CONTEXT_BEFORE] = found.values[chosen]
    # A latent's other firings nearby stand beside this one among its pairs; most latents fire too rarely to have any.
    for step, reach in ((-1, CONTEXT_BEFORE), (1, AFTER)):
        _fill(laid_out, found, chosen, step, reach)
    return laid_out


def _known(place: Int64[np.ndarray, " row"]) -> Float32[np.ndarray, "row context"]:
    """Say which tokens around each row are rows of its document: 0 where they are, NaN where they are not."""
    # A token of the same document is as many rows away as positions: rows of a document follow each other.
    padded = np.concatenate([np.full(CONTEXT_BEFORE, _NOWHERE), place, np.full(AFTER, _NOWHERE)])
    found = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT)[: len(place)]
    same = found == place[:, None] + np.arange(-CONTEXT_BEFORE, AFTER + 1)
    return np.where(same, np.float32(0), np.float32(np.nan))


def _fill(laid_out: np.ndarray, found: ByLatent, chosen: np.ndarray, step: int, reach: int) -> None:
    """Write a latent's neighboring firings on one side into windows."""
    own = found.rows[chosen].astype(np.int64)
    left = np.arange(len(chosen))
    for distance in range(1, reach + 1):
        there = chosen[left] + step * distance
        inside = (there >= found.starts[found.latents[chosen[left]]]) & (
            there < found.starts[found.latents[chosen[left]] + 1]
        )
        left, there = left[inside], there[inside]
        away = found.rows[there] - own[left]
        near = np.abs(away) <= reach
        left, there, away = left[near], there[near], away[near]
        if not len(left):
            return
        slots = CONTEXT_BEFORE + away
        known = ~np.isnan(laid_out[left, slots])
        laid_out[left[known], slots[known]] = found.values[there[known]]


_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def splitmix(values: Int64[np.ndarray, " n"] | UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Hash integers to 64 bits that look drawn at random.

    Source: Steele, Lea and Flood 2014, Fast Splittable Pseudorandom Number Generators, figure 17 (splitmix64).
    """
    mixed = values.astype(np.uint64) + _GAMMA
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    found: UInt64[np.ndarray, " n"] = mixed ^ (mixed >> np.uint64(31))
    return found


def row_hash(place: Int64[np.ndarray, " row"], seed: int) -> UInt64[np.ndarray, " row"]:
    """Hash places in the text: a row's lot, whichever batch it comes in."""
    return splitmix(splitmix(place) ^ np.uint64(seed))


def pair_lot(rows: UInt64[np.ndarray, " pair"], latents: Int32[np.ndarray, " pair"]) -> UInt32[np.ndarray, " pair"]:
    """Draw a pair's lot, 32 bits, from its row's hash."""
    mixed = (rows ^ (latents.astype(np.uint64) * _GAMMA)) * _MIX_1
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MIX_2
    lots: UInt32[np.ndarray, " pair"] = (mixed >> np.uint64(32)).astype(np.uint32)
    return lots
