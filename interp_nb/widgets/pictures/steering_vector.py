"""The picture of a steering vector: the layer scan on held-out pairs, and which tokens the vector was read from."""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from interp_nb.steering.vectors import METHOD_WORDS
from interp_nb.widgets.fallback import DPI, cut, visible
from interp_nb.widgets.pictures import parts

LINE: Final = "#2a71b2"
READ: Final = "#fbe6c2"
"""Behind tokens that were read."""
WIDTH: Final = 8.6
_TOP, _HEIGHT, _PANEL, _GAP = 0.64, 1.25, 1.62, 0.48
_CHARACTER: Final = 10 / DPI
"""Inches of a character: whole pixels, or rounding would pull tokens apart."""
_TOKEN_SIZE: Final = _CHARACTER * 72 / 0.602
"""Points at which a character of DejaVu Sans Mono is as wide (0.602 em)."""
_LABEL: Final = 0.72
_READ_WORDS: Final = {"last": "last token", "mean": "mean over all tokens", "answer": "the answer's tokens"}


def draw(result: Any) -> Figure:
    """Draw a `SteeringVector`."""
    quality, pairs = result.quality, result.pairs_read
    below = _TOP + (_HEIGHT + 0.44 if quality is not None or len(result.layers) > 1 else 0.0)
    height = below + (0.2 + len(pairs) * 0.42 if pairs else 0.0) + (0.2 if result.note else 0.0) + 0.04
    figure = Figure(figsize=(WIDTH, height))
    _title(figure, result)
    if quality is not None:
        _panel(figure, 0, result, quality.separability, "held-out separability (d′)", low=0.0)
        axes = _panel(figure, 1, result, quality.auc, "held-out AUC", ends=(quality.auc_low, quality.auc_high))
        axes.axhline(0.5, color=parts.MUTED, linewidth=0.6, linestyle=":")
        axes.set_ylim(min(0.45, axes.get_ylim()[0]), 1.1)
        axes = _panel(figure, 2, result, quality.agreement, "agreement of folds (cosine)", low=0.0)
        axes.axhline(quality.agreeing, color=parts.MUTED, linewidth=0.6, linestyle=":")
        axes.set_ylim(min(-0.04, axes.get_ylim()[0]), 1.2)
    if quality is not None or len(result.layers) > 1:
        _panel(figure, 3 if quality is not None else 0, result, *_size(result), low=0.0)
    if pairs:
        said = "read from the tokens that are marked; the first pairs:"
        parts.write(figure, 0.1, below, said, fontsize=6.8, color=parts.MUTED)
    for index, pair in enumerate(pairs):
        top = below + 0.2 + index * 0.42
        _tokens(figure, top, "positive", pair.positive, pair.positive_read)
        _tokens(figure, top + 0.17, "negative", pair.negative, pair.negative_read)
    if result.note:
        parts.write(figure, 0.1, height - 0.2, cut(visible(result.note, 170), 170), fontsize=6.8, color=parts.ACCENT)
    return figure


