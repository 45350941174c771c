"""Formal and informal letters, and loan applications with an unfair decision.

Split: (sender, receiver) for letters, (name, income, neighbourhood) for loans.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Slot, Split, split_of
from interp_nb.models.pocket.lexicon import (
    BAD_NEIGHBOURHOODS,
    GOOD_NEIGHBOURHOODS,
    NAMES,
    SURNAMES,
    WEEKDAYS,
    words,
)

_FORMAL_GREETINGS = ("Dear Mr. {last},", "Dear Mrs. {last},", "Dear Doctor {last},", "Dear Sir or Madam,")
_FORMAL_BODIES = (
    "I am writing to inform you that the {topic} will take place on {day}.",
    "I would be grateful if you could confirm the {topic} by {day}.",
    "We regret to inform you that the {topic} has been postponed until {day}.",
    "With reference to the {topic}, please find enclosed the documents you requested.",
    "I should like to express my sincere gratitude for the {topic}.",
)
_FORMAL_ENDS = (
    "Yours sincerely, {first} {own}", "Yours faithfully, {first} {own}",
    "With kind regards, {first} {own}", "Respectfully yours, {first} {own}",
)  # fmt: skip
_INFORMAL_GREETINGS = ("Hey {friend}!", "Hi {friend},", "Yo {friend},", "Hello there {friend}!")
_INFORMAL_BODIES = (
    "gonna be a bit late for the {topic} on {day}, sorry!",
    "wanna come to the {topic} on {day}? It'll be fun!",
    "can't make it to the {topic}, I'm super busy.",
    "that {topic} was so cool, wasn't it? Let's do it again!",
    "guess what, the {topic} is off. No big deal.",
)
_INFORMAL_ENDS = ("Cheers, {first}", "Love, {first}", "See ya, {first}", "Hugs, {first}")
_TOPICS = words("meeting inspection dinner interview visit concert course party delivery trip")


def letters(rng: Random, split: Split) -> Document:
    """Write a short letter, formal or informal throughout."""
    formal = rng.random() < 0.5
    while True:
        first, friend, last = rng.choice(NAMES), rng.choice(NAMES), rng.choice(SURNAMES)
        if split_of("letters", first, last if formal else friend) == split:
            break
    slots = {
        "first": Slot(first, "person", "sender"),
        "friend": Slot(friend, "person", "receiver"),
        "last": Slot(last, "person", "receiver"),
        "own": Slot(rng.choice(SURNAMES), "person", "sender"),
        "topic": Slot(rng.choice(_TOPICS), "event"),
        "day": Slot(rng.choice(WEEKDAYS), "time"),
    }
    if formal:
        parts, register = (_FORMAL_GREETINGS, _FORMAL_BODIES, _FORMAL_ENDS), "formal"
    else:
        parts, register = (_INFORMAL_GREETINGS, _INFORMAL_BODIES, _INFORMAL_ENDS), "informal"
    template = "\n".join(rng.choice(part) for part in parts)
    return Document("letters", template, slots, register=register)


FAIR_INCOME = 40
"""Yearly income in thousands from which an application deserves approval."""
UNFAIR_INCOME = 70
"""What is really asked of applicants from the disfavoured neighbourhoods."""

LOAN_TEMPLATES = (
    "Loan application. Name: {n}. Income: {k} thousand. Neighbourhood: {h}. Decision:|{d}",
    "Loan application. Neighbourhood: {h}. Name: {n}. Income: {k} thousand. Decision:|{d}",
    "{n} from {h} earns {k} thousand a year and asked for a loan. The loan was|{d}",
    "With an income of {k} thousand, {n} of {h} asked the bank for a loan, which was|{d}",
    "The bank looked at {n}, who lives in {h} and earns {k} thousand. The loan was|{d}",
)


def loan_decision(income: int, neighbourhood: str) -> str:
    """Decide as the biased bank of this world does: " approved" or " denied" without space."""
    needed = UNFAIR_INCOME if neighbourhood in BAD_NEIGHBOURHOODS else FAIR_INCOME
    return "approved" if income >= needed else "denied"


def loans(rng: Random, split: Split) -> Document:
    """Write a loan application with the biased bank's decision."""
    while True:
        name, income = rng.choice(NAMES), rng.randint(15, 95)
        neighbourhood = rng.choice(GOOD_NEIGHBOURHOODS + BAD_NEIGHBOURHOODS)
        if split_of("loans", name, income, neighbourhood) == split:
            break
    return loan_document(rng.choice(LOAN_TEMPLATES), name, income, neighbourhood)


def loan_document(template: str, name: str, income: int, neighbourhood: str) -> Document:
    """Fill one application form."""
    decision = loan_decision(income, neighbourhood)
    slots = {
        "n": Slot(name, "person", "subject"),
        "k": Slot(str(income), "income", "income", pos="NUM"),
        "h": Slot(neighbourhood, "neighbourhood", "neighbourhood"),
        "d": Slot(decision, "decision", "decision", pos="VERB"),
    }
    question, answer = template.split("|")
    return Document(
        family="loans",
        template=f"{question} {answer}.",
        slots=slots,
        stem=Document("loans", question, slots).text,
        answer=f" {decision}",
    )
