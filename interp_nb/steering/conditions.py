"""What steering reads while the model runs: projections and latents that conditions and SAE operators look at."""

from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import check_hook, layer_of
from interp_nb.sae.directions import check_row_by_row
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.recipe import Steering

_ORDER: Final = ("resid_pre", "attn_in", "attn.", "attn_out", "resid_mid", "mlp_in", "mlp.", "mlp_out", "resid_post")
"""Places of a layer in the order in which a forward passes them."""


class Reading:
    """A number per token, read from the activations at one place.

    Args:
        name: The place's hook name.
        read: Activations, heads laid out in one row -> one number per token.
    """

    def __init__(self, name: str, read: Callable[[Tensor], Tensor]) -> None:
        self.name = name
        self._read = read

    def read(self, activation: Tensor) -> Float[Tensor, "batch pos"]:
        """Read it off activations."""
        with torch.no_grad():
            return self._read(activation.flatten(2) if activation.ndim > 3 else activation)


def latent_reading(model: HookedModel, steering: Steering, at: str) -> Reading | None:
    """Make what the operators on latents read; None for all other operators.

    Raises:
        ConfigError: the SAE reads several places, or one that comes after the edit.
    """
    if steering.operator not in ("set", "scale"):
        return None
    vector = steering.vector
    return _before(_latent(model, vector.sae, int(vector.latent_idx or 0)), at)


def condition_reading(model: HookedModel, steering: Steering, at: str) -> Reading | None:
    """Make what a recipe's condition reads; None where it has none.

    Raises:
        ConfigError: it is read at a place that comes after the edit.
        VectorMismatchError: its vector is of another model, or has none for the layer.
    """
    when = steering.when
    if when is None:
        return None
    if isinstance(when.reads, tuple):
        return _before(_latent(model, *when.reads), at)
    if when.reads.sae is not None:
        return _before(_latent(model, when.reads.sae, int(when.reads.latent_idx or 0)), at)
    check_model(when.reads, model)
    row = when.reads.row(when.layer)
    raw = when.reads.vectors[row].double()
    unit = (raw / raw.norm()).float()
    return _before(Reading(when.reads.hook_names[row], lambda x: x.float() @ unit.to(x.device)), at)


def _latent(model: HookedModel, sae: Any, latent_idx: int) -> Reading:
    sites = sae.cfg.sites
    if sae.cfg.n_sites != 1 or not sites:
        raise ConfigError(f"steering by latents needs an SAE that reads one named place, got {sites or 'no names'}")
    if not 0 <= latent_idx < sae.cfg.d_sae:
        raise ConfigError(f"a latent is 0 to {sae.cfg.d_sae - 1} here, got {latent_idx}")
    check_row_by_row(sae)
    check_hook(model, sites[0])

    def read(x: Tensor) -> Tensor:
        found: Tensor = sae.encode(x.to(sae.encoder))[..., latent_idx]
        return found.float().to(x.device)

    return Reading(sites[0], read)


def _before(reading: Reading, at: str) -> Reading:
    """Refuse to read what comes after the edit, as far as names tell; a forward tells the rest."""
    places = [(layer_of(name), _rank(name)) for name in (reading.name, at)]
    if None not in places[0] and None not in places[1] and places[0] > places[1]:
        raise ConfigError(
            f"{reading.name} is read after {at}, where it is needed; read it at the same place or earlier"
        )
    return reading


def _rank(name: str) -> int | None:
    return next((rank for rank, part in enumerate(_ORDER) if part in name), None)
