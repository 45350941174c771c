"""Which labelled concepts every token has: of the pocket world from its answer key, of other text from given labels.

A concept is a field with a value, such as entity_type=city. Every token has at most one value of each field. Documents
are cut into two halves by a hash of their number (`features.corpus`), so that what is chosen on one is scored on the
other. Judged are concepts in enough documents of both halves that hold for at most `MOST_OF` of the tokens: what nearly
always holds, such as language=English, every latent that always fires would tell. Names that hold for exactly the same
tokens are one concept. Copies of a text count as one document: they are in one half, and are resampled together.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64

from interp_nb._errors import DataError
from interp_nb.features.answer_key import AnswerKey
from interp_nb.features.corpus import in_half
from interp_nb.models.pocket.document import Document, Labels

MIN_DOCS: Final = 10
"""Documents with the concept in each half: below about that, an interval over documents is too narrow
(`_stats.bootstrap_ratio`)."""
MOST_OF: Final = 0.5
"""Largest share of tokens a concept may hold for."""

Rows = Int64[np.ndarray, " row"]


class Concepts(NamedTuple):
    """Concepts, and which tokens have them."""

    names: tuple[tuple[str, str], ...]
    """Field and value of each."""
    of_row: Int32[np.ndarray, "row field"]
    """Index of the concept that a token has in each field; -1 for none that is judged."""
    scored: Bool[np.ndarray, " row"]
    """Whether a token's document is in the half that is scored, not in the one that is chosen on."""
    doc: Int64[np.ndarray, " row"]
    """Document of each token; copies of a text have the number of the first."""

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.names)

    def name(self, concept: int) -> str:
        """Write one as field=value."""
        return "=".join(self.names[concept])

    def has(self, concept: int) -> Bool[np.ndarray, " row"]:
        """Mark the tokens that have a concept."""
        return np.asarray((self.of_row == concept).any(1))

    def table(self) -> Bool[np.ndarray, "row concept"]:
        """Mark for every token the concepts that it has."""
        made = np.zeros((len(self.of_row), self.n + 1), bool)
        made[np.arange(len(made))[:, None], self.of_row] = True  # -1 marks the last column, which is cut off
        return made[:, :-1]

    def half(self, *, scored: bool) -> "Concepts":
        """Return the tokens of one half."""
        return self.take(self.scored == scored)

    def take(self, rows: Bool[np.ndarray, " row"]) -> "Concepts":
        """Return some of the tokens."""
        return self._replace(of_row=self.of_row[rows], scored=self.scored[rows], doc=self.doc[rows])


def pocket_concepts(
    documents: Sequence[Document], tokenizer: Any, tokens: Rows, doc: Rows, pos: Rows, *, seed: int = 0,
    min_docs: int = MIN_DOCS, unit: Rows | None = None,
) -> Concepts:  # fmt: skip
    """Label tokens of the pocket world by its answer key.

    Args:
        tokenizer: The pocket model's; None = that one.
        seed: Draws the halves.
        min_docs: Documents with a concept in each half.
        unit: For each token the document that its own is a copy of; None = there are no copies.

    Raises:
        DataError: the documents are not the ones the tokens are from.
    """
    key = AnswerKey(documents, tokenizer)
    places = zip(doc.tolist(), pos.tolist(), tokens.tolist(), strict=True)
    return _judged(
        Labels._fields, [key.labels(*place) for place in places], doc if unit is None else unit, seed, min_docs
    )


def given_concepts(
    labels: Mapping[str, Sequence[Any]], doc: Rows, pos: Rows, *, n_docs: int, seed: int = 0, min_docs: int = MIN_DOCS,
    unit: Rows | None = None,
) -> Concepts:  # fmt: skip
    """Label tokens by what a caller gave: for each task one value per document, or a list of values per token.

    Values 0 and 1 (or False and True) make one concept, the rarer of the two: task=1, or task=0. Names of classes make
    one each; None makes none. `unit` is as for `pocket_concepts`.

    Raises:
        DataError: a task does not have one entry per document, or not one per token.
    """
    columns = [_column(task, list(values), doc, pos, n_docs) for task, values in labels.items()]
    return _judged(tuple(labels), list(zip(*columns, strict=True)), doc if unit is None else unit, seed, min_docs)


def _column(task: str, values: list[Any], doc: Rows, pos: Rows, n_docs: int) -> list[str | None]:
    found = _values(task, values, doc, pos, n_docs)
    known = [value for value in found if value is not None]
    if any(isinstance(value, str) for value in known):
        return [None if value is None else str(value) for value in found]
    rarer = 1 if sum(value != 0 for value in known) <= len(known) / 2 else 0
    if {float(value) for value in known} <= {0.0, 1.0}:
        return [str(rarer) if value is not None and value == rarer else None for value in found]
    return [None if value is None else f"{value:g}" for value in found]


def _values(task: str, values: list[Any], doc: Rows, pos: Rows, n_docs: int) -> list[Any]:
    """Lay a task's values out over the tokens."""
    if len(values) < n_docs:
        raise DataError(f"labels[{task!r}] must have an entry per document: {n_docs} were read, it has {len(values)}")
    if not any(_is_list(value) for value in values):
        return [values[index] for index in doc.tolist()]
    found = []
    for index, place in zip(doc.tolist(), pos.tolist(), strict=True):
        of_document = values[index]
        if not _is_list(of_document) or place >= len(of_document):
            raise DataError(
                f"labels[{task!r}] must have a value for every token: document {index} was read up to token {place}, "
                f"it has {len(of_document) if _is_list(of_document) else 'one value'}"
            )
        found.append(of_document[place])
    return found


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def _judged(
    fields: Sequence[str], rows: Sequence[Sequence[str | None]], doc: Rows, seed: int, min_docs: int
) -> Concepts:
    """Number the values of every field, and keep those that can be judged."""
    of_row = np.full((len(rows), len(fields)), -1, np.int32)
    names: dict[tuple[str, str], int] = {}
    for column, field in enumerate(fields):
        values = [row[column] for row in rows]
        of_row[:, column] = [-1 if value is None else names.setdefault((field, value), len(names)) for value in values]
    scored = in_half(doc, "score", seed)
    listed, kept, seen = list(names), [], set()
    for number, (field, _) in enumerate(listed):
        has = of_row[:, fields.index(field)] == number
        # Two names of one set of tokens, such as role=income and entity_type=income, are one concept: the first.
        content = np.packbits(has).tobytes()
        if content not in seen and _can_be_judged(has, doc, scored, min_docs):
            seen.add(content)
            kept.append(number)
    renumbered = np.full(len(names) + 1, -1, np.int32)
    renumbered[kept] = np.arange(len(kept))
    return Concepts(tuple(listed[number] for number in kept), renumbered[of_row], scored, doc)


def _can_be_judged(has: Bool[np.ndarray, " row"], doc: Rows, scored: Bool[np.ndarray, " row"], min_docs: int) -> bool:
    if not 0 < has.mean() <= MOST_OF:
        return False
    return all(len(np.unique(doc[has & half])) >= min_docs for half in (scored, ~scored))