def _title(figure: Figure, result: Any) -> None:
    name = visible(result.name, 60)
    parts.write(figure, 0.1, 0.06, "Steering vector", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(figure, 1.26, 0.06, name, fontsize=8.5, color=LINE, fontweight="bold")
    said = [f"{_how(result)}, {result.site}"]
    if result.n_pairs:
        said.append(f"{result.n_pairs} pairs, {_READ_WORDS.get(result.read_at, f'position {result.read_at}')}")
    if result.quality is not None and result.quality.n_held_out:
        said.append(f"{result.quality.n_held_out} held out to measure")
    row = result.row()
    if not bool(result.norm_share[row].isnan()):
        share = f"{float(result.norm_share[row]):.0%}"
        said.append(f"strength 1 at layer {result.layer} adds {share} of the stream's norm")
    parts.write(figure, 0.1, 0.26, cut("; ".join(said), 160), fontsize=7, color=parts.MUTED)


def _how(result: Any) -> str:
    return METHOD_WORDS.get(str(result.method), str(result.method))


def _size(result: Any) -> tuple[Any, str]:
    """Choose what to show of the vectors' length: as a share of the stream where that is known."""
    if bool(result.norm_share.isnan().all()):
        return result.norm, "norm"
    return result.norm_share, "norm, as share of the stream's"


def _panel(
    figure: Figure, column: int, result: Any, values: Any, title: str, *, ends: Any = None, low: float | None = None
) -> Axes:
    """Draw one number per layer, the layer to steer at marked."""
    axes = parts.add_axes(figure, 0.42 + column * (_PANEL + _GAP), _TOP, _PANEL, _HEIGHT)
    parts.frame(axes)
    y = np.asarray(values, np.float64)
    finite = np.isfinite(y)
    places = np.arange(len(y))
    chosen = result.row()
    axes.axvspan(chosen - 0.5, chosen + 0.5, color=READ, linewidth=0, zorder=0)
    if ends is not None:
        below, above = (np.asarray(end, np.float64) for end in ends)
        known = finite & np.isfinite(below)
        axes.vlines(places[known], below[known], above[known], color=LINE, linewidth=2.4, alpha=0.3)
    axes.plot(places, np.where(finite, y, np.nan), "-", color=LINE, linewidth=0.8, alpha=0.6)
    axes.plot(places[finite], y[finite], "o", color=LINE, markersize=3.2 if len(y) <= 40 else 1.6)
    highest = float(y[finite].max()) if finite.any() else 1.0
    bottom = min(0.0 if low is None else low, float(y[finite].min()) if finite.any() else 0.0)
    top = highest + 0.16 * max(highest - bottom, 1e-9)
    if low is not None:
        axes.set_ylim(bottom - 0.04 * max(top - bottom, 1e-9), top)
    # What is unknown is no zero, and what is infinite no number: marks of their own.
    axes.plot(places[np.isnan(y)], np.full(int(np.isnan(y).sum()), bottom), "x", color=parts.MUTED, markersize=4)
    axes.plot(places[np.isinf(y)], np.full(int(np.isinf(y).sum()), highest), "^", color=LINE, markersize=5)
    if finite[chosen]:
        axes.annotate(
            f"{y[chosen]:.2f}", (chosen, y[chosen]), xytext=(0, 4), textcoords="offset points", ha="center",
            fontsize=6.5, color=parts.INK,
        )  # fmt: skip
    axes.set_xlim(-0.6, len(y) - 0.4)
    parts.index_ticks(axes, result.layers, inches=_PANEL, size=6.5)
    axes.tick_params(axis="y", labelsize=6.5)
    unknown = int(np.isnan(y).sum())
    axes.set_title(title, fontsize=7, loc="left", pad=3, color=parts.INK, parse_math=False)
    axes.set_xlabel("layer" + (f"; {unknown} unknown (x)" if unknown else ""), fontsize=6.5, labelpad=2)
    if axes.get_ylim()[1] < 3:
        axes.yaxis.set_major_formatter(lambda number, place: f"{number:g}")
    return axes


def _tokens(figure: Figure, top: float, side: str, tokens: list[str], read: list[int]) -> None:
    """Write a text token by token, as much as there is room for around the last token that was read."""
    parts.write(figure, 0.1, top, side, fontsize=_TOKEN_SIZE, color=parts.MUTED)
    shown = [visible(token) for token in tokens]
    room = int((WIDTH - _LABEL - 0.1) / _CHARACTER) - 4
    last = max(read, default=len(tokens) - 1)
    first, end, used = last, last + 1, len(shown[last])
    while first > 0 and used + len(shown[first - 1]) <= room:
        first -= 1
        used += len(shown[first])
    while end < len(shown) and used + len(shown[end]) <= room:
        used += len(shown[end])
        end += 1
    left = _LABEL
    for index in range(first, end):
        width = len(shown[index]) * _CHARACTER
        if index in read:
            _mark(figure, left, top, width)
        parts.write(
            figure, left, top, shown[index], fontsize=_TOKEN_SIZE, family="DejaVu Sans Mono", color=parts.INK
        )  # fmt: skip
        left += width
    if first:
        parts.write(figure, _LABEL - 0.09, top, "…", fontsize=_TOKEN_SIZE, color=parts.MUTED)
    if end < len(shown):
        parts.write(figure, left, top, "…", fontsize=_TOKEN_SIZE, color=parts.MUTED)


def _mark(figure: Figure, left: float, top: float, width: float) -> None:
    """Put the color of what was read behind a token: under all text, so that it cuts no neighbor."""
    full_width, full_height = figure.get_size_inches()
    corner = (left / full_width, 1 - (top + 0.115) / full_height)
    figure.add_artist(
        Rectangle(
            corner, width / full_width, 0.135 / full_height, transform=figure.transFigure, figure=figure,
            facecolor=READ, edgecolor="none", linewidth=0, zorder=0,
        )
    )  # fmt: skip
