"""The picture of drift between two dictionaries: what became of the latents, how alike pairs are, and who changed."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

COLORS: Final = {
    "kept": "#2a71b2", "moved": "#5ea3cd", "split": "#9a6200", "merged": "#c9a24d", "died": "#8e0b25",
    "appeared": "#3f7d4f", "unknown": "#a9adb3",
}  # fmt: skip
WORDS: Final = ("split", "merged", "died", "appeared", "moved")
"""Statuses that are listed, in this order."""
MOST: Final = 12
"""Latents that are listed."""
BINS: Final = 20


def draw(result: Any) -> Figure:
    """Draw a `DictionaryDrift`."""
    figure = Figure(figsize=(8.6, 3.1))
    parts.write(figure, 0.1, 0.06, "Dictionary drift", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(
        figure, 1.25, 0.075, f"{visible(result.a, 64)} -> {visible(result.b, 64)}", fontsize=6.5, color=parts.MUTED
    )
    measures = {measure.name: measure for measure in result.measures()}
    _shares(figure, [measures[name] for name in COLORS if measures[name].n or name in ("kept", "died", "appeared")])
    _likeness(figure, result)
    _listed(figure, result)
    return figure


def _shares(figure: Figure, measures: list[Any]) -> None:
    axes = parts.add_axes(figure, 0.75, 0.55, 1.55, 2.1)
    parts.frame(axes)
    for row, measure in enumerate(measures):
        value = 0.0 if np.isnan(measure.value) else measure.value
        axes.barh(row, value, color=COLORS[measure.name], height=0.62)
        if not np.isnan(measure.low):
            axes.plot([measure.low, measure.high], [row, row], color=parts.INK, linewidth=0.8)
        end = value if np.isnan(measure.high) else measure.high
        axes.text(end + 0.03, row, str(measure.n), va="center", fontsize=6.5, color=parts.INK)
    axes.set_yticks(range(len(measures)), [measure.name for measure in measures], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6.5)
    axes.set_xlabel("share of latents (95 % interval), and how many", fontsize=6.5, labelpad=2)


def _likeness(figure: Figure, result: Any) -> None:
    axes = parts.add_axes(figure, 2.85, 0.55, 1.75, 2.1)
    parts.frame(axes)
    pairs = np.isin(np.array(result.status_a, dtype=object), ["kept", "moved"])
    edges = np.linspace(0, 1, BINS + 1)
    for name, values, color in (
        ("cosine of directions", result.cosine, COLORS["kept"]),
        ("correlation of activations", result.correlation, parts.ACCENT),
    ):
        known = values[pairs & ~np.isnan(values)]
        if len(known):
            axes.hist(known.clip(0, 1), bins=edges.tolist(), histtype="step", color=color, linewidth=1.1, label=name)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6.5)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.tick_params(axis="y", labelsize=6.5)
    axes.set_xlabel("likeness of kept and moved pairs", fontsize=6.5, labelpad=2)
    axes.set_ylabel("pairs", fontsize=6.5, labelpad=2)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=6, frameon=False, loc="upper left")
    else:
        axes.text(
            0.5, 0.5, "no pair", ha="center", va="center", fontsize=7, color=parts.MUTED, transform=axes.transAxes
        )


def _listed(figure: Figure, result: Any) -> None:
    """List latents that changed, the clearest changes first."""
    lines = _lines(result)
    for row, (status, text) in enumerate(lines[:MOST]):
        top = 0.55 + 0.17 * row
        parts.write(figure, 4.85, top, status, fontsize=6.5, color=COLORS[status], fontweight="bold")
        parts.write(figure, 5.4, top, text, fontsize=6.5, color=parts.INK)
    if len(lines) > MOST:
        rest = f"and {len(lines) - MOST} more: to_frame()"
        parts.write(figure, 4.85, 0.55 + 0.17 * MOST, rest, fontsize=6.5, color=parts.MUTED)
    if not lines:
        parts.write(figure, 4.85, 0.55, "nothing changed", fontsize=7, color=parts.MUTED)


def _lines(result: Any) -> list[tuple[str, str]]:
    """Say of every latent that changed what became of it: split, merged, died, appeared, moved least alike first."""
    found: dict[str, list[str]] = {word: [] for word in WORDS}
    for split in result.splits:
        found["split"].append(f"{_named(split.latent_idx, result.labels_a)} into {_numbers(split.parts)}")
    for merge in result.merges:
        found["merged"].append(f"{_numbers(merge.parts)} into {_named(merge.latent_idx, result.labels_b)}")
    found["died"] = [_named(latent, result.labels_a) for latent in result.of("died").tolist()]
    found["appeared"] = [_named(latent, result.labels_b) for latent in result.of("appeared").tolist()]
    moved = result.of("moved")
    least = np.fmin(result.cosine[moved], result.correlation[moved])
    for place in np.argsort(least, kind="stable").tolist():
        latent = int(moved[place])
        there = int(result.partner[latent])
        found["moved"].append(f"{_named(latent, result.labels_a)} to {there} ({least[place]:.2f})")
    # Some of each: one kind that is frequent must not hide the others.
    share = MOST // len(WORDS)
    first = [(word, text) for word in WORDS for text in found[word][:share]]
    return first + [(word, text) for word in WORDS for text in found[word][share:]]


def _named(latent: int, labels: Any) -> str:
    return f"{latent} {visible(labels[latent], 44)}" if labels[latent] else str(latent)


def _numbers(latents: Any) -> str:
    return cut(", ".join(str(latent) for latent in latents), 36)
