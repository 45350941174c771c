"""SAELens's tensors as ours: what was done to activations is folded into the weights.

In SAELens's order, which is that of the end of a run:

1. A factor `s` on the activations: W_enc * s, W_dec / s, b_dec / s.
2. Decoder norms, where latents are counted in them: W_enc and b_enc times the norm, W_dec divided by it.
3. A whitening z = (x - mean) M, after the norms: W_enc = M W_enc, W_dec = W_dec M^-1, b_dec = b_dec M^-1 + mean,
   in float64; the first two are one rounding each.

So latents are in the units of SAELens's exported SAEs. Matching pursuit and temporal SAEs are tied, which a factor on
the activations breaks: the first has two matrices here, the second keeps the factor as `norm_scale`.
"""

from typing import Final

import torch
from torch import Tensor

from interp_nb.sae.formats.plan import Plan
from interp_nb.sae.formats.sae_lens_said import Said

_LEAST_NORM: Final = 1e-8
"""Below this a decoder row is not divided by its norm (SAELens, `get_W_dec_norm`)."""


def convert(said: Said, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Turn tensors, by their names in the files, into the parameters and buffers of our SAE."""
    encoder = tensors["W_enc"].T if "W_enc" in tensors else tensors["W_dec"]
    state = {"encoder": encoder, "W_dec": tensors["W_dec"], "b_dec": tensors["b_dec"]}
    for piece in plan.pieces:
        if piece.name in tensors and piece.becomes not in state and " " not in piece.becomes:
            state[piece.becomes] = tensors[piece.name]
    if "log_threshold" in tensors:
        state["exact_threshold"] = tensors["log_threshold"].exp()
    if "exact_threshold" in state:
        # One number for all of them is a `topk_threshold`.
        state["exact_threshold"] = state["exact_threshold"].expand(plan.cfg.d_sae).clone()
    _fold_(said, plan, state, tensors)
    state.setdefault("b_enc", torch.zeros(plan.cfg.d_sae))
    return {name: value.to(encoder.dtype) for name, value in state.items()}


def _fold_(said: Said, plan: Plan, state: dict[str, Tensor], held: dict[str, Tensor]) -> None:
    if "scaling_factor" in held:
        state["W_dec"] = state["W_dec"] * held["scaling_factor"][:, None]
    if not said.subtracts and (said.architecture == "matching_pursuit" or plan.cfg.setting("tied")):
        # Tied SAEs add b_dec only where they took it off.
        state["b_dec"] = torch.zeros_like(state["b_dec"])
    if said.scale is not None:
        _fold_scale_(said, state, said.scale)
    if said.rescales:
        _fold_norms_(state)
    if said.whitened:
        _fold_whitening_(state, held, subtracts=plan.cfg.subtract_b_dec is True)


def _fold_scale_(said: Said, state: dict[str, Tensor], scale: float) -> None:
    if said.architecture == "temporal":
        state["norm_scale"] = torch.tensor(scale, dtype=torch.float64)
        return
    state["encoder"] = state["encoder"] * scale
    state["W_dec"], state["b_dec"] = state["W_dec"] / scale, state["b_dec"] / scale
    if said.rescales:
        # In units of pre-activation times norm, and the norms were just divided.
        for name in state.keys() & {"running_threshold", "exact_threshold"}:
            state[name] = state[name] / scale


def _fold_norms_(state: dict[str, Tensor]) -> None:
    norms = torch.linalg.vector_norm(state["W_dec"], dim=1, dtype=torch.float64).clamp(min=_LEAST_NORM)
    norms = norms.to(state["W_dec"].dtype)
    state["encoder"], state["b_enc"] = state["encoder"] * norms[:, None], state["b_enc"] * norms
    state["W_dec"] = state["W_dec"] / norms[:, None]


def _fold_whitening_(state: dict[str, Tensor], held: dict[str, Tensor], *, subtracts: bool) -> None:
    mean, matrix, inverse = (held[name].double() for name in ("mean", "matrix", "inverse_matrix"))
    state["encoder"] = state["encoder"].double() @ matrix.T
    if not subtracts:
        shift = state["encoder"] @ mean
        state["b_enc"] = state["b_enc"] - shift
        if "b_mag" in state:
            state["b_mag"] = state["b_mag"] - shift * state["r_mag"].exp()
    state["W_dec"] = state["W_dec"].double() @ inverse
    state["b_dec"] = state["b_dec"].double() @ inverse + mean
