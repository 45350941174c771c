"""What latents read and write in a model, in its own units: sites, and decoder rows without the scale of training."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae.coder import SAE


def sites_of(sae: SAE) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the hook names of what an SAE reads, and of what it writes; empty where it does not say."""
    sites = sae.cfg.sites
    if not sae.has_own_targets:
        return sites, sites
    n_read = (len(sites) + 1) // 2
    return sites[:n_read], sites[n_read:]


def check_fixed_rows(sae: SAE) -> None:
    """Refuse an SAE of which a latent does not write the same on every token.

    Raises:
        ConfigError: it gives each token its own norm back.
    """
    if sae.cfg.input_norm != "none":
        raise ConfigError(
            f"what a latent of this SAE writes depends on the token: input_norm={sae.cfg.input_norm!r} gives each its "
            "own norm back; sae.decode(latent_acts, acts) says what that is. Choose an SAE without"
        )


def check_row_by_row(sae: SAE) -> None:
    """Refuse an SAE that reads whole documents where rows are encoded one by one.

    Raises:
        ConfigError: it does.
    """
    if sae.architecture.reads_sequences:
        raise ConfigError(
            f"a {sae.cfg.architecture} SAE reads whole documents, and here latents are looked up row by row: what is "
            "new in a row depends on the rows before it; use sae.encode(acts) with acts [doc pos d_in]"
        )


@torch.no_grad()
def decoder_rows(sae: SAE, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
    """Give what latents write per unit of activation, in the model's units, site after site."""
    scale = sae.target_scale if sae.has_own_targets else sae.norm_scale
    decoder = sae.decoder().float()
    scale = scale.float().expand(sae.cfg.n_sites if scale.ndim else 1)
    chosen = decoder[latents.to(decoder.device)]
    return (chosen / scale.repeat_interleave(decoder.shape[1] // len(scale))).cpu()
