"""Weights before training: random directions, a tied encoder, a decoder bias in the middle of the data."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.config import FREE_NORM
from interp_nb.sae.train_config import TrainConfig


@torch.no_grad()
def random_weights_(sae: Any, generator: torch.Generator) -> None:
    """Draw the decoder's directions, and start the encoder as its transpose where both live in the same space.

    Biases are left as they are. Drawn in float32 on the CPU, so that a seed means the same weights everywhere.

    Source: Gao et al. 2024, section 2.3, and Conerly et al. 2024 (tied initialization).
    """
    norm = 1.0 if sae.cfg.decoder_norm == "unit" else FREE_NORM

    def directions(like: Tensor) -> Tensor:
        drawn = torch.randn(like.shape, generator=generator)
        scale: Tensor = norm / drawn.norm(dim=1, keepdim=True)
        return drawn * scale

    sae.W_dec.copy_(directions(sae.W_dec))
    sae.W_dec.copy_(sae.decoder())
    sae.encoder.copy_(sae.W_dec if sae.wiring.writes_what_it_reads else directions(sae.encoder))


@torch.no_grad()
def initialize_(
    sae: Any,
    acts: Float[Tensor, "row d_in"],
    targets: Float[Tensor, "row d_out"],
    train_config: TrainConfig,
    generator: torch.Generator,
) -> None:
    """Make an SAE ready to be trained: random weights, and the decoder's bias from the first activations.

    Args:
        acts: First activations, as the model has them; `norm_scale` must be set already.
        targets: What is to be reconstructed; the same tensor for SAEs.
    """
    random_weights_(sae, generator)
    scaled = sae.normalize_targets(targets)
    if train_config.b_dec_init == "geometric_median":
        sae.b_dec.copy_(geometric_median(scaled))
    elif train_config.b_dec_init == "mean":
        sae.b_dec.copy_(scaled.double().mean(0))
    else:
        sae.b_dec.zero_()


def geometric_median(
    points: Float[Tensor, "row d"], n_steps: int = 100, tolerance: float = 1e-7
) -> Float[Tensor, " d"]:
    """Find the point with the smallest sum of distances to all points, by Weiszfeld's iteration.

    A mean that outliers, such as the first token's huge activation, do not move. Computed in float64.

    Args:
        tolerance: Ends the iteration when the point moves by less than this share of its distance to the points.

    Source: Weiszfeld 1937; first for SAEs in Bricken et al. 2023.
    """
    wide = points.double()
    median = wide.mean(0)
    for _ in range(n_steps):
        distances = (wide - median).norm(dim=1)
        # A point that is the median itself must not divide by zero.
        weights = 1 / distances.clamp(min=max(float(distances.mean()) * 1e-12, 1e-300))
        moved = (wide * weights[:, None]).sum(0) / weights.sum()
        done = float((moved - median).norm()) <= tolerance * float(distances.mean())
        median = moved
        if done:
            break
    return median.to(points.dtype)
