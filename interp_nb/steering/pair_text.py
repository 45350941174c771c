"""Contrastive pairs as people type them: one pair a line, `positive | negative`."""

import re
from typing import Final

from interp_nb._errors import ConfigError

MAX_PAIRS: Final = 1000
_BAR: Final = re.compile(r"(?<!\\)\|")


def read_pairs(text: str) -> list[tuple[str, str]]:
    r"""Read pairs from lines of `positive | negative`; `\|` is a bar in a text, empty lines are skipped.

    Raises:
        ConfigError: a line has not two sides, a side is empty, both are the same, or there are fewer than 2 pairs; the
            line is named.
    """
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        sides = [side.strip().replace("\\|", "|") for side in _BAR.split(line)]
        if len(sides) != 2:
            raise ConfigError(
                f"line {number} must be 'positive | negative', got {len(sides)} sides: {line.strip()[:60]!r}"
            )
        if not all(sides):
            raise ConfigError(f"line {number} must have a text on both sides of the bar, got {line.strip()[:60]!r}")
        if sides[0] == sides[1]:
            raise ConfigError(f"line {number} has the same text twice, {sides[0][:60]!r}: a pair must differ")
        pairs.append((sides[0], sides[1]))
    if not 2 <= len(pairs) <= MAX_PAIRS:
        raise ConfigError(f"a vector needs from 2 to {MAX_PAIRS:,} pairs, one a line, got {len(pairs)}")
    return pairs
