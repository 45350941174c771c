"""Random tokens, repeated: what induction heads are for.

Tokens are drawn uniformly from the whole vocabulary without the special token, so that only
copying predicts them. Length and offset (random tokens before the first copy) vary widely, so
that induction is learned and not position; some lengths and some offsets are held out, and a
held-out document of `repeats` has both. The short families are steps on the way and hold nothing out.
"""

from __future__ import annotations

from random import Random

from interp_nb.models.pocket.document import Document, Split

VOCABULARY_SIZE = 4096
"""Entries of the tokenizer, the special token (id 0) included."""
MIN_LENGTH, MAX_LENGTH = 4, 50
MAX_OFFSET = 24
VOCABULARIES = (64, 512, VOCABULARY_SIZE)
"""Training draws from the first so many entries: with few, copying is found sooner, and it carries over to all."""


# NOTE: a fixed grid, not a share: the short families train on length 5 and on offsets up to 8 as well.
HELDOUT_LENGTHS = (11, 17, 23, 29, 35, 41, 47)
"""Lengths that training never repeats."""
HELDOUT_OFFSETS = (11, 15, 19, 23)
"""Numbers of random tokens that training never puts before the first copy."""


def repeats(rng: Random, split: Split) -> Document:
    """Write random tokens and then the same again (in training, short ones several times)."""
    if split == "heldout":
        return repeat_document(rng, rng.choice(HELDOUT_LENGTHS), rng.choice(HELDOUT_OFFSETS))
    while True:
        # The exponent prefers short repeats: they fit a row whole, wherever they start.
        length = MIN_LENGTH + int((MAX_LENGTH - MIN_LENGTH) * rng.random() ** 2)
        if length % 6 != 5:
            break
    while True:
        offset = rng.randint(0, MAX_OFFSET)
        if offset % 4 != 3:
            break
    # Short blocks often come again and again: more to predict for the same noise.
    copies = max(2, 60 // length) if rng.random() < 0.5 else 2
    return repeat_document(rng, length, offset, copies, rng.choice(VOCABULARIES))


def short_repeats(rng: Random, split: Split) -> Document:
    """Write a few common tokens many times over: the first thing to learn on the way to copying."""
    length = rng.randint(2, 6)
    return repeat_document(rng, length, rng.randint(0, 8), 30 // length, VOCABULARIES[1])


def medium_repeats(rng: Random, split: Split) -> Document:
    """Write up to a dozen of all tokens several times over: copying that no longer depends on which tokens."""
    length = rng.choice([n for n in range(2, 13) if n % 6 != 5])
    return repeat_document(rng, length, rng.randint(0, 8), max(2, 40 // length))


def repeat_document(
    rng: Random, length: int, offset: int, copies: int = 2, vocabulary: int = VOCABULARY_SIZE
) -> Document:
    """Draw `offset` tokens, then `length` tokens `copies` times, from the first `vocabulary` entries."""
    draw = rng.random
    ids = [1 + int((vocabulary - 1) * draw()) for _ in range(offset + length)]
    tokens = tuple(ids) + tuple(ids[offset:]) * (copies - 1)
    return Document("repeats", language="none", register="random", token_ids=tokens, repeat_from=offset + length)
