"""One-to-one matching of the latents of two dictionaries, so that they are as alike as possible in sum.

1. Up to `DENSE_UP_TO` latents on the larger side, all likenesses are laid out and the matching is the best there is.
2. Beyond, a matrix of all would take gigabytes. Likenesses are computed a block of rows at a time, each latent's
   `N_CANDIDATES` nearest on the other side are kept, and the matching is the best among those.

A likeness of 0 or less is none: such latents are left without a partner. What likenesses are is in `drift`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int64
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

DENSE_UP_TO: Final = 4096
"""Most latents on a side for which all likenesses are laid out: 130 MB in float64."""
N_CANDIDATES: Final = 16
"""Nearest latents that are kept of each, on either side, where there are more."""
BLOCK: Final = 1024
"""Rows of likenesses that are computed at once: 67 MB against 16k latents."""

Likeness = Callable[[int, int], Float32[torch.Tensor, "rows n_b"]]
"""`likeness(start, stop)`: how alike each of these latents of a is to every latent of b, at most 1."""


class Matching(NamedTuple):
    """Who belongs to whom."""

    partner: Int64[np.ndarray, " n_a"]
    """Latent of b that each latent of a was given; -1 = none."""
    likeness: Float32[np.ndarray, " n_a"]
    """How alike they are; 0 without a partner."""
    exact: bool
    """Whether all pairs were weighed, not only candidates."""


class _Candidates(NamedTuple):
    rows: Int64[torch.Tensor, " pair"]
    columns: Int64[torch.Tensor, " pair"]
    values: Float32[torch.Tensor, " pair"]


def best_matching(
    likeness: Likeness, n_a: int, n_b: int, *, dense: int = DENSE_UP_TO, n_candidates: int = N_CANDIDATES
) -> Matching:
    """Match each latent of a with at most one of b, and the other way round, so that likenesses add up to most.

    Args:
        dense: Latents on the larger side up to which all pairs are weighed.
        n_candidates: Nearest latents that are weighed of each beyond that.

    Cost: all likenesses once; memory of `dense` squared, or of one block of them.
    """
    exact = max(n_a, n_b) <= dense
    found = _among_all(likeness, n_a, n_b) if exact else _among_candidates(likeness, n_a, n_b, n_candidates)
    partner = np.full(n_a, -1, np.int64)
    values = np.zeros(n_a, np.float32)
    partner[found.rows], values[found.rows] = found.columns, found.values
    return Matching(partner, values, exact)


def _among_all(likeness: Likeness, n_a: int, n_b: int) -> _Candidates:
    full = torch.empty(n_a, n_b)
    for start in range(0, n_a, BLOCK):
        full[start : start + BLOCK] = likeness(start, min(start + BLOCK, n_a))
    full.clamp_(min=0)
    rows, columns = (torch.from_numpy(place) for place in linear_sum_assignment(full.numpy(), maximize=True))
    return _positive(rows, columns, full[rows, columns])


def _among_candidates(likeness: Likeness, n_a: int, n_b: int, n_candidates: int) -> _Candidates:
    near = _nearest(likeness, n_a, n_b, n_candidates)
    # To have no partner must be possible for everybody: a column of one's own, at likeness 0. Costs stay above 0, which
    # to SciPy would be no edge.
    none = torch.arange(n_a)
    costs = torch.cat([2 - near.values, torch.full((n_a,), 2.0)]).double().numpy()
    places = (torch.cat([near.rows, none]).numpy(), torch.cat([near.columns, n_b + none]).numpy())
    rows, columns = min_weight_full_bipartite_matching(csr_array((costs, places), shape=(n_a, n_b + n_a)))
    rows, columns = torch.from_numpy(rows).long(), torch.from_numpy(columns).long()
    matched = columns < n_b
    rows, columns = rows[matched], columns[matched]
    keys = near.rows * n_b + near.columns
    return _Candidates(rows, columns, near.values[torch.searchsorted(keys, rows * n_b + columns)])


def _nearest(likeness: Likeness, n_a: int, n_b: int, n_candidates: int) -> _Candidates:
    """Keep the pairs in which either is among the other's nearest, ordered by row and column."""
    best = torch.full((n_candidates, n_b), -torch.inf)
    best_rows = torch.zeros(n_candidates, n_b, dtype=torch.int64)
    keys, values = [], []
    for start in range(0, n_a, BLOCK):
        block = likeness(start, min(start + BLOCK, n_a))
        of_row = block.topk(min(n_candidates, n_b), dim=1)
        rows = torch.arange(start, start + len(block)).unsqueeze(1)
        keys.append((rows * n_b + of_row.indices).flatten())
        values.append(of_row.values.flatten())
        of_column = block.topk(min(n_candidates, len(block)), dim=0)
        merged = torch.cat([best, of_column.values])
        best, kept = merged.topk(n_candidates, dim=0)
        best_rows = torch.cat([best_rows, of_column.indices + start]).gather(0, kept)
    keys.append((best_rows * n_b + torch.arange(n_b)).flatten())
    values.append(best.flatten())
    key, value = torch.cat(keys), torch.cat(values)
    positive = value > 0
    unique, where = torch.unique(key[positive], return_inverse=True)
    value = torch.empty(len(unique)).scatter_(0, where, value[positive])
    return _Candidates(unique // n_b, unique % n_b, value)


def _positive(
    rows: Int64[torch.Tensor, " pair"], columns: Int64[torch.Tensor, " pair"], values: Float32[torch.Tensor, " pair"]
) -> _Candidates:
    kept = values > 0
    return _Candidates(rows[kept], columns[kept], values[kept])
