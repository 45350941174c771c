"""The picture of ground truth: mean F1 of every dictionary with its interval, and concepts that depend on context."""

import math
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interp_nb.evaluation.recovery_table import LOOKUP, PROBE
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

OURS: Final = "#a3cce3"
OTHER: Final = "#e1e3e6"
MOST: Final = 34
"""Concepts that are drawn, those with the best F1."""
ROW: Final = 0.155
"""Inches of a line."""


def draw(result: Any) -> Figure:
    """Draw a `ConceptRecovery`."""
    context = [row for row in result.concepts[result.against] if row.context]
    n_lines = max(len(result.recovered) * 2 + 4, min(MOST, len(context)))
    figure = Figure(figsize=(9.2, 1.25 + ROW * n_lines))
    parts.write(figure, 0.1, 0.06, "Recovery of ground truth", fontsize=8.5, color=parts.INK, fontweight="bold")
    words = f"{visible(result.site, 60)}, {result.data['n_docs']} documents; {len(context)} concepts depend on context"
    parts.write(figure, 2.0, 0.075, words, fontsize=6.5, color=parts.MUTED)
    _means(figure, result)
    _concepts(figure, result, context)
    return figure


def _means(figure: Figure, result: Any) -> None:
    rows = result.recovered
    axes = parts.add_axes(figure, 1.25, 0.55, 2.3, 2 * ROW * len(rows))
    parts.frame(axes)
    for place, row in enumerate(rows):
        _bar(axes, place, row.mean_f1, row.low, row.high, OURS if row.dictionary == result.against else OTHER)
        if not math.isnan(row.mean_f1):
            axes.text(row.high + 0.02, place, f"{row.mean_f1:.2f}", va="center", fontsize=6.5, color=parts.INK)
    axes.set_yticks(range(len(rows)), [cut(visible(row.dictionary, 22), 22) for row in rows], fontsize=7)
    axes.invert_yaxis()
    _scale(axes, "mean F1, concepts that depend on context (95 %)", 1.12)
    top = 0.55 + 2 * ROW * len(rows) + 0.5
    for line, other in enumerate(name for name in result.concepts if name != result.against):
        found = result.difference(other)
        words = f"{result.against} - {other}: {found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
        parts.write(figure, 0.3, top + ROW * line, visible(words, 70), fontsize=6.5, color=parts.INK)


def _concepts(figure: Figure, result: Any, context: list[Any]) -> None:
    shown = context[:MOST]
    if not shown:
        return
    axes = parts.add_axes(figure, 5.6, 0.55, 3.4, ROW * len(shown))
    parts.frame(axes)
    others = [name for name in result.concepts if name != result.against]
    f1 = {name: {row.name: row.f1 for row in result.concepts[name]} for name in others}
    for place, row in enumerate(shown):
        _bar(axes, place, row.f1, row.low, row.high, OURS)
        best = max((f1[name][row.name] for name in others), default=math.nan)
        for value, mark, color in ((best, "o", parts.MUTED), (row.lookup_f1, "|", parts.ACCENT)):
            axes.plot([value], [place], mark, color=color, markersize=3.4, markeredgewidth=1.0, fillstyle="none")
        axes.plot([row.probe_f1], [place], "|", color=parts.INK, markersize=5, markeredgewidth=1.0)
    axes.set_yticks(range(len(shown)), [cut(visible(row.name, 34), 34) for row in shown], fontsize=6.5)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    _scale(axes, f"F1 of {cut(visible(result.against, 20), 20)}; o best of the others", 1.03)
    key = f"amber | {LOOKUP}, dark | {PROBE}" + (f"; the best {MOST} of {len(context)}" * (len(context) > MOST))
    parts.write(figure, 5.6, 0.38, key, fontsize=6.5, color=parts.MUTED)


def _bar(axes: Axes, place: int, value: float, low: float, high: float, color: str) -> None:
    if math.isnan(value):
        return
    axes.barh(place, value, color=color, height=0.62)
    if not math.isnan(low):
        axes.plot([low, high], [place, place], color=parts.INK, linewidth=0.8)


def _scale(axes: Axes, label: str, most: float) -> None:
    axes.set_xlim(0, most)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6.5)
    axes.set_xlabel(label, fontsize=6.5, labelpad=2)
