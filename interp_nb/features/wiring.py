"""Latents in a model: where they read and write there, and the hooks that change some of them.

A latent is changed by adding (new - old) * its decoder row to the activation. What the SAE does not explain, its bias
and its skip connection so stay as they are: no reconstruction takes the activation's place.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.latents import latents_of
from interp_nb.models.edit import HookFunction
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook, layer_of
from interp_nb.sae.directions import check_fixed_rows


class Wired(NamedTuple):
    """Latents in a model."""

    source: LatentSource
    """What has the latents: an SAE, neurons, directions."""

    @property
    def n(self) -> int:
        """The number of latents."""
        return self.source.d_sae

    @property
    def name(self) -> str:
        """The sites they read, and those they write if they are others, in one line."""
        read, written = " + ".join(self.source.reads), " + ".join(self.source.writes)
        return read if read == written else f"{read} -> {written}"

    def described(self) -> dict[str, Any]:
        """Say which latents they are, for a result's provenance; no hash, which takes seconds for the widest SAEs."""
        source = self.source
        return {"kind": source.kind, "n": self.n, "site": self.name, "sae": source.sae and repr(source.sae)}

    @property
    def is_crosscoder(self) -> bool:
        """Whether they write the same stream at several places."""
        return self.source.sae is not None and self.source.sae.cfg.kind == "crosscoder"

    def rows(self, latents: Int[Tensor, " latent"]) -> Float[Tensor, "latent d_out"]:
        """Give what to add per unit of activation, in the model's units.

        Raises:
            ConfigError: that depends on the token.
        """
        if self.source.sae is not None:
            check_fixed_rows(self.source.sae)
        return self.source.rows(latents)

    def split(self, values: Float[Tensor, "*batch d_out"]) -> list[tuple[str, Tensor]]:
        """Divide what is written between the sites."""
        return list(zip(self.source.writes, values.chunk(len(self.source.writes), -1), strict=True))


def source_of(sae: Any) -> LatentSource:
    """Find what has the latents in what a caller gave: an SAE, a store, a training run, directions.

    Raises:
        ConfigError: nothing there has latents.
    """
    held = [sae, getattr(sae, "source", None), getattr(sae, "sae", None)]
    found = next((part for part in held if isinstance(part, LatentSource)), None)
    return latents_of(sae if held[2] is None else held[2], None) if found is None else found


def wire(model: HookedModel, sae: Any) -> Wired:
    """Find where latents read and write in a model.

    Raises:
        ConfigError: they do not say; or nothing has latents.
        HookNameError: the model has no such place.
    """
    source = source_of(sae)
    n_sites = 1 if source.sae is None else source.sae.cfg.n_sites
    for what, sites in (("reads", source.reads), ("writes", source.writes)):
        if len(sites) != n_sites:
            raise ConfigError(
                f"an SAE must name the places in the model that it reads and writes, {n_sites} each, this one {what} "
                f"{', '.join(sites) or 'no place it names'}; give SAEConfig(..., sites=('blocks.0.hook_resid_post',))"
            )
        for site in sites:
            check_hook(model, site)
    return Wired(source)


def check_latent(wired: Wired, latent_idx: int) -> int:
    """Refuse an index that no latent has.

    Raises:
        ShapeError: naming the indices there are.
    """
    if not 0 <= latent_idx < wired.n:
        raise ShapeError(f"a latent is 0 to {wired.n - 1} here, got {latent_idx}")
    return int(latent_idx)


def adding(
    wired: Wired,
    changes: Float[Tensor, "run pos d_out"],
    kept: dict[str, Tensor],
    *,
    resumed: HookedModel | None = None,
) -> list[tuple[str, HookFunction]]:
    """Make the hooks that add something where an SAE writes, in runs of a forward.

    Args:
        kept: Activations of the unchanged run; only those a crosscoder writes to are read.
        resumed: The model, when it is run from the first layer that is changed.
    """
    hooks = []
    for site, change in wired.split(changes):
        base = kept[site] if wired.is_crosscoder else None
        hooks.append((site if resumed is None else resumed_at(resumed, site), _adding(site, change, base)))
    return hooks


def starting_at(model: HookedModel, wired: Wired) -> tuple[str | None, int | None]:
    """Find the residual stream that a changed run starts from: its name, and the layer it enters."""
    return start_of(model, wired.source.writes)


def start_of(model: HookedModel, sites: Sequence[str]) -> tuple[str | None, int | None]:
    """Find the same for runs in which these sites are changed."""
    layers = [layer_of(resumed_at(model, site)) for site in sites]
    known = [layer for layer in layers if layer is not None]
    # A start needs the layers below to be the same ones; the embedding has none.
    if len(known) < len(layers):
        return None, None
    return f"blocks.{min(known)}.hook_resid_pre", min(known)


def _adding(site: str, change: Float[Tensor, "run pos d"], base: Tensor | None) -> HookFunction:
    def add(activation: Tensor, hook: Any) -> Tensor:
        moved = change.to(activation).view(activation.shape)
        if site.endswith("hook_resid_mid"):
            # NOTE: in place: the hook sits at the entry of the second norm, and the skip connection goes past it.
            return activation.add_(moved) if base is None else activation.copy_(base + moved)
        return (activation if base is None else base) + moved

    return add


def resumed_at(model: HookedModel, site: str) -> str:
    """Name the end of a layer as the beginning of the next, where there is one: a layer less to compute."""
    found = re.fullmatch(r"blocks\.(\d+)\.hook_resid_post", site)
    following = int(found[1]) + 1 if found else int(model.cfg.n_layers)
    return site if following >= int(model.cfg.n_layers) else f"blocks.{following}.hook_resid_pre"
