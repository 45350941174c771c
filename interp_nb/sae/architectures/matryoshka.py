"""Matryoshka BatchTopK SAEs: nested dictionaries, each of which has to reconstruct alone.

Latents are chosen as by BatchTopK. The first m latents, for each m of `matryoshka_widths`, give a reconstruction of
their own; the loss is the mean of their errors, so that general features come first and are not split up.

Source: Bussmann et al. 2025, section 3, https://arxiv.org/abs/2503.17547 (which sums the errors: their mean is that
loss divided by the number of widths, so that learning rates and AuxK keep their meaning).
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae import losses
from interp_nb.sae.architectures.base import Terms
from interp_nb.sae.architectures.batch_topk import BatchTopKSAE
from interp_nb.sae.pairs import Layout
from interp_nb.sae.products import decode_prefixes


class Matryoshka(BatchTopKSAE):
    """BatchTopK, reconstructing from each prefix of the dictionary."""

    name: ClassVar[str] = "matryoshka"

    def terms(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        pairs: Layout,
        acts: Float[Tensor, "row d_in"],
        targets: Float[Tensor, "row d_out"],
        objective: losses.Objective,
    ) -> Terms:
        """Average the error over the prefixes; the reconstruction is that of the whole dictionary."""
        values = self.activate(sae, pre, pairs)
        prefixes = decode_prefixes(values, pairs, sae.decoder(), sae.cfg.matryoshka_widths, sae.offset(acts))
        every = [losses.reconstruction(recons, targets) for recons in prefixes]
        return Terms({"mse": torch.stack(every).mean()}, values, prefixes[-1])
