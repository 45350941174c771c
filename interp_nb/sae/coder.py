"""The SAE: a module that encodes activations as latents and decodes them, whatever its architecture and wiring.

What differs between architectures is in `architectures`; how it is trained in `step` and `training`. Activations come
and go as the model has them: inside, they are multiplied by `norm_scale`, which training estimates, and divided by it
again on the way out.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

import interp_nb
from interp_nb._errors import ConfigError, ShapeError
from interp_nb.sae.architectures import REGISTRY, WIRINGS, Architecture, Wiring
from interp_nb.sae.config import MULTI_SITE, TAKES_K, SAEConfig
from interp_nb.sae.initialize import random_weights_
from interp_nb.sae.products import dense_product


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
        """The number of parts a row of activations has of which a latent reads one; 1 but for "clt"."""
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
        return self._buffers.get("running_threshold")

    def encode(self, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Turn activations into latent activations, each row on its own.

        BatchTopK and Matryoshka use the threshold they learned, not the batch.

        Raises:
            ShapeError: the activations are of another width.
        """
        rows = self._rows(acts)
        return self.architecture.infer(self, self._product(rows)).view(*acts.shape[:-1], self.cfg.d_sae)

    def pre_acts(self, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Turn activations into pre-activations: before the activation function."""
        return self._product(self._rows(acts)).view(*acts.shape[:-1], self.cfg.d_sae)

    def decode(
        self, latent_acts: Float[Tensor, "*batch d_sae"], acts: Float[Tensor, "*batch d_in"] | None = None
    ) -> Float[Tensor, "*batch d_out"]:
        """Turn latent activations into the activations they stand for.

        Args:
            acts: What was encoded; only skip transcoders need it.

        Raises:
            ShapeError: there is another number of latents.
            ConfigError: a skip transcoder was given no `acts`.
        """
        if latent_acts.shape[-1] != self.cfg.d_sae:
            raise ShapeError(
                f"latent_acts must be [... d_sae={self.cfg.d_sae}], got {list(latent_acts.shape)}; they come from "
                "encode(acts) of the same SAE"
            )
        if self.cfg.kind == "skip_transcoder" and acts is None:
            raise ConfigError("decode of a skip transcoder needs acts too: its skip connection reads them")
        rows = latent_acts.flatten(0, -2) if latent_acts.ndim > 1 else latent_acts.unsqueeze(0)
        offset = self.b_dec if acts is None else self.offset(self.normalize(self._rows(acts)))
        recons = rows.to(self.W_dec.dtype) @ self.decoder() + offset
        return self._scaled(recons, 1 / self._scale_out).view(*latent_acts.shape[:-1], self.cfg.output_width)

    def forward(self, acts: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        """Reconstruct activations: decode(encode(acts))."""
        return self.decode(self.encode(acts), acts)

    # What the training step uses, in scaled units.

    def normalize(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_in"]:
        """Scale activations as they are trained on."""
        return self._scaled(acts.to(self.encoder.dtype), self.norm_scale)

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
        """Give the norms by which latents are weighed; None where they are held at 1."""
        return None if self.cfg.decoder_norm == "unit" else self.wiring.scale(self)

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
        made = copy.deepcopy(self)
        ranked = self.cfg.architecture in TAKES_K and self.cfg.decoder_norm == "free"
        scale_out = self._scale_out
        if ranked and scale_out.numel() > 1 and bool((scale_out != scale_out[0]).any()):
            raise ConfigError(
                f"a {self.cfg.kind} that ranks latents by their norms cannot be folded when its sites are scaled "
                "differently; keep norm_scale"
            )
        with torch.no_grad():
            per_latent = self._per_latent(self.norm_scale)
            made.encoder.mul_(per_latent)
            made.W_dec.copy_(self._scaled(self.W_dec, 1 / scale_out))
            made.b_dec.copy_(self._scaled(self.b_dec.unsqueeze(0), 1 / scale_out)[0])
            if "W_skip" in self._parameters:
                made.W_skip.mul_(self.norm_scale / scale_out)  # type: ignore[operator]
            if ranked and "running_threshold" in self._buffers:
                made.running_threshold.div_(scale_out.view(-1)[0])  # type: ignore[operator]
            for name in ("norm_scale", "target_scale"):
                if name in made._buffers:
                    getattr(made, name).fill_(1.0)
        return made

    def save(self, path: str | Path, format: str = "interp_nb", *, dtype: str | None = None) -> Path:
        """Write it to a folder, whole or not at all; `load_sae` reads it.

        Args:
            dtype: Precision in the file, such as "float16"; None = as it is.

        Raises:
            DiskError: the disk is full or the folder cannot be written; what was there is untouched.
            ConfigError: an unknown format, or a weight that is not finite in the file's precision.
        """
        from interp_nb.sae.saving import save_sae

        return save_sae(self, path, format=format, dtype=dtype)

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
        if self.cfg.kind == "clt":
            return scale.repeat_interleave(self.cfg.d_sae // self.cfg.n_sites).unsqueeze(1)
        return scale.repeat_interleave(self.cfg.d_in // self.cfg.n_sites)

    def _scaled(self, rows: Tensor, scale: Tensor) -> Tensor:
        if scale.ndim == 0:
            return rows * scale
        return rows * scale.repeat_interleave(rows.shape[-1] // self.cfg.n_sites)

    def _rows(self, acts: Tensor) -> Tensor:
        """Check the width, and put everything but it into one axis."""
        width = self.cfg.d_in
        if acts.ndim == 0 or acts.shape[-1] != width:
            where = f"This SAE reads {self.cfg.sites[0]}" if self.cfg.sites else f"This SAE was made for width {width}"
            raise ShapeError(
                f"acts must be [... d_in={width}], got {list(acts.shape)}. {where}; did you pass another layer's or "
                "model's activations?"
            )
        return acts.flatten(0, -2) if acts.ndim > 1 else acts.unsqueeze(0)

    def _product(self, rows: Tensor) -> Tensor:
        return dense_product(self.input(self.normalize(rows)), self.encoder, self.b_enc, self.encoder_sites)
