"""One text of the pocket world, what is true of each part of it, and its split.

A document is a template with slots. `text` is what the model trains on; `pieces` cuts the
same text into labelled parts, and is only computed when somebody asks for the answer key.
What is not here: the families that write documents (`families/`) and tokens (`labelled.py`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from interp_nb.models.pocket.parts_of_speech import part_of_speech

Split = Literal["train", "heldout"]

HELDOUT_TENTHS = 1
"""Share of all combinations kept from training, in tenths."""

_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|\s+|(?:[^\w\s]|_)+")


class Labels(NamedTuple):
    """What is true of one token; None where a field does not apply."""

    family: str | None = None
    pos: str | None = None
    entity: str | None = None
    entity_type: str | None = None
    sentiment: str | None = None
    register: str | None = None
    language: str | None = None
    role: str | None = None


class Slot(NamedTuple):
    """A filler of a template: its text and what is known about it."""

    text: str
    entity_type: str | None = None
    role: str | None = None
    sentiment: str | None = None
    pos: str | None = None
    entity: str | None = None


class Piece(NamedTuple):
    """A stretch of a document's text that carries one set of labels."""

    text: str
    labels: Labels


@dataclass(frozen=True)
class Document:
    """One text of the world: a template, its fillers, and what holds for all of it."""

    family: str
    template: str = ""
    slots: Mapping[str, Slot] = field(default_factory=dict)
    register: str = "neutral"
    language: str = "English"
    stem: str | None = None
    """The text up to the answer, for a document that is used as a prompt."""
    answer: str | None = None
    """What follows `stem`."""
    token_ids: tuple[int, ...] = ()
    """Set instead of a template where the document is made of tokens, not of text."""
    repeat_from: int = 0
    """Index in `token_ids` at which the second copy starts."""

    @property
    def text(self) -> str:
        """The document as the model reads it."""
        return _SLOT.sub(lambda match: self.slots[match[1]].text, self.template)

    def pieces(self) -> Iterator[Piece]:
        """Cut `text` into labelled parts, in order.

        NOTE: `sentiment` holds from the first polar word to the end of the document: it
        says what the text has established so far, not only what the word itself says.
        """
        sentiment: str | None = None
        base = Labels(family=self.family, register=self.register, language=self.language)
        position = 0
        for match in _SLOT.finditer(self.template):
            fixed = self.template[position : match.start()]
            yield from _words(fixed, base._replace(sentiment=sentiment), None)
            slot = self.slots[match[1]]
            sentiment = slot.sentiment or sentiment
            labels = base._replace(
                entity=slot.entity or (slot.text if slot.entity_type else None),
                entity_type=slot.entity_type,
                sentiment=sentiment,
                role=slot.role,
            )
            yield from _words(slot.text, labels, slot.pos)
            position = match.end()
        yield from _words(self.template[position:], base._replace(sentiment=sentiment), None)


def _words(text: str, labels: Labels, pos: str | None) -> Iterator[Piece]:
    for word in _WORD.findall(text):
        known = pos or ("PROPN" if labels.entity_type in PROPER and word[:1].isupper() else None)
        tag = known or part_of_speech(word, labels.language or "English")
        yield Piece(word, labels._replace(pos=tag))


PROPER = frozenset({"person", "city", "country", "landmark", "team", "company", "neighbourhood"})
"""Entity types whose capitalized words are proper nouns."""


def split_of(*key: object) -> Split:
    """Say on which side of the split a combination lies; the same on every machine."""
    text = "|".join(map(str, key))
    return "heldout" if zlib.crc32(text.encode()) % 10 < HELDOUT_TENTHS else "train"
