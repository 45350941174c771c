"""What every row's reconstruction is like: errors, lengths and angles, which reconstruction and sparsity both read."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from interp_nb.evaluation.reading import LATENTS_AT_ONCE
from interp_nb.evaluation.text import Evaluated
from interp_nb.sae.coder import SAE
from interp_nb.sae.metrics import Spread
from interp_nb.sae.recovery import reconstructed


class RowSums(NamedTuple):
    """Sums over the dimensions of every row, begin-of-text rows last."""

    squared_error: Float64[Tensor, " every_row"]
    """Of (targets - recons)."""
    absolute_error: Float64[Tensor, " every_row"]
    """The same of its size."""
    target_squares: Float64[Tensor, " every_row"]
    """Of targets^2."""
    recons_squares: Float64[Tensor, " every_row"]
    """Of recons^2."""
    products: Float64[Tensor, " every_row"]
    """Of targets * recons."""
    counted: Spread
    """Mean and spread of the targets of counted rows."""
    every: Spread
    """The same with begin-of-text rows."""

    @property
    def cosine(self) -> Float64[Tensor, " every_row"]:
        """Cosine of activation and reconstruction; 0 where one of them is 0."""
        norms = (self.target_squares * self.recons_squares).sqrt()
        return torch.where(norms > 0, self.products / norms.where(norms > 0, 1.0), 0.0)

    @property
    def length_ratio(self) -> Float64[Tensor, " every_row"]:
        """|recons| / |targets|; NaN where there is nothing to reconstruct."""
        return (self.recons_squares / self.target_squares).sqrt().where(self.target_squares > 0, torch.nan)


def row_sums(sae: SAE, text: Evaluated) -> RowSums:
    """Reconstruct every row, a few at a time.

    Cost: the SAE once.
    """
    found = []
    size = max(1, LATENTS_AT_ONCE // sae.cfg.d_sae)
    for acts, targets in zip(torch.split(text.all_acts, size), torch.split(text.all_targets, size), strict=True):
        recons, wanted = reconstructed(sae, acts).double().cpu(), targets.double()
        error = wanted - recons
        found.append(torch.stack([
            error.square().sum(1), error.abs().sum(1), wanted.square().sum(1), recons.square().sum(1),
            (wanted * recons).sum(1),
        ]))  # fmt: skip
    counted = _spread(text.targets, size)
    bos = text.all_targets[text.n_counted :]
    every = counted.merged(_spread(bos, size)) if len(bos) else counted
    errors, sizes, wanted_squares, recons_squares, products = torch.cat(found, 1).unbind(0)
    return RowSums(errors, sizes, wanted_squares, recons_squares, products, counted, every)


def centered(text: Evaluated, mean: Float[Tensor, " d_out"]) -> Float64[Tensor, "doc count"]:
    """Sum targets less a mean over each document: d_out columns, then their squares, then counted rows.

    From these the spread of any choice of documents around its own mean follows.
    """
    sums = torch.zeros(text.n_docs, len(mean) + 2, dtype=torch.float64)
    start = 0
    for part in torch.split(text.targets, LATENTS_AT_ONCE // max(1, len(mean))):
        away = part.double() - mean
        columns = torch.cat([away, away.square().sum(1, keepdim=True), torch.ones(len(away), 1)], 1)
        sums.index_add_(0, text.doc_number[start : start + len(part)], columns)
        start += len(part)
    return sums


def _spread(rows: Float[Tensor, "row d_out"], size: int) -> Spread:
    parts = [Spread.of(part.double()) for part in torch.split(rows, size)]
    total = parts[0]
    for part in parts[1:]:
        total = total.merged(part)
    return total
