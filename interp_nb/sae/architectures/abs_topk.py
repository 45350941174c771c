"""AbsTopK SAEs: the k pre-activations of each row that are largest in size are kept, with their signs.

Used, and not trained here. A latent may fire in either direction: what counts or ranks activations "above 0" sees half
of it.

Source: Zhu et al. 2025, https://arxiv.org/abs/2510.00404.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.architectures.base import Architecture


class AbsTopK(Architecture):
    """pre, the k of each row that are largest in size."""

    name: ClassVar[str] = "abs_topk"
    per_pair: ClassVar[bool] = False
    signed: ClassVar[bool] = True

    def infer(self, sae: Any, pre: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Keep the k of each row that are largest in size; ranked by what they would add, where norms are free."""
        scale = sae.detached_scale()
        ranked = pre if scale is None else pre.detach() * scale
        kept = ranked.abs().topk(sae.cfg.k, -1, sorted=False).indices
        return torch.zeros_like(pre).scatter(-1, kept, pre.gather(-1, kept))
