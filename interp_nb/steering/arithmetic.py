"""Arithmetic with vectors of the same model, site and layers: sums, multiples, angles, projections.

A sum keeps what it is made of in its provenance: the operation, and the provenance of each term.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, SupportsFloat, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb._show import Showable
from interp_nb.steering.mismatch import check_alike, layer_words
from interp_nb.steering.records import PairRead, VectorQuality
from interp_nb.steering.spans import SAME_DIRECTION, orthonormal, within

V = TypeVar("V", bound="Arithmetic")


class Arithmetic(Showable):
    """What can be computed with a `SteeringVector`; the fields are its own."""

    of: ClassVar[Callable[..., Any]]
    layers: list[int]
    vectors: Float[Tensor, "layer d_model"]
    layer: int
    site: str
    midpoint: Float[Tensor, " layer"]
    stream_norm: Float[Tensor, " layer"]
    method: str
    read_at: str
    n_pairs: int
    name: str
    quality: VectorQuality | None
    pairs_read: list[PairRead]
    model_name: str
    latent_idx: int | None
    provenance: dict[str, Any]
    _sae: Any

    @property
    def norm(self) -> Float[Tensor, " layer"]:
        """How long the vectors are."""
        norms: Tensor = self.vectors.norm(dim=1)
        return norms

    def __add__(self: V, other: V) -> V:
        """Add two vectors of the same model, site and layers."""
        if not isinstance(other, Arithmetic):
            return NotImplemented
        return self._combined(other, self.vectors + other.vectors, "+")

    def __radd__(self: V, other: Any) -> V:
        """Let `sum` begin at 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __sub__(self: V, other: V) -> V:
        """Take one vector off another of the same model, site and layers."""
        if not isinstance(other, Arithmetic):
            return NotImplemented
        return self._combined(other, self.vectors - other.vectors, "-")

    def __mul__(self: V, factor: SupportsFloat) -> V:
        """Scale it: strength 1 then adds `factor` times as much."""
        if isinstance(factor, (str, bytes, Arithmetic)) or not isinstance(factor, SupportsFloat):
            return NotImplemented
        by = float(factor)
        if not math.isfinite(by):
            raise ConfigError(f"a vector is scaled by a finite number, got {by}")
        return self._scaled(torch.full((len(self.layers), 1), by), f"{by:g} {self.name}", {"scale": by})

    __rmul__ = __mul__

    def __truediv__(self: V, divisor: SupportsFloat) -> V:
        """Divide it by a number other than 0."""
        if float(divisor) == 0.0:
            raise ConfigError("a vector cannot be divided by 0")
        return self * (1.0 / float(divisor))

    def __neg__(self: V) -> V:
        """Turn it around: what it brought about, it then removes."""
        return self._scaled(-torch.ones(len(self.layers), 1), f"-{self.name}", {"scale": -1.0})

    def unit(self: V) -> V:
        """Return it with norm 1 in every layer."""
        return self.scaled_to(1.0)

    def scaled_to(self: V, norm: float | int) -> V:
        """Return it with this norm in every layer.

        Raises:
            ConfigError: a layer's vector is zero and has no direction, or the norm is not positive.
        """
        if not (math.isfinite(norm) and norm > 0):
            raise ConfigError(f"norm must be positive and finite, got {norm}")
        zero = [layer for layer, size in zip(self.layers, self.norm.tolist(), strict=True) if not size > 0]
        if zero:
            raise ConfigError(f"{self.name!r} is zero at {layer_words(zero)} and has no direction there")
        return self._scaled(float(norm) / self.norm.unsqueeze(1), self.name, {"norm": float(norm)})

    def cosine(self, other: "Arithmetic") -> Float[Tensor, " layer"]:
        """Give the cosine between two vectors in every layer; NaN where one is zero."""
        check_alike(self, other)
        return (self.vectors * other.vectors).sum(1) / (self.norm * other.norm)

    def project(self: V, on: V) -> V:
        """Return the part of it that lies along another vector."""
        check_alike(self, on)
        along = orthonormal([on.vectors])
        return self._derived(within(self.vectors, along), f"{self.name} along {on.name}", "project", [on])

    def orthogonal_to(self: V, *others: V) -> V:
        """Return what is left of it without the parts along other vectors, whatever angles those have."""
        for other in others:
            check_alike(self, other)
        along = orthonormal([other.vectors for other in others])
        left = self.vectors - within(self.vectors, along)
        # A second pass takes off what rounding left of the first (Giraud et al. 2005, "twice is enough").
        left = left - within(left, along)
        left = torch.where(left.norm(dim=1, keepdim=True) > SAME_DIRECTION * self.norm.unsqueeze(1), left, 0.0)
        names = ", ".join(other.name for other in others)
        return self._derived(left, f"{self.name} without {names}", "orthogonal_to", list(others))

    def _scaled(self: V, factor: Float[Tensor, "layer 1"], name: str, done: dict[str, Any]) -> V:
        """Scale it; what is known of the direction stays, turned around with it."""
        midpoint = self.midpoint * factor[:, 0].sign()
        made: Any = self._derived(self.vectors * factor, name, "scale", [], done)
        kept: V = dataclasses.replace(
            made, midpoint=midpoint, method=self.method, quality=self.quality, pairs_read=self.pairs_read,
            read_at=self.read_at, n_pairs=self.n_pairs, latent_idx=self.latent_idx, _sae=self._sae,
        )  # fmt: skip
        return kept

    def _combined(self: V, other: V, vectors: Tensor, sign: str) -> V:
        check_alike(self, other)
        return self._derived(vectors, f"{self.name} {sign} {other.name}", sign, [other])

    def _derived(
        self: V, vectors: Tensor, name: str, operation: str, others: Sequence["Arithmetic"],
        done: dict[str, Any] | None = None,
    ) -> V:  # fmt: skip
        every: list[Arithmetic] = [self, *others]
        terms = [{"name": each.name, "provenance": each.provenance} for each in every]
        stream = next((each.stream_norm for each in every if not each.stream_norm.isnan().any()), None)
        known = next((each.model_name for each in every if each.model_name), "")
        made: V = self.of(
            vectors, self.layers, site=self.site, layer=self.layer, name=name, method="arithmetic", model_name=known,
            stream_norm=self.stream_norm if stream is None else stream,
            provenance={"operation": operation, "terms": terms} | (done or {}) | _model_of(every),
        )  # fmt: skip
        return made


def _model_of(vectors: Sequence[Arithmetic]) -> dict[str, Any]:
    found = next((each.provenance["model"] for each in vectors if each.provenance.get("model")), None)
    return {} if found is None else {"model": found}
