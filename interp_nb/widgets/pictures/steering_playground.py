"""The picture of a playground: the strengths, the last text with and without steering, and what comes next.

Tokens stand on the color of how much steering moved their log-probability.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interp_nb.widgets import steering_words as says
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.pictures.feature_effect import AFTER, BEFORE
from interp_nb.widgets.pictures.token_text import LINE, wrapped, write_tokens
from interp_nb.widgets.scales import nice_limit
from interp_nb.widgets.steering_replies import RANGE

WIDTH: Final = 9.6
LEFT, GAP = 0.12, 0.3
COLUMN: Final = (WIDTH - 2 * LEFT - GAP) / 2
MOST_LINES, MOST_SLIDERS, MOST_BARS = 14, 8, 12
TRACK_AT, TRACK, SLIDER = 2.0, 1.6, 0.19
BARS_AT, BAR, BARS = 1.1, 0.17, 3.2
NATS: Final = 10.0
"""Most that the limit of the colors may be, in nats."""


def draw(result: Any) -> Figure:
    """Draw a `SteeringPlayground`."""
    text, settings = result.generation, result.generated_with or result.settings
    sides = [] if text is None else [each[0] for each in (text.baseline, text.steered) if each]
    lines = [wrapped(side.tokens, COLUMN, MOST_LINES) for side in sides]
    sliders = list(settings.sliders.items())[:MOST_SLIDERS]
    bars = 0 if result.next_token is None else min(MOST_BARS, len(result.next_token.tokens))
    warnings = [] if text is None else text.warnings[:3]
    texts_at = 0.62 + SLIDER * len(sliders) + 0.24
    bars_at = texts_at + LINE * max([len(each) for each in lines] or [1]) + 0.2 * len(warnings) + 0.5
    figure = Figure(figsize=(WIDTH, bars_at + BAR * bars + (0.2 if bars else -0.25)))
    axes = page_axes(figure)
    _head(axes, result, settings)
    for row, (name, slider) in enumerate(sliders):
        _slider(axes, name, slider, 0.62 + SLIDER * row)
    if not sides:
        _write(axes, LEFT, texts_at, "Nothing was generated yet.", 7.5, color=parts.MUTED)
        return figure
    changes = [np.asarray(side.change, dtype=np.float64) for side in sides]
    limit = nice_limit(np.concatenate(changes), cap=NATS)
    colored = f"steered · color: change of log-probability, blue +{limit:g}, red −{limit:g} nats"
    for column, (title, color) in enumerate([("as it is", parts.MUTED), (colored, AFTER)][: len(sides)]):
        left = LEFT + column * (COLUMN + GAP)
        _write(axes, left, texts_at - 0.1, title, 7.0, color=color)
        write_tokens(axes, sides[column].tokens, changes[column].tolist(), lines[column], left=left, top=texts_at,
                     limit=limit)  # fmt: skip
        if sum(map(len, lines[column])) < len(sides[column].tokens):
            _write(axes, left, texts_at + LINE * MOST_LINES + 0.07, "…", 7.0, color=parts.MUTED)
    for row, warning in enumerate(warnings):
        at = bars_at - 0.42 - 0.2 * (len(warnings) - 1 - row)
        _write(axes, LEFT, at, cut(visible(warning, 200), 150), 7.0, color=parts.ACCENT)
    if bars:
        _next(figure, result.next_token, bars, bars_at)
    return figure


def page_axes(figure: Figure) -> Axes:
    """Add axes over all of a figure, in inches from the left and the top: many small ones would take long."""
    axes = parts.add_axes(figure, 0.0, 0.0, float(figure.get_figwidth()), float(figure.get_figheight()))
    axes.set_axis_off()
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))
    return axes


def _head(axes: Axes, result: Any, settings: Any) -> None:
    _write(axes, LEFT, 0.13, cut(says.heading(result), 100), 8.5, color=parts.INK, fontweight="bold")
    sampled = f"temperature {settings.temperature:g}, seed {settings.seed}" if settings.temperature else "greedy"
    tokens = next(each["label"] for each in says.POSITIONS if each["name"] == settings.positions)
    _write(axes, LEFT, 0.32, f"steers {tokens} · {settings.n_new} new tokens · {sampled}", 7.0, color=parts.MUTED)
    _write(axes, LEFT, 0.5, cut(f"prompt: {visible(settings.prompt, 400)}", 150), 7.0, color=parts.INK)


def _slider(axes: Axes, name: str, slider: Any, top: float) -> None:
    """Draw one strength on its track."""
    middle, right = top + SLIDER / 2, TRACK_AT + TRACK
    ink = parts.MUTED if slider.muted else parts.INK
    _write(axes, LEFT, middle, cut(visible(name, 40), 34), 7.0, color=ink)
    axes.plot([TRACK_AT, right], [middle, middle], color="#c9ccd1", linewidth=1.2, zorder=1)
    for mark, _ in says.MARKS:
        x = TRACK_AT + TRACK * (mark + RANGE) / (2 * RANGE)
        axes.plot([x, x], [middle - 0.03, middle + 0.03], color="#c9ccd1", linewidth=0.7, zorder=1)
    x = TRACK_AT + TRACK * (float(np.clip(slider.strength, -RANGE, RANGE)) + RANGE) / (2 * RANGE)
    axes.plot([x], [middle], marker="o", markersize=4, color=BEFORE if slider.muted else AFTER, zorder=2)
    _write(axes, right + 0.15, middle, says.setting(slider), 7.0, color=ink)


def _next(figure: Figure, found: Any, n_rows: int, top: float) -> None:
    """Draw the next token's probabilities: before above, after below."""
    axes = parts.add_axes(figure, BARS_AT, top, BARS, BAR * n_rows)
    places = np.arange(n_rows)
    before, after = np.array(found.before[:n_rows]), np.array(found.after[:n_rows])
    axes.barh(places - 0.18, before, height=0.32, color=BEFORE)
    axes.barh(places + 0.18, after, height=0.32, color=AFTER)
    axes.set(ylim=(n_rows - 0.5, -0.5), xlim=(0, 1))
    axes.set_yticks(places, [visible(token) for token in found.tokens[:n_rows]], fontsize=6.5, parse_math=False)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)
    for row in range(n_rows):
        end = max(before[row], after[row]) + 0.02
        axes.text(end, row, f"{before[row]:.3f} → {after[row]:.3f}", fontsize=6, va="center", color=parts.MUTED)
    said = f"next token after {visible(found.follows)}, as it is (gray) and steered (blue) · KL {found.kl:.3g} nats"
    parts.write(figure, LEFT, top - 0.2, said, fontsize=7, color=parts.MUTED)


def _write(axes: Axes, left: float, middle: float, text: str, size: float, **style: Any) -> None:
    axes.text(left, middle, text, fontsize=size, va="center", parse_math=False, **style)
