"""The picture of a gate: every feature against each threshold, and why some fail."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

PASSES: Final = "#2a71b2"
FAILS: Final = "#8e0b25"
CRITERIA: Final = (
    ("confidence", "confidence: balanced accuracy"),
    ("causal_effect", "causal effect: nats per firing"),
    ("specificity", "specificity: 0.5 = a random direction"),
)
MOST: Final = 8
"""Failing features that are listed."""


def draw(result: Any) -> Figure:
    """Draw a `GateReport`."""
    failing = result.failing.tolist()
    n_lines = min(MOST, len(failing)) + (len(failing) > MOST)
    figure = Figure(figsize=(8.6, 2.35 + 0.17 * n_lines))
    parts.write(figure, 0.1, 0.06, "Gate", fontsize=8.5, color=parts.INK, fontweight="bold")
    said = f"{len(result.passing)} of {len(result.latents)} features pass"
    parts.write(figure, 0.5, 0.075, said, fontsize=7, color=parts.MUTED)
    for column, (name, title) in enumerate(CRITERIA):
        _criterion(figure, 0.45 + column * 2.75, result, name, title)
    labels = dict(zip(result.latents.tolist(), result.labels, strict=True))
    for row, latent in enumerate(failing[:MOST]):
        top = 2.2 + 0.17 * row
        name = f"{latent} {visible(labels[latent], 30)}" if labels[latent] else str(latent)
        parts.write(figure, 0.1, top, name, fontsize=6.5, color=FAILS)
        parts.write(figure, 2.4, top, cut(result.why(latent), 128), fontsize=6.5, color=parts.INK)
    if len(failing) > MOST:
        rest = f"and {len(failing) - MOST} more: to_frame()"
        parts.write(figure, 0.1, 2.2 + 0.17 * MOST, rest, fontsize=6.5, color=parts.MUTED)
    return figure


def _criterion(figure: Figure, left: float, result: Any, name: str, title: str) -> None:
    """Draw the features in order of one measurement: the end that counts, and up to the measurement itself."""
    axes = parts.add_axes(figure, left, 0.5, 2.3, 1.35)
    parts.frame(axes)
    threshold = result.thresholds[name]
    low = result.confidence if name == "confidence" else getattr(result, f"{name}_low")
    value = getattr(result, name)
    order = np.argsort(np.where(np.isnan(low), -np.inf, low), kind="stable")
    failed = result.fails(name)[order]
    low, value, places = low[order], value[order], np.arange(len(order))
    for mask, color in ((failed, FAILS), (~failed, PASSES)):
        known = mask & ~np.isnan(low)
        axes.vlines(places[known], low[known], value[known], color=color, linewidth=0.6, alpha=0.5)
        axes.plot(places[known], low[known], ".", color=color, markersize=3)
    unknown = np.isnan(low)
    if unknown.any():
        axes.plot(places[unknown], np.zeros(int(unknown.sum())), "x", color=parts.MUTED, markersize=3)
    words = "not asked for"
    if threshold is not None:
        axes.axhline(threshold, color=parts.INK, linewidth=0.7, linestyle="--")
        words = f"{int(failed.sum())} fail {threshold:g}" + (
            f", {int(unknown.sum())} unknown (x)" if unknown.any() else ""
        )
    axes.set_title(title, fontsize=7, loc="left", pad=3, color=parts.INK, parse_math=False)
    axes.set_xlabel(f"features in order, lower end of the interval; {words}", fontsize=6.2, labelpad=2)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=6.5)
    if name == "causal_effect":
        axes.set_yscale("symlog", linthresh=max(1e-3, threshold or 0.0))
        axes.set_ylim(bottom=0)
        # Powers of ten as plain numbers: math text is off in pictures, which hold anybody's labels.
        axes.yaxis.set_major_formatter(lambda number, place: f"{number:g}")
    else:
        axes.set_ylim(-0.03, 1.03)
