"""Rows out of what a model computes on windows: one per token that counts, with the tokens around it."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import ShapeError
from interp_nb.sae.batches import CONTEXT, CONTEXT_BEFORE, Batch
from interp_nb.sae.windows import Windows


def take_rows(activation: Tensor, *, shape: torch.Size, kept: Int[Tensor, " row"], dtype: torch.dtype) -> Tensor:
    """Copy the rows that are kept, heads side by side."""
    if activation.shape[:2] != shape:
        raise ShapeError(f"activations must be one row per token {list(shape)}, got {list(activation.shape)}")
    return activation.reshape(shape.numel(), -1).index_select(0, kept).to(dtype)


def side_by_side(found: dict[str, Tensor], sites: Sequence[str]) -> Tensor:
    """Join the rows of several sites."""
    return found[sites[0]] if len(sites) == 1 else torch.cat([found[site] for site in sites], dim=1)


def contexts(windows: Windows) -> Int[Tensor, "token context"]:
    """Give the tokens around every token of every window, -1 beyond it."""
    real: Bool[Tensor, "window pos"] = windows.doc >= 0
    ids = torch.where(real, windows.tokens, -1)
    padded = torch.nn.functional.pad(ids, (CONTEXT_BEFORE, CONTEXT - 1 - CONTEXT_BEFORE), value=-1)
    return padded.unfold(1, CONTEXT, 1).flatten(0, 1)


def moved(batch: Batch, device: torch.device) -> Batch:
    """Put the activations of a batch on a device; tokens stay where they are."""
    columns = batch.columns()
    return Batch.of(
        {name: value.to(device) if name in ("acts", "targets") else value for name, value in columns.items()}
    )


def stack_windows(parts: Sequence[Tensor]) -> Tensor:
    """Put batches of windows `[window pos]` on top of each other, padded on the right with 0 (False)."""
    length = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, length - part.shape[1])) for part in parts])
