"""Chats as a model sees them: turns laid out by the tokenizer's own template."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from interp_nb._errors import PromptError
from interp_nb.models.prompts import check_length
from interp_nb.models.protocol import HookedModel

Chat = Sequence[Mapping[str, str]]
"""Turns in order, each with a "role" ("system", "user", "assistant") and its "content"."""


def is_chat(value: Any) -> bool:
    """Say whether a value is a list of chat turns, and not a text or a list of texts."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) > 0
        and all(isinstance(turn, Mapping) for turn in value)
    )


def chat_text(model: HookedModel, chat: Chat, *, answers: bool | None = None) -> str:
    """Write a chat out as its model reads it, begin-of-text and turn markers included.

    Args:
        answers: Whether the text goes on to where the assistant begins to speak; None = unless the assistant was last.

    Raises:
        PromptError: the tokenizer has no chat template or refuses the turns, or a turn lacks its role or content.
    """
    for index, turn in enumerate(chat):
        if not all(isinstance(turn.get(part), str) for part in ("role", "content")):
            raise PromptError(f"a chat turn needs a role and a content, both text; turn {index} is {dict(turn)!r}")
    tokenizer: Any = getattr(model, "tokenizer", None)
    if getattr(tokenizer, "chat_template", None) is None:
        raise PromptError(
            "this model's tokenizer has no chat template, so there is no way to lay out chat turns for it; give a text "
            "instead, or set model.tokenizer.chat_template"
        )
    answers = chat[-1]["role"] != "assistant" if answers is None else answers
    try:
        turns = [dict(turn) for turn in chat]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=answers))
    except Exception as error:  # templates raise whatever their authors chose
        raise PromptError(f"the tokenizer's chat template refuses these turns: {error}") from error


def chat_tokens(model: HookedModel, chat: Chat) -> Int[Tensor, "1 pos"]:
    """Turn a chat into token ids, see `chat_text`; the template writes begin-of-text itself, where there is one.

    Raises:
        PromptError: as `chat_text`, or the chat is longer than the model's context.
    """
    tokenizer: Any = getattr(model, "tokenizer", None)
    ids = tokenizer(chat_text(model, chat), add_special_tokens=False)["input_ids"]
    check_length(model, len(ids), "chat has")
    return torch.tensor([ids], dtype=torch.long, device=getattr(model.cfg, "device", None))
