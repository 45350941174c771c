"""The answer key: every token of a document with what is true of it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

from interp_nb.models.pocket.document import Document, Labels
from interp_nb.models.pocket.foreign_types import Tokenizer


class LabelledTokens(NamedTuple):
    """Token ids and their labels, one for one."""

    ids: list[int]
    labels: list[Labels]


def encode_labelled(document: Document, tokenizer: Tokenizer) -> LabelledTokens:
    """Tokenize a document and label each token by the piece its last character lies in.

    A leading space belongs to the token that follows it, so the last character decides. The
    special token that comes before a document in training is not part of it.
    """
    if document.token_ids:
        ids = list(document.token_ids)
        base = Labels(document.family, "X", register=document.register, language=document.language)
        roles = ["first" if i < document.repeat_from else "repeat" for i in range(len(ids))]
        return LabelledTokens(ids, [base._replace(role=role) for role in roles])
    pieces = list(document.pieces())
    ends = list(accumulate(len(piece.text) for piece in pieces))
    encoding = tokenizer.backend_tokenizer.encode(document.text, add_special_tokens=False)
    labels = [pieces[bisect_left(ends, end)].labels for _, end in encoding.offsets]
    return LabelledTokens(list(encoding.ids), labels)
