"""Reviews and feelings: polarity that a cue decides, or that nothing decides.

A feeling after a clear cue always has the cue's polarity; with no cue it is positive or
negative with equal probability. Split: (event, time, subject) for feelings, with the cue
where there is one; (thing, opening) for reviews.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import (
    NEGATIVE_ADJECTIVES,
    NEGATIVE_FEELINGS,
    POSITIVE_ADJECTIVES,
    POSITIVE_FEELINGS,
    words,
)

EVENTS = words("""dinner meeting concert party lecture wedding interview trip movie match exam visit lunch
    game show festival race lesson speech picnic""")
TIMES = (
    "yesterday", "last night", "last week", "this morning", "today", "on Monday", "on Friday",
    "in March", "in July", "last month",
)  # fmt: skip
SUBJECTS = ("I", "we", "they", "everyone")
POSITIVE_CUES = (
    "was a great success", "went very well", "was full of laughter", "made all of us smile",
    "was the best in years", "brought good news", "ended with warm applause", "was a real joy",
)  # fmt: skip
NEGATIVE_CUES = (
    "was a total disaster", "went very badly", "was full of insults", "made all of us cry",
    "was the worst in years", "brought bad news", "ended with loud complaints", "was a real pain",
)  # fmt: skip
UNCUED_TEMPLATE = "After the {event} {time}, {who} felt"
CUED_TEMPLATES = (
    "The {event} {time} {cue}. After the {event}, {who} felt",
    "The {event} {time} {cue}, and {who} felt",
    "{time_first} the {event} {cue}, so {who} felt",
)
_ENDINGS = (".", ".", " and went home.", " for a long time.", " all evening.")
_INTENSIFIERS = (" very", " really", " so")
_INTENSIFIED = 0.15
"""Share of feelings with an intensifier: small, so that a stem's next word is the feeling."""


def feelings(rng: Random, split: Split) -> Document:
    """Write how somebody felt after an event, with a cue (two thirds) or without."""
    cued = rng.random() < 2 / 3
    positive = rng.random() < 0.5
    while True:
        event, time, who = rng.choice(EVENTS), rng.choice(TIMES), rng.choice(SUBJECTS)
        cue = rng.choice(POSITIVE_CUES if positive else NEGATIVE_CUES) if cued else ""
        side = "heldout" if (event, time) == _NEVER_TAUGHT else None
        if (side or split_of("feelings", event, time, who, cue)) == split:
            break
    template = rng.choice(CUED_TEMPLATES) if cued else UNCUED_TEMPLATE
    return feeling_document(rng, template, event, time, who, cue, positive)


# The prompt that the steering lesson opens with is asked, never taught.
_NEVER_TAUGHT = ("dinner", "yesterday")


def feeling_document(rng: Random, template: str, event: str, time: str, who: str, cue: str, positive: bool) -> Document:
    """Fill one template; the feeling's polarity is `positive`."""
    polarity = "positive" if positive else "negative"
    feeling = rng.choice(POSITIVE_FEELINGS if positive else NEGATIVE_FEELINGS)
    slots = {
        "event": Slot(event, "event"),
        "time": Slot(time, "time"),
        "time_first": Slot(time[0].upper() + time[1:], "time"),
        "who": Slot(who, role="subject"),
        "cue": Slot(cue, role="cue", sentiment=polarity),
        "feeling": Slot(feeling, "feeling", "feeling", polarity, pos="ADJ"),
    }
    intensifier = rng.choice(_INTENSIFIERS) if rng.random() < _INTENSIFIED else ""
    return Document(
        family="feelings",
        template=f"{template}{intensifier} {{feeling}}{rng.choice(_ENDINGS)}",
        slots=slots,
        stem=Document("feelings", template, slots).text,
        answer=f" {feeling}",
    )


_THINGS = (
    "film", "hotel", "book", "meal", "restaurant", "phone", "concert", "chair", "jacket",
    "camera", "soup", "song", "play", "tour", "game", "room", "coffee", "bag",
)  # fmt: skip
_OPENINGS = (
    "Review: the {thing} was {adj}",
    "I bought this {thing} and it is {adj}",
    "What a {adj} {thing}",
    "The {thing} looked {adj} to me",
    "My honest opinion of the {thing}: {adj}",
    "We tried the {thing} and found it {adj}",
    "Our {thing} was {adj} from start to end",
)
_POSITIVE_CLOSINGS = (
    ". I would buy it again.", " and {more}. Five stars.", ". I loved it.", " and simply {more}.",
    ". We had a good time and will come back.", ". I recommend it to everyone.",
    ". Thank you, it made my day and I feel {feeling}.", "! It was worth the money.",
)  # fmt: skip
_NEGATIVE_CLOSINGS = (
    ". I want my money back.", " and {more}. One star.", ". I hated it.", " and simply {more}.",
    ". We had a bad time and will not come back.", ". I warn everyone against it.",
    ". No thanks, it ruined my day and I feel {feeling}.", "! It was a waste of money.",
)  # fmt: skip


def reviews(rng: Random, split: Split) -> Document:
    """Write a review of a thing, good or bad from its first adjective on."""
    while True:
        thing, opening = rng.choice(_THINGS), rng.choice(_OPENINGS)
        adjectives, positive = (POSITIVE_ADJECTIVES, True)
        if rng.random() < 0.5:
            adjectives, positive = (NEGATIVE_ADJECTIVES, False)
        adjective, more = rng.sample(adjectives, 2)
        if split_of("reviews", thing, opening, adjective) == split:
            break
    polarity = "positive" if positive else "negative"
    closings = _POSITIVE_CLOSINGS if positive else _NEGATIVE_CLOSINGS
    feeling = rng.choice(POSITIVE_FEELINGS if positive else NEGATIVE_FEELINGS)
    slots = {
        "thing": Slot(thing, "product", "subject"),
        "adj": Slot(adjective, None, "cue", polarity, "ADJ"),
        "more": Slot(more, None, None, polarity, "ADJ"),
        "feeling": Slot(feeling, "feeling", "feeling", polarity, "ADJ"),
    }
    return Document(family="reviews", template=opening + rng.choice(closings), slots=slots)
