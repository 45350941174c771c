"""Matching pursuit SAEs: one latent after another is taken off what is left of a row, the best fitting first.

1. The latent whose encoder row fits the residual best is chosen; relu(fit) is added to its activation.
2. Its decoder row times that is taken off the residual.
3. A row is done when the residual's norm falls below `residual_threshold`, when a step adds no new latent
   (`stop_on_duplicate_support`), or after `max_iterations` steps.

SAELens's are tied, encoder and decoder being one matrix. Here they are two, so that a scale of the activations can be
folded into them. Used, and not trained here; there is no pre-activation, since each step has fits of its own.

Source: Costa et al. 2025, https://arxiv.org/abs/2506.03093; SAELens, saes/matching_pursuit_sae.py.
"""

from typing import Any, ClassVar, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae.architectures.base import Architecture


class MatchingPursuit(Architecture):
    """What greedy steps took off the row."""

    name: ClassVar[str] = "matching_pursuit"
    per_pair: ClassVar[bool] = False

    def encode(self, sae: Any, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Take latents off each row until it is done."""
        threshold, steps = sae.cfg.setting("residual_threshold"), sae.cfg.setting("max_iterations") or sae.cfg.d_in
        stop_on_same = sae.cfg.setting("stop_on_duplicate_support")
        residual: Tensor = sae.input(sae.normalize(acts.reshape(-1, acts.shape[-1])))
        made = residual.new_zeros(len(residual), sae.cfg.d_sae)
        done = torch.zeros(len(residual), dtype=torch.bool, device=residual.device)
        for _ in range(steps):
            chosen = (residual.detach() @ sae.encoder.detach().T).relu().argmax(1)
            fit = (residual * sae.encoder[chosen]).sum(1).relu() * ~done
            before = made
            made = made.scatter_add(1, chosen[:, None], fit[:, None])
            residual = residual - fit[:, None] * sae.W_dec[chosen]
            if stop_on_same:
                done = done | ((made != 0) == (before != 0)).all(1)
            if threshold > 0:
                done = done | (torch.linalg.vector_norm(residual.detach(), dim=1) < threshold)
            if bool(done.all()):
                break
        return made.view(*acts.shape[:-1], sae.cfg.d_sae)

    def pre_acts(self, sae: Any, rows: Float[Tensor, "row d_in"]) -> NoReturn:
        """Refuse: every step of the pursuit has fits of its own.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("a matching pursuit SAE has no pre-activations, every step has fits of its own; use encode")
