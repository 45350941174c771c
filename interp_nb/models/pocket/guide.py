"""Leads one head to look at the previous token: a push over a plateau, not an architecture.

Induction needs a head that looks one token back (Olsson et al. 2022, https://arxiv.org/abs/2209.11895).
The texts of the pocket world hardly reward one by themselves, so that none had formed after nine million
tokens. For a short stage the first head of the first layer gets a loss of its own, the mean of
-log(attention to the previous token); before and after that stage it is trained like all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.models.pocket.foreign_types import LanguageModel


@contextmanager
def caught_states(model: LanguageModel) -> Iterator[list[Tensor]]:
    """Collect the first layer's queries, keys and values [row pos 3*d_model] while the context lasts."""
    caught: list[Tensor] = []

    def keep(module: object, inputs: object, output: Tensor) -> None:
        caught.append(output)

    handle = model.transformer.h[0].attn.c_attn.register_forward_hook(keep)
    try:
        yield caught
    finally:
        handle.remove()


def previous_token_loss(
    states: Float[Tensor, "row pos d_qkv"], alone: Bool[Tensor, "row 1 pos pos"], n_heads: int
) -> Float[Tensor, ""]:
    """Give the mean of -log(attention to the previous token) for head 0.

    Args:
        states: Queries, keys and values of one layer.
        alone: Where a token may look (`train.separate_documents`).
        n_heads: Heads of the layer.
    """
    query, key, _ = states.chunk(3, dim=-1)
    d_head = query.shape[-1] // n_heads
    scores = query[..., :d_head] @ key[..., :d_head].transpose(-1, -2) / d_head**0.5
    allowed = alone[:, 0]
    log_weights: Tensor = scores.masked_fill(~allowed, float("-inf")).log_softmax(-1)
    one_back = log_weights.diagonal(-1, -2, -1)
    # A document's first token has nothing before it.
    loss: Tensor = -one_back[allowed.diagonal(-1, -2, -1)].mean()
    return loss
