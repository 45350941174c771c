"""SAEs for tests: every architecture in every wiring, small enough for loops, with weights where everything happens."""

from typing import Any

import torch
from torch import Tensor

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import ARCHITECTURES, KINDS, MULTI_SITE, TAKES_K, SAEConfig
from interp_nb.sae.losses import Objective
from interp_nb.sae.train_config import SPARSITY_KINDS

N_ROWS, D_IN, D_SAE, N_SITES = 5, 6, 12, 3

CASES = [
    (kind, architecture, sparsity, norm)
    for kind in KINDS
    for architecture in ARCHITECTURES
    for sparsity in SPARSITY_KINDS.get(architecture, ("none",))
    for norm in (("unit", "free") if kind == "sae" else ("free",))
    if (kind, architecture) != ("clt", "matryoshka")
]


def case_id(case: tuple[str, str, str, str]) -> str:
    return "-".join(case)


def objective(sparsity: str) -> Objective:
    return Objective(sparsity, 0.7, target_l0=2.0, tanh_scale=1.5, auxk=0.25, k_aux=2)


def make_sae(kind: str, architecture: str, norm: str, dtype: torch.dtype = torch.float64, **more: Any) -> SAE:
    """An SAE with weights of order 1: a third of the latents active, some within JumpReLU's (wide) window."""
    cfg = SAEConfig(
        D_IN,
        D_SAE,
        architecture,
        k=3 if architecture in TAKES_K else None,
        kind=kind,
        n_sites=N_SITES if kind in MULTI_SITE else 1,
        matryoshka_widths=(2, 5, 12) if architecture == "matryoshka" else None,
        d_out=4 if "transcoder" in kind else None,
        decoder_norm=norm,
        bandwidth=0.8,
        **more,
    )
    sae = SAE(cfg).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in sae.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            size = {"b_enc": 0.3, "log_threshold": 0.3, "r_mag": 0.3, "b_mag": 0.3, "W_skip": 0.3}.get(name, 0.6)
            parameter.copy_(drawn * size - (0.5 if name == "log_threshold" else 0.0))
    return sae


def make_batch(sae: SAE, n_rows: int = N_ROWS, seed: int = 2) -> tuple[Tensor, Tensor]:
    """Activations and targets; the same tensor where an SAE writes what it reads."""
    generator = torch.Generator().manual_seed(seed)
    acts = torch.randn(n_rows, sae.cfg.d_in, generator=generator, dtype=torch.float64).to(sae.encoder.dtype)
    if not sae.has_own_targets:
        return acts, acts
    targets = torch.randn(n_rows, sae.cfg.output_width, generator=generator, dtype=torch.float64)
    return acts, targets.to(sae.encoder.dtype)
