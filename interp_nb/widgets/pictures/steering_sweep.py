"""The picture of a steering sweep: every measure against the strength, a line per layer, and effect against price."""

import math
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interp_nb.steering.sweep_result import MEASURES
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.scales import Matrix

PANELS: Final = (
    ("target", ""),
    ("mass", "mass on the trait's words"),
    ("kl", "KL on unrelated text, nats per token"),
    None,
    ("perplexity", "perplexity, unsteered model"),
    ("distinct_2", "distinct-2 within texts"),
    ("repetition", "repeated 4-grams"),
    ("norm_share", "share of the norm that is added"),
)
"""Measure and title; None = effect against price."""
SIZE: Final = (1.78, 1.3)
"""Of a panel, in inches."""
MOST_NAMED: Final = 8
"""Layers that are named in the legend; of more, the first and the last."""
CHANCE: Final = "#b4b8be"
CHOSEN: Final = "#c2410c"


def draw(result: Any) -> Figure:
    """Draw `SteeringSweep`."""
    figure = Figure(figsize=(8.75, 4.45))
    parts.write(figure, 0.12, 0.06, cut(_title(result), 110), fontsize=8.5, color=parts.INK, fontweight="bold")
    for line, text in enumerate(_words(result)):
        parts.write(figure, 0.12, 0.25 + 0.15 * line, cut(text, 150), fontsize=7, color=parts.MUTED)
    colors = _colors(len(result.layers))
    chosen, baseline = result.choice, dict(zip(MEASURES, result.baseline.tolist(), strict=True))
    for number, panel in enumerate(PANELS):
        row, column = divmod(number, 4)
        axes = parts.add_axes(figure, 0.4 + column * 2.12, 0.98 + row * 1.85, *SIZE)
        _plain(axes)
        if panel is None:
            _front(axes, result, colors, chosen)
            continue
        name, title = panel
        axes.set_title(title or visible(result.trait, 40), fontsize=7, loc="left", pad=3, color=parts.INK)
        _curves(axes, result, name, colors, baseline[name])
        if chosen is not None:
            where = result.layers.index(chosen.layer), result.strengths.index(chosen.strength)
            axes.plot(chosen.strength, float(result.curve(name).value[where]), "o", **_RING)
    _legend(figure, result, colors)
    return figure


_RING: Final[dict[str, Any]] = {"markersize": 6.5, "markerfacecolor": "none", "color": CHOSEN, "zorder": 5}


def _title(result: Any) -> str:
    return f"Steering with {visible(result.name, 40)} at {result.site}"


def _words(result: Any) -> list[str]:
    """Say what was chosen, and what there is to know."""
    chosen = result.choice
    where = "" if chosen is None else (
        f"choice: layer {chosen.layer} at strength {chosen.strength:g}, {visible(result.trait, 30)} "
        f"{chosen.target:.2f} for KL {chosen.kl:.3g}: "
    )  # fmt: skip
    missing = int((~result.done).sum())
    notes = [f"{missing} of {result.done.numel()} cells were not measured"] if missing else []
    notes += result.notes[:2] + ([f"and {len(result.notes) - 2} more notes"] if len(result.notes) > 2 else [])
    return [where + result.reason if where else f"no choice: {result.reason}", "; ".join(notes)]


def _curves(axes: Axes, result: Any, name: str, colors: list[Any], baseline: float) -> None:
    """Draw one measure: a line and a band per layer, the baseline, the bound of a choice, random directions."""
    order = np.argsort(result.strengths)
    strengths = np.array(result.strengths)[order]
    value, low, high = (each.numpy()[:, order] for each in result.curve(name))
    if name == "target":
        _chance(axes, result, strengths, order, baseline)
    for row, color in enumerate(colors):
        axes.fill_between(strengths, low[row], high[row], color=color, alpha=0.18, linewidth=0)
        axes.plot(strengths, value[row], ".-", color=color, linewidth=1.0, markersize=2.5)
    lost = np.isnan(value) & result.done.numpy()[:, order]
    if lost.any() and name != "mass":
        at, bottom = strengths[lost.any(0)], axes.get_xaxis_transform()
        axes.plot(at, np.full(len(at), 0.03), "x", color=parts.MUTED, markersize=3, transform=bottom)
    if not np.isfinite(value).any():
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, fontsize=6.5,
                  color=parts.MUTED)  # fmt: skip
    if not math.isnan(baseline) and name != "norm_share":
        axes.axhline(baseline, color=parts.INK, linewidth=0.7, linestyle=":")
    bound = {
        "kl": result.bounds.kl_max, "mass": result.bounds.mass_min * baseline,
        "distinct_2": result.bounds.distinct_min * baseline,
    }.get(name)  # fmt: skip
    if bound is not None and not math.isnan(bound):
        axes.axhline(bound, color=CHOSEN, linewidth=0.7, linestyle="--", alpha=0.7)
    _scale(axes, name, value, strengths)


