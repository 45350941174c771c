"""The picture of a training run: its curves, each quantity a small plot, and how often its latents fire."""

import textwrap
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from interp_nb.widgets.curves import HAS_MINUS, HAS_NAN, HAS_PLUS, MEASURED, Curves
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.train_facts import advice, changes, status
from interp_nb.widgets.train_series import kind, made_curves
from interp_nb.widgets.train_words import heading, note, readable

PER_ROW: Final = 4
WIDTH, HEIGHT = 1.95, 1.05
LEFT, BETWEEN, LINE = 0.5, 0.52, 1.48
LOG_FROM: Final = {"loss": 4.0, "count": 12.0, "share": float("inf")}
"""From this ratio of the highest to the lowest on, steps are powers of ten; as in `train_monitor/axes.ts`."""
START: Final = 0.08
DASHES: Final[list[Any]] = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 2, 2)), (0, (9, 3)), (0, (3, 1.5, 1, 1.5))]
MARKS: Final = "os^DP*"
MAX_NAMED: Final = 6
MAX_ADVISED: Final = 3
"""SAEs of a sweep whose advice is printed, the first ones that have some."""
LETTERS: Final = 150
"""Of a line of advice."""
BAD: Final = "#a32118"


def draw(result: Any) -> Figure:
    """Draw a `TrainingRun` as it is now."""
    curves = made_curves(list(result.history), len(result.labels))
    names = curves[0].names
    rows = -(-(len(names) + 1) // PER_ROW)
    several = len(curves) > 1
    named = 0.17 * min(len(curves), MAX_NAMED + 1) if several else 0.0
    advised = _advice(result)
    head = 0.62 + named + (0.15 * len(advised) + 0.08 if advised else 0.0)
    figure = Figure(figsize=(LEFT + PER_ROW * (WIDTH + BETWEEN) - 0.2, head + rows * LINE + 0.1))
    _title(figure, result)
    if several:
        _legend(figure, result)
    for row, line in enumerate(advised):
        parts.write(figure, LEFT, 0.47 + named + 0.15 * row, line, fontsize=6.8, color=parts.ACCENT)
    for place, name in enumerate(names):
        axes = parts.add_axes(figure, *_box(place, head))
        _plot(axes, curves, place, result)
        _frame(axes, readable(name))
        if not several:
            _latest(axes, curves[0], place)
    axes = parts.add_axes(figure, *_box(len(names), head))
    _densities(axes, result)
    _frame(axes, f"activation density, {int(result.dead(0).sum())} dead")
    marks = [f"{number}: {_said(change, result.labels)}" for number, change in enumerate(changes(result), 1)]
    said = "x axes: tokens" + (f" · changes: {'; '.join(marks)}" if marks else "")
    parts.write(figure, LEFT, figure.get_figheight() - 0.17, cut(said, 150), fontsize=6.5, color=parts.MUTED)
    return figure


def _box(place: int, head: float) -> tuple[float, float, float, float]:
    return (LEFT + place % PER_ROW * (WIDTH + BETWEEN), head + place // PER_ROW * LINE, WIDTH, HEIGHT)


def _said(change: dict[str, Any], labels: list[str]) -> str:
    old = "…" if change["old"] is None else f"{change['old']:.4g}"
    of = "" if len(change["saes"]) == len(labels) else f" of {', '.join(labels[sae] for sae in change['saes'])}"
    return f"{change['label']}{of} {old} → {change['new']:.4g}"


def _title(figure: Figure, result: Any) -> None:
    facts = status(result)
    parts.write(figure, LEFT, 0.06, cut(heading(result), 90), fontsize=8.5, color=parts.INK, fontweight="bold")
    done = f"{facts['state']}, {_count(facts['tokens'])} of {_count(facts['n_tokens'])} tokens"
    text = " · ".join(part for part in (visible(note(result), 80), done, facts["reason"]) if part)
    parts.write(figure, LEFT, 0.25, cut(text, 140), fontsize=7, color=parts.MUTED)


def _advice(result: Any) -> list[str]:
    """Write what is unusual, and what to change, in lines."""
    found = [(label, advice(result, index)) for index, label in enumerate(result.labels)]
    found = [(label, sentences) for label, sentences in found if sentences]
    lines: list[str] = []
    for label, sentences in found[:MAX_ADVISED]:
        of = f"{visible(label, 40)}: " if len(result.labels) > 1 else ""
        for sentence in sentences:
            lines += textwrap.wrap(f"Advice: {of}{sentence}", LETTERS, subsequent_indent="  ")
    more = len(found) - MAX_ADVISED
    return [*lines, f"and advice for {more} more"] if more > 0 else lines


def _color(index: int, total: int) -> Any:
    """The color of a line: lightness of one hue, as `shared/strokes.ts` has it."""
    return parts.SEQUENTIAL(0.7 if total < 2 else 0.92 - 0.46 * index / (total - 1))


def _style(index: int, total: int) -> dict[str, Any]:
    return {"color": _color(index, total), "linestyle": DASHES[index % len(DASHES)], "linewidth": 1.1}


def _legend(figure: Figure, result: Any) -> None:
    labels = result.labels
    for index, label in enumerate(labels[:MAX_NAMED]):
        top = 0.47 + 0.17 * index
        axes = parts.add_axes(figure, LEFT, top, 0.34, 0.12)
        axes.plot([0, 1], [0, 0], **_style(index, len(labels)))
        axes.plot([0.75], [0], MARKS[index % len(MARKS)], color=_color(index, len(labels)), markersize=3.5)
        axes.set_axis_off()
        parts.write(figure, LEFT + 0.42, top + 0.005, visible(label, 80), fontsize=7, color=parts.INK)
    if len(labels) > MAX_NAMED:
        more = f"and {len(labels) - MAX_NAMED} more"
        parts.write(figure, LEFT, 0.47 + 0.17 * MAX_NAMED, more, fontsize=7, color=parts.MUTED)


def _plot(axes: Any, curves: list[Curves], row: int, result: Any) -> None:
    """Draw one quantity of every SAE."""
    low, high, log = _limits([curve.block for curve in curves], row, kind(curves[0].names[row]))
    axes.set_yscale("log" if log else "linear")
    axes.set_ylim(low, high)
    for index, curve in enumerate(curves):
        block, color = curve.block, _color(index, len(curves))
        tokens, flags = block.ends[0], block.flags[row]
        measured = flags & MEASURED != 0
        # What was not measured is skipped, what is no number breaks the line.
        drawn = flags != 0
        axes.plot(tokens[drawn], block.last[row, drawn], **_style(index, len(curves)))
        if curve.per_bucket > 1:
            spread = (each[row, measured] for each in (block.low, block.high))
            axes.vlines(tokens[measured], *spread, colors=[color], linewidths=0.5, alpha=0.4)
        if measured.any() and (len(curves) > 1 or measured.sum() < 40):
            ends = np.flatnonzero(measured)[-1:] if len(curves) > 1 else np.flatnonzero(measured)
            mark = MARKS[index % len(MARKS)]
            axes.plot(tokens[ends], block.last[row, ends], mark, color=color, markersize=2.6)
        _odd(axes, tokens, flags)
    last = max([0, *(int(each) for curve in curves for each in curve.block.ends[0][-1:])])
    axes.set_xlim(0, max(last, 1) * 1.01)
    for number, change in enumerate(changes(result), 1):
        axes.axvline(change["tokens"], color=parts.ACCENT, linewidth=0.7, linestyle=(0, (2, 2)))
        style = {"fontsize": 5.5, "color": parts.ACCENT, "va": "top", "transform": axes.get_xaxis_transform()}
        axes.text(change["tokens"], 0.99, f" {number}", **style)


def _latest(axes: Any, curve: Curves, row: int) -> None:
    """Print the value measured last."""
    values = curve.block.last[row]
    measured = values[np.isfinite(values)]
    if len(measured):
        axes.set_title(f"{measured[-1]:.4g}", fontsize=7.5, loc="right", pad=3, color=parts.INK)


def _limits(blocks: list[Any], row: int, kind: str) -> tuple[float, float, bool]:
    """Choose the axis of a quantity: its limits, and whether its steps are powers of ten."""
    lows = np.concatenate([block.low[row] for block in blocks])
    highs = np.concatenate([block.high[row] for block in blocks])
    if not np.isfinite(lows).any():
        return 0.0, 1.0, False
    low, high = float(np.nanmin(lows)), float(np.nanmax(highs))
    if low > 0 and high / low > LOG_FROM[kind]:
        return low / 1.15, high * 1.15, True
    later = [block.low[row, int(START * block.low.shape[1]) :] for block in blocks]
    if len(blocks[0].low[row]) >= 24 and np.isfinite(np.concatenate(later)).any():
        low = float(np.nanmin(np.concatenate(later)))
        high = float(np.nanmax([np.nanmax(b.high[row, int(START * b.high.shape[1]) :], initial=low) for b in blocks]))
    share = kind == "share"
    pad = max(0.08 * (high - low), 0.025 if share else 0.05 * abs(high) or 0.5)
    bottom = max(0.0, low - pad) if low >= 0 else low - pad
    return bottom, min(1.0, high + pad) if share and high <= 1 else high + pad, False


def _odd(axes: Any, tokens: parts.Matrix, flags: parts.Matrix) -> None:
    """Mark what a line cannot show: a cross for NaN, signed signs for infinities."""
    at = axes.get_xaxis_transform()
    axes.plot(tokens[flags & HAS_NAN != 0], np.full((flags & HAS_NAN != 0).sum(), 0.06), "x", color=BAD, markersize=3.5,
              transform=at)  # fmt: skip
    for flag, text, height in ((HAS_PLUS, "+∞", 0.88), (HAS_MINUS, "−∞", 0.02)):
        for place in tokens[flags & flag != 0][:8]:
            axes.text(place, height, text, color=BAD, fontsize=6, ha="center", transform=at)


def _densities(axes: Any, result: Any) -> None:
    """Draw the first SAE's histogram as bars, the others as outlines; those that never fire stand by themselves."""
    edges, counts = result.density_edges.numpy(), result.density.numpy()
    never = result.never_fired.numpy()
    total = len(never)
    sizes = counts.sum(1) + never
    used = np.flatnonzero(counts.any(0))
    first, last = (max(0, used[0] - 1), min(len(edges) - 2, used[-1] + 1)) if len(used) else (0, len(edges) - 2)
    width = float(edges[1] - edges[0])
    dead = float(edges[first]) - 2.5 * width
    axes.bar(edges[first : last + 1], counts[0, first : last + 1] / sizes[0], width * 0.94, align="edge",
             color=_color(0, total), alpha=0.8)  # fmt: skip
    axes.bar(dead, never[0] / sizes[0], width * 1.5, align="edge", fill=False, hatch="/////", edgecolor=parts.MUTED,
             linewidth=0.6)  # fmt: skip
    for index in range(1, total):
        axes.stairs(
            counts[index, first : last + 1] / sizes[index], edges[first : last + 2], color=_color(index, total),
            linestyle=DASHES[index % len(DASHES)], linewidth=0.9,
        )  # fmt: skip
    powers = range(int(np.ceil(edges[first])), int(np.floor(edges[last + 1])) + 1)
    names = {0: "1", -1: "0.1"}
    ticks = [dead + 0.75 * width, *powers]
    axes.set_xticks(ticks, ["0", *(names.get(power, f"$10^{{{power}}}$") for power in powers)], parse_math=True)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))


def _frame(axes: Any, title: str) -> None:
    axes.set_title(visible(title, 40), fontsize=7.5, loc="left", pad=3, color=parts.INK, parse_math=False)
    parts.frame(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=6.5)
    axes.grid(axis="y", color="#e3e5e8", linewidth=0.5)
    axes.set_axisbelow(True)
    if "density" in title:
        return
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _: _count(tokens)))
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def _count(value: float | int) -> str:
    """Write a count with three digits: "1.25 M"."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"
