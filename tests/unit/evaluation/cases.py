"""Text, labels and SAEs that are small enough for slow loops."""

import random
from typing import Any

import torch

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from tests.tiny_models import CORPUS

SITE = "blocks.0.hook_resid_post"
LAST = "blocks.1.hook_resid_post"


def texts(n: int = 24, seed: int = 0) -> list[str]:
    """Documents of 3 to 12 words that the tiny tokenizer knows."""
    words = [f" {word}" for word in " ".join(CORPUS).split()]
    rng = random.Random(seed)
    return ["".join(rng.choices(words, k=rng.randint(3, 12))) for _ in range(n)]


def ids_of(model: Any, documents: list[str]) -> list[list[int]]:
    """Their token ids, begin-of-text first."""
    return [model.to_tokens(text)[0].tolist() for text in documents]


def random_sae(site: str = SITE, d_sae: int = 24, **settings: Any) -> SAE:
    """An SAE with random weights and biases, on which a few latents fire."""
    settings = {"architecture": "relu", "sites": (site,), "model": None, **settings}
    sae = SAE(SAEConfig(d_in=32, d_sae=d_sae, **settings), seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        sae.b_enc.add_(torch.randn(d_sae, generator=generator) * 0.5)
        sae.b_dec.add_(torch.randn(sae.cfg.output_width, generator=generator) * 0.2)
    return sae


def exact_sae(site: str = SITE, width: int = 32) -> SAE:
    """An SAE that reconstructs everything: a latent for each coordinate's positive part, one for its negative part."""
    sae = SAE(SAEConfig(d_in=width, d_sae=2 * width, architecture="relu", decoder_norm="unit", sites=(site,)))
    with torch.no_grad():
        both = torch.cat([torch.eye(width), -torch.eye(width)])
        sae.encoder.copy_(both)
        sae.W_dec.copy_(both)
        sae.b_enc.zero_()
        sae.b_dec.zero_()
    return sae
