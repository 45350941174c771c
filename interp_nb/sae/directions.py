"""What latents read and write in a model, in its own units: sites, and decoder rows without the scale of training."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb.sae.coder import SAE


def sites_of(sae: SAE) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the hook names of what an SAE reads, and of what it writes; empty where it does not say."""
    sites = sae.cfg.sites
    if not sae.has_own_targets:
        return sites, sites
    n_read = (len(sites) + 1) // 2
    return sites[:n_read], sites[n_read:]


@torch.no_grad()
def decoder_rows(sae: SAE, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
    """Give what latents write per unit of activation, in the model's units, site after site."""
    scale = sae.target_scale if sae.has_own_targets else sae.norm_scale
    decoder = sae.decoder().float()
    scale = scale.float().expand(sae.cfg.n_sites if scale.ndim else 1)
    chosen = decoder[latents.to(decoder.device)]
    return (chosen / scale.repeat_interleave(decoder.shape[1] // len(scale))).cpu()
