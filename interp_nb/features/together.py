"""Latents that belong together: the largest entries of every row of a square of numbers, found a few rows at a time.

Decoder neighbors come from cosines, co-firing latents from counts on the token sample. `[d_sae d_sae]` never lies in
memory.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32
from torch import Tensor

from interp_nb.features.firing import Firing, by_latent
from interp_nb.features.keeping import ranks
from interp_nb.sae.survivors import block_cut, positions

_ROWS_AT_ONCE: Final = 256
_CELLS: Final = 2**21
"""Cells counted at once: 16 MB of counts stay in a processor's cache."""
_MOST: Final = 2**26
"""Pairs of firings that are counted, about, which takes a second; latents with more firings in the sample are judged by
some of them: with 100, a share is off by 5 % at most, one standard error."""
_FLOPS: Final = 2e10
_COUNTS: Final = 1.5e8
"""Products, and counts, that a core manages in a second, about: they tell which way is faster."""

Best = tuple[Int32[np.ndarray, "row n"], Float32[np.ndarray, "row n"]]


def largest(scores: Float[Tensor, "row width"], n: int) -> Best:
    """Find the n largest positive scores of each row, the largest first, equal ones by column; -1 beyond the last."""
    n_rows, width = scores.shape
    cut = block_cut(scores, n) if n < width else None
    tiny = torch.finfo(scores.dtype).tiny
    mask = scores >= (tiny if cut is None else cut.clamp_min(tiny)[:, None])
    flat = positions(mask).numpy()
    rows, values = flat // width, scores.contiguous().view(-1).numpy()[flat]
    order = np.lexsort((flat, -values, rows))
    rank = ranks(rows, n_rows)
    kept = rank < n
    others, best = np.full((n_rows, n), -1, np.int32), np.full((n_rows, n), np.nan, np.float32)
    others[rows[kept], rank[kept]] = (flat % width)[order][kept]
    best[rows[kept], rank[kept]] = values[order][kept]
    return others, best


def neighbors(written: Float[Tensor, "latent d_out"], n: int) -> Best:
    """Find the latents with the nearest directions, and their cosines; those at right angles are no neighbors."""
    unit = torch.nn.functional.normalize(written, dim=1)
    parts = []
    for start in range(0, len(unit), _ROWS_AT_ONCE):
        cosines = unit[start : start + _ROWS_AT_ONCE] @ unit.T
        here = torch.arange(len(cosines))
        cosines[here, start + here] = -1
        parts.append(largest(cosines, n))
    others, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return others, values


def cofiring(firing: Firing, d_sae: int, n: int) -> Best:
    """Find the latents that fire on the same tokens of a sample.

    The score is the share of a latent's firings on which the other fires too. They are ranked by how far that share
    exceeds the other's share of all tokens: what fires everywhere fires with everything.
    """
    per_latent = np.bincount(firing.latents, minlength=d_sae)
    by_chance = torch.from_numpy((per_latent / max(1, firing.n_rows)).astype(np.float32))
    lengths = np.diff(firing.offsets)
    dense = 2 * firing.n_rows * d_sae**2 / _FLOPS < float((lengths.astype(np.float64) ** 2).sum()) / _COUNTS
    counter = _Dense(firing, d_sae) if dense else _Sparse(firing, d_sae)
    parts = []
    at_once = max(1, _CELLS // d_sae)
    for start in range(0, d_sae, at_once):
        together, of = counter.count(start, min(start + at_once, d_sae))
        share = together / of.clamp_min(1)[:, None]
        here = torch.arange(len(share))
        excess = torch.where(together > 0, share - by_chance, 0)
        excess[here, start + here] = 0
        others, _ = largest(excess, n)
        shares = np.take_along_axis(share.numpy(), np.maximum(others, 0).astype(np.int64), axis=1)
        parts.append((others, np.where(others < 0, np.float32(np.nan), shares)))
    others, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return others, values


class _Sparse:
    """Counts what fires beside each firing; of latents that fire too often, beside some of their firings."""

    def __init__(self, firing: Firing, d_sae: int) -> None:
        self._firing, self._d_sae = firing, d_sae
        found, lengths = by_latent(firing, d_sae), np.diff(firing.offsets)
        latents, rows = found.latents.astype(np.int64), found.rows
        counts = np.diff(found.starts)
        most, beside = int(counts.max(initial=0)), lengths[rows].mean() if len(rows) else 0.0
        while most > 1 and np.minimum(counts, most).sum() * beside > _MOST:
            most = most * 3 // 4
        # Of a latent's firings as many, spread evenly over the sample.
        share, rank = np.minimum(counts, most)[latents], ranks(latents, d_sae)
        kept = (rank + 1) * share // counts[latents] > rank * share // counts[latents]
        self._latents, self._rows = latents[kept], rows[kept]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(self._latents, minlength=d_sae))])

    def count(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        pairs = slice(self._starts[start], self._starts[stop])
        rows, latents = self._rows[pairs], self._latents[pairs] - start
        beside = self._firing.take(rows)
        cells = np.repeat(latents * self._d_sae, np.diff(beside.offsets)) + beside.latents
        counts = np.bincount(cells, minlength=(stop - start) * self._d_sae).astype(np.float32)
        of = np.diff(self._starts[start : stop + 1]).astype(np.float32)
        return torch.from_numpy(counts.reshape(stop - start, self._d_sae)), torch.from_numpy(of)


class _Dense:
    """Multiplies: for neurons, of which a good part is active on every token."""

    def __init__(self, firing: Firing, d_sae: int) -> None:
        self._fires = torch.zeros(firing.n_rows, d_sae)
        rows = np.repeat(np.arange(firing.n_rows), np.diff(firing.offsets))
        self._fires[torch.from_numpy(rows), torch.from_numpy(firing.latents.astype(np.int64))] = 1

    def count(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        part = self._fires[:, start:stop]
        return part.T @ self._fires, part.sum(0)
