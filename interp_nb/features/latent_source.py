"""What can have latents: an SAE of any architecture and wiring, the neurons of a site, plain directions.

All three say which latents fire on rows (`find`), what a latent reads and writes in the model's units, and which they
are (`identity`); a store treats them the same.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb.features.firing import Firing
from interp_nb.sae.coder import SAE


class LatentSource(ABC):
    """Base: latents that read rows of activations."""

    kind: ClassVar[str]
    d_sae: int
    """Number of latents."""
    d_in: int
    """Width of the rows they read."""
    reads: tuple[str, ...]
    """Hook names of the sites they read; empty where they have no name."""
    sae: SAE | None = None

    @property
    def writes(self) -> tuple[str, ...]:
        """Hook names of the sites they write to."""
        return self.reads

    @property
    def targets(self) -> tuple[str, ...]:
        """Hook names to give a harvest as its targets: none is needed to see what fires."""
        return self.reads

    @abstractmethod
    def find(self, acts: Float[Tensor, "row d_in"]) -> Firing:
        """Find the latents that fire on rows: activation above 0."""

    @abstractmethod
    def encode(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row d_sae"]:
        """Compute all latents' activations."""

    @abstractmethod
    def rows(self, latents: Int[Tensor, " n"]) -> Float[Tensor, "n d_out"]:
        """Give what latents write per unit of activation, in the model's units, site after site."""

    @abstractmethod
    def encoder(self) -> Float[Tensor, "d_sae d_read"] | None:
        """Give what latents read with, in the model's units; None where each reads one number."""

    def bias(self) -> Float[Tensor, " d_sae"]:
        """Give what is added to what a latent reads."""
        return torch.zeros(self.d_sae)

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Say which latents these are: plain JSON, with a hash where they have weights."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what `load_latents` needs to the folder of a store."""
