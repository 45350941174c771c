"""What a model should go on doing while it is steered: benchmarks, and text that has nothing to do with the trait.

A benchmark is a list of questions: a prompt, what is right after it, and what is wrong. The pocket model has some of
its own, all held out from its training; for other models the caller gives them.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from interp_nb._errors import ConfigError, PromptError, nearest
from interp_nb.models.info import model_info
from interp_nb.models.pocket.families import FAMILIES
from interp_nb.models.pocket.prompts import heldout_prompts
from interp_nb.models.pocket.world import documents
from interp_nb.models.prompts import check_length, tokenize
from interp_nb.models.protocol import HookedModel

if TYPE_CHECKING:
    from interp_nb.models.pocket.document import Document

TRAITS: Final = ("feelings", "reviews", "letters", "explanations")
"""Families of the pocket world that carry sentiment, formality or technical depth."""
N_QUESTIONS: Final = 40
"""Questions of each of the pocket model's benchmarks: one answer more or less is 2.5 points."""

Text = str | Sequence[int]
"""A text, or its token ids (without begin-of-text)."""


class Question(NamedTuple):
    """One prompt, and what is right after it."""

    prompt: Text
    """The prompt."""
    right: tuple[Text, ...]
    """Right answers; their probabilities are added."""
    wrong: tuple[Text, ...]
    """Wrong answers; none = the right one has to be the likeliest of all."""


def pocket_texts(*, without: Sequence[str] = TRAITS, n_per_family: int = 3, seed: int = 0) -> list[Text]:
    """Draw documents from every family of the pocket world but some, always the same ones.

    Args:
        without: Families that touch the trait; by default all that carry one. For sentiment alone, leave out
            "feelings" and "reviews".

    Raises:
        ConfigError: there is no such family.
    """
    unknown = [family for family in without if family not in FAMILIES]
    if unknown:
        raise ConfigError(f"no family {unknown[0]!r} in the pocket world; {nearest(unknown[0], FAMILIES)}")
    return [
        _text(document)
        for family in FAMILIES
        if family not in without
        for document in islice(documents(f"unrelated:{seed}", split="heldout", weights={family: 1.0}), n_per_family)
    ]


def pocket_benchmarks(n_questions: int = N_QUESTIONS, seed: int = 0) -> dict[str, list[Question]]:
    """Give what the pocket model can do: facts, names, grammar, copying, years, loan decisions.

    All prompts are held out from its training. "agreement": verbs after a noun and a misleading one, of both numbers.
    "repeat": the last of random tokens that are said twice. "years": any year after the first one.
    """
    prompts = {
        family: heldout_prompts(family, n_questions, seed=seed)
        for family in ("capitals", "landmarks", "languages", "ioi", "loans")
    }
    found = {family: [Question(_stem(each), (_answer(each),), ()) for each in some] for family, some in prompts.items()}
    verbs = {"plural": (" are", " were", " have"), "singular": (" is", " was", " has")}
    found["agreement"] = [
        Question(_stem(each), *(verbs.values() if each.slots["noun"].entity == "plural" else reversed(verbs.values())))
        for each in heldout_prompts("agreement", n_questions, seed=seed, keep=_misleads)
    ]
    found["years"] = [
        Question(_stem(each), tuple(f"{year:02d}" for year in range(int(each.slots["start"].text[-2:]) + 1, 100)), ())
        for each in heldout_prompts("years", n_questions, seed=seed, keep=_names_event)
    ]
    repeats = islice(documents(f"prompts:{seed}", split="heldout", weights={"repeats": 1.0}), n_questions)
    found["repeat"] = [Question(each.token_ids[:-1], (each.token_ids[-1:],), ()) for each in repeats]
    return found


