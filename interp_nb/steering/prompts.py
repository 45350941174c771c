"""Prompts of any kind as tokens: texts, chats, token ids, one or many; laid out in rows with padding on the left."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import PromptError
from interp_nb.models.chat import Chat, chat_text, chat_tokens, is_chat
from interp_nb.models.prompts import tokenize
from interp_nb.models.protocol import HookedModel


class Prompt(NamedTuple):
    """One prompt as the model reads it."""

    text: str
    """As text; of a chat what its template makes of it."""
    ids: list[int]
    """Token ids."""
    chat: Chat | None
    """The messages, of a chat."""


def read_prompts(model: HookedModel, prompt: Any) -> list[Prompt]:
    """Tokenize a prompt, or a list of prompts.

    Args:
        prompt: A text, a chat (list of messages), token ids [pos] or [batch pos], or a list of any of these.

    Raises:
        PromptError: it is empty, of another kind, or longer than the model's context.
    """
    if isinstance(prompt, Tensor):
        rows = prompt.unsqueeze(0) if prompt.ndim == 1 else prompt
        if rows.ndim != 2 or rows.is_floating_point():
            raise PromptError(f"tokens must be integers [pos] or [batch pos], got {prompt.dtype} {list(prompt.shape)}")
        return [_of_tokens(model, row.tolist()) for row in rows]
    if isinstance(prompt, str) or is_chat(prompt):
        return [_one(model, prompt)]
    if isinstance(prompt, (list, tuple)):
        if not prompt:
            raise PromptError("prompt is an empty list; give at least one prompt")
        return [_one(model, each) for each in prompt]
    raise PromptError(f"prompt must be a text, a chat, token ids, or a list of these, got a {type(prompt).__name__}")


def left_padded(
    rows: Sequence[Sequence[int]], pad: int, device: Any
) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """Lay texts out in rows that end together; give the tokens, and which of them are no padding."""
    longest = max(len(row) for row in rows)
    tokens = torch.full((len(rows), longest), pad, dtype=torch.long)
    real = torch.zeros(len(rows), longest, dtype=torch.bool)
    for number, row in enumerate(rows):
        tokens[number, longest - len(row) :] = torch.tensor(row)
        real[number, longest - len(row) :] = True
    return tokens.to(device), real.to(device)


def _one(model: HookedModel, prompt: Any) -> Prompt:
    if is_chat(prompt):
        return Prompt(chat_text(model, prompt), chat_tokens(model, prompt)[0].tolist(), list(prompt))
    if isinstance(prompt, Tensor):
        return _of_tokens(model, prompt.flatten().tolist())
    if not isinstance(prompt, str):
        raise PromptError(f"a prompt must be a text, a chat or token ids, got a {type(prompt).__name__}: {prompt!r}")
    ids, _ = tokenize(model, prompt)
    return Prompt(prompt, ids[0].tolist(), None)


def _of_tokens(model: HookedModel, ids: list[int]) -> Prompt:
    _check_length(model, len(ids))
    d_vocab = int(model.cfg.d_vocab)
    wrong = [token for token in ids if not 0 <= token < d_vocab]
    if wrong:
        raise PromptError(f"token ids must be 0 to {d_vocab - 1}, got {wrong[0]}")
    return Prompt("".join(strings(model, ids)), ids, None)


def strings(model: HookedModel, ids: Sequence[int]) -> list[str]:
    """Give one string per token."""
    return [str(piece) for piece in model.to_str_tokens(torch.tensor(list(ids)))] if len(ids) else []


def decoded(model: HookedModel, ids: Sequence[int]) -> str:
    """Turn tokens into text at once: a character may be several tokens, and a token's blank depend on its neighbor."""
    tokenizer: Any = getattr(model, "tokenizer", None)
    if tokenizer is None:
        return "".join(strings(model, ids))
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def _check_length(model: HookedModel, n: int) -> None:
    if not n:
        raise PromptError("prompt has no tokens; give at least one")
    n_ctx = getattr(model.cfg, "n_ctx", None)
    if n_ctx is not None and n > n_ctx:
        raise PromptError(
            f"prompt has {n} tokens, this model's context holds {n_ctx}; shorten it by at least {n - n_ctx} tokens"
        )
