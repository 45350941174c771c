"""Which tokens of a forward are steered: each way to choose positions as a function of a `Chunk`."""

import bisect
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.chunks import Chunk
from interp_nb.steering.prompts import decoded
from interp_nb.steering.recipe import FromMarker, Spans, Steering

_REMEMBERED: Final = 256
"""Texts whose marker's place is remembered, so that going on with them costs no search."""

Finder = Callable[[Chunk], Bool[Tensor, "batch pos"] | None]
"""Which tokens of a forward; None = all of them."""


def finder(steering: Steering, model: HookedModel) -> Finder:
    """Make the function that finds a recipe's tokens.

    Raises:
        ConfigError: positions of chats outside of `generate`, a string that is no token, or something else.
    """
    chosen: Any = steering.positions
    if isinstance(chosen, str):
        return _named(chosen, steering.last_prompt_token, model)
    if isinstance(chosen, FromMarker):
        return _from_marker(chosen, model)
    if isinstance(chosen, Spans):
        counted = _named("all", steering.last_prompt_token, model)
        return lambda chunk: _both(_masked(chunk, chosen.mask, chosen.beyond), counted(chunk))
    if isinstance(chosen, Tensor):
        if chosen.dtype != torch.bool or chosen.ndim != 2:
            raise ShapeError(f"a mask must be bool [batch pos], got {chosen.dtype} {list(chosen.shape)}")
        return lambda chunk: _masked(chunk, chosen, False)
    if callable(chosen):
        return lambda chunk: _by_text(chunk, lambda row, tokens, n_prompt: _judged(chosen, tokens, n_prompt))
    if isinstance(chosen, Sequence) and len(chosen):
        if all(isinstance(each, int) and not isinstance(each, bool) for each in chosen):
            return lambda chunk: _at(chunk, [int(each) for each in chosen])
        if all(isinstance(each, str) for each in chosen):
            ids = torch.tensor([_token_id(model, text) for text in chosen])
            return lambda chunk: _and_real(torch.isin(_tokens(chunk), ids.to(chunk.device)), chunk)
    raise ConfigError(
        "positions must be a name, integers, strings, FromMarker(...), a bool mask [batch pos] or a function, got "
        f"{chosen!r}"
    )


def reads_text(steering: Steering) -> bool:
    """Whether a recipe's positions depend on the text so far, not on places and single tokens."""
    chosen: Any = steering.positions
    return isinstance(chosen, FromMarker) or (callable(chosen) and not isinstance(chosen, (str, Tensor, Spans)))


def _named(name: str, last_prompt_token: str, model: HookedModel) -> Finder:
    if name == "everything":
        return lambda chunk: chunk.real
    bos = getattr(getattr(model, "tokenizer", None), "bos_token_id", None)

    def all_but_bos(chunk: Chunk) -> Bool[Tensor, "batch pos"] | None:
        return chunk.real if bos is None else _and_real(_tokens(chunk) != bos, chunk)

    if name == "all":
        return all_but_bos
    if name not in ("prompt", "generated"):
        raise ConfigError(f"positions={name!r} are known where a chat is given to generate(); here give a mask")
    shift = 1 if last_prompt_token == "generated" else 0

    def one_side(chunk: Chunk) -> Bool[Tensor, "batch pos"]:
        generated = chunk.index >= (chunk.n_prompt - shift).unsqueeze(1)
        return _both(generated if name == "generated" else ~generated, all_but_bos(chunk))

    return one_side


def _from_marker(marker: FromMarker, model: HookedModel) -> Finder:
    known: set[tuple[int, ...]] = set()
    """Beginnings of texts that end with the marker's last token."""

    def completed(ids: list[int]) -> int | None:
        """Count the tokens up to where the marker is complete."""
        for beginning in known:
            if tuple(ids[: len(beginning)]) == beginning:
                return len(beginning)
        if marker.text not in decoded(model, ids):
            return None
        # A beginning that has the marker keeps it, however it goes on.
        end = bisect.bisect_left(range(1, len(ids)), True, key=lambda n: marker.text in decoded(model, ids[:n])) + 1
        if len(known) >= _REMEMBERED:
            known.clear()
        known.add(tuple(ids[:end]))
        return end

    def after(row: int, tokens: Int[Tensor, " pos"], n_prompt: int) -> Bool[Tensor, " pos"]:
        chosen = torch.zeros(len(tokens), dtype=torch.bool)
        end = completed(tokens.tolist())
        if end is not None:
            chosen[end - marker.include :] = True
        return chosen

    return lambda chunk: _by_text(chunk, after)


