"""An SAE as formats with a threshold per latent hold it, whatever it was trained as, in the model's own units.

latents = relu(acts W_enc + b_enc) where the pre-activation exceeds the threshold; recons = latents W_dec + b_dec.
"""

from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.coder import SAE
from interp_nb.sae.config import TAKES_K
from interp_nb.sae.formats.writing import refuse

HELD: Final = ("relu", "jumprelu", "batch_topk", "matryoshka")
"""Architectures that are JumpReLU in use: without threshold, with one per latent, or with one for all."""


class JumpReLUWeights(NamedTuple):
    """What such files hold; the encoder reads activations as they are, without subtraction or scale."""

    encoder: Float[Tensor, "d_sae d_read"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae ..."]
    b_dec: Float[Tensor, " d_out"]
    threshold: Float[Tensor, " d_sae"]
    W_skip: Tensor | None


@torch.no_grad()
def jump_relu_weights(sae: SAE, family: str, kinds: tuple[str, ...], instead: str) -> JumpReLUWeights:
    """Give an SAE's weights with scales, the subtracted bias and the threshold's own scale folded in.

    Args:
        kinds: Wirings that the family's files can hold.
        instead: What to do with other SAEs, for the message.

    Raises:
        ConfigError: the family cannot hold it.
    """
    cfg = sae.cfg
    if cfg.kind not in kinds:
        refuse(family, f"kind={cfg.kind!r}", instead)
    if cfg.architecture not in HELD:
        refuse(family, f"{cfg.architecture} latents: each of its latents has a threshold, and nothing else", instead)
    if cfg.input_norm != "none":
        refuse(family, f"input_norm={cfg.input_norm!r}: activations are read as they are", instead)
    made = sae.folded()
    b_enc = made.b_enc.detach()
    if cfg.subtract_b_dec:
        b_enc = b_enc - made.encoder @ made.b_dec
    skip: Any = made._parameters.get("W_skip")
    return JumpReLUWeights(
        made.encoder.detach(), b_enc, made.decoder().detach(), made.b_dec.detach(), thresholds(made),
        None if skip is None else skip.detach(),
    )  # fmt: skip


@torch.no_grad()
def thresholds(sae: SAE) -> Float[Tensor, " d_sae"]:
    """Give what each latent's pre-activation has to exceed; 0 where there is no threshold."""
    found = sae.threshold
    if found is None:
        return torch.zeros_like(sae.b_enc)
    if sae.cfg.architecture in TAKES_K:
        # A batch threshold that was never learned lets every positive latent fire.
        found = found.nan_to_num(0.0).expand(sae.cfg.d_sae)
        norms = sae.detached_scale()
        # What is compared is pre * norm; of a latent that writes nothing it is 0, and never enough.
        most = torch.finfo(found.dtype).max
        found = found if norms is None else torch.where(norms > 0, found / norms, most).clamp(max=most)
    return found.clone(memory_format=torch.contiguous_format)
