"""Scores of every head on random repeated tokens: text that means nothing, so only the mechanism shows.

1. Draw a block of distinct random tokens from the vocabulary, special tokens left out, with a generator of its own.
2. Feed begin-of-text (where the model has one), the block, and the block again.
3. Average each role's score over the prompts; add copying from the weights.

Source: Olsson et al. 2022, "In-context learning and induction heads", https://arxiv.org/abs/2209.11895 (repeated random
tokens as the test of induction).
"""

from typing import Any, Final

import torch
from jaxtyping import Int
from torch import Tensor

from interp_nb._errors import ConfigError
from interp_nb._show import Live
from interp_nb.heads.copying import copying_scores
from interp_nb.heads.patterns import attention
from interp_nb.heads.roles import HeadRoles, make_roles, pattern_scores
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel

LONGEST_BLOCK: Final = 32
"""Default length of a block in tokens, where the context is long enough."""


def head_roles(model: HookedModel, *, n_prompts: int = 8, seq_len: int | None = None, seed: int = 0) -> HeadRoles:
    """Score what every head of a model does, on random tokens said twice.

    Args:
        n_prompts: How many random prompts to average over.
        seq_len: Tokens in the block that is repeated; up to 32 as the context allows if left out.
        seed: Of the generator that draws the tokens; global random state is neither read nor changed.

    Returns:
        HeadRoles with previous_token, duplicate_token, induction, first_token, self, copying, entropy.

    Raises:
        ConfigError: fewer than one prompt or two tokens, more than the vocabulary or twice more than the context holds.
        HookNameError: the model computes no attention pattern.
        NonFiniteError: a pattern holds NaN.

    Cost: n_prompts forward passes of 2 * seq_len tokens.
    Source: Olsson et al. 2022 (attention roles), Elhage et al. 2021 (copying); see `roles` and `copying`.

    Example:
        >>> head_roles(model).top("induction", 1)  # doctest: +SKIP
        [HeadScore(layer=2, head=1, score=0.93)]
    """
    prompts = repeated_random_tokens(model, n_prompts=n_prompts, seq_len=seq_len, seed=seed)
    scores: dict[str, Tensor] = {}
    layers: list[int] = []
    for tokens in prompts:
        patterns = attention(model, tokens)
        layers = patterns.layers
        for role, values in pattern_scores(patterns.patterns, tokens.cpu()).items():
            scores[role] = scores.get(role, torch.zeros_like(values)) + values / n_prompts
    entropy = scores.pop("entropy")
    info = model_info(model)
    used = {"n_prompts": n_prompts, "seq_len": prompts.shape[1] // 2, "seed": seed}
    return make_roles(
        scores | {"copying": copying_scores(model, layers), "entropy": entropy},
        layers=layers,
        model_name=info.name,
        prompt="",
        provenance={"function": "head_roles", **used, "model": info._asdict()},
        live=Live(model),
    )


def repeated_random_tokens(
    model: HookedModel, *, n_prompts: int, seq_len: int | None = None, seed: int = 0
) -> Int[Tensor, "prompt pos"]:
    """Draw prompts of random tokens said twice, after begin-of-text if there is one.

    Raises:
        ConfigError: fewer than one prompt or two tokens, more than the vocabulary or twice more than the context holds.
    """
    vocabulary, bos = _vocabulary(model)
    n_ctx = int(getattr(model.cfg, "n_ctx", 0) or 2 * LONGEST_BLOCK + 1)
    longest = min((n_ctx - len(bos)) // 2, len(vocabulary))
    length = min(LONGEST_BLOCK, longest) if seq_len is None else seq_len
    if n_prompts < 1:
        raise ConfigError(f"n_prompts must be at least 1, got {n_prompts}")
    if not 2 <= length <= longest:
        raise ConfigError(
            f"seq_len must be 2 to {longest} (twice that and begin-of-text fit the context of {n_ctx}, "
            f"{len(vocabulary)} tokens to draw from), got {length}"
        )
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.stack([torch.randperm(len(vocabulary), generator=generator)[:length] for _ in range(n_prompts)])
    drawn = torch.tensor(vocabulary)[blocks]
    start = torch.tensor(bos, dtype=drawn.dtype).expand(n_prompts, len(bos))
    device = getattr(model.cfg, "device", None)
    return torch.cat([start, drawn, drawn], dim=1).to(device)


def _vocabulary(model: HookedModel) -> tuple[list[int], list[int]]:
    """List the tokens that mean text, and what a prompt of this model begins with."""
    tokenizer: Any = getattr(model, "tokenizer", None)
    d_vocab = int(model.cfg.d_vocab)
    if tokenizer is None:
        return list(range(d_vocab)), []
    # An embedding is often padded beyond the tokenizer's last token; those rows were never trained.
    size = min(d_vocab, len(tokenizer))
    special = set(tokenizer.all_special_ids)
    starts = bool(getattr(model.cfg, "default_prepend_bos", False)) and tokenizer.bos_token_id is not None
    return [token for token in range(size) if token not in special], [tokenizer.bos_token_id] if starts else []
