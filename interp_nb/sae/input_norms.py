"""What imported SAEs do to each row on entry and undo on exit, as SAELens defines it; nothing is kept between the two.

Source: SAELens, saes/sae.py (`normalize_activations`: "layer_norm" and "constant_norm_rescale").
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

_EPSILON: Final = 1e-5


def divide_out(rows: Float[Tensor, "row d_in"], how: str) -> Float[Tensor, "row d_in"]:
    """Bring rows to mean 0 and standard deviation 1 ("layer_norm"), or to norm sqrt(d_in) ("constant_norm")."""
    if how == "constant_norm":
        return rows * _to_constant(rows)
    centered = rows - rows.mean(-1, keepdim=True)
    return centered / (centered.std(-1, keepdim=True) + _EPSILON)


def multiply_back(
    recons: Float[Tensor, "row d_out"], rows: Float[Tensor, "row d_in"], how: str
) -> Float[Tensor, "row d_out"]:
    """Give reconstructions the mean and size of the rows that were read."""
    if how == "constant_norm":
        return recons / _to_constant(rows)
    mean = rows.mean(-1, keepdim=True)
    return recons * (rows - mean).std(-1, keepdim=True) + mean


def _to_constant(rows: Float[Tensor, "row d_in"]) -> Float[Tensor, "row 1"]:
    found: Tensor = rows.shape[-1] ** 0.5 / torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return found
