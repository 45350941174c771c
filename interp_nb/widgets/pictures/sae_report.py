"""The picture of a report: advice, the numbers of the overview with their intervals, and the concepts of the text."""

import math
import textwrap
from importlib import import_module
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from interp_nb.evaluation.comparison import SAEComparison
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import FOUND_FROM
from interp_nb.evaluation.scaling_fit import ScalingFit
from interp_nb.widgets import sae_report_words as says
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

LEFT, WIDTH = 0.12, 8.7
ROW: Final = 0.185
MAX_ADVICE: Final = 6
MAX_CONCEPTS: Final = 130
LINE: Final = 138
"""Letters of advice on a line."""
BLUE, PALE, WARM = "#2a71b2", "#9fbfdc", "#b7791f"
SHORT_GROUPS: Final = {group["name"]: group["label"] for group in says.GROUPS}


def draw(result: Any) -> Figure:
    """Draw an `SAEReport`; a comparison and a law have pictures of their own."""
    if isinstance(result, (SAEComparison, ScalingFit)):
        name = "sae_comparison" if isinstance(result, SAEComparison) else "scaling_fit"
        figure: Figure = import_module(f"interp_nb.widgets.pictures.{name}").draw(result)
        return figure
    return _report(result)


def _report(report: Any) -> Figure:
    advice = [line for text in report.advice[:MAX_ADVICE] for line in _lines(f"• {visible(text, 400)}")]
    names = [name for name in says.key_names(report) if name in report.metrics]
    groups = list(dict.fromkeys(METRICS[name].group for name in names))
    n_rows = len(names) + len(groups)
    head = 0.5 + 0.165 * len(advice) + (0.1 if advice else 0)
    skipped = [f"{SHORT_GROUPS.get(name, name)} not measured: {why}" for name, why in dict(report.skipped).items()]
    foot = [visible(text, 400) for text in (*skipped, *report.notes)][:4]
    body = max(n_rows * ROW, 1.75 if report.distributions or report.concepts else 0.3)
    figure = Figure(figsize=(WIDTH, head + body + 0.5 + 0.14 * len(foot)))
    parts.write(figure, LEFT, 0.06, cut(visible(says.heading(report), 110), 110), fontsize=9.5, color=parts.INK,
                fontweight="bold")  # fmt: skip
    parts.write(figure, LEFT, 0.26, cut(visible(says.about(report), 150), 150), fontsize=7, color=parts.MUTED)
    for place, line in enumerate(advice):
        parts.write(figure, LEFT + 0.12, 0.47 + 0.165 * place, line, fontsize=7.8, color=parts.INK)
    if advice:
        bar = parts.add_axes(figure, LEFT, 0.47, 0.025, 0.165 * len(advice))
        bar.set_facecolor(WARM)
        bar.set_xticks([])
        bar.set_yticks([])
        for spine in bar.spines.values():
            spine.set_visible(False)
    _numbers(figure, report, names, head)
    right = 5.35
    if "density" in report.distributions:
        _density(parts.add_axes(figure, right + 0.35, head + 0.2, 2.85, 0.72), report.distributions["density"])
    if report.concepts:
        _concepts(parts.add_axes(figure, right + 0.35, head + 1.33, 2.85, max(0.55, body - 1.45)), report)
    last = head + body + 0.16
    parts.write(figure, LEFT, last, cut(visible(says.measured_on(report), 170), 170), fontsize=6.5, color=parts.MUTED)
    for place, text in enumerate(foot):
        parts.write(figure, LEFT, last + 0.15 + 0.14 * place, cut(text, 170), fontsize=6.5, color=parts.MUTED)
    return figure


def _lines(text: str) -> list[str]:
    return textwrap.wrap(text, LINE, subsequent_indent="   ") or [""]


def _numbers(figure: Figure, report: Any, names: list[str], top: float) -> None:
    """Write a line a number: its name, it and its interval, and both on a scale."""
    row, group = 0.0, ""
    for name in names:
        info, metric = METRICS[name], report.metrics[name]
        if info.group != group:
            group = info.group
            parts.write(figure, LEFT, top + row * ROW + 0.03, SHORT_GROUPS[group], fontsize=7.2, color=parts.INK,
                        fontweight="bold")  # fmt: skip
            row += 1
        y = top + row * ROW + 0.02
        parts.write(figure, LEFT + 0.1, y, info.label, fontsize=7, color=parts.INK)
        parts.write(figure, 2.12, y, says.number(metric.value, name), fontsize=7.4, color=parts.INK, fontweight="bold")
        parts.write(figure, 2.58, y, says.interval(metric.low, metric.high, name), fontsize=6.3, color=parts.MUTED)
        _dot(parts.add_axes(figure, 3.68, y - 0.005, 1.5, 0.13), metric, name)
        row += 1


