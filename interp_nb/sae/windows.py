"""Windows of tokens to run a model on, cut out of documents.

"packed": documents are joined, a separator between them, and cut into windows of `ctx_len`; every window begins with
the model's begin-of-text token. A document that a window's end cuts goes on in the next window. Tokens see the
documents before them in their window, as in most models' training.

"separate": one document per window, cut at `ctx_len`. Nothing is padded with attention: windows of a batch are padded
on the right, where a causal model's tokens cannot see it.

Documents that are token ids already are windows as they are.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from interp_nb._errors import PromptError
from interp_nb.sae.documents import Documents, Text
from interp_nb.sae.vocabulary import Vocabulary

PACKINGS: Final = ("packed", "separate")
_AT_ONCE: Final = 512
_CHARACTERS: Final = 50_000
"""Documents, and characters, that are tokenized in one go; what is left of them is part of a saved position."""
_POOL: Final = 4
"""Forwards of separate windows that are sorted by length together, so that little is padding."""


class Window(NamedTuple):
    """Tokens that one forward sees, and which document each is from: plain lists, which a position is made of."""

    ids: list[int]
    doc: list[int]
    pos: list[int]
    """Index in its document; -1 for what was put in: begin-of-text, separators."""

    def add(self, ids: Sequence[int], document: int, first: int = 0) -> None:
        """Append a document's tokens."""
        self.ids.extend(ids)
        self.doc.extend([document] * len(ids))
        self.pos.extend(range(first, first + len(ids)))

    def put_in(self, ids: Sequence[int], document: int) -> None:
        """Append tokens that no document has."""
        self.ids.extend(ids)
        self.doc.extend([document] * len(ids))
        self.pos.extend([-1] * len(ids))

    def cut(self, start: int, stop: int | None) -> "Window":
        """Return some of its tokens."""
        return Window(*(column[start:stop] for column in self))


class Windows(NamedTuple):
    """Windows of one forward, padded on the right to the longest."""

    tokens: Int[Tensor, "window pos"]
    doc: Int[Tensor, "window pos"]
    pos: Int[Tensor, "window pos"]
    keep: Bool[Tensor, "window pos"]
    """Which tokens' activations are rows."""


