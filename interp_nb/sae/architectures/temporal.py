"""Temporal SAEs: attention over latents predicts each row from the rows before it; sparse latents say what is new.

For a document [pos d_in], scaled and without b_dec, and each attention layer in turn:

1. codes = relu(lam * residual @ W_enc), lam = 1 / (4 d_in).
2. predicted = relu(attention from codes to the codes of the positions before).
3. The residual's projection on predicted @ W_dec is taken off it, and `predicted` times its length is kept.

The latents are relu(lam * residual @ W_enc), the `k` largest kept with `diff_type` "topk". The reconstruction adds what
was predicted, so `decode` needs the activations too. Used, and not trained here.

Rows alone do not suffice: what is new in a row depends on the rows before it, so activations come as whole documents,
from the first token that the SAE was trained to see.

Source: Lubana et al. 2025, https://arxiv.org/abs/2511.01836; SAELens, saes/temporal_sae.py.
"""

from typing import Any, ClassVar, Final, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.sae.architectures.base import Architecture
from interp_nb.sae.config import SAEConfig

PROJECTIONS: Final = ("k_ctx", "q_target", "v_ctx", "c_proj")
"""Names of a layer's projections, as in the files: keys, queries, values, output."""
_EPSILON: Final = 1e-6


class Temporal(Architecture):
    """relu(pre) of what attention over the rows before does not predict."""

    name: ClassVar[str] = "temporal"
    per_pair: ClassVar[bool] = False
    reads_sequences: ClassVar[bool] = True
    needs_acts: ClassVar[str] = "a temporal SAE needs acts too: what the rows before predict is added"

    def parameters(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the attention layers' projections."""
        wide, narrow = cfg.d_sae, cfg.d_sae // cfg.setting("bottleneck_factor")
        made = {}
        for layer in range(cfg.setting("n_attn_layers")):
            for name in PROJECTIONS:
                width = narrow if name in ("k_ctx", "q_target") else wide
                made[f"attn_{layer}_{name}_weight"] = torch.zeros(width, wide)
                made[f"attn_{layer}_{name}_bias"] = torch.zeros(width)
        return made

    def encode(self, sae: Any, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Encode what is new in each row.

        Raises:
            ShapeError: the activations are rows, and not whole documents.
        """
        latent_acts, _ = self._encode(sae, self._documents(acts))
        return latent_acts.view(*acts.shape[:-1], sae.cfg.d_sae)

    def pre_acts(self, sae: Any, rows: Float[Tensor, "row d_in"]) -> NoReturn:
        """Refuse: a row's pre-activations depend on the rows before it.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("a temporal SAE has no pre-activations of single rows; use encode with whole documents")

    def write(
        self, sae: Any, latent_acts: Float[Tensor, "*batch d_sae"], acts: Float[Tensor, "*batch d_in"] | None
    ) -> Float[Tensor, "*batch d_out"]:
        """Write what is new and what was predicted."""
        assert acts is not None
        documents = self._documents(acts)
        _, predicted = self._encode(sae, documents)
        codes = latent_acts.to(sae.W_dec.dtype) + predicted.view_as(latent_acts)
        recons: Tensor = sae.denormalize(codes.flatten(0, -2) @ sae.W_dec + sae.b_dec, documents.flatten(0, 1))
        return recons.view(acts.shape)

    def _documents(self, acts: Tensor) -> Tensor:
        if acts.ndim < 3:
            raise ShapeError(
                f"a temporal SAE reads whole documents, acts must be [doc pos d_in], got {list(acts.shape)}: what is "
                "new in a row depends on the rows before it; of one document give acts[None]"
            )
        return acts.flatten(0, -3)

    def _encode(self, sae: Any, documents: Float[Tensor, "doc pos d_in"]) -> tuple[Tensor, Tensor]:
        """Give what is new and what was predicted, both as latents `[doc pos d_sae]`."""
        cfg = sae.cfg
        rows = sae.input(sae.normalize(documents.flatten(0, 1)))
        residual, lam = rows.view(documents.shape), 1 / (4 * cfg.d_in)
        predicted = residual.new_zeros(*documents.shape[:-1], cfg.d_sae)
        for layer in range(cfg.setting("n_attn_layers")):
            codes = torch.relu(residual * lam @ sae.W_enc)
            found = torch.relu(self._attend(sae, layer, codes))
            written = found @ sae.W_dec
            norm = torch.linalg.vector_norm(written, dim=-1, keepdim=True) + _EPSILON
            length = (written * residual).sum(-1, keepdim=True) / norm.square()
            predicted, residual = predicted + found * length, residual - length * written
        new = torch.relu(residual * lam @ sae.W_enc)
        k = cfg.setting("k")
        if cfg.setting("diff_type") == "topk" and k is not None:
            kept = new.topk(k, -1, sorted=False).indices
            new = torch.zeros_like(new).scatter(-1, kept, new.gather(-1, kept))
        return new, predicted

    def _attend(self, sae: Any, layer: int, codes: Tensor) -> Tensor:
        """Attend from each position's codes to those of the positions before; the first sees zeros."""
        before = functional.pad(codes, (0, 0, 1, 0))[:, :-1]

        def project(name: str, read: Tensor) -> Tensor:
            weight, bias = (getattr(sae, f"attn_{layer}_{name}_{part}") for part in ("weight", "bias"))
            return functional.linear(read, weight, bias)

        def by_head(name: str, read: Tensor) -> Tensor:
            made, n_heads = project(name, read), sae.cfg.setting("n_heads")
            return made.view(*made.shape[:2], n_heads, made.shape[2] // n_heads).transpose(1, 2)

        key, query, value = by_head("k_ctx", before), by_head("q_target", codes), by_head("v_ctx", before)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return project("c_proj", mixed.transpose(1, 2).flatten(2))
