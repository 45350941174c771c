"""Which (row, latent) pairs of the sparse code are computed.

Values live in one of two layouts that offer the same operations, so that a loss is written once:

- `Pairs`: values `[pair]`, ragged rows; what is not listed is zero and learns nothing.
- `AllPairs`: values `[row d_sae]`; worth it while a good part of the latents is active.

Which pairs are computed is chosen in `select`, what is computed on them in `products`; what is minimized is in `losses`
and `architectures`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Spare:
    """The memory of the last step's gradients, to be written over by this step's."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._by_address: dict[int, Tensor] = {}
        for parameter in parameters:
            if parameter.grad is not None and parameter.grad.is_contiguous():
                self._by_address[parameter.data_ptr()] = parameter.grad
            parameter.grad = None

    def take(self, weight: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Give memory for the gradient of a weight, the first time that of its last gradient."""
        found = self._by_address.pop(weight.data_ptr(), None)
        if found is None or found.shape != weight.shape or found.dtype != weight.dtype:
            return torch.empty_like(weight, memory_format=torch.contiguous_format)
        return found


class ByLatent(NamedTuple):
    """Pairs sorted by latent."""

    order: Int[Tensor, " pair"]
    """Where each stood before."""
    rows: Int[Tensor, " pair"]
    latents: Int[Tensor, " pair"]
    starts: Int[Tensor, " d_sae"]
    """Where each latent's pairs begin."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The listed pairs: row after row, latents ascending inside a row."""

    latents: Int[Tensor, " pair"]
    offsets: Int[Tensor, " row_plus_one"]
    """Where each row begins; at the end, the number of pairs."""
    d_sae: int
    spare: Spare | None = field(default=None, repr=False)

    @property
    def n_rows(self) -> int:
        """The number of rows, empty ones included."""
        return len(self.offsets) - 1

    @cached_property
    def rows(self) -> Int[Tensor, " pair"]:
        """Each pair's row."""
        every = torch.arange(self.n_rows, device=self.offsets.device)
        return every.repeat_interleave(self.offsets.diff(), output_size=len(self.latents))

    @cached_property
    def by_latent(self) -> ByLatent:
        """The pairs sorted by latent, rows ascending."""
        latents, order = self.latents.sort(stable=True)
        counts = torch.bincount(latents, minlength=self.d_sae)
        return ByLatent(order, self.rows[order], latents, counts.cumsum(0) - counts)

    def keep(self, values: Float[Tensor, " pair"]) -> Float[Tensor, " pair"]:
        """Set to zero what was not chosen: nothing here, where only chosen pairs are listed."""
        return values

    def of_latent(self, per_latent: Float[Tensor, " d_sae"]) -> Float[Tensor, " pair"]:
        """Give each value its latent's entry."""
        return per_latent.index_select(0, self.latents)

    def sums(self, values: Float[Tensor, " pair"]) -> Float[Tensor, " d_sae"]:
        """Add values up over rows, latent by latent."""
        return values.new_zeros(self.d_sae).index_add(0, self.latents, values)

    def counts(self, flags: Bool[Tensor, " pair"]) -> Int[Tensor, " d_sae"]:
        """Count the rows on which a flag is set, latent by latent."""
        return torch.bincount(self.latents[flags], minlength=self.d_sae)

    def grouped(self, widths: Iterable[int]) -> "Pairs":
        """Divide every row at the widths: row r becomes rows r * n_groups to (r + 1) * n_groups - 1."""
        bounds = torch.tensor(list(widths), device=self.latents.device)
        n_rows = self.n_rows * len(bounds)
        rows = self.rows * len(bounds) + torch.bucketize(self.latents, bounds, right=True)
        counts = torch.bincount(rows, minlength=n_rows)
        made = Pairs(self.latents, F.pad(counts.cumsum(0), (1, 0)), self.d_sae, self.spare)
        made.__dict__["rows"] = rows
        made.__dict__["by_latent"] = self.by_latent._replace(rows=rows[self.by_latent.order])
        return made


@dataclass(frozen=True, eq=False)
class AllPairs:
    """Every latent of every row; `kept` marks the chosen ones, None = all."""

    n_rows: int
    d_sae: int
    kept: Bool[Tensor, "row d_sae"] | None = None
    spare: Spare | None = field(default=None, repr=False)

    def keep(self, values: Float[Tensor, "row d_sae"]) -> Float[Tensor, "row d_sae"]:
        """Set to zero what was not chosen."""
        return values if self.kept is None else values * self.kept

    def of_latent(self, per_latent: Float[Tensor, " d_sae"]) -> Float[Tensor, " d_sae"]:
        """Give each value its latent's entry: it broadcasts."""
        return per_latent

    def sums(self, values: Float[Tensor, "row d_sae"]) -> Float[Tensor, " d_sae"]:
        """Add values up over rows, latent by latent."""
        return values.sum(0)

    def counts(self, flags: Bool[Tensor, "row d_sae"]) -> Int[Tensor, " d_sae"]:
        """Count the rows on which a flag is set, latent by latent."""
        # As many rows at a time as a byte can count: a hundred times as fast as a sum in 64 bits.
        found = torch.zeros(self.d_sae, dtype=torch.int64, device=flags.device)
        for rows in torch.split(flags, 255):
            found += rows.sum(0, dtype=torch.uint8)
        return found


Layout: TypeAlias = Pairs | AllPairs
