"""What has latents in what a caller gives: the latents of an SAE, of any architecture and wiring, and all others.

Neurons and directions are in `plain_latents`, what all of them can do in `latent_source`.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.features.firing import Firing
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.plain_latents import DIRECTIONS, Directions, Neurons, above_zero
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.coder import SAE
from interp_nb.sae.directions import check_row_by_row, decoder_rows, sites_of
from interp_nb.sae.reading import site_names, site_widths
from interp_nb.sae.saving import content_hash, load_sae, save_sae
from interp_nb.sae.select import BatchTopK, RowTopK
from interp_nb.sae.survivors import Found, Memory, Reading, Survivors, joined, largest
from interp_nb.sae.trained_on import other_model

SAE_FOLDER: Final = "sae"
_BELOW: Final = 1 - 1e-5
"""A cut divided by a latent's norm is lowered by this share, so that rounding loses no latent; what is found is then
compared as `encode` compares it."""


class SAELatents(LatentSource):
    """The latents of an SAE, transcoder or crosscoder."""

    kind: ClassVar[str] = "sae"

    def __init__(self, sae: SAE, reads: tuple[str, ...] = ()) -> None:
        check_row_by_row(sae)
        self.sae: SAE = sae
        self.d_sae, self.d_in = sae.cfg.d_sae, sae.cfg.d_in
        own_reads, own_writes = sites_of(sae)
        self.reads = reads or own_reads
        self._writes = own_writes if sae.has_own_targets else self.reads
        self._memory = Memory()

    @property
    def writes(self) -> tuple[str, ...]:
        """Hook names of the sites they write to."""
        return self._writes

    @torch.no_grad()
    def find(self, acts: Float[Tensor, "row d_in"]) -> Firing:
        """Find the latents that fire on rows, the pairs that `sae.encode` gives above 0."""
        sae = self.sae
        if not sae.architecture.per_pair:
            return above_zero(sae.encode(acts.to(sae.encoder.device)))
        rows = sae.input(sae.normalize(acts.to(sae.encoder.device)))
        rule = sae.architecture.rule(sae)
        reading = Reading(rows, sae.encoder, sae.b_enc, sae.encoder_sites)
        if isinstance(rule, RowTopK):
            source = Survivors(reading, self._memory, rule.scale, rule.among)
            found = joined([source.top(part, rule.k) for part in source.chunks()])
            found = largest(found, rule.k, source.scores(found))
        elif isinstance(rule, BatchTopK):
            found = self._above_threshold(Survivors(reading, self._memory), rule.scale)
        else:
            source = Survivors(reading, self._memory)
            # Training also looks a little below a latent's threshold; here nothing there fires.
            cut = rule.cut if sae.threshold is None else sae.threshold
            found = joined([source.exceeding(part, cut) for part in source.chunks()])
        pairs = found.pairs(self.d_sae)
        return _firing(found, sae.architecture.activate(sae, found.pre, pairs))

    def _above_threshold(self, source: Survivors, scale: Tensor | None) -> Found:
        cut = float(self.sae.running_threshold.nan_to_num(0.0))  # type: ignore[operator]
        lowered = cut if scale is None else cut / scale.clamp(min=1e-30) * _BELOW
        found = joined([source.exceeding(part, lowered) for part in source.chunks()])
        return found if scale is None else found.where(found.pre * scale[found.latents] > cut)

    @torch.no_grad()
    def encode(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_sae"]:
        """Compute all latents' activations."""
        return self.sae.encode(acts)

    def rows(self, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
        """Give decoder rows, without the scale that activations are trained at."""
        return decoder_rows(self.sae, latents)

    @torch.no_grad()
    def encoder(self) -> Float[Tensor, "d_sae d_read"] | None:
        """Give encoder rows, with the scale that activations are trained at."""
        sae = self.sae
        scale = sae.norm_scale.float()
        if scale.ndim and sae.encoder_sites > 1:
            scale = scale.repeat_interleave(self.d_sae // sae.cfg.n_sites).unsqueeze(1)
        elif scale.ndim:
            scale = scale.repeat_interleave(self.d_in // sae.cfg.n_sites)
        return (sae.encoder.detach().float() * scale).cpu()

    def bias(self) -> Float[Tensor, " d_sae"]:
        """Give the encoder's bias."""
        return self.sae.b_enc.detach().float().cpu()

    def identity(self) -> dict[str, Any]:
        """Say which SAE it is, by the hash of its configuration and weights."""
        return {"kind": self.kind, "wiring": self.sae.cfg.kind, "d_sae": self.d_sae, "sites": list(self.reads),
                "hash": content_hash(self.sae)}  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write a copy of the SAE, so that the store opens by itself."""
        save_sae(self.sae, folder / SAE_FOLDER)


def latents_of(
    sae: SAE | str | Tensor, model: HookedModel | None, site: str | Sequence[str] | None = None,
    layer: int | Sequence[int] | None = None,
) -> LatentSource:  # fmt: skip
    """See what has latents in what a caller gave.

    Raises:
        ConfigError: nothing that has latents, or no site for neurons and directions of a model, or an SAE that reads
            whole documents.
        HookNameError: no such site.
        ShapeError: directions that are no rows, or of another width than the site.
    """
    if isinstance(sae, SAE):
        named = _named(model, site, layer) if site is not None else ()
        for difference in [] if model is None else other_model(sae, model):
            warnings.warn(f"{difference}; what its latents fire on here is not what they were trained on", stacklevel=3)
        return SAELatents(sae, named)
    if isinstance(sae, str) and sae != "neurons":
        raise ConfigError(f"sae must be an SAE, 'neurons' or directions [n d_in], got {sae!r}; see load_sae for names")
    if isinstance(sae, str):
        if model is None:
            raise ConfigError("the neurons of a site are the model's: give model=")
        reads = _named(model, site or "mlp_post", layer)
        return Neurons(sum(site_widths(model, reads).values()), reads)
    if not isinstance(sae, Tensor):
        raise ConfigError(f"sae must be an SAE, 'neurons' or directions [n d_in], got {type(sae).__name__}")
    if model is not None and site is None:
        raise ConfigError("directions need to know where they are: give site= and layer=, or a full hook name as site=")
    made = Directions(sae, _named(model, site, layer) if site is not None else ())
    if model is not None and made.d_in != (width := sum(site_widths(model, made.reads).values())):
        raise ShapeError(
            f"directions must be [n d_in={width}] at {' + '.join(made.reads)}, got {[made.d_sae, made.d_in]}; name the "
            "site they were found at"
        )
    return made


def load_latents(folder: Path, identity: dict[str, Any], device: torch.device | None = None) -> LatentSource:
    """Load what `LatentSource.save` wrote."""
    reads = tuple(identity["sites"])
    if identity["kind"] == "sae":
        return SAELatents(load_sae(folder / SAE_FOLDER, device=device), reads)
    if identity["kind"] == "neurons":
        return Neurons(identity["d_sae"], reads)
    from safetensors.torch import load_file

    return Directions(load_file(folder / DIRECTIONS)["directions"], reads)


def _named(model: HookedModel | None, site: str | Sequence[str], layer: int | Sequence[int] | None) -> tuple[str, ...]:
    if model is not None:
        return site_names(model, site, layer)
    return (site,) if isinstance(site, str) else tuple(site)


def _firing(found: Found, values: Float[Tensor, " pair"]) -> Firing:
    """Move pairs to NumPy; what activates to 0 after all is left out."""
    positive = values > 0
    if not bool(positive.all()):
        found, values = found.where(positive), values[positive]
    offsets = np.concatenate([[0], np.cumsum(found.counts.cpu().numpy())])
    return Firing(offsets, found.latents.int().cpu().numpy(), values.detach().float().cpu().numpy())
