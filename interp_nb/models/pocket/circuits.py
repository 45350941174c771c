"""Induction in the pocket model: losses on repeated random tokens, and the heads behind them.

Scores are attention masses on twice-repeated random tokens (Olsson et al. 2022,
https://arxiv.org/abs/2209.11895): an induction head looks from a token of the second copy to
the token after its first occurrence. Ablation replaces a head's output by its mean over the
batch and positions, so that what is removed is what the head says, not that it speaks.
Heads of any TransformerLens model are scored in `interp_nb.heads`; here only the Hugging Face
GPT-2 that training produces is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb.models.pocket.families.repeats import HELDOUT_LENGTHS, HELDOUT_OFFSETS, repeat_document
from interp_nb.models.pocket.foreign_types import LanguageModel
from interp_nb.models.pocket.reader import Reader

Head = tuple[int, int]
"""Layer and index of a head."""

_SCORED_LENGTH, _SCORED_OFFSET = 41, 19
_N_ROWS = 16
_N_DRAWS = 20
_LEAST_SCORE = 0.3
"""From this induction score on a head counts as an induction head in the ablation."""


def repeat_loss_ratio(reader: Reader) -> float:
    """Loss on the second copy over loss on the first, over all unseen lengths and offsets."""
    first, second = [], []
    for length in HELDOUT_LENGTHS:
        for offset in HELDOUT_OFFSETS:
            losses = _losses(reader, _repeats(reader, length, offset, n_rows=3))
            first.append(losses[:, offset : offset + length].flatten())
            second.append(losses[:, offset + length :].flatten())
    return float(torch.cat(second).mean() / torch.cat(first).mean())


def induction_score(reader: Reader) -> float:
    """The best head's attention to the token after the match."""
    return float(induction_scores(reader).max())


def previous_token_score(reader: Reader) -> float:
    """The best head's attention to the previous token."""
    patterns = _patterns(reader.model, _scored(reader))
    # The special token at position 0 has no predecessor, and position 1 has little choice.
    return float(patterns.diagonal(-1, -2, -1)[..., 1:].mean(-1).max())


def induction_scores(reader: Reader) -> Float[Tensor, "layer head"]:
    """Give each head's mean attention from the second copy to the token after the match."""
    patterns = _patterns(reader.model, _scored(reader))
    diagonal = patterns.diagonal(1 - _SCORED_LENGTH, -2, -1)
    return diagonal[..., -_SCORED_LENGTH:].mean(-1)


def induction_heads(reader: Reader) -> list[Head]:
    """The heads that count as induction heads, best first; always at least one."""
    scores = induction_scores(reader)
    n_heads = max(1, int((scores > _LEAST_SCORE).sum()))
    best = scores.flatten().topk(n_heads).indices.tolist()
    return [divmod(index, scores.shape[1]) for index in best]


def induction_ablation_ratio(reader: Reader) -> float:
    """Second-copy loss without the induction heads, over the loss with them."""
    return _ablated_loss(reader, induction_heads(reader)) / _ablated_loss(reader, [])


def random_ablation_ratio(reader: Reader) -> float:
    """The same for as many heads drawn from the others, mean over draws."""
    top = induction_heads(reader)
    n_layers, n_heads = induction_scores(reader).shape
    others = [(layer, head) for layer in range(n_layers) for head in range(n_heads) if (layer, head) not in top]
    rng = Random(0)
    losses = [_ablated_loss(reader, rng.sample(others, len(top))) for _ in range(_N_DRAWS)]
    return sum(losses) / len(losses) / _ablated_loss(reader, [])


def _ablated_loss(reader: Reader, heads: Sequence[Head]) -> float:
    ids = _scored(reader)
    with _ablated(reader.model, heads):
        losses = _losses(reader, ids)
    return float(losses[:, -_SCORED_LENGTH:].mean())


def _losses(reader: Reader, ids: Tensor) -> Tensor:
    """Nats [batch pos] for each token after the first."""
    log_probs = reader.logits(ids)[:, :-1].log_softmax(-1)
    return -log_probs.gather(-1, ids[:, 1:, None])[..., 0]


def _scored(reader: Reader) -> Tensor:
    return _repeats(reader, _SCORED_LENGTH, _SCORED_OFFSET, _N_ROWS)


def _repeats(reader: Reader, length: int, offset: int, n_rows: int) -> Tensor:
    """Rows of: special token, `offset` random tokens, `length` random tokens twice."""
    rng = Random(f"{length}:{offset}")
    start = reader.tokenizer.bos_token_id
    return torch.tensor([[start, *repeat_document(rng, length, offset).token_ids] for _ in range(n_rows)])


def _blocks(model: LanguageModel) -> Sequence[Any]:
    transformer = getattr(model, "transformer", None)
    blocks = getattr(transformer, "h", None)
    if blocks is None:
        raise TypeError(
            f"Measuring heads needs a Hugging Face GPT-2 model, got {type(model).__name__}. "
            "Leave these names out, or use interp_nb.heads for other models."
        )
    return list(blocks)


def _patterns(model: LanguageModel, ids: Tensor) -> Tensor:
    """Attention [layer head dest_pos src_pos], mean over the batch, from queries and keys.

    Recomputed so that the model's own attention kernel, which may keep no pattern, stays.
    """
    found: list[Tensor] = []

    def keep(module: object, inputs: object, output: Tensor) -> None:
        found.append(_pattern(output, model.config.n_head))

    with ExitStack() as stack:
        for block in _blocks(model):
            stack.callback(block.attn.c_attn.register_forward_hook(keep).remove)
        model(ids.to(model.device))
    return torch.stack(found).float().cpu()


def _pattern(query_key_value: Tensor, n_heads: int) -> Tensor:
    query, key, _ = query_key_value.chunk(3, dim=-1)
    query, key = (_by_head(part, n_heads).transpose(1, 2) for part in (query, key))
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    n_pos = scores.shape[-1]
    hidden = torch.ones(n_pos, n_pos, dtype=torch.bool, device=scores.device).triu(1)
    weights: Tensor = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    return weights.mean(0)


def _by_head(states: Tensor, n_heads: int) -> Tensor:
    """Cut the last axis: [... d_model] to [... head d_head]."""
    return states.reshape(*states.shape[:-1], n_heads, -1)


@contextmanager
def _ablated(model: LanguageModel, heads: Sequence[Head]) -> Iterator[None]:
    """Replace the heads' outputs by their means while the context lasts."""
    with ExitStack() as stack:
        for layer, block in enumerate(_blocks(model) if heads else []):
            mine = [head for at, head in heads if at == layer]
            hook = partial(_replace_by_mean, heads=mine, n_heads=model.config.n_head)
            stack.callback(block.attn.c_proj.register_forward_pre_hook(hook).remove)
        yield


def _replace_by_mean(
    module: torch.nn.Module, inputs: tuple[Tensor, ...], *, heads: Sequence[int], n_heads: int
) -> tuple[Tensor, ...]:
    by_head = _by_head(inputs[0], n_heads).clone()
    for head in heads:
        by_head[:, :, head] = by_head[:, :, head].mean((0, 1))
    return (by_head.flatten(-2), *inputs[1:])
