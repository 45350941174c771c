"""Cross-layer transcoders: latents read one layer and write to it and all later ones.

Latents are divided evenly between the sites, in order; the encoder is `[d_sae d_model]`, since a latent reads its own
site only. The decoder is `[d_sae n_sites * d_model]` with zeros where a latent would write to an earlier site. The norm
that sparsity losses weigh with is that of all of a latent's decoder rows together.

Source: Ameisen et al. 2025, https://transformer-circuits.pub/2025/attribution-graphs/methods.html.
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.sae.architectures.wiring import Wiring
from interp_nb.sae.config import SAEConfig


class CrossLayerTranscoder(Wiring):
    """Each latent reads one site and writes to that and the later ones."""

    name: ClassVar[str] = "clt"
    writes_what_it_reads: ClassVar[bool] = False

    def encoder_sites(self, cfg: SAEConfig) -> int:
        """Divide activations into sites: a latent reads one."""
        return cfg.n_sites

    def decoder(self, sae: Any) -> Float[Tensor, "d_sae d_out"]:
        """Give the decoder without what would write to earlier sites."""
        n_sites, decoder = sae.cfg.n_sites, sae.W_dec
        blocks = decoder.view(n_sites, len(decoder) // n_sites, n_sites, -1)
        later = torch.ones(n_sites, n_sites, dtype=decoder.dtype, device=decoder.device).triu()
        return (blocks * later[:, None, :, None]).view_as(decoder)  # type: ignore[no-any-return]


class SkipCrossLayerTranscoder(CrossLayerTranscoder):
    """A cross-layer transcoder with a linear path at each site, beside its latents.

    Used, and not trained here: Gemma Scope 2 publishes them ("affine").
    """

    name: ClassVar[str] = "skip_clt"

    def parameters(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the skip matrices `[n_sites d_out d_in]`, widths of one site; they start at zero."""
        return {"W_skip": torch.zeros(cfg.n_sites, cfg.output_width // cfg.n_sites, cfg.d_in // cfg.n_sites)}

    def offset(self, sae: Any, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "*row d_out"]:
        """Add each site's linear image to the bias."""
        read = acts.view(len(acts), sae.cfg.n_sites, -1)
        linear = torch.einsum("rsi,soi->rso", read, sae.W_skip)
        return linear.reshape(len(acts), -1) + sae.b_dec  # type: ignore[no-any-return]