def _chance(axes: Axes, result: Any, strengths: Matrix, order: Matrix, baseline: float) -> None:
    """Shade where random directions of equal norm lead, at any of the layers."""
    moved = result.random.numpy()[:, :, order]
    known = ~np.isnan(moved).all((0, 1)) if len(moved) else np.zeros(len(strengths), bool)
    if not known.any():
        return
    low, high = np.nanmin(moved[:, :, known], (0, 1)), np.nanmax(moved[:, :, known], (0, 1))
    axes.fill_between(strengths[known], baseline + low, baseline + high, color=CHANCE, alpha=0.45, linewidth=0)


def _scale(axes: Axes, name: str, value: Matrix, strengths: Matrix) -> None:
    _strength_axis(axes, strengths)
    if name in ("target", "mass", "distinct_2", "repetition"):
        inside = not np.isfinite(value).any() or (np.nanmin(value) >= 0 and np.nanmax(value) <= 1)
        if inside:
            axes.set_ylim(-0.04, 1.04)
            axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    elif name == "perplexity" and np.isfinite(value).any():
        axes.set_yscale("log")
        _powers(axes, value)
    elif name == "kl":
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set_ylim(bottom=0)
        _powers(axes, value, zero=True)
    else:
        axes.set_ylim(bottom=0)


def _strength_axis(axes: Axes, strengths: Matrix) -> None:
    """Scale strengths by their order of magnitude where they span several, and label a few."""
    sizes = np.abs(strengths[strengths != 0])
    if len(sizes) and sizes.max() > 4 * sizes.min():
        axes.set_xscale("symlog", linthresh=float(sizes.min()), linscale=0.7)
    shown = [each for each in (strengths[0], strengths[-1], 0.0, 1.0, -1.0, 0.25, -0.25) if each in strengths]
    axes.set_xticks(sorted(set(shown)), [f"{each:g}" for each in sorted(set(shown))], fontsize=6)
    axes.minorticks_off()
    axes.set_xlabel("strength", fontsize=6.2, labelpad=1)


def _powers(axes: Axes, value: Matrix, *, zero: bool = False) -> None:
    """Label a logarithmic axis with a few plain numbers: math text is off in pictures."""
    largest = float(np.nanmax(value[np.isfinite(value)])) if np.isfinite(value).any() else 1.0
    smallest = -2 if zero else 0
    powers = list(range(smallest, max(smallest + 1, math.ceil(math.log10(max(largest, 0.1)))) + 1))
    every = max(1, math.ceil(len(powers) / 4))
    ticks = ([0.0] if zero else []) + [10.0**power for power in powers[::every]]
    axes.set_yticks(ticks, [f"{tick:g}" if tick < 1e5 else f"1e{round(math.log10(tick))}" for tick in ticks])
    axes.minorticks_off()


def _front(axes: Axes, result: Any, colors: list[Any], chosen: Any) -> None:
    """Draw every cell as effect against KL, and the line of those that nothing betters."""
    axes.set_title("effect against KL, Pareto front", fontsize=7, loc="left", pad=3, color=parts.INK)
    for row, color in enumerate(colors):
        kl, effect = (result.curve(name).value[row].numpy() for name in ("kl", "effect"))
        axes.plot(kl, effect, ".", color=color, markersize=4)
    front = result.pareto
    axes.plot([cell.kl for cell in front], [cell.effect for cell in front], "-", color=parts.INK, linewidth=0.8)
    axes.axvline(result.bounds.kl_max, color=CHOSEN, linewidth=0.7, linestyle="--", alpha=0.7)
    axes.axhline(0, color=parts.INK, linewidth=0.7, linestyle=":")
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(left=-0.002)
    axes.set_xticks([0, 0.01, 0.1, 1], ["0", "0.01", "0.1", "1"], fontsize=6)
    axes.minorticks_off()
    axes.set_xlabel("KL on unrelated text, nats per token", fontsize=6.2, labelpad=1)
    if chosen is not None:
        axes.plot(chosen.kl, chosen.effect, "o", **_RING)


def _legend(figure: Figure, result: Any, colors: list[Any]) -> None:
    """Name the layers and the marks in one line."""
    named = range(len(colors)) if len(colors) <= MOST_NAMED else (0, len(colors) - 1)
    entries = [(f"layer {result.layers[row]}", colors[row], "-") for row in named]
    entries += [("unsteered", parts.INK, ":"), ("bounds of the choice", CHOSEN, "--")]
    if len(result.random):
        entries.append((f"{len(result.random)} random directions", CHANCE, "-"))
    axes = parts.add_axes(figure, 0.12, 0.56, 8.5, 0.18)
    axes.axis("off")
    handles = [axes.plot([], [], line, color=color, linewidth=1.4)[0] for _, color, line in entries]
    handles.append(axes.plot([], [], "o", **_RING | {"markersize": 4.5})[0])
    axes.legend(
        handles, [name for name, _, _ in entries] + ["choice"], fontsize=6.3, frameon=False, loc="center left",
        ncols=len(entries) + 1, borderpad=0, handlelength=1.4, columnspacing=1.2, bbox_to_anchor=(0, 0.5),
    )  # fmt: skip


def _colors(n_layers: int) -> list[Any]:
    """Give layers shades of one color, deeper ones darker."""
    return [parts.SEQUENTIAL(0.35 + 0.65 * row / max(1, n_layers - 1)) for row in range(n_layers)]


def _plain(axes: Axes) -> None:
    parts.frame(axes)
    axes.tick_params(labelsize=6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
