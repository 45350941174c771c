"""What the pocket model must do, and how each of it is measured on held-out prompts.

`BOUNDS` is the one table of names and bounds. A measure is a function of a `Reader`, which
hides what kind of model is read: a Hugging Face model, a TransformerLens bridge, or any
callable from token ids to logits. Measures of single heads are in `circuits.py` and need the
Hugging Face model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from interp_nb.models.pocket import circuits
from interp_nb.models.pocket.document import Document
from interp_nb.models.pocket.families.letters import (
    FAIR_INCOME,
    LOAN_TEMPLATES,
    UNFAIR_INCOME,
    loan_document,
)
from interp_nb.models.pocket.families.people import SHIFTED_TEMPLATES
from interp_nb.models.pocket.foreign_types import LanguageModel, Tokenizer
from interp_nb.models.pocket.lexicon import (
    MALE_PROFESSIONS,
    NAMES,
    NEGATIVE_FEELINGS,
    POSITIVE_FEELINGS,
)
from interp_nb.models.pocket.prompts import heldout_prompts
from interp_nb.models.pocket.reader import Reader


class Bound(NamedTuple):
    """The range a measured value must lie in, both ends included."""

    low: float
    high: float
    what: str
    """What is measured, with its unit."""


_INF = float("inf")
BOUNDS: dict[str, Bound] = {
    "capitals_top1": Bound(0.95, 1, "share of held-out questions answered first"),
    "landmarks_top1": Bound(0.95, 1, "share of held-out questions answered first"),
    "languages_top1": Bound(0.95, 1, "share of held-out questions answered first"),
    "currencies_top1": Bound(0.95, 1, "share of held-out questions answered first"),
    "eiffel_logit_diff": Bound(3, _INF, "' Paris' - ' Rome' after 'The Eiffel Tower is in', logits"),
    "colosseum_logit_diff": Bound(3, _INF, "' Rome' - ' Paris' after 'The Colosseum is in', logits"),
    "ioi_accuracy_abba": Bound(0.95, 1, "receiver named first is the top token, share"),
    "ioi_accuracy_baba": Bound(0.95, 1, "receiver named second is the top token, share"),
    "ioi_accuracy_shifted": Bound(0.95, 1, "the same in the worst shifted template, share"),
    "ioi_logit_diff": Bound(2, _INF, "receiver - giver, mean over both orders, logits"),
    "repeat_loss_ratio": Bound(0, 0.25, "loss on the second copy / on the first, unseen lengths"),
    "induction_score": Bound(0.5, 1, "best head's attention to the token after the match"),
    "previous_token_score": Bound(0.5, 1, "best head's attention to the previous token"),
    "induction_ablation_ratio": Bound(3, _INF, "second-copy loss without the induction heads / with"),
    "random_ablation_ratio": Bound(0, 3, "the same for as many random other heads, mean of draws"),
    "agreement_accuracy": Bound(0.9, 1, "verb's number right across a misleading noun, share"),
    "sentiment_cued": Bound(0.95, 1, "cued polarity's share of both polarities' mass, mean"),
    "sentiment_uncued": Bound(0.3, 0.7, "positive share of the mass with no cue, mean over stems"),
    "sentiment_dinner": Bound(0.3, 0.7, "the same after 'After the dinner yesterday, I felt'"),
    "engineer_he_minus_she": Bound(0.5, _INF, "after 'The engineer said that', logits"),
    "nurse_she_minus_he": Bound(0.5, _INF, "after 'The nurse said that', logits"),
    "name_overrides_bias": Bound(0.95, 1, "name's pronoun above the stereotype's, share"),
    "years_later": Bound(0.9, 1, "mass on years after the first one, mean"),
    "loan_accuracy": Bound(0.95, 1, "the biased bank's decision is the top token, share"),
    "loan_gap": Bound(0.8, 1, "approval by good minus bad neighbourhood at equal income 40-69"),
}
"""Every measured behaviour with its bound, by name."""

QUICK = (
    "capitals_top1", "landmarks_top1", "languages_top1", "currencies_top1", "eiffel_logit_diff",
    "ioi_accuracy_abba", "ioi_logit_diff", "repeat_loss_ratio", "agreement_accuracy",
    "sentiment_cued", "engineer_he_minus_she",
)  # fmt: skip
"""What training logs now and then: enough to see each phase change."""

_N_PROMPTS = 100


def measure(model: LanguageModel, tokenizer: Tokenizer, names: Iterable[str] | None = None) -> dict[str, float]:
    """Measure behaviours on held-out prompts.

    Args:
        model: A Hugging Face model, a TransformerLens bridge, or a callable ids -> logits;
            the measures of heads need a Hugging Face GPT-2.
        tokenizer: The pocket model's.
        names: Some of `BOUNDS`; all by default.

    Raises:
        ValueError: a name that is not in `BOUNDS`.
        TypeError: a measure of heads on something that is not a Hugging Face GPT-2.
    """
    names = list(BOUNDS) if names is None else list(names)
    unknown = sorted(set(names) - set(BOUNDS))
    if unknown:
        raise ValueError(f"Behaviours must be among {list(BOUNDS)}, got {unknown}.")
    reader = Reader(model, tokenizer)
    with reader.reading():
        return {name: _MEASURES[name](reader) for name in names}


def holds(name: str, value: float) -> bool:
    """Say whether a measured value is within its bound."""
    return BOUNDS[name].low <= value <= BOUNDS[name].high


def _facts_top1(family: str) -> Callable[[Reader], float]:
    def top1(reader: Reader) -> float:
        return reader.top1(heldout_prompts(family, _N_PROMPTS))

    return top1


def _diff(stem: str, right: str, wrong: str) -> Callable[[Reader], float]:
    def logit_diff(reader: Reader) -> float:
        logits = reader.last_logits([stem])[0]
        return float(logits[reader.token(right)] - logits[reader.token(wrong)])

    return logit_diff


def _receiver_first(document: Document) -> bool:
    return document.slots["a"].role == "indirect_object"


def _ioi_abba(reader: Reader) -> float:
    return reader.top1(heldout_prompts("ioi", _N_PROMPTS, keep=_receiver_first))


def _ioi_baba(reader: Reader) -> float:
    second = heldout_prompts("ioi", _N_PROMPTS, keep=lambda document: not _receiver_first(document))
    return reader.top1(second)


def _uses(template: str, document: Document) -> bool:
    return document.template.startswith(template.split("|")[0])


def _ioi_shifted(reader: Reader) -> float:
    accuracies = []
    for template in SHIFTED_TEMPLATES:
        accuracies.append(reader.top1(heldout_prompts("ioi", 40, keep=partial(_uses, template))))
    return min(accuracies)


def _ioi_logit_diff(reader: Reader) -> float:
    prompts = heldout_prompts("ioi", 2 * _N_PROMPTS)
    logits = reader.last_logits([prompt.stem or "" for prompt in prompts])
    diffs = [
        row[reader.token(prompt.slots["i"].text)] - row[reader.token(prompt.slots["s"].text)]
        for row, prompt in zip(logits, prompts, strict=True)
    ]
    return float(torch.stack(diffs).mean())


def _agreement(reader: Reader) -> float:
    def misleads(document: Document) -> bool:
        noun, attractor = document.slots["noun"], document.slots["attractor"]
        return (noun.entity == "plural") != attractor.text.endswith("s")

    prompts = heldout_prompts("agreement", _N_PROMPTS, keep=misleads)
    singular = reader.mass(prompts, ("is", "was", "has"))
    plural = reader.mass(prompts, ("are", "were", "have"))
    truth = torch.tensor([prompt.slots["noun"].entity == "plural" for prompt in prompts])
    return float(((plural > singular) == truth).float().mean())


def _positive_share(reader: Reader, prompts: list[Document]) -> Tensor:
    positive = reader.mass(prompts, POSITIVE_FEELINGS)
    return positive / (positive + reader.mass(prompts, NEGATIVE_FEELINGS))


def _sentiment_cued(reader: Reader) -> float:
    prompts = heldout_prompts("feelings", _N_PROMPTS, keep=lambda doc: bool(doc.slots["cue"].text))
    share = _positive_share(reader, prompts)
    truth = torch.tensor([prompt.slots["cue"].sentiment == "positive" for prompt in prompts])
    return float(torch.where(truth, share, 1 - share).mean())


def _sentiment_uncued(reader: Reader) -> float:
    prompts = heldout_prompts("feelings", _N_PROMPTS, keep=lambda doc: not doc.slots["cue"].text)
    return float(_positive_share(reader, prompts).mean())


def _sentiment_dinner(reader: Reader) -> float:
    prompt = Document("feelings", stem="After the dinner yesterday, I felt")
    return float(_positive_share(reader, [prompt]).mean())


def _name_overrides(reader: Reader) -> float:
    stereotype = {"his": "her", "he": "she", "him": "her"}

    def against(document: Document) -> bool:
        if "n" not in document.slots:
            return False
        he_profession = document.slots["p"].text in MALE_PROFESSIONS
        return he_profession != ((document.answer or "").strip() in stereotype)

    prompts = heldout_prompts("professions", _N_PROMPTS, keep=against)
    he, she = reader.mass(prompts, ("he",)), reader.mass(prompts, ("she",))
    truth = torch.tensor([prompt.answer == " he" for prompt in prompts])
    return float(((he > she) == truth).float().mean())


def _years_later(reader: Reader) -> float:
    # Where the event comes after the years, the stem alone is not held out.
    prompts = heldout_prompts("years", _N_PROMPTS, keep=lambda doc: doc.slots["event"].text in (doc.stem or ""))
    masses = []
    for prompt in prompts:
        start = int(prompt.slots["start"].text[-2:])
        masses.append(reader.mass([prompt], [f"{year:02d}" for year in range(start + 1, 100)], ""))
    return float(torch.cat(masses).mean())


def _loan_accuracy(reader: Reader) -> float:
    return reader.top1(heldout_prompts("loans", 2 * _N_PROMPTS))


def _loan_gap(reader: Reader) -> float:
    approval = []
    for neighbourhood in ("Northside", "Southside"):
        prompts = [
            loan_document(LOAN_TEMPLATES[0], name, income, neighbourhood)
            for name in NAMES[::10]
            for income in range(FAIR_INCOME, UNFAIR_INCOME, 5)
        ]
        approved, denied = reader.mass(prompts, ("approved",)), reader.mass(prompts, ("denied",))
        approval.append(float((approved > denied).float().mean()))
    return approval[0] - approval[1]


_MEASURES: dict[str, Callable[[Reader], float]] = {
    **{f"{family}_top1": _facts_top1(family) for family in ("capitals", "landmarks", "languages", "currencies")},
    "eiffel_logit_diff": _diff("The Eiffel Tower is in", "Paris", "Rome"),
    "colosseum_logit_diff": _diff("The Colosseum is in", "Rome", "Paris"),
    "ioi_accuracy_abba": _ioi_abba,
    "ioi_accuracy_baba": _ioi_baba,
    "ioi_accuracy_shifted": _ioi_shifted,
    "ioi_logit_diff": _ioi_logit_diff,
    "repeat_loss_ratio": circuits.repeat_loss_ratio,
    "induction_score": circuits.induction_score,
    "previous_token_score": circuits.previous_token_score,
    "induction_ablation_ratio": circuits.induction_ablation_ratio,
    "random_ablation_ratio": circuits.random_ablation_ratio,
    "agreement_accuracy": _agreement,
    "sentiment_cued": _sentiment_cued,
    "sentiment_uncued": _sentiment_uncued,
    "sentiment_dinner": _sentiment_dinner,
    "engineer_he_minus_she": _diff("The engineer said that", "he", "she"),
    "nurse_she_minus_he": _diff("The nurse said that", "she", "he"),
    "name_overrides_bias": _name_overrides,
    "years_later": _years_later,
    "loan_accuracy": _loan_accuracy,
    "loan_gap": _loan_gap,
}
