"""The picture of a generation: each prompt's texts without and with steering side by side.

Tokens stand on the color of how much steering moved their log-probability; the first that differs is marked.
"""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.pictures.steering_playground import page_axes
from interp_nb.widgets.pictures.token_text import FULL, LETTER, LINE, wrapped, write_tokens, written
from interp_nb.widgets.scales import nice_limit

WIDTH: Final = 9.6
LEFT, GAP = 0.12, 0.3
COLUMN: Final = (WIDTH - 2 * LEFT - GAP) / 2
MOST_TEXTS, MOST_LINES, MOST_NOTES = 8, 10, 4
ROW: Final = 0.17
NATS: Final = 10.0
"""Most that the limit of the colors may be, in nats."""
TITLES: Final = {"baseline": "as it is", "steered": "steered"}
ENDS: Final = {"end": "ends here", "stopped": "stopped", "length": "", "": "…"}


def draw(result: Any) -> Figure:
    """Draw a `Generation`."""
    sides = {name: getattr(result, name) for name in TITLES if getattr(result, name)}
    colored = len(sides) == 2 or any(bool(each.change.isfinite().any()) for each in result.steered)
    width = COLUMN if len(sides) == 2 else WIDTH - 2 * LEFT
    n_texts = max([len(texts) for texts in sides.values()] or [0])
    shown = range(min(n_texts, MOST_TEXTS))
    lines = {name: [wrapped(texts[at].tokens, width, MOST_LINES) for at in shown] for name, texts in sides.items()}
    heights = [LINE * max(1, *(len(lines[name][at]) for name in sides)) + 0.46 for at in shown]
    left_out = [f"{n_texts - len(shown)} more texts"] if n_texts > len(shown) else []
    notes = [*left_out, *result.warnings[:MOST_NOTES]]
    head = 0.42 + ROW * max(1, len(result.steering))
    figure = Figure(figsize=(WIDTH, head + 0.12 + sum(heights) + ROW * len(notes) + 0.06))
    axes = page_axes(figure)
    changes = [np.asarray(each.change, dtype=np.float64) for texts in sides.values() for each in texts[:MOST_TEXTS]]
    limit = nice_limit(np.concatenate([*changes, np.zeros(1)]), cap=NATS)
    _head(axes, result)
    if colored:
        _legend(figure, limit)
    top = head
    for at in shown:
        _prompt(axes, result, at, top)
        for column, name in enumerate(sides):
            left = LEFT + column * (COLUMN + GAP)
            _text(axes, sides[name][at], lines[name][at], (left, top + 0.34), TITLES[name], limit)
            _divergence(axes, result.diverges_at[at], lines[name][at], sides[name][at].tokens, (left, top + 0.34))
        top += heights[at]
    for row, note in enumerate(notes):
        _write(axes, LEFT, top + 0.12 + ROW * row, cut(visible(note, 300), 150), 7.0, color=parts.ACCENT)
    return figure


def _head(axes: Axes, result: Any) -> None:
    n = len(result.prompts)
    _write(axes, LEFT, 0.14, f"{n} prompt{'s' * (n != 1)} · {result.n_new} new tokens · {_drawn(result)}", 8.5,
           color=parts.INK, fontweight="bold")  # fmt: skip
    said = ["not steered"]
    if result.steering:
        shares = result.norm_share_added or [float("nan")] * len(result.steering)
        said = [
            f"{recipe} · tokens: {recipe.positions} · "
            + ("nothing was steered" if np.isnan(share) else f"changes {100 * share:.0f} % of the norm there")
            for recipe, share in zip(result.steering, shares, strict=True)
        ]
    for row, line in enumerate(said):
        _write(axes, LEFT, 0.34 + ROW * row, cut(visible(line, 200), 96), 7.0, color=parts.MUTED)


def _drawn(result: Any) -> str:
    if not result.temperature:
        return "greedy"
    return f"temperature {result.temperature:g}, seed {result.seed}"


def _legend(figure: Figure, limit: float) -> None:
    """Draw the colors as tokens have them, which is not the whole map: dark text stays readable."""
    ends = np.linspace(0.5 - FULL / 2, 0.5 + FULL / 2, 65)
    shades = LinearSegmentedColormap.from_list("as tokens have it", [parts.DIVERGING(end) for end in ends])
    axes = parts.add_axes(figure, WIDTH - LEFT - 2.2, 0.24, 2.0, 0.09)
    bar = figure.colorbar(ScalarMappable(Normalize(-limit, limit), shades), cax=axes, orientation="horizontal")
    bar.set_ticks([-limit, 0, limit], labels=[f"−{limit:g}", "0", f"+{limit:g}"])
    bar.ax.tick_params(labelsize=6.5, length=2, width=0.6, pad=1.5)
    bar.outline.set_linewidth(0.6)
    bar.outline.set_edgecolor("#c9ccd1")
    parts.write(figure, WIDTH - LEFT - 2.2, 0.08, "log-probability, steered − unsteered, in nats", fontsize=6.5,
                color=parts.MUTED)  # fmt: skip


def _prompt(axes: Axes, result: Any, at: int, top: float) -> None:
    prompt, sample = at // result.n_samples, at % result.n_samples
    number = f"{prompt}" if result.n_samples == 1 else f"{prompt}, sample {sample}"
    axes.plot([LEFT, WIDTH - LEFT], [top, top], color="#e3e5e8", linewidth=0.6)
    text = visible(result.prompts[prompt], 400).replace("·", " ").strip()
    _write(axes, LEFT, top + 0.11, cut(f"prompt {number}: {text}", 150), 7.0, color=parts.INK)


def _text(axes: Axes, text: Any, lines: list[list[int]], corner: tuple[float, float], title: str, limit: float) -> None:
    left, top = corner
    over = "…" if sum(map(len, lines)) < len(text.tokens) else ENDS[text.finished]
    _write(axes, left, top - 0.1, " · ".join([title, *([over] if over else [])]), 6.5, color=parts.MUTED)
    write_tokens(axes, text.tokens, np.asarray(text.change, dtype=np.float64).tolist(), lines, left=left, top=top,
                 limit=limit)  # fmt: skip


def _divergence(
    axes: Axes, at: int | None, lines: list[list[int]], tokens: list[str], corner: tuple[float, float]
) -> None:
    """Mark the first token at which the texts differ."""
    for row, line in enumerate(lines):
        if at is not None and at in line:
            before = sum(len(written(tokens[place])) for place in line[: line.index(at)])
            x = corner[0] + LETTER * (before + (tokens[at][:1] == " "))
            y = corner[1] + row * LINE
            axes.plot([x, x], [y, y + LINE - 0.012], color=parts.ACCENT, linewidth=1.4)


def _write(axes: Axes, left: float, middle: float, text: str, size: float, **style: Any) -> None:
    axes.text(left, middle, text, fontsize=size, va="center", parse_math=False, **style)
