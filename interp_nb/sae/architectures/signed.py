"""Latents without a relu, as circuit-tracer computes them: what is let through may be negative.

Thresholds: latents = pre where pre > threshold, so a threshold below 0 lets negative values through. TopK: the k
largest pre-activations, also where fewer than k are positive. Used, and not trained here.

Source: circuit-tracer, transcoder/activation_functions.py, https://github.com/decoderesearch/circuit-tracer.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.architectures.base import Architecture
from interp_nb.sae.config import SAEConfig


class SignedJumpReLU(Architecture):
    """pre where it exceeds the latent's threshold."""

    name: ClassVar[str] = "signed_jumprelu"
    per_pair: ClassVar[bool] = False
    signed: ClassVar[bool] = True

    def buffers(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the thresholds, of any sign."""
        return {"exact_threshold": torch.zeros(cfg.d_sae)}

    def infer(self, sae: Any, pre: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Keep what exceeds the thresholds."""
        kept: Tensor = pre * (pre > sae.exact_threshold)
        return kept


class SignedTopK(Architecture):
    """The k largest pre-activations of each row."""

    name: ClassVar[str] = "signed_topk"
    per_pair: ClassVar[bool] = False
    signed: ClassVar[bool] = True

    def infer(self, sae: Any, pre: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Keep the k largest of each row, whatever their sign."""
        kept = pre.topk(sae.cfg.k, -1, sorted=False).indices
        return torch.zeros_like(pre).scatter(-1, kept, pre.gather(-1, kept))
