"""The text that an SAE is evaluated on: activations, which latents fire, and where each row is from.

A row is a token. Counted rows, which are all but begin-of-text and padding, come first; the rows of begin-of-text
tokens follow, for the figures with them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb.evaluation.contexts import Firings
from interp_nb.features.firing import Firing
from interp_nb.models.pocket.document import Document
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.recovery import windows_at_once

_WINDOWS: Final = 64
"""Windows in one forward at most."""


class Part(NamedTuple):
    """Some windows, as long as the longest of them: what one forward reads."""

    tokens: Int[Tensor, "window pos"]
    doc: Int[Tensor, "window pos"]
    """Number of each token's document, 0 to n_docs - 1."""
    row: Int[Tensor, "window pos"]
    """Row of each token; -1 for what is no row: padding, separators."""

    def mask(self, n_rows: int) -> Bool[Tensor, "window pos"]:
        """Mark the tokens that are among the first rows: the counted ones, or all."""
        return (self.row >= 0) & (self.row < n_rows)


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Text, and what a model and an SAE make of it; on the CPU."""

    tokens_in_windows: Int[Tensor, "window pos"]
    """Shortest windows first, padded on the right."""
    row_in_windows: Int[Tensor, "window pos"]
    """Row of each token; -1 for what is no row."""
    n_counted: int
    """Counted rows, in reading order; the rows after them are begin-of-text tokens."""
    all_acts: Float[Tensor, "every_row d_in"]
    """What the SAE reads, of all rows."""
    all_targets: Float[Tensor, "every_row d_out"]
    """What it is to write."""
    all_doc: Int[Tensor, " every_row"]
    """Index of the document of each row in the data."""
    all_pos: Int[Tensor, " every_row"]
    """Index of each token in its document; -1 for a begin-of-text token that was put in."""
    all_tokens: Int[Tensor, " every_row"]
    """Token ids."""
    all_fired: Firing
    """Latents that fire, that is, whose activation is not 0."""
    documents: list[Document] | None
    """Documents of the pocket world, where `doc` is an index into; None for other text."""
    labels: dict[str, Any] | None
    """Labels of the documents or of their tokens, as the caller gave them."""
    writes_what_it_reads: bool
    """Whether targets are what is read."""

    @property
    def acts(self) -> Float[Tensor, "row d_in"]:
        """What the SAE reads, of counted rows."""
        return self.all_acts[: self.n_counted]

    @property
    def targets(self) -> Float[Tensor, "row d_out"]:
        """What it is to write, of counted rows."""
        return self.all_targets[: self.n_counted]

    @property
    def doc(self) -> Int[Tensor, " row"]:
        """Index of the document of each counted row in the data."""
        return self.all_doc[: self.n_counted]

    @property
    def pos(self) -> Int[Tensor, " row"]:
        """Index of each counted row in its document."""
        return self.all_pos[: self.n_counted]

    @property
    def tokens(self) -> Int[Tensor, " row"]:
        """Token ids of counted rows."""
        return self.all_tokens[: self.n_counted]

    @cached_property
    def fired(self) -> Firing:
        """Latents that fire on counted rows."""
        return self.all_fired.cut(0, self.n_counted)

    @cached_property
    def doc_number(self) -> Int[Tensor, " every_row"]:
        """Number the documents of all rows from 0, in reading order."""
        number: Tensor = torch.unique(self.all_doc, return_inverse=True)[1]
        return number

    @cached_property
    def first_doc(self) -> Int[Tensor, " row"]:
        """Give, for each counted row, the first document with the tokens of its own: copies of a text are one text."""
        doc, tokens = self.doc.numpy(), self.tokens.numpy()
        order = np.lexsort((self.pos.numpy(), doc))
        ids, start = np.unique(doc[order], return_index=True)
        first: dict[bytes, int] = {}
        texts = np.split(tokens[order], start[1:])
        same = np.array([first.setdefault(text.tobytes(), number) for number, text in enumerate(texts)])
        return torch.from_numpy(ids[same][np.searchsorted(ids, doc)])

    @cached_property
    def lengths(self) -> Int[Tensor, " window"]:
        """Count the tokens of each window, up to its last row: what follows is padding."""
        there = (self.row_in_windows >= 0).int()
        return (there * torch.arange(1, there.shape[1] + 1)).amax(1)

    @cached_property
    def place(self) -> Int[Tensor, "every_row 2"]:
        """Give the window, and the place in it, of every row."""
        found = (self.row_in_windows >= 0).nonzero()
        return found[self.row_in_windows[self.row_in_windows >= 0].argsort()]

    @property
    def n_docs(self) -> int:
        """Documents that have rows."""
        return int(self.doc_number.max()) + 1

    def by_document(self, values: Float[Tensor, "row cell"]) -> Float[Tensor, "doc cell"]:
        """Sum values of counted rows over each document, in float64."""
        sums = torch.zeros(self.n_docs, values.shape[1], dtype=torch.float64)
        return sums.index_add_(0, self.doc_number[: self.n_counted], values.double())

    def parts(self, model: HookedModel, *, first_rows: int | None = None) -> Iterator[Part]:
        """Yield the windows a forward at a time.

        Args:
            first_rows: Only windows that hold one of the first counted rows.
        """
        upto = self.n_counted if first_rows is None else min(first_rows, self.n_counted)
        chosen = ((self.row_in_windows >= 0) & (self.row_in_windows < upto)).any(1)
        tokens, row = self.tokens_in_windows[chosen], self.row_in_windows[chosen]
        doc = torch.where(row >= 0, self.doc_number[row], -1)
        lengths, start = self.lengths[chosen].tolist(), 0
        while start < len(lengths):
            stop = start + 1
            while stop < len(lengths) and stop - start < min(_WINDOWS, windows_at_once(model, lengths[stop])):
                stop += 1
            some = (slice(start, stop), slice(0, lengths[stop - 1]))
            yield Part(tokens[some], doc[some], row[some])
            start = stop

    def firings(self, d_sae: int) -> Firings:
        """Keep what `top_contexts` needs, and no activations."""
        row = torch.where(self.row_in_windows < self.n_counted, self.row_in_windows, -1)
        return Firings(self.tokens_in_windows, row, self.fired, d_sae)

    def facts(self, source: str) -> dict[str, Any]:
        """Say which text it is, for a report."""
        digest = hashlib.sha256()
        for column in (self.all_tokens, self.all_doc, self.all_pos):
            digest.update(column.to(torch.int64).numpy().tobytes())
        return {
            "n_docs": self.n_docs, "n_tokens": self.n_counted, "n_tokens_with_bos": len(self.all_doc),
            "hash": digest.hexdigest()[:32], "source": source,
        }  # fmt: skip
