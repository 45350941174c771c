"""What steering does to activations: each operator as a function of a row of numbers, formulas in `Steering`."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import NonFiniteError
from interp_nb.sae.directions import decoder_rows
from interp_nb.steering.recipe import Steering

Rule = Callable[[Float[Tensor, "*batch d"], Any], Float[Tensor, "*batch d"]]
"""Activations, and the latent's activations for the operators on latents -> what they become."""


def make_rule(steering: Steering, layer: int, like: Tensor) -> Rule:
    """Make a recipe's operator at one layer, in the precision and on the device of the activations.

    Raises:
        NonFiniteError: strength times vector is beyond that precision.
    """
    vector, row = steering.vector, steering.vector.row(layer)
    strength, raw = float(steering.strength), vector.vectors[row].double()
    length = float(raw.norm())
    unit = raw / length if length else raw
    operator = steering.operator

    def there(values: Tensor) -> Tensor:
        made = values.to(device=like.device, dtype=like.dtype)
        # Norms are sums of squares, in float32 at least: where those overflow, a layer norm gives zeros without a word.
        if not bool(made.to(torch.promote_types(like.dtype, torch.float32)).square().sum().isfinite()):
            raise NonFiniteError(
                f"strength {strength:g} times {vector.name!r} at layer {layer} is beyond {like.dtype}; lower it"
            )
        return made

    if operator == "add":
        added = there(strength * raw)
        return lambda x, latent: x + added
    if operator in ("set", "scale"):
        return _latent_rule(steering, raw, there)
    # Projections are taken in float32 at least: in half precision a long sum loses its last digits.
    wide = torch.promote_types(like.dtype, torch.float32)
    u = unit.to(device=like.device, dtype=wide)

    def along(x: Tensor) -> Tensor:
        return x.to(wide) @ u

    if operator == "ablate":
        return lambda x, latent: x - (strength * along(x).unsqueeze(-1) * u).to(x.dtype)
    if operator == "clamp":
        held = float(vector.midpoint[row]) + strength * length
        there(torch.tensor(held, dtype=torch.float64))
        return lambda x, latent: x + ((held - along(x)).unsqueeze(-1) * u).to(x.dtype)
    added = there(strength * raw).to(wide)
    return lambda x, latent: x + (added - along(x).unsqueeze(-1) * u).to(x.dtype)


def _latent_rule(steering: Steering, raw: Tensor, there: Callable[[Tensor], Tensor]) -> Rule:
    """Change one latent's activation: x + (new - old) * decoder row, so that the SAE's error stays."""
    strength, latents = float(steering.strength), torch.tensor([steering.vector.latent_idx])
    row = decoder_rows(steering.vector.sae, latents)[0].double()
    # The vector is the row times the activation that strength 1 stands for.
    one = float(raw @ row / row.square().sum())
    direction = there(row)
    new = torch.tensor(strength * one, dtype=torch.float64)
    there(new * row)
    if steering.operator == "set":
        return lambda x, latent: x + (float(new) - latent).unsqueeze(-1).to(x.dtype) * direction
    return lambda x, latent: x + ((strength - 1.0) * latent).unsqueeze(-1).to(x.dtype) * direction
