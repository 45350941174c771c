"""Group-max SAEs, sparsify's "groupmax": latents in k equal groups, one after another; each group's largest is kept.

Used, and not trained here: which latents compete follows from their order.

Source: EleutherAI/sparsify, fused_encoder.py, https://github.com/EleutherAI/sparsify.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.architectures.base import Architecture


class GroupMax(Architecture):
    """relu(pre), the largest of each group."""

    name: ClassVar[str] = "group_max"
    per_pair: ClassVar[bool] = False

    def infer(self, sae: Any, pre: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Keep the largest of each group, if positive."""
        groups = torch.relu(pre).view(*pre.shape[:-1], sae.cfg.k, -1)
        largest, places = groups.max(-1, keepdim=True)
        return torch.zeros_like(groups).scatter(-1, places, largest).flatten(-2)
