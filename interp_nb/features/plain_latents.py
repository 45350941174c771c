"""Latents without an SAE: directions in activation space, and the neurons of a site."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.features.firing import Firing
from interp_nb.features.latent_source import LatentSource
from interp_nb.sae.survivors import positions

DIRECTIONS: Final = "directions.safetensors"


class Directions(LatentSource):
    """Directions in activation space: a latent is the projection on one, and fires where that is positive."""

    kind: ClassVar[str] = "directions"

    def __init__(self, directions: Tensor, reads: tuple[str, ...] = ()) -> None:
        if directions.ndim != 2 or not directions.is_floating_point() or 0 in directions.shape:
            raise ShapeError(
                f"directions must be [n d_in], got {list(directions.shape)} of {directions.dtype}; put one direction "
                "in each row"
            )
        if not bool(directions.isfinite().all()):
            raise ConfigError("directions must be finite, got NaN or infinity in some; leave those out")
        if not bool(directions.any(1).all()):
            raise ConfigError(
                "directions must not be zero, and some are: nothing can be projected on them; leave those out"
            )
        self._directions = directions.detach().float()
        self.d_sae, self.d_in = (int(size) for size in directions.shape)
        self.reads = reads

    def find(self, acts: Float[Tensor, "row d_in"]) -> Firing:
        """Find the directions on which rows have a positive part."""
        return above_zero(self.encode(acts))

    def encode(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_sae"]:
        """Project rows on all directions."""
        return acts.to(self._directions) @ self._directions.T

    def rows(self, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
        """Give direction / norm^2: what moves the projection on a direction by one."""
        rows = self._directions.cpu()[latents.cpu()]
        return rows / rows.square().sum(1, keepdim=True)

    def encoder(self) -> Float[Tensor, "d_sae d_read"] | None:
        """Give the directions, which are what is read with."""
        return self._directions.cpu()

    def identity(self) -> dict[str, Any]:
        """Say which directions they are, by a hash of them all."""
        content = self._directions.cpu().contiguous().numpy().tobytes()
        return {"kind": self.kind, "wiring": self.kind, "d_sae": self.d_sae, "sites": list(self.reads),
                "hash": hashlib.sha256(content).hexdigest()}  # fmt: skip

    def save(self, folder: Path) -> None:
        """Write the directions."""
        from safetensors.torch import save_file

        from interp_nb._atomic import write_atomically

        held = {"directions": self._directions.cpu().contiguous()}
        write_atomically(folder / DIRECTIONS, lambda part: save_file(held, part))


class Neurons(LatentSource):
    """The neurons of a site: each is a latent that fires where its activation is positive."""

    kind: ClassVar[str] = "neurons"

    def __init__(self, width: int, reads: tuple[str, ...]) -> None:
        self.d_sae = self.d_in = width
        self.reads = reads

    def find(self, acts: Float[Tensor, "row d_in"]) -> Firing:
        """Find the neurons that are active."""
        return above_zero(acts)

    def encode(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_sae"]:
        """Return the positive part of activations."""
        return acts.relu()

    def rows(self, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
        """Give rows of the identity: a neuron writes itself to its site."""
        return torch.nn.functional.one_hot(latents.cpu().long(), self.d_in).float()

    def encoder(self) -> Float[Tensor, "d_sae d_read"] | None:
        """A neuron reads one number: None."""
        return None

    def identity(self) -> dict[str, Any]:
        """Say which neurons they are: all of a site of the model, which has an identity of its own."""
        return {"kind": self.kind, "wiring": self.kind, "d_sae": self.d_sae, "sites": list(self.reads)}

    def save(self, folder: Path) -> None:
        """Write nothing: neurons are the model's."""


def above_zero(values: Float[Tensor, "row d_sae"]) -> Firing:
    """Find what is above 0 among all activations of some rows."""
    mask = values > 0
    flat = positions(mask)
    latents = (flat % values.shape[1]).int().cpu().numpy()
    offsets = np.concatenate([[0], np.cumsum(mask.sum(1).cpu().numpy())])
    return Firing(offsets, latents, values.contiguous().view(-1)[flat].float().cpu().numpy())
