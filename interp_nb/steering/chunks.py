"""What one forward of a model holds: its tokens, which of them are padding, and where they are in their texts.

Under generation with a cache a forward sees one new token; everything before it is in the cache. What is needed of it
is kept here, per cache: how long the prompt was, and the tokens, for choices that read the text. Places are counted in
the text without its padding, so that a text is the same alone and in a batch.
"""

import warnings
import weakref
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError


class History(NamedTuple):
    """What is known of the texts in a cache."""

    n_prompt: Int[Tensor, " batch"]
    """Tokens of each prompt."""
    tokens: Int[Tensor, "batch total"] | None
    """Everything so far, padding included; None where nobody reads it."""
    real: Bool[Tensor, "batch total"] | None
    """Which of it is not padding; None = all."""


class Chunk:
    """The tokens of one forward.

    Args:
        tokens: Token ids; None where the forward began with embeddings.
        mask: The attention mask over past and chunk; None = no padding.
        past: Length of what is in the cache.
    """

    def __init__(
        self,
        tokens: Int[Tensor, "batch pos"] | None,
        mask: Tensor | None,
        past: int,
        shape: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.tokens, self.past, self.shape, self.device = tokens, past, shape, device
        self._mask = mask
        self.history: History | None = None
        self.may_be_padded = False
        """Whether texts seem to end in padding that no mask speaks of."""
        self.found: dict[Any, Any] = {}
        """What is worked out once for all hooks of the forward."""

    @cached_property
    def full(self) -> Bool[Tensor, "batch total"] | None:
        """Which tokens of past and chunk are not padding; None = all."""
        return None if self._mask is None else self._mask.bool()

    @cached_property
    def real(self) -> Bool[Tensor, "batch pos"] | None:
        """Which tokens of the chunk are not padding; None = all."""
        return None if self._mask is None else self._mask[:, self.past :].bool()

    @cached_property
    def index(self) -> Int[Tensor, "batch pos"]:
        """Where each token is in its text without padding."""
        if self.full is None:
            at = torch.arange(self.past, self.past + self.shape[1], device=self.device)
            return at.expand(self.shape)
        return (self.full.cumsum(1) - 1)[:, self.past :]

    @property
    def n_prompt(self) -> Int[Tensor, " batch"]:
        """Tokens of each prompt."""
        assert self.history is not None
        if self.may_be_padded:
            self.may_be_padded = False
            warnings.warn(
                "some of these texts end in padding, and no attention mask says so: their prompts are taken to end "
                "with the longest; give the mask, or n_prompt",
                stacklevel=2,
            )
        return self.history.n_prompt


class Reader:
    """Make a `Chunk` of every forward, and remember by cache what the next forward will not see.

    Args:
        n_prompt: Tokens of each prompt without padding; None = what a text's first forward holds.
        pad: The token that texts are padded with.
        keeps_text: Whether somebody reads the text so far.
    """

    def __init__(self, n_prompt: Int[Tensor, " batch_or_1"] | None, pad: int | None, *, keeps_text: bool) -> None:
        self._given, self._pad, self._keeps_text = n_prompt, pad, keeps_text
        self._by_cache: weakref.WeakKeyDictionary[Any, History] = weakref.WeakKeyDictionary()

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Chunk:
        """Read the arguments of a Hugging Face model's forward.

        Raises:
            ConfigError: the attention mask is not one row per text.
            ShapeError: there are other numbers of prompts than texts.
        """
        tokens = args[0] if args else kwargs.get("input_ids")
        given = kwargs.get("inputs_embeds") if tokens is None else tokens
        if not isinstance(given, Tensor):
            raise ConfigError("steering has to see what a forward is given: token ids or embeddings, got neither")
        cache, mask = kwargs.get("past_key_values"), kwargs.get("attention_mask")
        past = 0 if cache is None else int(cache.get_seq_length())
        shape = (int(given.shape[0]), int(given.shape[1]))
        if mask is not None and (not isinstance(mask, Tensor) or tuple(mask.shape) != (shape[0], past + shape[1])):
            size = list(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
            raise ConfigError(
                f"steering needs an attention mask of [batch={shape[0]} past + new={past + shape[1]}], got {size}; "
                "give no mask, or one row per text"
            )
        chunk = Chunk(tokens, mask, past, shape, given.device)
        before = self._by_cache.get(cache) if past else None
        chunk.history = self._history(chunk, before)
        if tokens is not None and mask is None and not past and shape[0] > 1 and self._given is None:
            ends = tokens[:, -1] == self._pad if self._pad is not None else tokens.new_zeros(1, dtype=torch.bool)
            chunk.may_be_padded = bool(ends.any()) and not bool(ends.all())
        return chunk

    def remember(self, chunk: Chunk, cache: Any) -> None:
        """Keep what is known of the texts for the forward that will go on with this cache."""
        if cache is not None and chunk.history is not None:
            self._by_cache[cache] = chunk.history

    def _history(self, chunk: Chunk, before: History | None) -> History:
        n_prompt = self._prompt_lengths(chunk) if before is None else before.n_prompt
        if not self._keeps_text:
            return History(n_prompt, None, None)
        if chunk.tokens is None:
            raise ConfigError("markers and functions of the text need token ids, this forward was given embeddings")
        if not chunk.past:
            return History(n_prompt, chunk.tokens, chunk.real)
        if before is None or before.tokens is None or before.tokens.shape[1] < chunk.past:
            raise ConfigError(
                "markers and functions of the text need all of it, and this cache was filled outside of the steering; "
                "run the prompt inside of the with block too"
            )
        # A cache that was cut back has lost its last tokens.
        tokens = torch.cat([before.tokens[:, : chunk.past], chunk.tokens], 1)
        return History(n_prompt, tokens, chunk.full)

    def _prompt_lengths(self, chunk: Chunk) -> Int[Tensor, " batch"]:
        batch, n_pos = chunk.shape
        if self._given is not None:
            if len(self._given) not in (1, batch):
                raise ShapeError(f"n_prompt must be one number, or one per text, {batch}; got {len(self._given)}")
            return self._given.to(chunk.device).expand(batch)
        # Of a cache that was filled outside, all is taken for the prompt.
        seen = chunk.past or n_pos
        if chunk.full is None:
            return torch.full((batch,), seen, device=chunk.device)
        return chunk.full[:, :seen].sum(1)
