"""Where a latent fires most on the evaluated text, with the tokens around."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.features.firing import Firing
from interp_nb.sae.top_tokens import TopToken, token_names, top_tokens


class Firings(NamedTuple):
    """What is kept of the evaluated text beside a report: its tokens, and which latents fire on them."""

    tokens: Int[Tensor, "window pos"]
    """Token ids of every window."""
    row: Int[Tensor, "window pos"]
    """Row of each counted token; -1 for the others."""
    fired: Firing
    """Latents that fire on the rows."""
    d_sae: int
    """Latents there are."""


def top_contexts(text: Firings, model: Any, latent_idx: int, n: int) -> list[TopToken]:
    """List the tokens on which a latent fires most, one of a window at most.

    Raises:
        ConfigError: there is no such latent.
    """
    if not 0 <= latent_idx < text.d_sae:
        raise ConfigError(f"latent_idx must be 0 to {text.d_sae - 1}, got {latent_idx}")
    values = torch.zeros(text.fired.n_rows)
    pairs = torch.from_numpy(text.fired.latents == latent_idx).nonzero()[:, 0]
    offsets = torch.from_numpy(text.fired.offsets)
    values[torch.searchsorted(offsets, pairs, right=True) - 1] = torch.from_numpy(text.fired.values)[pairs]
    mask = text.row >= 0
    return top_tokens(values[text.row[mask]], text.tokens, mask, n, token_names(model, text.tokens))
