"""The formulas that SAEs are trained with, each written once.

What is computed on latents takes a layout (`pairs`): the same line computes on every latent or on the active ones only.
Every term is a mean over rows (tokens); within a row it is a sum, over the output's coordinates or over latents.
`Objective` carries the weights; what the functions return is not weighted.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.kernels import step_through
from interp_nb.sae.pairs import Layout
from interp_nb.sae.train_config import SPARSITY_KINDS, TrainConfig


class Objective(NamedTuple):
    """Hold what is minimized at one step; schedules change it by `_replace`."""

    sparsity_kind: str = "none"
    """One of "l1", "step", "tanh", "target_l0", or "none" where k does it."""
    sparsity: float = 0.0
    """Weight of the sparsity loss."""
    target_l0: float = 0.0
    """Latents per token that "target_l0" aims at."""
    tanh_scale: float = 4.0
    """How soon "tanh" saturates."""
    auxk: float = 0.0
    """Weight of the loss for dead latents."""
    k_aux: int = 1
    """Dead latents used per token."""


def make_objective(cfg: SAEConfig, train: TrainConfig) -> Objective:
    """Resolve what is minimized, at full weight.

    Raises:
        ConfigError: the architecture cannot be trained with this sparsity loss.
    """
    asked, known = train.sparsity, SPARSITY_KINDS.get(cfg.architecture, ())
    if not known and (asked.kind is not None or asked.coefficient is not None or asked.target_l0 is not None):
        raise ConfigError(
            f"{cfg.architecture} is kept sparse by k={cfg.k} and has no sparsity loss; leave it out, or choose "
            f"{' or '.join(map(repr, SPARSITY_KINDS))}"
        )
    kind = asked.kind or ("target_l0" if asked.target_l0 is not None else known[0] if known else "none")
    if known and kind not in known:
        raise ConfigError(f"{cfg.architecture} is trained with {' or '.join(map(repr, known))}, got {kind!r}")
    if kind == "target_l0" and asked.target_l0 is None:
        raise ConfigError("target_l0 must be given for the sparsity loss 'target_l0': the latents per token to aim at")
    weight = _usual(kind, cfg.output_width) if asked.coefficient is None else asked.coefficient
    k_aux = train.auxk.k_aux or max(1, cfg.output_width // 2)
    target = asked.target_l0 if asked.target_l0 is not None else 0.0
    return Objective(kind, weight, target, asked.tanh_scale, train.auxk.coefficient, min(k_aux, cfg.d_sae))


def _usual(kind: str, d_out: int) -> float:
    """Give a usual weight for activations of mean squared norm d_out.

    For L1 the April update's (Conerly et al. 2024). A latent that fires costs a thousandth of reconstructing nothing;
    a relative error of 1 in L0 costs as much as that.
    """
    return {"l1": 5.0, "step": 0.001 * d_out, "tanh": 0.001 * d_out, "target_l0": float(d_out)}.get(kind, 0.0)


def reconstruction(recons: Float[Tensor, "row d_out"], targets: Float[Tensor, "row d_out"]) -> Float[Tensor, ""]:
    """Measure the squared error: mean over rows of the sum over coordinates of (recons - targets)^2.

    Source: Conerly et al. 2024 (Circuits Updates, April 2024); Gao et al. 2024 and Bussmann et al. 2024 divide by the
    number of coordinates or by the data's variance, which changes no minimum of a k-sparse SAE.
    """
    return F.mse_loss(recons, targets, reduction="sum") / len(targets)


def l1(pairs: Layout, values: Float[Tensor, "*value"], scale: Float[Tensor, " d_sae"] | None) -> Float[Tensor, ""]:
    """Sum activations times decoder norms: mean over rows of sum_i values_i * scale_i.

    Args:
        scale: Norm of each latent's decoder row, with its gradient; None = 1, norms are held there.

    Source: Bricken et al. 2023 (unit norms); Conerly et al. 2024, April update (norms as weights),
    https://transformer-circuits.pub/2024/april-update/index.html.
    """
    if scale is None:
        return _mean_sum(pairs, values)
    # Added up by latent first: no product of all values and scales, nor its gradient, is laid out.
    return (pairs.sums(values) * scale).sum() / pairs.n_rows


def tanh_penalty(
    pairs: Layout, values: Float[Tensor, "*value"], scale: Float[Tensor, " d_sae"] | None, tanh_scale: float
) -> Float[Tensor, ""]:
    """Count latents softly: mean over rows of sum_i tanh(tanh_scale * values_i * scale_i).

    Source: Jermyn et al. 2024, Tanh penalty; Conerly et al. 2025 (Circuits Updates, January 2025),
    https://transformer-circuits.pub/2025/january-update/index.html.
    """
    return _mean_sum(pairs, torch.tanh(tanh_scale * _weigh(pairs, values, scale)))


def step_l0(
    pairs: Layout, pre: Float[Tensor, "*value"], threshold: Float[Tensor, " d_sae"], bandwidth: float
) -> Float[Tensor, ""]:
    """Count active latents: mean over rows of sum_i H(pre_i - threshold_i).

    Its gradient reaches the threshold by the straight-through kernel of `kernels.step_through`.

    Source: Rajamanoharan et al. 2024b, equations 9 and 12, https://arxiv.org/abs/2407.14435.
    """
    return _mean_sum(pairs, step_through(pre, pairs.of_latent(threshold), bandwidth))


def target_l0(l0: Float[Tensor, ""], target: float) -> Float[Tensor, ""]:
    """Measure how far L0 is from a target: (l0 / target - 1)^2, with l0 from `step_l0`.

    Of the mean over tokens, as dictionary_learning has it: a token may need more latents than another.

    Source: Rajamanoharan et al. 2024b, appendix on training to a desired sparsity, https://arxiv.org/abs/2407.14435.
    """
    return (l0 / target - 1).pow(2)


def auxk(error: Float[Tensor, "row d_out"], aux_recons: Float[Tensor, "row d_out"]) -> Float[Tensor, ""]:
    """Let dead latents model the error: mean over rows of the sum of (error - aux_recons)^2.

    `error` is targets - recons without gradient. What is not finite counts as 0, as in the paper: the term must not
    end a run.

    Source: Gao et al. 2024, appendix A.2, https://arxiv.org/abs/2406.04093.
    """
    return reconstruction(aux_recons, error.detach()).nan_to_num(0.0, 0.0, 0.0)


def _weigh(
    pairs: Layout, values: Float[Tensor, "*value"], scale: Float[Tensor, " d_sae"] | None
) -> Float[Tensor, "*value"]:
    return values if scale is None else values * pairs.of_latent(scale)


def _mean_sum(pairs: Layout, values: Float[Tensor, "*value"]) -> Float[Tensor, ""]:
    """Sum over latents, mean over rows."""
    return values.sum() / pairs.n_rows
