"""Which tokens of a chat belong to which role.

They are found by rendering the chat turn by turn: what a turn adds to the text belongs to its role, markers included,
and what asks for the answer belongs to the assistant.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from interp_nb._errors import ConfigError, PromptError, nearest
from interp_nb.models.chat import Chat, chat_text
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.recipe import ROLES


def role_masks(model: HookedModel, chats: Sequence[Chat | None], role: str) -> Bool[Tensor, "prompt pos"]:
    """Say which tokens of chats belong to a role; a row may be longer than its chat.

    Raises:
        ConfigError: a prompt is no chat, or its template or tokenizer does not say.
        PromptError: a role that does not exist.
    """
    found = []
    for chat in chats:
        if chat is None:
            raise ConfigError(
                f"positions={role!r} are those of chats; give the prompt as [{{'role': 'user', 'content': ...}}]"
            )
        found.append(_mask(model, chat, role))
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True)


def _mask(model: HookedModel, chat: Chat, role: str) -> Bool[Tensor, " pos"]:
    tokenizer: Any = getattr(model, "tokenizer", None)
    text = chat_text(model, chat)
    ends = _ends(model, chat, text)
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError("roles need a tokenizer that says where its tokens are in a text (a fast one); give a mask")
    spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    # A token belongs to the turn that its last character is in: the first one of a turn may begin with a blank before.
    roles = [next(name for name, end in ends if stop <= end) for _, stop in spans]
    return torch.tensor([each == role for each in roles], dtype=torch.bool)


def _ends(model: HookedModel, chat: Chat, text: str) -> list[tuple[str, int]]:
    """Find where in a rendered chat each turn ends."""
    ends = []
    for number, turn in enumerate(chat, 1):
        if turn["role"] not in ROLES:
            raise PromptError(
                f"role must be one of {', '.join(ROLES)}, got {turn['role']!r}; {nearest(turn['role'], ROLES)}"
            )
        try:
            so_far = chat_text(model, chat[:number], answers=False)
        except PromptError as error:
            raise ConfigError(f"the tokens of a role cannot be told: {error}; give a mask or integers") from error
        if not text.startswith(so_far):
            raise ConfigError(
                f"the tokens of a role cannot be told: this chat template writes the first {number} turns differently "
                "when more follow; give positions as a mask or as integers"
            )
        ends.append((turn["role"], len(so_far)))
    return [*ends, ("assistant", len(text))]