def _at(chunk: Chunk, places: Sequence[int]) -> Bool[Tensor, "batch pos"]:
    longest = max(-place for place in places)
    if longest > 0 and bool((chunk.n_prompt < longest).any()):
        raise ShapeError(f"position {-longest} is before the first token of a prompt of {int(chunk.n_prompt.min())}")
    found = torch.zeros(chunk.shape, dtype=torch.bool, device=chunk.device)
    for place in places:
        found |= chunk.index == (place if place >= 0 else (chunk.n_prompt + place).unsqueeze(1))
    return _and_real(found, chunk)


def _masked(chunk: Chunk, mask: Bool[Tensor, "batch_or_1 width"], beyond: bool) -> Bool[Tensor, "batch pos"]:
    if len(mask) not in (1, chunk.shape[0]):
        raise ShapeError(f"a mask needs one row, or one per text, {chunk.shape[0]}; got {list(mask.shape)}")
    rows = mask.to(chunk.device).expand(chunk.shape[0], -1)
    at = chunk.index.clamp(0, max(mask.shape[1] - 1, 0))
    inside = rows.gather(1, at) if mask.shape[1] else torch.zeros_like(at, dtype=torch.bool)
    return _and_real(torch.where(chunk.index < mask.shape[1], inside, beyond), chunk)


def _by_text(
    chunk: Chunk, judge: Callable[[int, Int[Tensor, " pos"], int], Bool[Tensor, " pos"]]
) -> Bool[Tensor, "batch pos"]:
    """Judge every text so far, without its padding, and keep what is about this chunk's tokens."""
    history = chunk.history
    assert history is not None
    assert history.tokens is not None
    tokens, n_prompt = history.tokens.cpu(), history.n_prompt.tolist()
    real = torch.ones_like(tokens, dtype=torch.bool) if history.real is None else history.real.cpu()
    out = torch.zeros(tokens.shape, dtype=torch.bool)
    for row in range(len(tokens)):
        out[row, real[row]] = judge(row, tokens[row, real[row]], n_prompt[row])
    return out[:, chunk.past :].to(chunk.device)


def _judged(choose: Callable[..., Any], tokens: Int[Tensor, " pos"], n_prompt: int) -> Bool[Tensor, " pos"]:
    found = torch.as_tensor(choose(tokens, n_prompt))
    if found.dtype != torch.bool or found.shape != tokens.shape:
        raise ShapeError(
            f"positions(tokens, n_prompt) must return bool [pos={len(tokens)}], got {found.dtype} {list(found.shape)}"
        )
    return found.cpu()


def _token_id(model: HookedModel, text: str) -> int:
    ids = model.to_tokens(text, prepend_bos=False)[0].tolist() if text else []
    if len(ids) != 1:
        pieces = [str(piece) for piece in model.to_str_tokens(torch.tensor(ids))] if ids else []
        raise ConfigError(f"positions of strings must be single tokens, {text!r} is {len(ids)}: {pieces}")
    return int(ids[0])


def _tokens(chunk: Chunk) -> Int[Tensor, "batch pos"]:
    if chunk.tokens is None:
        raise ConfigError(
            "this forward was given embeddings, which do not say where begin-of-text is; use positions='everything', "
            "'places' as integers, or a mask"
        )
    return chunk.tokens


def _and_real(found: Bool[Tensor, "batch pos"], chunk: Chunk) -> Bool[Tensor, "batch pos"]:
    return _both(found, chunk.real)


def _both(one: Bool[Tensor, "batch pos"], other: Bool[Tensor, "batch pos"] | None) -> Bool[Tensor, "batch pos"]:
    return one if other is None else one & other
