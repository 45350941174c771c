"""Gated SAEs: one path decides which latents fire, another how strongly.

gate = W_enc (acts - b_dec) + b_enc; magnitude = exp(r_mag) * W_enc (acts - b_dec) + b_mag (one matrix, rescaled);
latents = H(gate) * relu(magnitude). The gate learns from an L1 loss on relu(gate) and from
reconstructing with relu(gate) through a decoder that this term does not change.

Source: Rajamanoharan et al. 2024a, section 3 and equation 8, https://arxiv.org/abs/2404.16014.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae import losses
from interp_nb.sae.architectures.base import Architecture, Terms
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.pairs import Layout
from interp_nb.sae.products import decode_pairs


class Gated(Architecture):
    """relu(magnitude) where the gate is open."""

    name: ClassVar[str] = "gated"

    def parameters(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the magnitudes' scales (as logarithms) and biases: before training both paths are the same."""
        return {"r_mag": torch.zeros(cfg.d_sae), "b_mag": torch.zeros(cfg.d_sae)}

    def activate(self, sae: Any, pre: Float[Tensor, "*value"], pairs: Layout) -> Float[Tensor, "*value"]:
        """Measure the magnitude where the gate is open."""
        linear = pre - pairs.of_latent(sae.b_enc)
        magnitude = pairs.of_latent(sae.r_mag.exp()) * linear + pairs.of_latent(sae.b_mag)
        return pairs.keep(torch.relu(magnitude) * (pre > 0))

    def terms(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        pairs: Layout,
        acts: Float[Tensor, "row d_in"],
        targets: Float[Tensor, "row d_out"],
        objective: losses.Objective,
    ) -> Terms:
        """Add to the reconstruction the gate's own, with decoder and bias frozen."""
        terms = super().terms(sae, pre, pairs, acts, targets, objective)
        gate = pairs.keep(torch.relu(pre))
        recons = decode_pairs(gate, pairs, sae.decoder().detach()) + sae.offset(acts).detach()
        terms.losses["gate"] = losses.reconstruction(recons, targets)
        return terms

    def sparsity(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        values: Float[Tensor, "*value"],
        pairs: Layout,
        objective: losses.Objective,
    ) -> dict[str, Tensor]:
        """Take the L1 loss on the gate, which alone says what fires."""
        return super().sparsity(sae, pre, torch.relu(pre), pairs, objective)
