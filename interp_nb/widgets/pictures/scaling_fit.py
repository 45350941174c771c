"""The picture of a scaling law: loss against latents on log axes, a curve and a band for each k, and the numbers."""

import math
import textwrap
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from interp_nb.widgets.pictures import parts

BEYOND: Final = 2.0
"""Times beyond the widest SAE to which the curve goes on, dashed."""
MOST_KS: Final = 5
ROW: Final = 0.19
LETTERS: Final = 62
"""Of a line beside the plot."""


def draw(result: Any) -> Figure:
    """Draw a `ScalingFit`."""
    rows = len(result.parameters) + sum(len(textwrap.wrap(note, LETTERS)) for note in result.notes)
    figure = Figure(figsize=(8.6, max(3.1, 1.0 + ROW * rows + 0.3)))
    law = "L(n)" if result.law == "n" else "L(n, k)"
    parts.write(figure, 0.1, 0.06, f"Scaling law {law}", fontsize=8.5, color=parts.INK, fontweight="bold")
    said = f"{len(result.n)} SAEs; scatter of the loss around the law {100 * result.residual_sd:.2g} %"
    parts.write(figure, 1.75, 0.075, said, fontsize=7, color=parts.MUTED)
    curves(parts.add_axes(figure, 0.55, 0.5, 4.3, 2.1), result)
    _parameters(figure, result)
    return figure


def curves(axes: Axes, result: Any) -> None:
    """Draw the SAEs, the law through them, and where a new one would lie."""
    ks = _shown_ks(result)
    widest = float(result.n.max())
    n = np.geomspace(float(result.n.min()), BEYOND * widest, 60)
    for place, k in enumerate(ks):
        color = parts.SEQUENTIAL(0.92 - 0.46 * place / max(1, len(ks) - 1))
        rows = result.curve(n, k)
        seen = n <= widest * 1.0001
        for part, style in ((seen, "-"), (~seen | np.roll(~seen, -1), (0, (3, 2)))):
            axes.plot(n[part], rows[part, 0], color=color, linewidth=1.0, linestyle=style)
        axes.fill_between(n, rows[:, 1], rows[:, 2], color=color, alpha=0.13, linewidth=0)
        if k is not None:
            axes.annotate(
                f"k = {k:.3g}", (n[-1], rows[-1, 0]), xytext=(3, 0), textcoords="offset points", fontsize=6.2,
                color=color, va="center", annotation_clip=False,
            )  # fmt: skip
    shades = _shades(result, ks)
    for at_n, loss, shade in zip(result.n, result.loss, shades, strict=True):
        axes.plot(at_n, loss, "o", color=parts.SEQUENTIAL(shade), markersize=3.2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=12))
        axis.set_major_formatter(FuncFormatter(_plain))
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(which="minor", length=0)
    parts.frame(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e5e8", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=6.5)
    axes.set_title(result.loss_label, fontsize=7.5, loc="left", pad=3, color=parts.INK, parse_math=False)
    label = "n, latents (log); band: 95 % of new SAEs; dashed: extrapolated"
    axes.set_xlabel(label, fontsize=6.5, labelpad=2)


def _shown_ks(result: Any) -> list[float | None]:
    """Choose the k whose curves are drawn: those that were fitted, or some from the lowest to the highest."""
    if result.law == "n":
        return [None]
    known = np.unique(np.round(result.k, 6))
    if len(known) <= MOST_KS:
        return [float(k) for k in known]
    return [float(k) for k in np.geomspace(known[0], known[-1], MOST_KS)]


def _shades(result: Any, ks: list[float | None]) -> list[float]:
    """Give each SAE the lightness of the curve of its k."""
    if result.law == "n" or len(ks) < 2:
        return [0.92] * len(result.n)
    low, high = math.log(float(result.k.min())), math.log(float(result.k.max()))
    return [0.92 - 0.46 * (math.log(float(k)) - low) / (high - low) for k in result.k]


def _parameters(figure: Figure, result: Any) -> None:
    left, top = 5.55, 0.5
    parts.write(figure, left, top - 0.18, "95 % intervals", fontsize=6.5, color=parts.MUTED)
    for row, each in enumerate(result.parameters):
        at = top + ROW * row
        # Less than that of log loss is no loss at all.
        value, low, high = (f"{end:.3g}" if each.name != "zeta" or end > -12 else "−∞" for end in each[1:4])
        text = f"{each.name}  {value}  ({low} to {high})"
        parts.write(figure, left, at, text, fontsize=7.2, color=parts.INK)
    middle = None if result.law == "n" else math.exp(float(np.log(result.k).mean()))
    at_k = "" if middle is None else f" at k = {middle:.3g}"
    slope, floor = result.exponent(middle), result.irreducible(middle)
    lines = [
        f"exponent of n{at_k}: {slope.value:.3g} ({slope.low:.3g} to {slope.high:.3g})",
        "irreducible loss{}: {} ({} to {})".format(at_k, *(_small(each, float(result.loss.min())) for each in floor)),
        *(line for note in result.notes for line in textwrap.wrap(note, LETTERS)),
    ]
    for row, line in enumerate(lines):
        at = top + ROW * (len(result.parameters) + 0.6) + 0.17 * row
        parts.write(figure, left, at, line, fontsize=6.5, color=parts.MUTED)


def _small(value: float, beside: float) -> str:
    """Write a loss; next to nothing is 0."""
    return "0" if value < 1e-3 * beside else f"{value:.2g}"


def _plain(value: float, _: int) -> str:
    """Write a tick: "2 k", "0.05"."""
    for size, unit in ((1e9, " B"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
