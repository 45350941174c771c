"""Scales put into the weights: the same SAE, for activations as the model has them."""

import copy
import dataclasses
from typing import Any

import torch

from interp_nb._errors import ConfigError
from interp_nb.sae.config import TAKES_K


def folded(sae: Any) -> Any:
    """Return a copy of an SAE that needs no scaling; see `SAE.folded`.

    Raises:
        ConfigError: sites are scaled differently and latents are ranked by their norms, which folding changes.
    """
    made = copy.deepcopy(sae)
    ranked = sae.cfg.architecture in TAKES_K and sae.cfg.decoder_norm == "free"
    scale_out = sae._scale_out
    if ranked and scale_out.numel() > 1 and bool((scale_out != scale_out[0]).any()):
        raise ConfigError(
            f"a {sae.cfg.kind} that ranks latents by their norms cannot be folded when its sites are scaled "
            "differently; keep norm_scale"
        )
    with torch.no_grad():
        per_latent = sae._per_latent(sae.norm_scale)
        made.encoder.mul_(per_latent)
        made.W_dec.copy_(sae._scaled(sae.W_dec, 1 / scale_out))
        made.b_dec.copy_(sae._scaled(sae.b_dec.unsqueeze(0), 1 / scale_out)[0])
        if "W_skip" in sae._parameters:
            ratio = sae.norm_scale / scale_out
            made.W_skip.mul_(ratio[:, None, None] if ratio.ndim else ratio)
        if ranked and "running_threshold" in sae._buffers:
            made.running_threshold.div_(scale_out.view(-1)[0])
        for name in ("norm_scale", "target_scale"):
            if name in made._buffers:
                getattr(made, name).fill_(1.0)
    if (threshold := sae.cfg.setting("residual_threshold")) is not None:
        # A pursuit ends when the residual is that small, in the units of what it reads.
        settings = dict(sae.cfg.settings) | {"residual_threshold": threshold / float(scale_out)}
        made.cfg = dataclasses.replace(sae.cfg, settings=settings)
    return made
