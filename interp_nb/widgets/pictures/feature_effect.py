"""The picture of a changed latent: the text it fires on, next tokens before and after, and how the text goes on."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.scales import nice_limit

WIDTH: Final = 3.4
"""Length of a bar for probability 1, in inches."""
MOST: Final = 12
"""Next tokens that are drawn."""
BEFORE: Final = "#b4b8be"
AFTER: Final = "#2a71b2"


def draw(result: Any) -> Figure:
    """Draw `FeatureEffect`."""
    n_columns, n_rows = len(result.tokens), min(MOST, len(result.token_strings))
    strip = min(8.4, max(1.2, n_columns * 0.3))
    longest = max(len(visible(token)) for token in result.tokens) + len(str(n_columns)) + 1
    left, head = 1.25, 0.66
    below = head + 0.44 + 0.35 + longest * 0.062
    figure = Figure(figsize=(max(6.4, left + strip + 0.9), below + n_rows * 0.22 + 0.75))
    title = f"Latent {result.latent_idx} of {result.site} {result.done}"
    parts.write(figure, 0.12, 0.06, cut(title, 90), fontsize=8.5, color=parts.INK, fontweight="bold")
    room = int(figure.get_figwidth() / 0.066)
    said = f"KL {result.kl:.3g} nats" + (f" · {visible(result.note, 120)}" if result.note else "")
    parts.write(figure, 0.12, 0.25, cut(said, room), fontsize=7, color=parts.MUTED)
    _strip(figure, result, (left, head, strip))
    _next_tokens(figure, result, n_rows, (left, below, n_rows * 0.22))
    foot = below + n_rows * 0.22 + 0.28
    lines = (("before", result.continuation_before, BEFORE), ("after", result.continuation_after, AFTER))
    for line, (name, tokens, color) in enumerate(lines):
        text = visible("".join(tokens), 200) if tokens else "nothing: no tokens were asked for, or the context is full"
        parts.write(figure, 0.12, foot + 0.17 * line, f"goes on {name}:", fontsize=7, color=color)
        parts.write(figure, left, foot + 0.17 * line, cut(text, room - 18), fontsize=7, color=parts.INK)
    return figure


def _strip(figure: Figure, result: Any, box: tuple[float, float, float]) -> None:
    """Shade the text by the latent's activation, before and after."""
    left, head, width = box
    acts = np.stack([result.acts.numpy(), result.new_acts.numpy()])
    negative = bool((np.nan_to_num(acts) < 0).any())
    limit = nice_limit(acts, cap=np.inf)
    colors = (parts.DIVERGING if negative else parts.SEQUENTIAL).with_extremes(bad=parts.MASKED)
    axes = parts.add_axes(figure, left, head, width, 0.44)
    image = axes.imshow(
        np.ma.masked_invalid(acts), cmap=colors, vmin=-limit if negative else 0, vmax=limit, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    parts.frame(axes)
    axes.set_yticks([0, 1], ["activation before", "after"], fontsize=6.5)
    parts.token_ticks(axes, result.tokens, inches=width)
    bar = parts.add_axes(figure, left + width + 0.12, head, 0.1, 0.44)
    parts.color_bar(figure, bar, image, (-limit if negative else 0.0, limit), "")


def _next_tokens(figure: Figure, result: Any, n_rows: int, box: tuple[float, float, float]) -> None:
    """Draw the probability of each next token twice: before above, after below."""
    left, head, height = box
    axes = parts.add_axes(figure, left, head, WIDTH, height)
    places = np.arange(n_rows)
    before, after = result.before.numpy()[:n_rows], result.after.numpy()[:n_rows]
    axes.barh(places - 0.18, before, height=0.32, color=BEFORE, label="before")
    axes.barh(places + 0.18, after, height=0.32, color=AFTER, label="after")
    axes.set(ylim=(n_rows - 0.5, -0.5), xlim=(0, 1))
    axes.set_yticks(places, [visible(token) for token in result.token_strings[:n_rows]], fontsize=7, parse_math=False)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    for name in ("top", "right", "left"):
        axes.spines[name].set_visible(False)
    for row in range(n_rows):
        axes.text(
            max(before[row], after[row]) + 0.02, row, f"{before[row]:.2f} → {after[row]:.2f}", fontsize=6, va="center",
            color=parts.MUTED,
        )  # fmt: skip
    parts.write(figure, 0.12, head - 0.14, "next token", fontsize=7, color=parts.MUTED)
    figure.legend(
        handles=axes.get_legend_handles_labels()[0], fontsize=6.5, frameon=False, loc="upper left", ncols=2,
        bbox_to_anchor=(left / figure.get_figwidth(), 1 - (head - 0.24) / figure.get_figheight()), borderpad=0,
    )  # fmt: skip
