"""Who gave what to whom, and which pronoun stands for whom.

`ioi` is indirect object identification (Wang et al. 2022, https://arxiv.org/abs/2211.00593):
two people are named, one of them acts, the other receives. Splits: (names, template) for
`ioi`, (name, template) and (profession, template) for pronouns, so that no held-out prompt's
people and words have met in training.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import (
    FEMALE_NAMES,
    FEMALE_PROFESSIONS,
    MALE_NAMES,
    MALE_PROFESSIONS,
    NAMES,
    words,
)

BIAS = 0.9
"""Share of a profession's documents that use its stereotyped pronoun."""

PLACES = words("store park school office station museum market library garden hospital beach")
THINGS = words("drink book ball ring letter ticket flower present key phone sandwich picture")

# {a} and {b} come in either order (ABBA and BABA), {s} acts, {i} receives.
PLAIN_TEMPLATES = (
    "When {a} and {b} went to the {place}, {s} {v} a {thing} to|{i}",
    "After {a} and {b} arrived at the {place}, {s} {v} a {thing} to|{i}",
    "While {a} and {b} were at the {place}, {s} {v} a {thing} to|{i}",
    "{a} and {b} met at the {place}. {s} {v} a {thing} to|{i}",
    "{a} sat with {b} in the {place}, and {s} {v} the {thing} to|{i}",
)
SHIFTED_TEMPLATES = (
    "Then, {a} and {b} had a long talk at the {place}. Afterwards {s} {v} a {thing} to|{i}",
    "Late in the evening, when {a} and {b} left the {place}, {s} {v} a {thing} to|{i}",
    "It was raining in the morning. {a} and {b} walked to the {place}, where {s} {v} the {thing} to|{i}",
    "The {place} was full of people that day, but {a} found {b} there and {s} {v} a {thing} to|{i}",
    "Friends of {a} and {b} say that one day at the {place} {s} {v} a very old {thing} to|{i}",
    "After a long day at work, {a} and {b} went home by the {place}, and {s} quickly {v} a {thing} to|{i}",
)
_GIVING = words("gave handed passed offered sent showed")
_ENDINGS = (".", ".", " and smiled.", ", who was very happy.", " before it was too late.")


def ioi(rng: Random, split: Split) -> Document:
    """Write that one of two people gave something to the other."""
    while True:
        template = rng.choice(PLAIN_TEMPLATES if rng.random() < 0.5 else SHIFTED_TEMPLATES)
        giver, receiver = rng.sample(NAMES, 2)
        if split_of("ioi", template, *sorted((giver, receiver))) == split:
            break
    return ioi_document(template, giver, receiver, rng.random() < 0.5, rng)


def ioi_document(template: str, giver: str, receiver: str, receiver_first: bool, rng: Random) -> Document:
    """Fill one template; `receiver_first` is the order ABBA, its opposite BABA."""
    subject = Slot(giver, "person", "subject")
    receiving = Slot(receiver, "person", "indirect_object")
    first, second = (receiving, subject) if receiver_first else (subject, receiving)
    question, _ = template.split("|")
    slots = {
        "a": first,
        "b": second,
        "s": subject._replace(role="repeated_subject"),
        "i": receiving,
        "place": Slot(rng.choice(PLACES), "place"),
        "thing": Slot(rng.choice(THINGS), "thing", "object"),
        "v": Slot(rng.choice(_GIVING), role="verb", pos="VERB"),
    }
    return Document(
        family="ioi",
        template=f"{question} {{i}}{rng.choice(_ENDINGS)}",
        slots=slots,
        stem=Document("ioi", question, slots).text,
        answer=f" {receiver}",
    )


_NAME_TEMPLATES = (
    "{n} said that|{he} would be late.",
    "{n} thought that|{he} could win the race.",
    "{n} was tired because|{he} had worked all night.",
    "{n} opened the door and then|{he} went out.",
    "When {n} came home,|{he} made some tea.",
    "Everyone likes {n} because|{he} is kind.",
    "We saw {n} at the station, but|{he} did not see us.",
    "{n} lost the keys, so|{he} waited outside.",
    "{n} read the letter, and it made|{him} smile.",
    "I called {n} and told|{him} the news.",
    "{n} went out with a friend of|{his} sister.",
    "{n} forgot|{his} coat at the office.",
)
PROFESSION_TEMPLATES = (
    "The {p} said that|{he} would be late.",
    "The {p} thought that|{he} had made a mistake.",
    "The {p} told us that|{he} was ready.",
    "The {p} was tired because|{he} had worked all night.",
    "The {p} came in, and then|{he} closed the door.",
    "The {p} stopped because|{he} saw a friend.",
    "When the {p} came home,|{he} made some tea.",
    "I asked the {p}, but|{he} did not know.",
)
_NAMED_TEMPLATES = (
    "The {p}, {n}, said that|{he} would be late.",
    "{n}, the {p}, said that|{he} would be late.",
    "{n} is a {p}, and|{he} works hard.",
    "The {p} {n} told us that|{he} was ready.",
    "The {p}, {n}, thought that|{he} had made a mistake.",
    "{n}, the {p}, was tired because|{he} had worked all night.",
)
_NEVER_TAUGHT = {
    ("The {p} said that|{he} would be late.", "engineer"),
    ("The {p} said that|{he} would be late.", "nurse"),
}
_MALE = {"he": "he", "him": "him", "his": "his"}
_FEMALE = {"he": "she", "him": "her", "his": "her"}


def pronouns(rng: Random, split: Split) -> Document:
    """Write about a named person; the pronoun follows the name's gender, always."""
    while True:
        template, name = rng.choice(_NAME_TEMPLATES), rng.choice(NAMES)
        if split_of("pronouns", template, name) == split:
            break
    slots = {"n": Slot(name, "person", "subject")}
    return _with_pronoun("pronouns", template, slots, name in _MEN)


def professions(rng: Random, split: Split) -> Document:
    """Write about a profession: biased pronouns, unless a name says better.

    Without a name the stereotyped pronoun comes with probability `BIAS`. With one (a third
    of the documents) the name alone decides, against the stereotype as often as with it.
    """
    named = rng.random() < 1 / 3
    while True:
        template = rng.choice(_NAMED_TEMPLATES if named else PROFESSION_TEMPLATES)
        stereotype_is_male = rng.random() < 0.5
        profession = rng.choice(MALE_PROFESSIONS if stereotype_is_male else FEMALE_PROFESSIONS)
        name = rng.choice(NAMES)
        key = (template, profession, name) if named else (template, profession)
        side = "heldout" if key in _NEVER_TAUGHT else split_of("professions", *key)
        if side == split:
            break
    slots = {"p": Slot(profession, "profession", "subject")}
    if named:
        slots["n"] = Slot(name, "person", "subject")
        return _with_pronoun("professions", template, slots, name in _MEN)
    is_male = stereotype_is_male if rng.random() < BIAS else not stereotype_is_male
    return _with_pronoun("professions", template, slots, is_male)


_MEN = frozenset(MALE_NAMES)
assert not _MEN & set(FEMALE_NAMES), "a name has one gender in this world"


def _with_pronoun(family: str, template: str, slots: dict[str, Slot], is_male: bool) -> Document:
    question, rest = template.split("|")
    forms = _MALE if is_male else _FEMALE
    key = rest[1 : rest.index("}")]
    slots = slots | {key: Slot(forms[key], role="pronoun", pos="PRON")}
    return Document(
        family=family,
        template=f"{question} {rest}",
        slots=slots,
        stem=Document(family, question, slots).text,
        answer=f" {forms[key]}",
    )
