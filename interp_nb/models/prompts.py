"""Prompts as a model sees them: tokenize, and check that contrasts line up.

A contrast is a clean and a corrupted prompt that differ in what matters and have the same tokens elsewhere, with the
answer each of them calls for. Patching moves activations between the two runs position by position, so both must have
the same number of tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from interp_nb._errors import AnswerTokenError, ConfigError, PromptError, TokenAlignmentError
from interp_nb.models.protocol import HookedModel


class ContrastPrompts(NamedTuple):
    """The fields of a contrast as lists, one entry per contrast."""

    clean: list[str]
    """Prompts whose behavior is wanted."""
    corrupted: list[str]
    """Prompts that lead the model elsewhere."""
    answer: list[str]
    """What the clean prompt calls for."""
    wrong: list[str]
    """What the corrupted prompt calls for."""


class ContrastTokens(NamedTuple):
    """A contrast in one model's tokens, checked."""

    clean: Int[Tensor, "contrast pos"]
    """Token ids of the clean prompts."""
    corrupted: Int[Tensor, "contrast pos"]
    """Token ids of the corrupted prompts."""
    answer: Int[Tensor, " contrast"]
    """Token id of each answer."""
    wrong: Int[Tensor, " contrast"]
    """Token id of each wrong answer."""
    str_tokens: list[tuple[list[str], list[str]]]
    """Per contrast: the clean and the corrupted prompt as one string per token."""


@dataclass(frozen=True)
class Contrast:
    """Hold clean and corrupted prompts with the answers they call for.

    Every field is a string, or a list of as many strings as the other fields. Answers are taken as written, so for most
    models they begin with a space.

    Raises:
        ConfigError: the lists have different lengths, or are empty.

    Example:
        >>> Contrast("The Eiffel Tower is in", "The Colosseum is in", " Paris", " Rome").prompts().answer
        [' Paris']
    """

    clean: str | list[str]
    """Prompts whose behavior is wanted."""
    corrupted: str | list[str]
    """Prompts that lead the model elsewhere, token by token as long as the clean ones."""
    answer: str | list[str]
    """Single-token continuation that the clean prompt calls for."""
    wrong: str | list[str]
    """Single-token continuation that the corrupted prompt calls for."""

    def __post_init__(self) -> None:
        """Check what can be checked without a model."""
        sizes = {name: len(values) for name, values in self.prompts()._asdict().items()}
        if len(set(sizes.values())) > 1 or 0 in sizes.values():
            counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise ConfigError(
                f"a Contrast needs as many entries in every field, at least one; got {counts}. "
                "Give lists of equal length, or one string each"
            )

    def prompts(self) -> ContrastPrompts:
        """View every field as a list."""
        return ContrastPrompts(*(_as_list(getattr(self, name)) for name in ContrastPrompts._fields))

    def tokens(self, model: HookedModel) -> ContrastTokens:
        """Tokenize for a model and check that the contrast can be patched.

        Raises:
            PromptError: a prompt is empty or longer than the model's context.
            TokenAlignmentError: two prompts differ in length, or nowhere, or the contrasts differ in length.
            AnswerTokenError: an answer is not one token, or answer and wrong are the same token.
        """
        fields = self.prompts()
        pairs = [
            _aligned(model, clean, corrupted) for clean, corrupted in zip(fields.clean, fields.corrupted, strict=True)
        ]
        lengths = sorted({clean.shape[1] for clean, _, _ in pairs})
        if len(lengths) > 1:
            raise TokenAlignmentError(
                f"all contrasts of one Contrast must have the same number of tokens, got {lengths}; "
                "split them into one Contrast per length"
            )
        answer = [answer_token(model, text) for text in fields.answer]
        wrong = [answer_token(model, text) for text in fields.wrong]
        for text, first, second in zip(fields.answer, answer, wrong, strict=True):
            if first == second:
                raise AnswerTokenError(
                    f"answer and wrong must be different tokens, both are {text!r} (token {first}); "
                    "their logit difference would always be 0"
                )
        device = pairs[0][0].device
        return ContrastTokens(
            clean=torch.cat([clean for clean, _, _ in pairs]),
            corrupted=torch.cat([corrupted for _, corrupted, _ in pairs]),
            answer=torch.tensor(answer, device=device),
            wrong=torch.tensor(wrong, device=device),
            str_tokens=[strings for _, _, strings in pairs],
        )


def tokenize(model: HookedModel, prompt: str) -> tuple[Int[Tensor, "1 pos"], list[str]]:
    """Turn a prompt into token ids and one string per token.

    The begin-of-text token comes first where the model has one, as TransformerLens does by default.

    Raises:
        PromptError: the prompt is empty, or longer than the model's context.
    """
    if not isinstance(prompt, str):
        raise PromptError(f"prompt must be a string, got {type(prompt).__name__}")
    if not prompt:
        raise PromptError("prompt is empty; give at least one token of text")
    tokens: Tensor = model.to_tokens(prompt, truncate=False)
    n_ctx = getattr(model.cfg, "n_ctx", None)
    if n_ctx is not None and tokens.shape[1] > n_ctx:
        raise PromptError(
            f"prompt has {tokens.shape[1]} tokens, this model's context holds {n_ctx}; "
            f"shorten it by at least {tokens.shape[1] - n_ctx} tokens"
        )
    return tokens, _strings(model, tokens[0])


def answer_token(model: HookedModel, answer: str) -> int:
    """Give the id of an answer that must be a single token.

    Raises:
        AnswerTokenError: it is several tokens, or none; the message shows the split and a spelling that is one token.
    """
    ids = _answer_ids(model, answer)
    if len(ids) == 1:
        return ids[0]
    split = " | ".join(repr(piece) for piece in _strings(model, torch.tensor(ids))) if ids else "nothing"
    other = answer[1:] if answer.startswith(" ") else " " + answer
    hint = f"{other!r} is one token: use it" if len(_answer_ids(model, other)) == 1 else "choose an answer that is one"
    raise AnswerTokenError(
        f"answer {answer!r} must be one token, this model splits it into {len(ids)}: {split}; {hint}"
    )


def _aligned(
    model: HookedModel, clean: str, corrupted: str
) -> tuple[Int[Tensor, "1 pos"], Int[Tensor, "1 pos"], tuple[list[str], list[str]]]:
    """Tokenize one pair and refuse it unless it lines up and differs."""
    clean_tokens, clean_strings = tokenize(model, clean)
    corrupted_tokens, corrupted_strings = tokenize(model, corrupted)
    if clean_tokens.shape != corrupted_tokens.shape:
        raise TokenAlignmentError(
            f"clean and corrupted must have the same number of tokens, got {len(clean_strings)} and "
            f"{len(corrupted_strings)}: {clean_strings} against {corrupted_strings}; "
            "reword one of them until they line up"
        )
    if torch.equal(clean_tokens, corrupted_tokens):
        raise TokenAlignmentError(f"clean and corrupted must differ, both are {clean!r}; there is nothing to patch")
    return clean_tokens, corrupted_tokens, (clean_strings, corrupted_strings)


def _answer_ids(model: HookedModel, text: str) -> list[int]:
    """Tokenize an answer as it is written, with no begin-of-text token."""
    return [int(token) for token in model.to_tokens(text, prepend_bos=False)[0]] if text else []


def _strings(model: HookedModel, tokens: Int[Tensor, " pos"]) -> list[str]:
    return [str(piece) for piece in model.to_str_tokens(tokens)]


def _as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