def _dot(axes: Axes, metric: Any, name: str) -> None:
    free = name in says.COUNTED or name in says.FREE or bool(METRICS[name].unit)
    # A share with begin-of-text tokens may be far below 0: it does not set the scale of the others.
    bos = metric.with_bos if free or 0 <= metric.with_bos <= 1 else math.nan
    ends = [each for each in (metric.value, metric.low, metric.high, bos) if math.isfinite(each)]
    high = max([0.0, *ends]) * 1.1 if free else max([1.0, *ends])
    axes.set_xlim(min([0.0, *ends]) - 0.02 * (high or 1), (high or 1) * 1.02)
    axes.set_ylim(-1, 1)
    axes.axis("off")
    axes.plot([0, high or 1], [0, 0], color="#c9ccd1", linewidth=0.7)
    if math.isfinite(metric.low) and math.isfinite(metric.high):
        axes.plot([metric.low, metric.high], [0, 0], "|-", color=BLUE, linewidth=1.2, markersize=4, mew=1)
    if math.isfinite(bos):
        axes.plot([bos], [0], "|", color=parts.MUTED, markersize=5, mew=0.6)
    if math.isfinite(metric.value):
        axes.plot([metric.value], [0], "o", color=BLUE, markersize=3.8, mew=0)


def _density(axes: Axes, histogram: Any) -> None:
    """Draw how often latents fire."""
    edges, counts = np.asarray(histogram.edges, float), np.asarray(histogram.counts, float)
    axes.bar(edges[:-1], counts / max(1.0, counts.sum()), np.diff(edges) * 0.92, align="edge", color=BLUE, alpha=0.8)
    used = np.flatnonzero(counts)
    if len(used):
        axes.set_xlim(edges[max(0, used[0] - 1)], edges[min(len(edges) - 1, used[-1] + 2)])
    low, high = axes.get_xlim()
    powers = list(range(math.ceil(low), math.floor(high) + 1))
    axes.set_xticks(powers, [f"{100 * 10.0**power:g} %" for power in powers], fontsize=6)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g} %")
    axes.set_title("How often latents fire: share of tokens", fontsize=7, loc="left", pad=3, color=parts.INK)
    _plain(axes)


def _concepts(axes: Axes, report: Any) -> None:
    """Draw the F1 of every concept, best first: those that depend on context before those of the token alone."""
    kept = sorted(report.concepts, key=lambda row: (not row.context, -_known(row.f1)))
    shown = kept[:MAX_CONCEPTS]
    places = np.arange(len(shown), dtype=float) + np.array([0.0 if row.context else 1.5 for row in shown])
    f1, low, high, probe = (
        np.array([getattr(row, name) for row in shown], float) for name in ("f1", "low", "high", "probe_f1")
    )
    colors = [BLUE if row.context else PALE for row in shown]
    axes.bar(places, np.nan_to_num(f1), 0.72, color=colors)
    axes.vlines(places, low, high, color=parts.INK, linewidth=0.6)
    axes.plot(places, probe, "_", color=parts.INK, markersize=4.5, mew=0.9)
    axes.axhline(FOUND_FROM, color=parts.MUTED, linewidth=0.6, linestyle=(0, (2, 2)))
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xticks([])
    counts = report.concept_counts()
    more = f", first {MAX_CONCEPTS}" if len(kept) > MAX_CONCEPTS else ""
    axes.set_title(f"Best latent's F1 by concept, {counts.found} of {counts.n} found{more}",
                   fontsize=7, loc="left", pad=3, color=parts.INK)  # fmt: skip
    axes.set_xlabel("dark: context decides · pale: the token alone does · dash: linear probe", fontsize=6, labelpad=2)
    _plain(axes)


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _plain(axes: Axes) -> None:
    parts.frame(axes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=6)
