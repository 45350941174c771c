"""A model's tokenizer, as far as reading text for activations needs it: its special tokens, and texts to token ids."""

from collections.abc import Sequence
from typing import NamedTuple

from interp_nb._errors import ConfigError
from interp_nb.models.protocol import HookedModel


class Vocabulary(NamedTuple):
    """What is asked of a model's tokenizer."""

    model: HookedModel
    prefix: tuple[int, ...]
    """Tokens that the model expects before any text: its begin-of-text token, or none."""
    bos: int | None
    """Begin-of-text token, whether or not the model expects it."""
    pad: int | None
    """Padding token."""
    separator: int | None
    """Token between documents: end-of-text, or begin-of-text where there is none."""
    special: frozenset[int]
    """All special tokens."""

    @classmethod
    def of(cls, model: HookedModel) -> "Vocabulary":
        """Ask a model's tokenizer."""
        with_prefix, without = (model.to_tokens("1", **how)[0].tolist() for how in ({}, {"prepend_bos": False}))
        prefix = tuple(with_prefix[: len(with_prefix) - len(without)])
        tokenizer = getattr(model, "tokenizer", None)
        bos = prefix[0] if prefix else getattr(tokenizer, "bos_token_id", None)
        end = getattr(tokenizer, "eos_token_id", None)
        return cls(
            model,
            prefix,
            bos,
            getattr(tokenizer, "pad_token_id", None),
            bos if end is None else end,
            frozenset(getattr(tokenizer, "all_special_ids", None) or ()) | frozenset(prefix),
        )

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Turn texts into token ids with nothing added; half surrogate pairs become U+FFFD."""
        texts = [text if text.isascii() else _with_bytes(text) for text in texts]
        tokenizer = getattr(self.model, "tokenizer", None)
        if not callable(tokenizer):
            one_by_one = (
                self.model.to_tokens(text, prepend_bos=False, truncate=False) if text else [[]] for text in texts
            )
            return [[int(token) for token in ids[0]] for ids in one_by_one]
        # All at once, and without the wrappers' bookkeeping, which takes longer than the tokenizer.
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is not None and backend.truncation is None and backend.padding is None:
            return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
        found: list[list[int]] = tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)[
            "input_ids"
        ]
        return found


def separator_token(vocabulary: Vocabulary, separator: str | int | None) -> int | None:
    """Find the token that goes between packed documents.

    Args:
        separator: "auto" for the end-of-text token, a token id, a string that is one token, or None for nothing.

    Raises:
        ConfigError: a string that is several tokens.
    """
    if separator == "auto":
        return vocabulary.separator
    if not isinstance(separator, str):
        return separator
    ids = vocabulary.encode([separator])[0]
    if len(ids) != 1:
        raise ConfigError(f"separator must be one token, {separator!r} is {len(ids)}; give its id, 'auto' or None")
    return ids[0]


def _with_bytes(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
