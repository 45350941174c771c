"""JumpReLU SAEs: each latent has a threshold of its own, learned through a straight-through gradient.

latents = pre * H(pre - threshold). Both the activation and the count of active latents are steps at the threshold; a
kernel of width `bandwidth` gives them a gradient (`kernels`). Three ways to keep them sparse: "step", the mean count
(the paper's); "tanh", a soft count that also shrinks (Anthropic 2025); "target_l0", a quadratic pull towards a count.

Source: Rajamanoharan et al. 2024b, https://arxiv.org/abs/2407.14435.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.sae import losses
from interp_nb.sae.architectures.base import Architecture
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.kernels import WINDOW, jump_relu
from interp_nb.sae.pairs import Layout
from interp_nb.sae.select import Above, Rule


class JumpReLU(Architecture):
    """pre where it exceeds the latent's threshold, else 0."""

    name: ClassVar[str] = "jumprelu"

    def parameters(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the thresholds' logarithms: thresholds stay positive."""
        if cfg.exact_threshold:
            return {}
        assert cfg.init_threshold is not None
        return {"log_threshold": torch.full((cfg.d_sae,), cfg.init_threshold).log()}

    def buffers(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the thresholds themselves, of an imported SAE: a logarithm would move them by a rounding."""
        return {"exact_threshold": torch.zeros(cfg.d_sae)} if cfg.exact_threshold else {}

    def rule(self, sae: Any, k: int | None = None) -> Rule:
        """Choose what is active, and what is near enough below the threshold to move it."""
        return Above(sae.threshold.detach() - WINDOW * sae.cfg.bandwidth)

    def activate(self, sae: Any, pre: Float[Tensor, "*value"], pairs: Layout) -> Float[Tensor, "*value"]:
        """Step at the thresholds; below 0 nothing fires, whatever an imported threshold says."""
        if sae.cfg.exact_threshold:
            return pairs.keep(torch.relu(pre) * (pre > pairs.of_latent(sae.threshold)))
        return pairs.keep(jump_relu(pre, pairs.of_latent(sae.threshold), sae.cfg.bandwidth))

    @torch.no_grad()
    def restart(self, sae: Any, dead: Bool[Tensor, " d_sae"], pre: Float[Tensor, " dead"]) -> None:
        """Start thresholds anew, low enough that a resampled latent fires on its row."""
        super().restart(sae, dead, pre)
        sae.log_threshold[dead] = torch.minimum(sae.log_threshold[dead], (pre / 2).clamp(min=1e-12).log())

    def sparsity(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        values: Float[Tensor, "*value"],
        pairs: Layout,
        objective: losses.Objective,
    ) -> dict[str, Tensor]:
        """Count active latents, or compare their count with the target."""
        if objective.sparsity_kind not in ("step", "target_l0"):
            return super().sparsity(sae, pre, values, pairs, objective)
        l0 = losses.step_l0(pairs, pre, sae.threshold, sae.cfg.bandwidth)
        if objective.sparsity_kind == "target_l0":
            return {"target_l0": objective.sparsity * losses.target_l0(l0, objective.target_l0)}
        return {"step": objective.sparsity * l0}