def unrelated_texts(model: HookedModel, given: Sequence[Text] | None) -> list[Text]:
    """Give the unrelated texts: the caller's, or the pocket model's own.

    Raises:
        ConfigError: none were given for another model, or an empty list.
    """
    if given is None:
        if model_info(model).name != "pocket":
            raise ConfigError(
                f"unrelated texts are known for the pocket model only, not for {model_info(model).name}: give "
                "unrelated=[...], a few dozen texts that have nothing to do with the trait"
            )
        return pocket_texts()
    if isinstance(given, str) or not len(given):
        raise ConfigError("unrelated must be a list of texts, at least one")
    return list(given)


def read_benchmarks(model: HookedModel, given: Mapping[str, Sequence[Any]] | None) -> dict[str, list[Question]]:
    """Give benchmarks: the caller's, or the pocket model's own.

    Args:
        given: By name, a list of (prompt, right) or (prompt, right, wrong); answers are texts or lists of texts.

    Raises:
        ConfigError: none were given for another model, or something else was.
    """
    if given is None:
        if model_info(model).name != "pocket":
            raise ConfigError(
                f"benchmarks are known for the pocket model only, not for {model_info(model).name}: give "
                "benchmarks={name: [(prompt, answer, wrong), ...]}"
            )
        return pocket_benchmarks()
    if not given or not all(len(questions) for questions in given.values()):
        raise ConfigError("benchmarks must be {name: [(prompt, answer, wrong), ...]} with at least one question each")
    return {str(name): [_question(each, name) for each in questions] for name, questions in given.items()}


def token_ids(model: HookedModel, prompt: Text) -> list[int]:
    """Turn a prompt into token ids, begin-of-text first where the model has one.

    Raises:
        PromptError: it is empty, or longer than the model's context.
    """
    if isinstance(prompt, str):
        return [int(token) for token in tokenize(model, prompt)[0][0]]
    ids = [*prefix_ids(model), *(int(token) for token in prompt)]
    if not len(prompt):
        raise PromptError("prompt has no tokens; give at least one")
    check_length(model, len(ids), "prompt has")
    return ids


def answer_ids(model: HookedModel, answer: Text) -> tuple[int, ...]:
    """Turn an answer into token ids as it is written.

    Raises:
        ConfigError: it is empty.
    """
    if not len(answer):
        raise ConfigError("an answer must have at least one token, got none")
    if not isinstance(answer, str):
        return tuple(int(token) for token in answer)
    return tuple(int(token) for token in model.to_tokens(answer, prepend_bos=False)[0])


def prefix_ids(model: HookedModel) -> list[int]:
    """Give what the model's tokenizer puts before any text."""
    with_prefix, without = (model.to_tokens("1", **how)[0].tolist() for how in ({}, {"prepend_bos": False}))
    return [int(token) for token in with_prefix[: len(with_prefix) - len(without)]]


def by_length(texts: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Group texts by their number of tokens, so that no forward needs padding."""
    groups: dict[int, list[int]] = {}
    for index, ids in enumerate(texts):
        groups.setdefault(len(ids), []).append(index)
    return dict(sorted(groups.items()))


def _question(given: Any, name: str) -> Question:
    if isinstance(given, Question):
        return given
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ConfigError(f"a question of {name!r} must be (prompt, answer) or (prompt, answer, wrong), got {given!r}")
    prompt, right, wrong = (*given, None)[:3]
    return Question(prompt, _several(right), () if wrong is None else _several(wrong))


def _several(answers: Any) -> tuple[Text, ...]:
    return (answers,) if isinstance(answers, str) else tuple(answers)


def _text(document: "Document") -> Text:
    return document.token_ids or document.text


def _stem(document: "Document") -> str:
    assert document.stem is not None
    return document.stem


def _answer(document: "Document") -> str:
    assert document.answer is not None
    return document.answer


def _misleads(document: "Document") -> bool:
    noun, attractor = document.slots["noun"], document.slots["attractor"]
    return (noun.entity == "plural") != attractor.text.endswith("s")


def _names_event(document: "Document") -> bool:
    # Where the event comes after the years, the stem alone is not held out.
    return document.slots["event"].text in (document.stem or "")
