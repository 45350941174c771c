"""News lines (markets, sport, science, politics) and explanations, technical or plain.

Split: the main actor with the line's template.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import (
    CITIES,
    COMPANIES,
    COUNTRIES,
    SURNAMES,
    TEAMS,
    WEEKDAYS,
    words,
)

_MARKETS = (
    "Shares of {x} {move} {n} percent on {day} after {cause}.",
    "{x} stock {move} {n} percent in early trading, and investors blamed {cause}.",
    "The market closed on {day} with {x} {dir} {n} points.",
    "{x} reported {cause}, and its price {move} to {n} dollars.",
    "Analysts expected more from {x}, which {move} {n} percent following {cause}.",
)
_UP = ("rose", "up", ("strong earnings", "higher sales", "a new contract", "record profits"))
_DOWN = ("fell", "down", ("weak earnings", "lower sales", "a lost contract", "heavy losses"))
_SPORT = (
    "The {x} beat the {y} {hi} to {lo} in {city} on {day}.",
    "The {y} lost {lo} to {hi} against the {x} on {day}.",
    "With {hi} goals the {x} won the cup final in {city}.",
    "The coach of the {x} praised the team after the match with the {y}.",
    "The {x} will play the {y} in {city} next {day}.",
)
_SCIENCE = (
    "Scientists in {city} have discovered a new {thing} that {does}.",
    "A study from {city} shows how a {thing} {does}.",
    "Doctor {x} and her team measured a {thing} that {does}.",
    "In a laboratory in {city}, a {thing} was found that {does}.",
    "Researchers say the {thing} {does}, but more data are needed.",
)
_SCIENCE_THINGS = words("planet protein virus particle enzyme star fossil crystal bacterium galaxy")
_SCIENCE_DOES = (
    "emits blue light", "grows in the dark", "changes its shape", "reacts with oxygen",
    "spins very fast", "survives great heat", "absorbs radiation", "doubles in mass",
)  # fmt: skip
_POLITICS = (
    "The president of {c} met the minister of {d} in {city} on {day}.",
    "Voters in {c} go to the polls on {day}.",
    "The parliament of {c} passed a law on {topic}.",
    "Minister {x} of {c} resigned after a debate on {topic}.",
    "{c} and {d} signed a treaty on {topic} in {city}.",
    "The opposition in {c} wants a vote on {topic}.",
)
_TOPICS = words("taxes trade schools energy water housing borders health pensions farming")


def markets(rng: Random, split: Split) -> Document:
    """Write a stock-market line whose cause fits its direction."""
    template, company = _pick(rng, split, "markets", _MARKETS, COMPANIES)
    move, direction, causes = _UP if rng.random() < 0.5 else _DOWN
    slots = {
        "x": Slot(company, "company", "subject"),
        "move": Slot(move, role="verb", pos="VERB"),
        "dir": Slot(direction),
        "cause": Slot(rng.choice(causes)),
        "n": Slot(str(rng.randint(2, 40)), "number", pos="NUM"),
        "day": Slot(rng.choice(WEEKDAYS), "time"),
    }
    return Document("markets", template, slots, register="news")


def sport(rng: Random, split: Split) -> Document:
    """Write a sport line; the winner's score is the higher one."""
    template, team = _pick(rng, split, "sport", _SPORT, TEAMS)
    other = rng.choice([name for name in TEAMS if name != team])
    low = rng.randint(0, 5)
    slots = {
        "x": Slot(team, "team", "winner"),
        "y": Slot(other, "team", "loser"),
        "hi": Slot(str(low + rng.randint(1, 4)), "number", pos="NUM"),
        "lo": Slot(str(low), "number", pos="NUM"),
        "city": Slot(rng.choice(CITIES), "city"),
        "day": Slot(rng.choice(WEEKDAYS), "time"),
    }
    return Document("sport", template, slots, register="news")


def science(rng: Random, split: Split) -> Document:
    """Write a science line."""
    template, thing = _pick(rng, split, "science", _SCIENCE, _SCIENCE_THINGS)
    slots = {
        "x": Slot(rng.choice(SURNAMES), "person", "subject"),
        "thing": Slot(thing, "science", "subject"),
        "does": Slot(rng.choice(_SCIENCE_DOES)),
        "city": Slot(rng.choice(CITIES), "city"),
    }
    return Document("science", template, slots, register="news")


def politics(rng: Random, split: Split) -> Document:
    """Write a politics line."""
    template, country = _pick(rng, split, "politics", _POLITICS, COUNTRIES)
    slots = {
        "c": Slot(country, "country", "subject"),
        "d": Slot(rng.choice(COUNTRIES), "country", "object"),
        "x": Slot(rng.choice(SURNAMES), "person", "subject"),
        "city": Slot(rng.choice(CITIES), "city"),
        "topic": Slot(rng.choice(_TOPICS), "topic"),
        "day": Slot(rng.choice(WEEKDAYS), "time"),
    }
    return Document("politics", template, slots, register="news")


_SUBJECTS = words("engine battery heart computer bridge camera rocket kidney magnet laser")
_TECHNICAL_OPENINGS = (
    "In technical terms, the {x}", "Formally, the {x}", "For the expert: the {x}",
    "According to the specification, the {x}",
)  # fmt: skip
_PLAIN_OPENINGS = (
    "In simple words, the {x}", "Put simply, the {x}", "For a child: the {x}",
    "As my grandmother would say, the {x}",
)  # fmt: skip
_TECHNICAL = (
    "converts potential into kinetic energy with an efficiency of {n} percent.",
    "operates at a nominal frequency of {n} hertz under constant load.",
    "exhibits a linear response up to a threshold of {n} volts.",
    "maintains thermal equilibrium by means of a feedback mechanism.",
    "requires calibration of its parameters within a tolerance of {n} percent.",
)
_PLAIN = (
    "is a thing that helps you do your work.",
    "gets warm when you use it a lot.",
    "makes big things move, like a strong friend.",
    "is like a little box that never sleeps.",
    "stops when you do not look after it.",
)


def explanations(rng: Random, split: Split) -> Document:
    """Explain a thing, in technical words or in plain ones."""
    technical = rng.random() < 0.5
    openings = _TECHNICAL_OPENINGS if technical else _PLAIN_OPENINGS
    opening, subject = _pick(rng, split, "explanations", openings, _SUBJECTS)
    slots = {
        "x": Slot(subject, "device", "subject"),
        "n": Slot(str(rng.randint(2, 99)), "number", pos="NUM"),
    }
    template = f"{opening} {rng.choice(_TECHNICAL if technical else _PLAIN)}"
    register = "technical" if technical else "plain"
    return Document("explanations", template, slots, register=register)


def _pick(
    rng: Random, split: Split, family: str, templates: tuple[str, ...], actors: list[str] | tuple[str, ...]
) -> tuple[str, str]:
    while True:
        template, actor = rng.choice(templates), rng.choice(actors)
        if split_of(family, template, actor) == split:
            return template, actor
