"""How specific what latents do to the logits is, by their directions alone.

A latent's decoder row is taken to the residual stream and through final norm and unembedding, centered over the
vocabulary (`features.geometry`, `models.readout`). Of the squares of these effects,

    top share   = what is on the `N_TOKENS` tokens that are moved most / all of it
    specificity = (top share - that of random directions) / (1 - that of random directions)

so 0 is as spread out as a random direction of the residual stream, 1 is all on ten tokens. The definition is ours,
after Bloom and Lin 2024 (Understanding SAE Features with the Logit Lens), who tell latents that promote few tokens by
the kurtosis of the same effects: that has no upper end, and one latent can decide its mean. A low number is no fault by
itself: latents of early layers act through later ones.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.features.geometry import residual_directions
from interp_nb.features.latents import SAELatents
from interp_nb.models.protocol import HookedModel
from interp_nb.models.readout import Readout, read_readout

N_TOKENS: Final = 10
"""Tokens at the top: as many as a table of a latent shows."""
N_RANDOM: Final = 100
"""Random directions."""
_LOGITS_AT_ONCE: Final = 2**23


def logit_specificity(
    model: HookedModel, source: SAELatents, latents: Int64[np.ndarray, " latent"], *, seed: int = 0
) -> Float64[np.ndarray, " latent"]:
    """Measure some latents.

    Raises:
        ConfigError: what they write is no part of the residual stream, or the model's end cannot be read; in words.
    """
    readout = read_readout(model)
    if residual_directions(source, model, torch.tensor([0])) is None:
        where = ", ".join(source.writes)
        raise ConfigError(
            f"what is written to {where} does not add to the residual stream as it is" if where else
            "the SAE names no site, so what it does to the logits is not known"
        )  # fmt: skip
    drawn = torch.randn(N_RANDOM, int(model.cfg.d_model), generator=torch.Generator().manual_seed(seed))
    chance = float(_top_share(readout, drawn).mean())
    step = max(1, _LOGITS_AT_ONCE // readout.W_U.shape[1])
    shares = []
    for part in torch.split(torch.from_numpy(latents), step):
        directions = residual_directions(source, model, part)
        assert directions is not None
        shares.append(_top_share(readout, directions))
    found = torch.cat(shares).numpy() if shares else np.zeros(0)
    return np.asarray((found - chance) / (1 - chance), np.float64)


def _top_share(readout: Readout, directions: Float[Tensor, "row d_model"]) -> Float[Tensor, " row"]:
    squares = readout.vocabulary(directions.to(readout.W_U.device)).float().square().cpu()
    top = squares.topk(min(N_TOKENS, squares.shape[1]), dim=1).values.sum(1)
    return (top / squares.sum(1)).double()
