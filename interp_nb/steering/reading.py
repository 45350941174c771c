"""Activations of texts, for vectors: which tokens are read, and one forward per text for all layers.

Texts are padded on the right and run in batches of like length: what follows a token does not change it. Begin-of-text
and padding are never read, not even where a position names them.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError, PromptError
from interp_nb.models.chat import chat_tokens, is_chat
from interp_nb.models.edit import capture, is_edited
from interp_nb.models.finite import check_finite
from interp_nb.models.prompts import check_length, tokenize
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.recovery import counted_tokens

READS: Final = ("last", "mean", "answer")


class ReadText(NamedTuple):
    """A text's tokens, and which of them are read."""

    tokens: tuple[int, ...]
    """Token ids, begin-of-text first where the model has one."""
    read: tuple[int, ...]
    """Positions; the mean over them is what is read."""
    counted: tuple[int, ...]
    """Positions that are neither begin-of-text nor padding."""


class Activations(NamedTuple):
    """What was read of texts."""

    acts: Float[Tensor, "text layer d"]
    """Mean over each text's read positions."""
    norms: Float[Tensor, " layer"]
    """Mean norm over all tokens that count."""


def read_text(model: HookedModel, given: Any, read: str | int) -> ReadText:
    """Tokenize a text and choose the tokens that are read.

    Args:
        given: A text, chat turns, or with `read="answer"` a pair (either of them, the answer's text).

    Raises:
        PromptError: it is empty, longer than the context, or has no such position.
        ConfigError: it is something else.
    """
    answer = ""
    if read == "answer":
        if not (isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[1], str)):
            raise ConfigError(f'with read="answer" it must be (prompt, answer), got {_shown(given)}')
        given, answer = given
    if is_chat(given):
        tokens = chat_tokens(model, given)
    elif isinstance(given, str):
        tokens, _ = tokenize(model, given)
    else:
        raise ConfigError(f"it must be a text or a list of chat turns, got {_shown(given)}")
    n_prompt = tokens.shape[1]
    if read == "answer":
        tokens = torch.cat([tokens, _answer_tokens(model, answer).to(tokens)], 1)
        check_length(model, tokens.shape[1], "prompt and answer have")
    counted = counted_tokens(model, tokens)[0].nonzero()[:, 0].tolist()
    if not counted:
        raise PromptError(f"it has no token beside begin-of-text: {_shown(given)}")
    chosen = [at for at in counted if at >= n_prompt] if read == "answer" else _chosen(read, tokens.shape[1], counted)
    return ReadText(tuple(tokens[0].tolist()), tuple(chosen), tuple(counted))


def read_activations(
    model: HookedModel,
    texts: Sequence[ReadText],
    sites: Sequence[str],
    *,
    batch_tokens: int = 4096,
    progress: bool | None = None,
) -> Activations:
    """Run every different text once and read its activations at all sites.

    Raises:
        ConfigError: the model is being edited: the activations would be another model's.
        NonFiniteError: the model gives NaN or infinity.

    Cost: one forward per different text, up to the last site.
    """
    from tqdm.auto import tqdm

    if is_edited(model):
        raise ConfigError("a vector is read from the model as it is, and this model is being edited; leave that first")
    different = sorted(set(texts), key=lambda text: (len(text.tokens), text))
    rows: dict[ReadText, Tensor] = {}
    with tqdm(total=len(different), unit="text", disable=None if progress is None else not progress) as bar:
        for batch in _batches(different, batch_tokens):
            rows |= zip(batch, _read_batch(model, batch, sites), strict=True)
            bar.update(len(batch))
    both = torch.stack([rows[text] for text in texts])
    check_finite(both, f"activations at {', '.join(sites)}")
    return Activations(both[..., :-1], both[..., -1].mean(0))


def _read_batch(
    model: HookedModel, batch: Sequence[ReadText], sites: Sequence[str]
) -> Float[Tensor, "text layer d_and_norm"]:
    longest = max(len(text.tokens) for text in batch)
    tokens = torch.zeros(len(batch), longest, dtype=torch.long)
    read, counted = torch.zeros(2, len(batch), longest)
    for row, text in enumerate(batch):
        tokens[row, : len(text.tokens)] = torch.tensor(text.tokens)
        read[row, list(text.read)] = 1.0 / len(text.read)
        counted[row, list(text.counted)] = 1.0 / len(text.counted)

    def take(activation: Tensor) -> Tensor:
        values = activation.flatten(2).float()
        weights = read.to(values).unsqueeze(1), counted.to(values)
        # One tensor is kept per site: what is read, and in its last column the mean norm.
        norm = (values.norm(dim=2) * weights[1]).sum(1, keepdim=True)
        return torch.cat([(weights[0] @ values).squeeze(1), norm], 1).cpu()

    kept = capture(model, tokens.to(getattr(model.cfg, "device", None) or "cpu"), sites, take=take)
    return torch.stack([kept[site] for site in sites], 1)


def _batches(texts: Sequence[ReadText], batch_tokens: int) -> list[list[ReadText]]:
    """Cut texts in order of length into batches of at most so many tokens, padding included."""
    batches: list[list[ReadText]] = []
    for text in texts:
        if batches and (len(batches[-1]) + 1) * len(text.tokens) <= batch_tokens:
            batches[-1].append(text)
        else:
            batches.append([text])
    return batches


def _chosen(read: str | int, n_pos: int, counted: list[int]) -> list[int]:
    if read == "mean":
        return counted
    position = -1 if read == "last" else int(read)
    if not -n_pos <= position < n_pos or position % n_pos not in counted:
        raise PromptError(
            f"position {position} cannot be read of its {n_pos} tokens: {counted[0]} to {counted[-1]} can, or "
            f"{counted[0] - n_pos} to {counted[-1] - n_pos}; begin-of-text is no token of the text"
        )
    return [position % n_pos]


def _answer_tokens(model: HookedModel, answer: str) -> Tensor:
    tokens: Tensor = model.to_tokens(answer, prepend_bos=False) if answer else torch.zeros(1, 0)
    if not tokens.numel():
        raise PromptError("its answer is empty; give at least one token of text")
    return tokens


def _shown(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
