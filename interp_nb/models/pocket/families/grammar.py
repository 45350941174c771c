"""Subject-verb agreement, years that grow, lists and counting.

Split: (template, noun, attractor, number) for agreement, (template, event, year) for years, (start, length)
or the items for lists.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import MONTHS, NUMBER_WORDS, WEEKDAYS, words

NOUNS = tuple(
    pair.split("/")
    for pair in words("""key/keys box/boxes letter/letters picture/pictures book/books door/doors
    report/reports window/windows table/tables boy/boys girl/girls guard/guards lawyer/lawyers
    driver/drivers cabinet/cabinets house/houses car/cars garden/gardens friend/friends
    student/students""")
)
_LINKS = ("to", "near", "behind", "next to", "in front of", "with", "beside", "of")
_VERBS = (("is", "are"), ("was", "were"), ("has", "have"))
_AFTER_BE = ("very old.", "on the list.", "new.", "well known.", "not here.", "ready now.")
_AFTER_HAVE = ("been moved.", "a long story.", "no name.", "been sold.", "been forgotten.")
AGREEMENT_TEMPLATES = (
    "The {noun} {link} the {attractor}",
    "We know that the {noun} {link} the {attractor}",
    "The {noun} that the {attractor} saw",
    "Yesterday I read that the {noun} {link} the {attractor}",
)


def agreement(rng: Random, split: Split) -> Document:
    """Write a sentence whose verb agrees with its subject across another noun.

    The attractor's number is drawn on its own, so that half of the time it misleads.
    """
    while True:
        template = rng.choice(AGREEMENT_TEMPLATES)
        noun, attractor = rng.sample(NOUNS, 2)
        plural, attractor_plural = rng.random() < 0.5, rng.random() < 0.5
        if split_of("agreement", template, noun[0], attractor[0], plural) == split:
            break
    verbs = rng.choice(_VERBS)
    number = "plural" if plural else "singular"
    slots = {
        "noun": Slot(noun[plural], "noun", "subject", pos="NOUN", entity=number),
        "attractor": Slot(attractor[attractor_plural], "noun", "attractor", pos="NOUN"),
        "link": Slot(rng.choice(_LINKS)),
        "verb": Slot(verbs[plural], role="verb", pos="AUX", entity=number),
    }
    rest = rng.choice(_AFTER_HAVE if verbs[0] == "has" else _AFTER_BE)
    return Document(
        family="agreement",
        template=f"{template} {{verb}} {rest}",
        slots=slots,
        stem=Document("agreement", template, slots).text,
        answer=f" {verbs[plural]}",
    )


_WARS = words("war siege strike drought trial journey plague project famine voyage campaign reign")
_YEAR_TEMPLATES = (
    "The {event} lasted from {start} to {century}|{end}.",
    "The {event} went on from {start} to {century}|{end}.",
    "From {start} to {century}|{end}, the {event} changed everything.",
    "The {event} began in {start} and ended in {century}|{end}.",
    "The {event} of {start} was over in {century}|{end}.",
)


def years(rng: Random, split: Split) -> Document:
    """Write from when to when something lasted; the second year is the later one."""
    while True:
        event, template = rng.choice(_WARS), rng.choice(_YEAR_TEMPLATES)
        century, start = rng.randint(11, 20), rng.randint(2, 97)
        if split_of("years", event, template, century, start) == split:
            break
    end = rng.randint(start + 1, 99)
    question, rest = template.split("|")
    slots = {
        "event": Slot(event, "event", "subject"),
        "start": Slot(f"{century}{start:02d}", "year", "start_year", pos="NUM"),
        "century": Slot(str(century), "year", "century", pos="NUM"),
        "end": Slot(f"{end:02d}", "year", "end_year", pos="NUM"),
    }
    stem = Document("years", question, slots).text
    return Document("years", question + rest, slots, stem=stem, answer=f"{end:02d}")


_SEQUENCES = (NUMBER_WORDS, WEEKDAYS, MONTHS, tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_ITEMS = words("""apples pears plums eggs bread milk cheese rice beans onions carrots tomatoes nuts
    butter honey flour salt grapes""")
_SHOPPERS = ("We need", "Please buy", "The list says", "On the table there are", "Bring")


def lists(rng: Random, split: Split) -> Document:
    """Count, recite a known sequence, or list things to buy."""
    while True:
        kind = rng.randrange(3)
        if kind == 0:
            start, step, length = rng.randint(0, 60), rng.choice((1, 1, 2, 5, 10)), rng.randint(3, 8)
            items = [str(number) for number in range(start, 100, step)][:length]
        elif kind == 1:
            sequence = rng.choice(_SEQUENCES)
            start = rng.randrange(len(sequence) - 3)
            items = list(sequence[start : start + rng.randint(3, 8)])
        else:
            items = rng.sample(_ITEMS, rng.randint(3, 6))
        if split_of("lists", *items) == split:
            break
    entity_type = ("number", "sequence", "food")[kind]
    slots = {
        f"i{index}": Slot(item, entity_type, "list_item", pos="SYM" if len(item) == 1 and item.isalpha() else None)
        for index, item in enumerate(items)
    }
    if kind == 2:
        commas = ", ".join(f"{{i{index}}}" for index in range(len(items) - 1))
        template = f"{rng.choice(_SHOPPERS)} {commas} and {{i{len(items) - 1}}}."
    else:
        template = rng.choice(("", "Count: ", "In order: ")) + ", ".join(f"{{i{index}}}" for index in range(len(items)))
        template += "."
    return Document("lists", template, slots)
