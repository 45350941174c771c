"""SAEs on tiny models, for tests of text: dense enough that many latents fire, with weights where effects are seen."""

from typing import Any

import torch
from torch import Tensor

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig

WIDTH, N_LATENTS = 32, 48
PROMPT, ANSWER, WRONG = "The Eiffel Tower is in", " Paris", " Rome"


def make_sae(*sites: str, kind: str = "sae", architecture: str = "topk", d_in: int = WIDTH, seed: int = 0) -> SAE:
    """An SAE with random weights, biases and scales that are not 1."""
    n_sites = len(sites) // 2 if kind == "clt" else len(sites) if kind == "crosscoder" else 1
    cfg = SAEConfig(
        d_in * n_sites,
        N_LATENTS,
        architecture,
        k=6 if architecture == "topk" else None,
        kind=kind,
        n_sites=n_sites,
        d_out=d_in * n_sites,
        sites=sites,
    )
    sae = SAE(cfg, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (0.4 if parameter.ndim > 1 else 0.2))
    sae.set_scales(0.7, 1.3 if sae.has_own_targets else None)
    return sae


def activations(model: Any, tokens: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        _, cache = model.run_with_cache(tokens)
    return {name: value.clone() for name, value in cache.items()}


def without(sae: SAE, latents: Tensor, latent: int, acts: Tensor | None = None) -> Tensor:
    """What the SAE writes less when a latent is 0: decode of all, minus decode of all but it."""
    fewer = latents.clone()
    fewer[..., latent] = 0
    with torch.no_grad():
        return sae.decode(latents, acts) - sae.decode(fewer, acts)
