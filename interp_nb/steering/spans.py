"""What directions span, layer by layer: an orthonormal basis of them, and what of other vectors lies in it."""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

SAME_DIRECTION: Final = 1e-6
"""A vector whose norm falls to this share of what it was, when others are taken out of it, was made of them."""


def orthonormal(rows: Sequence[Float[Tensor, "layer d_model"]]) -> list[Float[Tensor, "layer d_model"]]:
    """Make directions orthonormal in every layer (Gram-Schmidt); one that the others make up becomes zero."""
    found: list[Tensor] = []
    for row in rows:
        left = row.double()
        size = left.norm(dim=1, keepdim=True)
        for _ in range(2):
            left = left - within(left, found)
        kept = left.norm(dim=1, keepdim=True)
        found.append(torch.where(kept > SAME_DIRECTION * size, left / kept, 0.0))
    return found


def within(rows: Tensor, directions: Sequence[Tensor]) -> Tensor:
    """Give the part of rows that lies in the span of orthonormal directions."""
    part = torch.zeros_like(rows)
    for direction in directions:
        part = part + (rows * direction).sum(1, keepdim=True) * direction
    return part.to(rows)
