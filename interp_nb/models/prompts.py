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
                "split them into one Contrast per length, or name spans to line them up by: patch_grid(..., align=)"
            )
        answers = [_different(model, *texts) for texts in zip(fields.answer, fields.wrong, strict=True)]
        device = pairs[0][0].device
        return ContrastTokens(
            clean=torch.cat([clean for clean, _, _ in pairs]),
            corrupted=torch.cat([corrupted for _, corrupted, _ in pairs]),
            answer=torch.tensor([right for right, _ in answers], device=device),
            wrong=torch.tensor([other for _, other in answers], device=device),
            str_tokens=[strings for _, _, strings in pairs],
        )


def unaligned_tokens(model: HookedModel, contrast: Contrast) -> list[ContrastTokens]:
    """Tokenize contrasts one by one, whatever their lengths.

    Raises:
        PromptError: a prompt is empty or longer than the model's context.
        TokenAlignmentError: a clean and a corrupted prompt are the same.
        AnswerTokenError: an answer is not one token, or answer and wrong are the same token.
    """
    found = []
    for clean, corrupted, answer, wrong in zip(*contrast.prompts(), strict=True):
        ids, strings = zip(*(tokenize(model, prompt) for prompt in (clean, corrupted)), strict=True)
        if strings[0] == strings[1]:
            raise TokenAlignmentError(f"clean and corrupted must differ, both are {clean!r}; there is nothing to patch")
        pair = _different(model, answer, wrong)
        right, other = (torch.tensor([token], device=ids[0].device) for token in pair)
        found.append(ContrastTokens(ids[0], ids[1], right, other, str_tokens=[(strings[0], strings[1])]))
    return found


def plain_tokens(model: HookedModel, question: Contrast) -> ContrastTokens:
    """Tokenize questions that have one prompt each.

    The clean prompts are taken for the corrupted ones too; wrong answers may equal the right ones.

    Raises:
        PromptError: a prompt is empty or longer than the model's context.
        TokenAlignmentError: the prompts differ in length.
        AnswerTokenError: an answer is not one token.
    """
    fields = question.prompts()
    found = [tokenize(model, prompt) for prompt in fields.clean]
    lengths = sorted({ids.shape[1] for ids, _ in found})
    if len(lengths) > 1:
        raise TokenAlignmentError(
            f"prompts must have the same number of tokens, got {lengths}; compute one grid per length"
        )
    tokens = torch.cat([ids for ids, _ in found])
    answer, wrong = (
        torch.tensor([answer_token(model, text) for text in texts], device=tokens.device)
        for texts in (fields.answer, fields.wrong)
    )
    return ContrastTokens(tokens, tokens, answer, wrong, str_tokens=[(strings, strings) for _, strings in found])


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
    check_length(model, tokens.shape[1], "prompt has")
    return tokens, _strings(model, tokens[0])


def check_length(model: HookedModel, n_tokens: int, what: str) -> None:
    """Refuse a text that is longer than the model's context.

    Args:
        what: Beginning of the message, as "prompt has".

    Raises:
        PromptError: it is; both numbers are said.
    """
    n_ctx = getattr(model.cfg, "n_ctx", None)
    if n_ctx is not None and n_tokens > n_ctx:
        raise PromptError(
            f"{what} {n_tokens} tokens, this model's context holds {n_ctx}; shorten it by at least {n_tokens - n_ctx} "
            "tokens"
        )


def span_positions(strings: Sequence[str], span: str) -> tuple[int, ...]:
    """Find the tokens of a prompt that words in it touch.

    Where the words occur more than once, those of all.

    Args:
        strings: The prompt as one string per token.
        span: The words, as they are written in the prompt; spaces around them do not matter.

    Raises:
        ConfigError: the words are empty or not in the prompt; the message shows its tokens.
    """
    words, text = span.strip(), "".join(strings)
    starts = [at for at in range(len(text)) if words and text.startswith(words, at)]
    if not starts:
        raise ConfigError(f"the words must be in the prompt as written, got {span!r}, the prompt is {list(strings)}")
    found, end = [], 0
    for position, piece in enumerate(strings):
        begin, end = end, end + len(piece)
        # A token's own leading space is no part of the words.
        begin = min(begin + len(piece) - len(piece.lstrip()), end)
        if any(begin < start + len(words) and start < end for start in starts):
            found.append(position)
    return tuple(found)


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
            "reword one of them until they line up, or name spans to line them up by: patch_grid(..., align=)"
        )
    if torch.equal(clean_tokens, corrupted_tokens):
        raise TokenAlignmentError(f"clean and corrupted must differ, both are {clean!r}; there is nothing to patch")
    return clean_tokens, corrupted_tokens, (clean_strings, corrupted_strings)


def _different(model: HookedModel, answer: str, wrong: str) -> tuple[int, int]:
    """Give the tokens of two answers and refuse them if they are one."""
    first, second = answer_token(model, answer), answer_token(model, wrong)
    if first == second:
        raise AnswerTokenError(
            f"answer and wrong must be different tokens, both are {answer!r} (token {first}); "
            "their logit difference would always be 0"
        )
    return first, second


def _answer_ids(model: HookedModel, text: str) -> list[int]:
    """Tokenize an answer as it is written, with no begin-of-text token."""
    return [int(token) for token in model.to_tokens(text, prepend_bos=False)[0]] if text else []


def _strings(model: HookedModel, tokens: Int[Tensor, " pos"]) -> list[str]:
    return [str(piece) for piece in model.to_str_tokens(tokens)]


def _as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