class WindowStream:
    """Batches of windows of a data set, in order, with a position that can be saved and found again."""

    def __init__(
        self, documents: Documents, vocabulary: Vocabulary, *, ctx_len: int, batch_size: int, packing: str,
        separator: int | None, skipped: frozenset[int], keeps_prefix: bool,
    ) -> None:  # fmt: skip
        self.documents, self._vocabulary = documents, vocabulary
        self._ctx_len, self._batch_size, self._packed = ctx_len, batch_size, packing == "packed"
        self._separator, self._keeps_prefix = separator, keeps_prefix
        self._skipped = torch.tensor(sorted(skipped), dtype=torch.long)
        self._joined = Window([], [], [])
        self._ready: list[Window] = []
        self._any_text = self._has_warned = False

    def next(self, *, in_order: bool = False) -> Windows | None:
        """Return the windows of the next forward; None when the data have ended.

        Args:
            in_order: Do not put windows of about the same length together: for a sample that is not of short ones.

        Raises:
            DataError: there was not a single document.
            PromptError: a row of token ids is longer than `ctx_len`.
        """
        # Windows of documents are all used up before there are new ones: sorted, the longest would wait for ever.
        if not self._ready or (self._packed and len(self._ready) < self._batch_size):
            self._fill()
        if not self._ready:
            return None
        if not in_order:
            # Stable: windows of the same length stay in reading order.
            self._ready.sort(key=lambda window: len(window.ids))
        # Shorter windows: more of them, up to the same number of tokens with padding.
        n_windows, longest, room = 1, len(self._ready[0].ids), self._batch_size * self._ctx_len
        for window in self._ready[1:]:
            longest = max(longest, len(window.ids))
            if (n_windows + 1) * longest > room:
                break
            n_windows += 1
        chosen, self._ready = self._ready[:n_windows], self._ready[n_windows:]
        return self._padded(chosen)

    def count_rows(self, at_most: int) -> int | None:
        """Count the rows that are left; None where the data cannot be read again.

        Cost: tokenizing, some two seconds for a million tokens.
        """
        if not self.documents.indexed:
            return None
        here, count = self.state(), 0
        while count < at_most and (windows := self.next()) is not None:
            count += int(windows.keep.sum())
        self.load_state(here)
        return min(count, at_most)

    def state(self) -> dict[str, Any]:
        """Return the position as plain values."""
        return {
            "documents": self.documents.state(),
            "joined": [list(column) for column in self._joined],
            "ready": [[list(column) for column in window] for window in self._ready],
            "any_text": self._any_text,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go to a saved position, see `Documents.load_state`."""
        self.documents.load_state(state["documents"])
        self._joined = Window(*map(list, state["joined"]))
        self._ready = [Window(*map(list, window)) for window in state["ready"]]
        self._any_text = state["any_text"]

    def _fill(self) -> None:
        """Make the windows of some forwards ready, unless the data have ended."""
        wanted = self._batch_size * self._ctx_len * (1 if self._packed else _POOL)
        ended = False
        while sum(len(window.ids) for window in self._ready) < wanted and not ended:
            group = self._group()
            ended = not group
            for index, ids, is_text in group:
                self._take(index, ids, is_text)
            self._ready += self._cut(ended)

    def _group(self) -> list[tuple[int, list[int], bool]]:
        """Read some documents and tokenize those that are text."""
        found: list[tuple[int, Text]] = []
        characters = 0
        while len(found) < _AT_ONCE and characters < _CHARACTERS and (document := self.documents.next()) is not None:
            found.append(document)
            characters += len(document[1])
        texts = [text for _, text in found if isinstance(text, str)]
        encoded = iter(self._vocabulary.encode(texts) if texts else [])
        return [
            (index, next(encoded), True) if isinstance(text, str) else (index, text.tolist(), False)
            for index, text in found
        ]

    def _take(self, index: int, ids: list[int], is_text: bool) -> None:
        """Put a document's tokens where they will be cut into windows, or make them one."""
        if is_text and self._packed:
            if self._any_text and self._separator is not None:
                self._joined.put_in([self._separator], index)
            self._joined.add(ids, index)
            self._any_text = True
            return
        first, prefix = 0, self._vocabulary.prefix if is_text else ()
        if is_text:
            self._warn_of_cut(index, len(ids) + len(prefix))
            ids = ids[: self._ctx_len - len(prefix)]
        else:
            ids, first = _without_padding(ids, self._vocabulary)
        if len(ids) + len(prefix) > self._ctx_len:
            raise PromptError(
                f"document {index} has {len(ids)} tokens, a window holds ctx_len={self._ctx_len}; cut token ids into "
                "rows that fit, or give the text"
            )
        if ids:
            window = Window([], [], [])
            window.put_in(prefix, index)
            window.add(ids, index, first)
            self._ready.append(window)

    def _warn_of_cut(self, index: int, length: int) -> None:
        """Say once that text is left out."""
        if length > self._ctx_len and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"document {index} has {length} tokens, and with packing='separate' what is beyond ctx_len="
                f"{self._ctx_len} is left out, of others as well; packing='packed' reads everything",
                stacklevel=2,
            )

    def _cut(self, ended: bool) -> Iterator[Window]:
        """Cut joined documents into whole windows; at the end of the data, the last one as it is."""
        prefix = self._vocabulary.prefix
        length = self._ctx_len - len(prefix)
        n_tokens = len(self._joined.ids)
        stop = n_tokens if ended else n_tokens // length * length
        for start in range(0, stop, length):
            window = Window([], [], [])
            window.put_in(prefix, self._joined.doc[start])
            for own, column in zip(window, self._joined.cut(start, start + length), strict=True):
                own.extend(column)
            yield window
        self._joined = self._joined.cut(stop, None)

    def _padded(self, chosen: list[Window]) -> Windows:
        length = max(len(window.ids) for window in chosen)
        missing = [length - len(window.ids) for window in chosen]
        tokens, doc, pos = (
            # Through NumPy, which reads lists ten times as fast as torch.tensor does.
            torch.from_numpy(np.array([window[at] + [fill] * n for window, n in zip(chosen, missing, strict=True)]))
            for at, fill in enumerate((0, -1, -1))
        )
        put_in = (pos < 0) & (torch.arange(length) < len(self._vocabulary.prefix))
        keep = (doc >= 0) & ((pos >= 0) | (put_in & self._keeps_prefix)) & ~torch.isin(tokens, self._skipped)
        return Windows(tokens, doc, pos, keep)


def _without_padding(ids: list[int], vocabulary: Vocabulary) -> tuple[list[int], int]:
    """Take the padding off both ends of a row of token ids; say how much went at its beginning."""
    real = [place for place, token in enumerate(ids) if token != vocabulary.pad]
    if not real:
        return [], 0
    first = real[0]
    if first and vocabulary.pad == vocabulary.bos:
        first -= 1  # the last of several begin-of-text tokens is no padding
    return ids[first : real[-1] + 1], first
