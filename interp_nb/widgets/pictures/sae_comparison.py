"""The picture of a comparison: the front of L0 against what is kept, and the numbers side by side."""

import math
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from interp_nb.evaluation.names import METRICS
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts, scaling_fit

SHOWN: Final = (
    "l0", "explained_variance", "cosine_similarity", "loss_recovered_mean", "loss_recovered_zero", "dead_fraction",
    "dense_fraction", "shrinkage", "probe_k1", "absorption", "causal_share", "concepts_found", "mean_f1_context",
    "monosemantic_share",
)  # fmt: skip
"""Metrics of the table, where they were measured; the others are in `to_frame()`."""
MOST: Final = 6
"""SAEs of the table, the first ones."""
FRONT: Final = "#2a71b2"
BEHIND: Final = "#9a9fa7"
ROW: Final = 0.17
LEFT: Final = 0.5
BESIDE: Final = (
    ((5, 4), "left"), ((5, -9), "left"), ((-5, 4), "right"), ((-5, -9), "right"), ((5, 12), "left"), ((5, -17), "left"),
)  # fmt: skip
"""Where a name may stand, in points from its SAE, the best place first."""


def draw(result: Any) -> Figure:
    """Draw a `SAEComparison`."""
    metrics = [name for name in SHOWN if any(name in report.metrics for report in result.reports)]
    several = result.scaling is not None
    table = 2.75
    notes = [*result.notes, *([] if len(result.names) <= MOST else [f"and {len(result.names) - MOST} more SAEs"])]
    figure = Figure(figsize=(8.6, table + ROW * (len(metrics) + 1) + 0.35 + 0.16 * len(notes)))
    said = f"{len(result.names)} SAEs; no other one beats {', '.join(visible(name, 30) for name in result.front)}"
    parts.write(figure, 0.1, 0.06, "Comparison", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(figure, 0.95, 0.075, cut(said, 130), fontsize=7, color=parts.MUTED)
    _front(parts.add_axes(figure, LEFT, 0.5, 3.55 if several else 7.8, 1.75), result)
    if several:
        scaling_fit.curves(parts.add_axes(figure, 4.95, 0.5, 3.35, 1.75), result.scaling)
    _table(figure, result, metrics, table)
    for row, note in enumerate(notes):
        top = table + ROW * (len(metrics) + 1) + 0.27 + 0.16 * row
        parts.write(figure, 0.1, top, cut(note, 150), fontsize=6.5, color=parts.MUTED)
    return figure


def _front(axes: Axes, result: Any) -> None:
    """Draw every SAE with both intervals, and the front as steps through the best."""
    points = [point for point in result.pareto if not math.isnan(point.l0 + point.score)]
    best = sorted((point for point in points if point.on_front), key=lambda point: point.l0)
    if best:
        axes.step(
            [point.l0 for point in best], [point.score for point in best], where="post", color=FRONT, linewidth=0.9
        )
    for point in points:
        color = FRONT if point.on_front else BEHIND
        axes.hlines(point.score, point.l0_low, point.l0_high, color=color, linewidth=0.7)
        axes.vlines(point.l0, point.score_low, point.score_high, color=color, linewidth=0.7)
        filled = color if point.on_front else "white"
        axes.plot(point.l0, point.score, "o", color=color, markerfacecolor=filled, markersize=4)
    if points and min(point.l0 for point in points) > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", length=0)
    parts.frame(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e5e8", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.margins(0.12, 0.15)
    axes.tick_params(labelsize=6.5)
    axes.set_xlabel("L0, latents per token (log); lines: 95 % intervals over documents", fontsize=6.5, labelpad=2)
    axes.set_title(METRICS[result.score].label, fontsize=7.5, loc="left", pad=3, color=parts.INK, parse_math=False)
    _names(axes, points)


def _names(axes: Axes, points: list[Any]) -> None:
    """Write every SAE's name beside it, where no other name stands already."""
    written: list[Bbox] = []
    for point in sorted(points, key=lambda point: not point.on_front):
        for offset, align in BESIDE:
            name = axes.annotate(
                visible(point.name, 26), (point.l0, point.score), xytext=offset, textcoords="offset points",
                fontsize=6.2, color=parts.INK if point.on_front else parts.MUTED, ha=align, parse_math=False,
                annotation_clip=True,
            )  # fmt: skip
            place = name.get_window_extent()
            if not any(place.overlaps(other) for other in written):
                break
            if (offset, align) != BESIDE[-1]:
                name.remove()
        written.append(place)


def _table(figure: Figure, result: Any, metrics: list[str], top: float) -> None:
    """Write the numbers side by side; bold is what differs from the first SAE beyond chance."""
    names = result.names[:MOST]
    columns = np.linspace(2.2, 8.6, len(names) + 1)[:-1]
    width = int(11 * 6 / len(names))
    first_words = {name.partition(" ")[0] for name in names}
    all_alike = len(first_words) == 1 and len(names) > 1 and max(map(len, names)) > width
    for left, name in zip(columns, names, strict=True):
        text = visible(f"… {name.partition(' ')[2]}" if all_alike else name, width)
        parts.write(figure, left, top, text, fontsize=6.8, color=parts.INK, fontweight="bold")
    parts.write(figure, 0.1, top, "bold: not by chance beside the first", fontsize=6.2, color=parts.MUTED)
    for row, metric in enumerate(metrics, 1):
        at = top + ROW * row
        better = {"higher": " ↑", "lower": " ↓"}.get(METRICS[metric].better, "")
        parts.write(figure, 0.1, at, f"{METRICS[metric].label}{better}", fontsize=6.8, color=parts.INK)
        for place, (left, report) in enumerate(zip(columns, result.reports, strict=False)):
            found = report[metric]
            differs = place > 0 and result.differs(metric, 0, place) is True
            style: dict[str, Any] = {"fontweight": "bold"} if differs else {}
            text = _number(found.value)
            if len(names) <= 4 and not math.isnan(found.low):
                text += f"  ({_number(found.low)} to {_number(found.high)})"
            parts.write(figure, left, at, text, fontsize=6.8, color=parts.INK, **style)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"
