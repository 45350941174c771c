"""The SAE: a module that encodes activations as latents and decodes them, whatever its architecture and wiring.

What differs between architectures is in `architectures`; how it is trained in `step` and `training`. Activations come
and go as the model has them: inside, they are multiplied by `norm_scale`, which training estimates, and divided by it
again on the way out.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

import interp_nb
from interp_nb._errors import ConfigError, ShapeError
from interp_nb.sae.architectures import REGISTRY, WIRINGS, Architecture, Wiring
from interp_nb.sae.config import CROSS_LAYER, MULTI_SITE, SAEConfig
from interp_nb.sae.folding import folded
from interp_nb.sae.initialize import random_weights_
from interp_nb.sae.input_norms import divide_out, multiply_back


class SAE(nn.Module):
    """A sparse autoencoder, transcoder or crosscoder.

    latent_acts = activation(W_enc (acts * norm_scale - b_dec) + b_enc); recons = (latent_acts W_dec + b_dec) /
    norm_scale. The activation is the architecture's; transcoders do not subtract b_dec.

    Args:
        seed: Seed of the random weights; global random state is left alone.

    Example:
        >>> sae = SAE(SAEConfig(d_in=4, d_sae=8, k=2))
        >>> sae
        SAE(batch_topk, d_in=4, d_sae=8, k=2)
        >>> sae.encode(torch.ones(3, 4)).shape
        torch.Size([3, 8])
    """

    encoder: nn.Parameter
    """`[d_sae d_in]`, a row per latent: the transpose of `W_enc`, which is how the sparse step reads it."""
    b_enc: nn.Parameter
    """`[d_sae]`."""
    W_dec: nn.Parameter
    """`[d_sae d_out]`."""
    b_dec: nn.Parameter
    """`[d_out]`."""
    norm_scale: Tensor
    """What activations are multiplied by on entry: a number, or one per site."""
    provenance: dict[str, Any]
    """What is worth knowing about its making, plain JSON; saved with it."""
    target_scale: Tensor
    """The same of what is reconstructed; only where that is another site than the one that is read."""

    def __init__(self, cfg: SAEConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.cfg = cfg
        self.provenance: dict[str, Any] = {}
        self.encoder = nn.Parameter(torch.empty(cfg.d_sae, cfg.d_in // self.encoder_sites))
        self.b_enc = nn.Parameter(torch.zeros(cfg.d_sae))
        self.W_dec = nn.Parameter(torch.empty(cfg.d_sae, cfg.output_width))
        self.b_dec = nn.Parameter(torch.zeros(cfg.output_width))
        for part in (self.architecture.parameters(cfg), self.wiring.parameters(cfg)):
            for name, value in part.items():
                self.register_parameter(name, nn.Parameter(value))
        for name, value in self.architecture.buffers(cfg).items():
            self.register_buffer(name, value)
        shape = (cfg.n_sites,) if cfg.kind in MULTI_SITE else ()
        self.register_buffer("norm_scale", torch.ones(shape))
        if self.has_own_targets:
            self.register_buffer("target_scale", torch.ones(shape))
        if not self.encoder.is_meta:  # there it is made for its shapes, or for weights that a file has
            random_weights_(self, torch.Generator().manual_seed(seed))

    @property
    def architecture(self) -> Architecture:
        """How latents activate, and what is minimized."""
        return REGISTRY[self.cfg.architecture]

    @property
    def wiring(self) -> Wiring:
        """What is read and written."""
        return WIRINGS[self.cfg.kind]

    @property
    def has_own_targets(self) -> bool:
        """Whether it reconstructs other activations than it reads."""
        return not self.wiring.writes_what_it_reads

    @property
    def encoder_sites(self) -> int:
        """The number of parts a row of activations has of which a latent reads one; 1 but across layers."""
        return self.wiring.encoder_sites(self.cfg)

    @property
    def W_enc(self) -> Float[Tensor, "d_in d_sae"]:
        """The encoder as papers write it: the transpose of `encoder`, sharing its memory."""
        return self.encoder.T

    @property
    def threshold(self) -> Tensor | None:
        """What a pre-activation has to exceed in use: one per latent, one for all, or None."""
        if "log_threshold" in self._parameters:
            return self._parameters["log_threshold"].exp()  # type: ignore[union-attr]
        return self._buffers.get("exact_threshold", self._buffers.get("running_threshold"))

    def encode(self, acts: Float[Tensor, "... d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Turn activations into latent activations, each row on its own.

        BatchTopK and Matryoshka use the threshold they learned, not the batch. Imported "temporal" SAEs alone read rows
        together, `[... pos d_in]`.

        Args:
            acts: Of an SAE that reads heads also `[... head d_head]`.

        Raises:
            ShapeError: the activations are of another width.
        """
        return self.architecture.encode(self, self._rows(acts))

    def pre_acts(self, acts: Float[Tensor, "... d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Turn activations into pre-activations: before the activation function.

        Raises:
            ConfigError: an imported architecture that has none.
        """
        rows = self._rows(acts)
        return self.architecture.pre_acts(self, rows.reshape(-1, self.cfg.d_in)).view(*rows.shape[:-1], self.cfg.d_sae)

    def decode(
        self, latent_acts: Float[Tensor, "*batch d_sae"], acts: Float[Tensor, "... d_in"] | None = None
    ) -> Float[Tensor, "... d_out"]:
        """Turn latent activations into the activations they stand for.

        Args:
            acts: What was encoded; only `needs_acts` says whether that is needed. The result has its shape.

        Raises:
            ShapeError: there is another number of latents.
            ConfigError: it needs `acts`, and was given none.
        """
        if latent_acts.shape[-1] != self.cfg.d_sae:
            raise ShapeError(
                f"latent_acts must be [... d_sae={self.cfg.d_sae}], got {list(latent_acts.shape)}; they come from "
                "encode(acts) of the same SAE"
            )
        if acts is None and self.needs_acts:
            raise ConfigError(f"decode of {self.needs_acts}")
        recons = self.architecture.write(self, latent_acts, None if acts is None else self._rows(acts))
        if acts is None or acts.shape[-1] == self.cfg.d_in:
            return recons
        return recons.view(*recons.shape[:-1], acts.shape[-2], -1)  # by head, as they came

    @property
    def needs_acts(self) -> str:
        """Why `decode` needs what was encoded; empty where it does not."""
        if "W_skip" in self._parameters:
            return f"a {self.cfg.kind.replace('_', ' ')} needs acts too: its skip connection reads them"
        if self.puts_norm_back:
            return f"an SAE with input_norm={self.cfg.input_norm!r} needs acts too: their norm is put back"
        return self.architecture.needs_acts

    @property
    def puts_norm_back(self) -> bool:
        """Whether what is done to each row on entry is undone on exit; not where it writes somewhere else."""
        return self.cfg.input_norm != "none" and not self.has_own_targets

    def forward(self, acts: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        """Reconstruct activations: decode(encode(acts))."""
        return self.decode(self.encode(acts), acts)

    # What the training step uses, in scaled units.

    def scale(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_in"]:
        """Multiply activations by `norm_scale`; what a skip connection reads, too."""
        return self._scaled(acts.to(self.encoder.dtype), self.norm_scale)

    def normalize(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_in"]:
        """Scale activations as they are trained on, each row by its own norm too where that is the convention."""
        if self.cfg.input_norm != "none":
            acts = divide_out(acts.to(self.encoder.dtype), self.cfg.input_norm)
        return self.scale(acts)

    def denormalize(
        self, recons: Float[Tensor, "row d_out"], acts: Float[Tensor, "row d_in"] | None
    ) -> Float[Tensor, "row d_out"]:
        """Bring what was written to the model's units.

        Args:
            acts: What was encoded, as the model has it; needed where its norm is to be put back.
        """
        made = self._scaled(recons, 1 / self._scale_out)
        if not self.puts_norm_back:
            return made
        assert acts is not None
        return multiply_back(made, acts.to(self.encoder.dtype), self.cfg.input_norm)

    def normalize_targets(self, targets: Float[Tensor, "row d_out"]) -> Float[Tensor, "row d_out"]:
        """Scale what is to be reconstructed as it is trained on."""
        return self._scaled(targets.to(self.encoder.dtype), self._scale_out)

    def input(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_in"]:
        """Give what enters the encoder, from scaled activations."""
        return acts - self.b_dec if self.cfg.subtract_b_dec else acts

    def decoder(self) -> Float[Tensor, "d_sae d_out"]:
        """Give the decoder as it is used: of a cross-layer transcoder, without what writes backwards."""
        return self.wiring.decoder(self)

    def offset(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "*row d_out"]:
        """Give what is written besides the latents: the bias, and the skip connection of scaled activations."""
        return self.wiring.offset(self, acts)

    def decoder_scale(self) -> Float[Tensor, " d_sae"] | None:
        """Give the norms by which latents are weighed; None where nothing is weighed."""
        return self.wiring.scale(self) if self.cfg.decoder_norm == "free" else None

    def detached_scale(self) -> Float[Tensor, " d_sae"] | None:
        """Give the same without gradient, to rank with."""
        with torch.no_grad():
            return self.decoder_scale()

    def set_scales(self, norm_scale: float | Tensor, target_scale: float | Tensor | None = None) -> None:
        """Set what activations are multiplied by; a number, or one per site.

        Raises:
            ConfigError: a scale is not positive and finite, or given for targets that are the input.
        """
        given: dict[str, float | Tensor] = {"norm_scale": norm_scale}
        if target_scale is not None:
            given["target_scale"] = target_scale
            if not self.has_own_targets:
                raise ConfigError(f"a {self.cfg.kind} writes what it reads: give norm_scale alone")
        for name, value in given.items():
            own = getattr(self, name)
            scale = torch.as_tensor(value, dtype=own.dtype, device=own.device)
            if not bool((scale.isfinite() & (scale > 0)).all()):
                raise ConfigError(f"{name} must be positive and finite, got {value}")
            own.copy_(scale)

    def folded(self) -> "SAE":
        """Return a copy that needs no scaling: the scales are in its weights, what it computes is the same.

        Raises:
            ConfigError: sites are scaled differently and latents are ranked by their norms, which folding changes.
        """
        made: SAE = folded(self)
        return made

    def save(
        self, path: str | Path, format: str = "interp_nb", *, dtype: str | None = None, report: Any = None
    ) -> Path:
        """Write it to a folder, whole or not at all; `load_sae` reads it.

        Args:
            format: "interp_nb", or the family of another library: see `interp_nb.sae.formats.registry`.
            dtype: Precision in the file, such as "float16"; None = as it is.
            report: An `SAEReport` of it; its metrics go into the card, its page beside it (own format only).

        Raises:
            DiskError: the disk is full or the folder cannot be written; what was there is untouched.
            ConfigError: an unknown format, what that format cannot hold, or a weight that is not finite in the file's
                precision.
        """
        from interp_nb.sae.saving import save_sae

        return save_sae(self, path, format=format, dtype=dtype, report=report)

    def feature_vector(self, latent_idx: int, **options: Any) -> "interp_nb.SteeringVector":
        """Return a latent as a steering vector: its decoder row times its 99th-percentile activation.

        Args:
            **options: Of `interp_nb.steering.latents.feature_vector`: `model` and `data` (text), or `store`, or
                `acts_p99` say how strongly the latent fires. The SAEs that come with the package need none.

        Raises:
            ConfigError: nothing says how strongly the latent fires.
        """
        # By way of the façade, as a result finds its widget: this package knows nothing of steering.
        return interp_nb.SteeringVector.of_latent(self, latent_idx, **options)

    def extra_repr(self) -> str:
        """Write what it is: architecture, widths, k, sites."""
        cfg = self.cfg
        parts = [cfg.architecture, *([] if cfg.kind == "sae" else [cfg.kind]), f"d_in={cfg.d_in}"]
        parts += [f"d_out={cfg.d_out}"] if self.has_own_targets else []
        parts += [f"d_sae={cfg.d_sae}"] + ([] if cfg.k is None else [f"k={cfg.k}"])
        return ", ".join([*parts, *([" -> ".join(cfg.sites)] if cfg.sites else [])])

    def __repr__(self) -> str:
        """One line; no weights, no address."""
        return f"SAE({self.extra_repr()})"

    @property
    def _scale_out(self) -> Tensor:
        return self.target_scale if self.has_own_targets else self.norm_scale

    def _per_latent(self, scale: Tensor) -> Tensor:
        """Lay a scale out over the encoder `[d_sae encoder_width]`, so that it multiplies."""
        if scale.ndim == 0:
            return scale
        if self.cfg.kind in CROSS_LAYER:
            return scale.repeat_interleave(self.cfg.d_sae // self.cfg.n_sites).unsqueeze(1)
        return scale.repeat_interleave(self.cfg.d_in // self.cfg.n_sites)

    def _scaled(self, rows: Tensor, scale: Tensor) -> Tensor:
        if scale.ndim == 0:
            return rows * scale
        return rows * scale.repeat_interleave(rows.shape[-1] // self.cfg.n_sites)

    def _rows(self, acts: Tensor) -> Tensor:
        """Check the width, and put heads into one axis; a single row stays one."""
        width, n_heads = self.cfg.d_in, self.cfg.n_heads
        by_head = acts.shape[-1:] != (width,) and acts.shape[-2:].numel() == width
        if by_head and n_heads is not None and n_heads in (0, acts.shape[-2]):
            return acts.flatten(-2)
        if acts.ndim == 0 or acts.shape[-1] != width:
            where = f"This SAE reads {self.cfg.sites[0]}" if self.cfg.sites else f"This SAE was made for width {width}"
            raise ShapeError(
                f"acts must be [... d_in={width}], got {list(acts.shape)}. {where}; did you pass another layer's or "
                "model's activations?"
            )
        return acts
