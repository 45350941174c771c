"""The picture of side effects: accuracy before and after on every benchmark, loss, and how far predictions moved."""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

ROW: Final = 0.24
MOST: Final = 24
"""Benchmarks that are drawn."""
BEFORE: Final = "#8b9097"
AFTER: Final = "#2a71b2"
FALLS: Final = "#8e0b25"


def draw(result: Any) -> Figure:
    """Draw `SideEffects`."""
    effects = [*result.effects[:MOST], result.overall]
    height = ROW * len(effects)
    longest = max(len(visible(effect.name, 24)) for effect in effects)
    left = 0.3 + 0.068 * longest
    figure = Figure(figsize=(max(7.2, left + 7.0), height + 1.5))
    parts.write(
        figure, 0.12, 0.06, cut(f"Side effects of {visible(result.steering, 90)}", 100), fontsize=8.5, color=parts.INK,
        fontweight="bold",
    )  # fmt: skip
    room = int(figure.get_figwidth() / 0.053)
    for line, text in enumerate(result.price.split("; ")):
        parts.write(figure, 0.12, 0.25 + 0.14 * line, cut(text, room), fontsize=7, color=parts.MUTED)
    titles = (("accuracy", "accuracy"), ("loss", "loss on the answer, nats"))
    for column, (name, title) in enumerate(titles):
        axes = _panel(figure, left + column * 2.4, height, effects, title)
        _dumbbells(axes, effects, name)
        if column == 0:
            axes.set_yticks(range(len(effects)), [_name(effect) for effect in effects], fontsize=7)
            axes.set_xlim(-0.02, 1.02)
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        else:
            axes.set_xlim(left=-0.02 * axes.get_xlim()[1])
    axes = _panel(figure, left + 4.8, height, effects, "KL of the prediction, nats")
    _bars(axes, [effect.kl for effect in effects])
    axes.set_xlim(left=0)
    _legend(figure)
    if len(result.effects) > MOST:
        rest = f"and {len(result.effects) - MOST} more: to_frame()"
        parts.write(figure, 0.12, height + 1.33, rest, fontsize=6.5, color=parts.MUTED)
    return figure


def _panel(figure: Figure, left: float, height: float, effects: list[Any], title: str) -> Axes:
    axes = parts.add_axes(figure, left, 1.12, 2.0, height)
    parts.frame(axes)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=7, loc="left", pad=3, color=parts.INK)
    axes.set_ylim(len(effects) - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=6)
    axes.tick_params(axis="y", length=0)
    # What holds for all questions together stands apart.
    axes.axhline(len(effects) - 1.5, color="#c9ccd1", linewidth=0.6)
    return axes


def _dumbbells(axes: Axes, effects: list[Any], name: str) -> None:
    """Draw before and after with their intervals, joined; red where accuracy falls beyond its interval."""
    for row, effect in enumerate(effects):
        before, after = getattr(effect, f"{name}_before"), getattr(effect, f"{name}_after")
        color = FALLS if effect.falls else AFTER
        axes.plot([before.value, after.value], [row, row], "-", color=color, linewidth=1.2, alpha=0.35)
        for found, place, shade in ((before, row - 0.13, BEFORE), (after, row + 0.13, color)):
            if np.isfinite([found.low, found.high]).all():
                axes.plot([found.low, found.high], [place, place], "-", color=shade, linewidth=0.9)
            axes.plot(found.value, place, "o", color=shade, markersize=3.4)


def _bars(axes: Axes, found: list[Any]) -> None:
    values = np.array([each.value for each in found])
    axes.barh(range(len(found)), values, height=0.5, color=AFTER, alpha=0.75, linewidth=0)
    for row, each in enumerate(found):
        if np.isfinite([each.low, each.high]).all():
            axes.plot([each.low, each.high], [row, row], "-", color=parts.INK, linewidth=0.8)


def _name(effect: Any) -> str:
    return f"{visible(effect.name, 24)} ({effect.n_questions})"


def _legend(figure: Figure) -> None:
    marks = (("unsteered", BEFORE), ("steered", AFTER), ("steered, accuracy falls beyond its interval", FALLS))
    at = 0.12
    for name, color in marks:
        parts.write(figure, at, 0.725, "●", fontsize=6, color=color)
        parts.write(figure, at + 0.12, 0.72, name, fontsize=6.3)
        at += 0.3 + 0.055 * len(name)
