"""The `ground_truth` explainer: which label of the pocket world's answer key says best where a latent fires.

Every token of the pocket world has labels (`models.pocket.labelled`): its family of text, part of speech, entity type,
role, ... For each latent:

1. For every field=value, the correlation (phi, Matthews) of "has this label" with "fires", over tokens drawn evenly.
2. The best one is the label; a second one of another field is joined with "and" where that adds `WORTH_A_SECOND`.
3. Below `CLAIMS_FROM` there is no label: what the latent stands for is not in the key.

It needs the documents themselves, in the order in which the store read them, since text alone does not tell its labels.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float64, Int64

from interp_nb._errors import ConfigError, DataError
from interp_nb.features.corpus import Corpus
from interp_nb.features.explain import Evidence, Explanation, Judgment, Question
from interp_nb.models.pocket.document import Document, Labels
from interp_nb.models.pocket.labelled import LabelledTokens, encode_labelled

CLAIMS_FROM: Final = 0.3
"""Least phi at which a label is given: the firings and the label then share about a third of their tokens."""
WORTH_A_SECOND: Final = 0.05
"""Least gain in phi for which a second label is added."""

_Value = tuple[str, str]


class AnswerKey:
    """The labels of every token of documents, as they are asked for.

    Args:
        documents: In the order in which a store read them.
        tokenizer: The pocket model's; None = that one.
    """

    def __init__(self, documents: Iterable[Document], tokenizer: Any = None) -> None:
        self._documents = list(documents)
        if not self._documents or not all(isinstance(document, Document) for document in self._documents):
            raise ConfigError(
                "method='ground_truth' needs documents= of the pocket world (models.pocket.world.documents), in the "
                "order in which the store read them"
            )
        if tokenizer is None:
            from interp_nb.models.load import load_model

            tokenizer = load_model("pocket").tokenizer
        self._tokenizer: Any = tokenizer
        self._known: dict[int, LabelledTokens] = {}

    def labels(self, doc: int, pos: int, token_id: int) -> Labels:
        """Return the labels of one token.

        Raises:
            DataError: the documents are not those of the store: another token stands there.
        """
        if doc not in self._known and 0 <= doc < len(self._documents):
            self._known[doc] = encode_labelled(self._documents[doc], self._tokenizer)
        ids, labels = self._known.get(doc, LabelledTokens([], []))
        if not 0 <= pos < len(ids) or ids[pos] != token_id:
            found = f"token {ids[pos]}" if 0 <= pos < len(ids) else "nothing"
            raise DataError(
                f"the answer key does not fit the store: document {doc} has {found} at position {pos}, the store "
                f"read token {token_id}; give the documents that the store was built from, in the same order"
            )
        return labels[pos]


class GroundTruthExplainer:
    """Explains latents by the labels of an answer key.

    Args:
        documents: Documents of the pocket world, in the order in which the store read them.
        score_documents: Those of the store that is scored on, where that is another one.
    """

    name = "ground_truth"
    free = True
    corpus_only = True

    def __init__(
        self, documents: Iterable[Document], score_documents: Iterable[Document] | None = None, tokenizer: Any = None
    ) -> None:
        self._key = AnswerKey(documents, tokenizer)
        self._score_key = self._key if score_documents is None else AnswerKey(score_documents, self._key._tokenizer)
        self._table: tuple[Corpus, _Table] | None = None

    def explain_all(self, evidence: Sequence[Evidence]) -> list[Explanation]:
        """Explain latents, see `Explainer.explain_all`.

        Raises:
            DataError: the documents are not those of the store.
        """
        return [self._explain(one) for one in evidence]

    def judge_all(self, judgments: Sequence[Judgment]) -> list[Float64[np.ndarray, " question"]]:
        """Look the marked tokens up in the key, see `Explainer.judge_all`.

        Raises:
            DataError: the documents are not those of the store that is scored on.
        """
        return [
            np.array([self._share(judgment.explanation.rule, question) for question in judgment.questions], float)
            for judgment in judgments
        ]

    def _explain(self, evidence: Evidence) -> Explanation:
        if self._table is None or self._table[0] is not evidence.corpus:
            self._table = (evidence.corpus, _Table(evidence.corpus, self._key.labels))
        table = self._table[1]
        fires = np.zeros(len(evidence.corpus), bool)
        fires[evidence.rows] = True
        found, phi = table.best(fires, [])
        if found is None or phi < CLAIMS_FROM:
            best = "no label" if found is None else f"{'='.join(found)} at {phi:.2f}"
            return Explanation(evidence.latent_idx, "", error=f"best of the answer key: {best}")
        chosen = [found]
        second, better = table.best(fires, chosen)
        if second is not None and better >= phi + WORTH_A_SECOND:
            chosen, phi = [found, second], better
        text = " and ".join(f"{field}={value}" for field, value in chosen)
        return Explanation(evidence.latent_idx, text, {"all_of": [list(value) for value in chosen], "phi": phi})

    def _share(self, rule: dict[str, Any], question: Question) -> float:
        """Say which share of the marked tokens has the labels of a rule."""
        wanted = rule.get("all_of", [])
        if not wanted:
            return float("nan")
        held = []
        for index in question.marked:
            token, pos = int(question.token_ids[index]), question.pos + index - question.at
            labels = self._score_key.labels(question.doc, pos, token)
            held.append(all(getattr(labels, field) == value for field, value in wanted))
        return float(np.mean(held))


class _Table:
    """Which labels each row of a corpus has."""

    def __init__(self, corpus: Corpus, labels: Callable[[int, int, int], Labels]) -> None:
        places = zip(corpus.doc.tolist(), corpus.pos.tolist(), corpus.token_ids.tolist(), strict=True)
        names: dict[_Value, int] = {}
        columns: list[list[int]] = [[] for _ in Labels._fields]
        for place in places:
            for column, field, value in zip(columns, Labels._fields, labels(*place), strict=True):
                column.append(-1 if value is None else names.setdefault((field, str(value)), len(names)))
        self._names = list(names)
        self._columns = [np.array(column, np.int64) for column in columns]

    def best(self, fires: np.ndarray, given: list[_Value]) -> tuple[_Value | None, float]:
        """Find the label that, together with those given, correlates best with firing, and phi."""
        rows = np.ones(len(fires), bool)
        for field, value in given:
            rows &= self._columns[Labels._fields.index(field)] == self._names.index((field, value))
        known = {field for field, _ in given}
        open_columns = [c for field, c in zip(Labels._fields, self._columns, strict=True) if field not in known]
        if not open_columns or not self._names:
            return None, float("nan")
        both, has = (sum(self._count(column[which]) for column in open_columns) for which in (rows & fires, rows))
        phi = _phi(np.asarray(both), np.asarray(has), int(fires.sum()), len(fires))
        best = int(np.argmax(phi))
        return (self._names[best], float(phi[best])) if phi[best] > 0 else (None, float("nan"))

    def _count(self, column: Int64[np.ndarray, " row"]) -> Int64[np.ndarray, " label"]:
        return np.bincount(column[column >= 0], minlength=len(self._names))


def _phi(
    both: Int64[np.ndarray, " label"], has: Int64[np.ndarray, " label"], fires: int, n: int
) -> Float64[np.ndarray, " label"]:
    """Correlate labels with firing: (n11 n - n1. n.1) / root of the product of the margins; 0 where one is empty."""
    both, has = both.astype(float), has.astype(float)
    margins = has * (n - has) * float(fires) * float(n - fires)
    return np.where(margins > 0, (both * n - has * fires) / np.sqrt(np.maximum(margins, 1.0)), 0.0)
