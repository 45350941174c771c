"""Which pre-activations exceed a cut, some hundred rows at a time.

`Survivors` computes the product in full precision; `proposals.Proposals` computes it in low precision, proposes what
may exceed the cut and decides in full precision. Both find the same pairs.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb.sae.pairs import Pairs
from interp_nb.sae.products import dense_product

ROWS_AT_A_TIME: Final = 512
"""Fewer would read the encoder too often (4 times as slow at 128 rows), more would only take memory."""

TINY: Final = 2.0**-126
"""The smallest cut, the smallest normal number of float32: what reaches it is positive."""

_BLOCKS_A_CHOICE: Final = 4
"""Blocks per chosen value. The k largest mostly lie in different blocks, so hardly more than k values reach the k-th
largest block maximum; with 4 k blocks, a tenth more."""
_FEW: Final = 4
"""Values per chosen one, from which on a row's survivors are too many to choose among: everything is sorted instead."""
_NARROW: Final = 2048
"""Below this width the library's top-k is faster than blocks."""


class Reading(NamedTuple):
    """What is multiplied: what enters the encoder, and the encoder."""

    acts: Float[Tensor, "row d_in"]
    encoder: Float[Tensor, "d_sae d_read"]
    b_enc: Float[Tensor, " d_sae"]
    n_sites: int = 1

    @property
    def d_sae(self) -> int:
        """The number of latents."""
        return len(self.encoder)


class Found(NamedTuple):
    """Pairs of some rows, in order, and their pre-activations."""

    latents: Int[Tensor, " pair"]
    counts: Int[Tensor, " row"]
    pre: Float[Tensor, " pair"]

    def pairs(self, d_sae: int) -> Pairs:
        """List the pairs as what is computed on takes them."""
        return Pairs(self.latents, F.pad(self.counts.cumsum(0), (1, 0)), d_sae)

    def where(self, kept: Bool[Tensor, " pair"]) -> "Found":
        """Leave out all other pairs."""
        rows = torch.arange(len(self.counts), device=kept.device).repeat_interleave(self.counts)
        return Found(self.latents[kept], torch.bincount(rows[kept], minlength=len(self.counts)), self.pre[kept])


class Memory:
    """What is kept from step to step for speed: buffers, and the last cut. Results do not depend on it."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}
        self.cut: float | None = None

    def buffer(self, name: str, like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Give memory of a shape, on the device of `like`: the same as last time if it still fits."""
        found, dtype = self._buffers.get(name), dtype or like.dtype
        if found is None or found.shape != shape or found.dtype != dtype or found.device != like.device:
            # What was there is let go first: the two would not always fit beside each other.
            self._buffers.pop(name, None)
            found = self._buffers[name] = torch.empty(shape, dtype=dtype, device=like.device)
        return found


