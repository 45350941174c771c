"""Sums and dot products over ragged rows: the arithmetic under `products`."""

from itertools import pairwise
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

IN_CACHE: Final = 12 << 20
"""Bytes of a weight gradient that are computed at a time on a CPU: the allocator hands the same memory out again, where
whole arrays of 100 MB would be mapped and zeroed anew in every step. Smaller pieces would fit into a core's cache, but
each is a parallel region, and beside other busy processes it is those that cost (up to a time slice each)."""


def sums_by_latent(
    rows: Int[Tensor, " pair"],
    source: Float[Tensor, "row d"],
    starts: Int[Tensor, " d_sae"],
    weights: Float[Tensor, " pair"],
    out: Float[Tensor, "d_sae d"],
) -> Float[Tensor, "d_sae d"]:
    """Write, for every latent, the weighted sum of its rows of `source`."""
    step = max(1, IN_CACHE // max(1, out.shape[1] * out.element_size()))
    if out.device.type != "cpu" or len(out) <= step:
        return out.copy_(sums(rows, source, starts, weights))
    bounds = [*starts[::step].tolist(), len(rows)]
    for place, (begin, end) in enumerate(pairwise(bounds)):
        chunk = slice(place * step, (place + 1) * step)
        out[chunk] = sums(rows[begin:end], source, starts[chunk] - begin, weights[begin:end])
    return out


def sums(
    indices: Int[Tensor, " pair"],
    table: Float[Tensor, "entry d"],
    starts: Int[Tensor, " bag"],
    weights: Float[Tensor, " pair"],
) -> Float[Tensor, "bag d"]:
    """Add up weighted rows of a table, bag by bag."""
    return F.embedding_bag(indices, table, starts, mode="sum", per_sample_weights=weights)


def dots(
    weight: Float[Tensor, "d_sae d"],
    source: Float[Tensor, "row d"],
    latents: Int[Tensor, " pair"],
    rows: Int[Tensor, " pair"],
) -> Float[Tensor, " pair"]:
    """Compute weight[latent] . source[row] for pairs sorted by latent.

    The operation is the one that embedding_bag's own backward uses, with the roles exchanged: what it takes for the
    gradient of a bag is here a latent's weights, so that they are read once and not once a pair.
    """
    found: Tensor = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        weight, source.contiguous(), rows, latents.new_empty(0), latents, 0, -1
    )
    return found


def unsorted(values: Float[Tensor, " pair"], order: Int[Tensor, " pair"]) -> Float[Tensor, " pair"]:
    """Put sorted values back to where they stood."""
    return torch.empty_like(values).scatter_(0, order, values)
