"""Running text in pictures: tokens one after the other, wrapped, each on the color of a number."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from interp_nb.widgets.fallback import visible
from interp_nb.widgets.pictures import parts

MONO: Final = "DejaVu Sans Mono"
SIZE: Final = 7.0
LETTER: Final = 0.602 * SIZE / 72
"""Width of a letter in inches: DejaVu Sans Mono's are 0.602 em wide."""
LINE: Final = 0.15
MAX_TOKEN: Final = 24
FULL: Final = 0.62
"""How far along the color map the limit is: beyond it, dark text would not be read."""


def written(token: str) -> str:
    """Write a token as part of a text: its leading space is a space, all else that is not seen has a sign."""
    shown = visible(token, MAX_TOKEN)
    return f" {shown[1:]}" if token[:1] == " " and token.strip() else shown


def wrapped(tokens: Sequence[str], width: float, most: int) -> list[list[int]]:
    """Break tokens into lines, by their places; what does not fit in `most` lines is left out.

    Args:
        width: Of a line, in inches.
    """
    room, lines, used = max(1, int(width / LETTER)), [list[int]()], 0
    for place, token in enumerate(tokens):
        size = len(written(token))
        if lines[-1] and used + size > room:
            lines.append([])
            used = 0
        lines[-1].append(place)
        used += size
        if token.endswith("\n"):
            lines.append([])
            used = 0
    return [line for line in lines if line][:most]


def write_tokens(
    axes: Axes, tokens: Sequence[str], changes: Sequence[float], lines: Sequence[Sequence[int]], *,
    left: float, top: float, limit: float,
) -> None:  # fmt: skip
    """Write lines of tokens, each on the color of its number; NaN has none.

    Args:
        axes: In inches from the left and the top, as `page_axes` in `steering_playground` makes them.
        changes: One per token; blue = positive, red = negative.
        lines: As `wrapped` gives them.
        limit: The number, either way, that has the full color.
    """
    boxes, colors = [], []
    for row, line in enumerate(lines):
        x, y = left, top + row * LINE
        texts = [written(tokens[place]) for place in line]
        for place, text in zip(line, texts, strict=True):
            end = x + LETTER * len(text)
            if np.isfinite(changes[place]):
                share = FULL * float(np.clip(changes[place] / limit, -1.0, 1.0))
                boxes.append([(x, y), (end, y), (end, y + LINE - 0.012), (x, y + LINE - 0.012)])
                colors.append(parts.DIVERGING(0.5 + share / 2))
            x = end
        axes.text(left, y + LINE / 2, "".join(texts), fontsize=SIZE, family=MONO, va="center", color=parts.INK,
                  parse_math=False)  # fmt: skip
    axes.add_collection(PolyCollection(boxes, facecolors=colors, edgecolors="none", zorder=0.5), autolim=False)