class Survivors:
    """Full precision. A score is a pre-activation times `scale`."""

    def __init__(
        self,
        reading: Reading,
        memory: Memory,
        scale: Float[Tensor, " d_sae"] | None = None,
        among: Bool[Tensor, " d_sae"] | None = None,
    ) -> None:
        self.reading, self.memory, self.scale, self.among = reading, memory, scale, among
        self._computed: slice | None = None

    def chunks(self) -> Iterator[slice]:
        """Divide the rows."""
        n_rows = len(self.reading.acts)
        for start in range(0, n_rows, ROWS_AT_A_TIME):
            yield slice(start, min(start + ROWS_AT_A_TIME, n_rows))

    def pre(self, rows: slice) -> Float[Tensor, "row d_sae"]:
        """Compute the pre-activations of some rows; the next call overwrites them."""
        acts, encoder, b_enc, n_sites = self.reading
        buffer = self.memory.buffer("pre", acts, self._height(), len(encoder))
        out = buffer[: rows.stop - rows.start]
        if self._computed != rows:
            dense_product(acts[rows], encoder, b_enc, n_sites, out=out)
            self._computed = rows
        return out

    def share(self, rows: slice, cut: float | Float[Tensor, " d_sae"]) -> float:
        """Measure the share of pre-activations that exceed a cut."""
        pre = self.pre(rows)
        return int(torch.gt(pre, cut, out=self._mask(pre)).count_nonzero()) / max(1, pre.numel())

    def exceeding(self, rows: slice, cut: float | Float[Tensor, " d_sae"]) -> Found:
        """Find the pre-activations that exceed a cut."""
        pre = self.pre(rows)
        return _found(torch.gt(pre, cut, out=self._mask(pre)), pre)

    def reaching(self, rows: slice, cut: float) -> Found:
        """Find at least the scores that reach a cut."""
        pre = self.pre(rows)
        scores = self._scores(pre)
        return _found(torch.ge(scores, cut, out=self._mask(scores)), pre)

    def top(self, rows: slice, k: int) -> Found:
        """Find at least the k largest positive scores of each row, and few more."""
        pre = self.pre(rows)
        scores = self._scores(pre)
        cut = block_cut(scores, k)
        if cut is not None:
            found = _found(torch.ge(scores, cut.clamp_min(TINY)[:, None], out=self._mask(scores)), pre)
            if int(found.counts.max()) <= _FEW * k:
                return found
        scores, latents = scores.topk(min(k, scores.shape[1]), sorted=False)
        latents, order = latents.sort(dim=1)
        positive = scores.gather(1, order) > 0
        return Found(latents[positive], positive.sum(1), pre.gather(1, latents)[positive])

    def joined(self, parts: list[Found]) -> Found:
        """Put what was found in the chunks one after another."""
        return joined(parts)

    def scores(self, found: Found) -> Float[Tensor, " pair"]:
        """Give the scores of pairs."""
        return found.pre if self.scale is None else found.pre * self.scale[found.latents]

    def _height(self) -> int:
        return min(ROWS_AT_A_TIME, len(self.reading.acts))

    def _scores(self, pre: Tensor) -> Tensor:
        if self.scale is None and self.among is None:
            return pre
        scores = self.memory.buffer("scores", pre, self._height(), pre.shape[1])[: len(pre)]
        torch.mul(pre, 1.0 if self.scale is None else self.scale, out=scores)
        return scores if self.among is None else scores.masked_fill_(~self.among, -torch.inf)

    def _mask(self, scores: Tensor) -> Tensor:
        return self.memory.buffer("mask", scores, self._height(), scores.shape[1], dtype=torch.bool)[: len(scores)]


def block_cut(scores: Float[Tensor, "row d_sae"], k: int) -> Float[Tensor, " row"] | None:
    """Compute a cut that at least k values of each row reach, and few more; None where no quick one is known."""
    n_rows, width = scores.shape
    n_blocks = width
    while n_blocks % 2 == 0 and n_blocks // 2 >= _BLOCKS_A_CHOICE * k:
        n_blocks //= 2
    if width < _NARROW or n_blocks == width:
        return None
    # A block is every n_blocks-th value: the maximum is then over a leading axis, which vectorizes.
    maxima = scores.view(n_rows, -1, n_blocks).amax(1)
    return maxima.topk(k, dim=1, sorted=False).values.amin(1)


def largest(found: Found, k: int, scores: Float[Tensor, " pair"]) -> Found:
    """Keep the k largest positive scores of each row."""
    positive = scores > 0
    if not bool(positive.all()):
        found, scores = found.where(positive), scores[positive]
    longest = int(found.counts.max()) if len(found.counts) else 0
    if longest <= k:
        return found
    ends = found.counts.cumsum(0)
    rows = torch.arange(len(ends), device=ends.device).repeat_interleave(found.counts, output_size=len(scores))
    places = torch.arange(len(scores), device=ends.device) - (ends - found.counts)[rows]
    padded = scores.new_full((len(ends), longest), -torch.inf)
    padded[rows, places] = scores
    chosen = torch.zeros_like(padded, dtype=torch.bool).scatter_(1, padded.topk(k, dim=1, sorted=False).indices, True)
    kept = chosen[rows, places]
    return Found(found.latents[kept], found.counts.clamp_max(k), found.pre[kept])


def positions(mask: Bool[Tensor, "row d_sae"]) -> Int[Tensor, " pair"]:
    """Find what is set, as positions in the flattened mask."""
    if mask.device.type == "cpu":
        # Five times as fast as torch's on a mask that is mostly empty.
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.view(-1).nonzero().view(-1)


def joined(parts: list[Found]) -> Found:
    """Put the rows of several finds one after another."""
    return Found(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _found(mask: Tensor, pre: Tensor) -> Found:
    flat = positions(mask)
    rows = flat // mask.shape[1]
    return Found(flat - rows * mask.shape[1], torch.bincount(rows, minlength=len(mask)), pre.view(-1)[flat])
