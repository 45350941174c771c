"""What an architecture is: which latents can learn from a row, how they activate, what is minimized.

The step (`step`) computes pre-activations, asks `rule` which of them can carry a gradient, and hands those to `terms`.
An architecture does not know whether it is given all latents or those pairs: `pairs` (the layout) knows. `sae` is the
`coder.SAE` everywhere; it imports this module, so its type is not written here.
"""

from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.sae import losses
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.pairs import AllPairs, Layout
from interp_nb.sae.products import decode_pairs, dense_product
from interp_nb.sae.select import Above, Rule


class Terms(NamedTuple):
    """What a batch gives: the loss, term by term, and what it was computed from."""

    losses: dict[str, Tensor]
    """Named terms, weighted: their sum is minimized."""
    latent_acts: Tensor
    """Activations, in the layout they were asked for."""
    recons: Tensor
    """Reconstruction `[row d_out]`, scaled as the targets."""


class Architecture:
    """Base: latents that activate by ReLU and are kept sparse by a loss."""

    name: ClassVar[str]
    per_pair: ClassVar[bool] = True
    """Whether `rule` and `activate` say what fires, pair by pair; else only `encode` does, on whole rows."""
    signed: ClassVar[bool] = False
    """Whether latents also fire below zero."""
    reads_sequences: ClassVar[bool] = False
    """Whether a row's latents depend on the rows before it, [... pos d_in]."""
    needs_acts: ClassVar[str] = ""
    """Why `write` needs what was encoded, as the end of a sentence that begins "decode of"; empty where it does not."""

    def parameters(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the parameters it has besides encoder and decoder, as they are before training."""
        return {}

    def buffers(self, cfg: SAEConfig) -> dict[str, Tensor]:
        """Give the running state it has, as it is before training."""
        return {}

    def rule(self, sae: Any, k: int | None = None) -> Rule:
        """Say which (row, latent) pairs can have a gradient.

        Args:
            k: Latents per token at this step; None = the configuration's.
        """
        return Above(0.0)

    def activate(self, sae: Any, pre: Float[Tensor, "*value"], pairs: Layout) -> Float[Tensor, "*value"]:
        """Turn pre-activations into activations, as in training."""
        return pairs.keep(torch.relu(pre))

    def infer(self, sae: Any, pre: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Turn pre-activations into activations, as in use: every row on its own."""
        return self.activate(sae, pre, AllPairs(*pre.shape))

    def encode(self, sae: Any, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Turn activations, as the model has them, into latent activations."""
        rows = acts.reshape(-1, acts.shape[-1])
        return self.infer(sae, self.pre_acts(sae, rows)).view(*acts.shape[:-1], sae.cfg.d_sae)

    def pre_acts(self, sae: Any, rows: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_sae"]:
        """Turn rows of activations, as the model has them, into pre-activations."""
        return dense_product(sae.input(sae.normalize(rows)), sae.encoder, sae.b_enc, sae.encoder_sites)

    def write(
        self, sae: Any, latent_acts: Float[Tensor, "*batch d_sae"], acts: Float[Tensor, "*batch d_in"] | None
    ) -> Float[Tensor, "*batch d_out"]:
        """Turn latent activations into the activations they stand for, as the model has them.

        Args:
            acts: What was encoded, where the caller has it.
        """
        rows = latent_acts.reshape(-1, latent_acts.shape[-1])
        read = None if acts is None else acts.reshape(-1, acts.shape[-1])
        # A skip connection passes on what the model has, whatever is done to rows before they are encoded.
        offset = sae.b_dec if read is None else sae.offset(sae.scale(read))
        recons: Tensor = sae.denormalize(rows.to(sae.W_dec.dtype) @ sae.decoder() + offset, read)
        return recons.view(*latent_acts.shape[:-1], recons.shape[-1])

    def decode(
        self, sae: Any, values: Float[Tensor, "*value"], pairs: Layout, acts: Float[Tensor, "row d_in"]
    ) -> Float[Tensor, "row d_out"]:
        """Write activations as the reconstruction, bias and skip connection included."""
        offset: Tensor = sae.offset(acts)
        return decode_pairs(values, pairs, sae.decoder()) + offset

    def terms(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        pairs: Layout,
        acts: Float[Tensor, "row d_in"],
        targets: Float[Tensor, "row d_out"],
        objective: losses.Objective,
    ) -> Terms:
        """Compute what is minimized on a batch.

        Args:
            pre: Pre-activations, laid out by `pairs`, with their gradient.
            acts: What the SAE reads, scaled; a skip connection needs it.
            targets: What is to be reconstructed, scaled.
        """
        values = self.activate(sae, pre, pairs)
        recons = self.decode(sae, values, pairs, acts)
        named = {"mse": losses.reconstruction(recons, targets)}
        return Terms(named | self.sparsity(sae, pre, values, pairs, objective), values, recons)

    def sparsity(
        self,
        sae: Any,
        pre: Float[Tensor, "*value"],
        values: Float[Tensor, "*value"],
        pairs: Layout,
        objective: losses.Objective,
    ) -> dict[str, Tensor]:
        """Compute the loss that keeps latents rare, weighted; empty where there is none."""
        if objective.sparsity_kind == "l1":
            return {"l1": objective.sparsity * losses.l1(pairs, values, sae.decoder_scale())}
        if objective.sparsity_kind == "tanh":
            penalty = losses.tanh_penalty(pairs, values, sae.decoder_scale(), objective.tanh_scale)
            return {"tanh": objective.sparsity * penalty}
        return {}

    @torch.no_grad()
    def restart(self, sae: Any, dead: Bool[Tensor, " d_sae"], pre: Float[Tensor, " dead"]) -> None:
        """Put what belongs to resampled latents back to what it was before training.

        Args:
            pre: Pre-activation of each on the row it was pointed at.
        """
        for name, initial in self.parameters(sae.cfg).items():
            getattr(sae, name)[dead] = initial.to(sae.encoder)[dead]

    def learn(self, sae: Any, smallest: Float[Tensor, ""] | None) -> None:
        """Take note of the smallest activation that a batch kept; for architectures that use it later."""
