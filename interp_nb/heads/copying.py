"""Copying, read from the weights: does a head's output-value circuit raise the tokens it looks at?

For a head, the map from attended token to logits is W_E N1 W_V W_O Np Nf W_U. Its nonzero eigenvalues are those of the
small matrix W_O Np (Nf W_U W_E N1) W_V, d_head by d_head, so no vocabulary-sized square is ever formed. The N are the
linear parts of the norms as the model applies them (gain; subtracting the mean where the norm does); their scale
depends on the input and is a positive factor, so it is left out, as are the biases. W_U is centered over the
vocabulary, which no softmax can see. The score is therefore the same for folded and unfolded weights.

Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits", section "Summarizing OV/QK matrices",
https://transformer-circuits.pub/2021/framework/index.html.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.models.finite import check_finite
from interp_nb.models.protocol import HookedModel

_NEEDED = ("blocks", "ln_final", "W_E", "W_U", "W_V", "W_O")


def copying_scores(model: HookedModel, layers: list[int]) -> Float[Tensor, "layer head"]:
    """Score every head for copying, from the eigenvalues of its output-value circuit.

    copying = sum of eigenvalues / sum of their absolute values; from -1 (suppresses what it looks at) to 1 (copies it).
    NaN for a model that does not show its weights.

    Args:
        layers: Layers that have attention, in order.

    Raises:
        NonFiniteError: weights hold NaN or infinity; the message names the layer.
    """
    owner: Any = model
    nothing = torch.full((len(layers), int(model.cfg.n_heads)), torch.nan)
    if not all(_has(owner, name) for name in _NEEDED):
        return nothing
    with torch.no_grad():
        w_v, w_o = owner.W_V.float(), owner.W_O.float()
        if len(w_v) != len(layers) or len(w_o) != len(layers):
            return nothing
        # Grouped-query attention: several heads read one value head.
        w_v = w_v.repeat_interleave(w_o.shape[1] // w_v.shape[1], dim=1)
        unembed = owner.W_U.float()
        shared = (unembed - unembed.mean(-1, keepdim=True)) @ owner.W_E.float()
        shared = _after(owner.ln_final, shared)
        circuits = [w_o[row] @ _token_map(owner, shared, layer) @ w_v[row] for row, layer in enumerate(layers)]
    for layer, circuit in zip(layers, circuits, strict=True):
        # NOTE: not a courtesy: LAPACK's eigenvalue routine crashes the process on NaN.
        check_finite(circuit, f"the output-value circuits of layer {layer}")
    return torch.stack([eigenvalue_share(circuit) for circuit in circuits])


def eigenvalue_share(circuits: Float[Tensor, "head d_head d_head"]) -> Float[Tensor, " head"]:
    """Sum each matrix's eigenvalues, over the sum of their absolute values."""
    eigenvalues: Tensor = torch.linalg.eigvals(circuits.float().cpu())
    share: Tensor = eigenvalues.real.sum(-1) / eigenvalues.abs().sum(-1)
    return share


def _token_map(owner: Any, shared: Float[Tensor, "d_model d_model"], layer: int) -> Float[Tensor, "d_model d_model"]:
    """Form Np Nf W_U W_E N1: from a head's output, through logits and embeddings, to the head's input."""
    block = owner.blocks[layer]
    if _has(block, "ln1_post"):
        shared = _after(block.ln1_post, shared)
    if not _has(block, "ln1"):
        return shared
    centered = shared if _keeps_mean(block.ln1) else shared - shared.mean(-1, keepdim=True)
    return centered * _gain(block.ln1, shared)


def _after(norm: Any, matrix: Float[Tensor, "d_model d_other"]) -> Float[Tensor, "d_model d_other"]:
    """Let a norm's linear part act before a matrix: row vector -> remove its mean -> times the gain -> matrix."""
    matrix = _gain(norm, matrix).unsqueeze(-1) * matrix
    return matrix if _keeps_mean(norm) else matrix - matrix.mean(0, keepdim=True)


def _gain(norm: Any, like: Float[Tensor, "d_model d_other"]) -> Float[Tensor, " d_model"]:
    weight: Tensor | None = getattr(norm, "weight", None)
    if weight is None:
        return torch.ones(len(like), device=like.device)
    # Gemma keeps gains as their difference from 1.
    return (weight.float() + float(bool(getattr(norm, "uses_weight_offset", False)))).to(like.device)


def _keeps_mean(norm: Any) -> bool:
    return bool(getattr(norm, "uses_rms_norm", False))


def _has(owner: Any, name: str) -> bool:
    return getattr(owner, name, None) is not None
