"""The picture of feature labels: a table from the best label to the worst, with how well each predicts.

Where there are more labels than rows, every so many-th is shown: the best ones alone would say little of the rest.
"""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

MAX_ROWS: Final = 16
LINE: Final = 0.2
LABEL_AT: Final = 0.55
BAR_AT: Final = 4.5
BAR_WIDTH: Final = 1.3
COLUMNS: Final = (("precision", 5.95), ("recall", 6.6), ("fuzzing", 7.15), ("correlation", 7.75))
VERDICTS: Final = {True: "yes", False: "no", None: "?"}


def draw(result: Any) -> Figure:
    """Draw `FeatureLabels`."""
    frame = result.to_frame()
    frame = frame[frame["label"] != ""].sort_values("balanced_accuracy", ascending=False, kind="stable")
    shown = frame.iloc[_spread(len(frame), MAX_ROWS)]
    figure = Figure(figsize=(9.2, 0.75 + LINE * max(1, len(shown))))
    parts.write(figure, 0.1, 0.06, "Labels", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(figure, 0.62, 0.075, cut(_told(result, len(frame), len(shown)), 120), fontsize=7, color=parts.MUTED)
    for name, left in (("latent", 0.1), ("label", LABEL_AT), ("detection", BAR_AT), *COLUMNS, ("reliable", 8.55)):
        parts.write(figure, left, 0.32, name, fontsize=6.5, color=parts.MUTED)
    if not len(shown):
        parts.write(figure, LABEL_AT, 0.52, "no label", fontsize=7, color=parts.MUTED)
    for row, (latent_idx, entry) in enumerate(shown.iterrows()):
        _row(figure, 0.52 + row * LINE, int(str(latent_idx)), entry)
    return figure


def _row(figure: Figure, top: float, latent_idx: int, entry: Any) -> None:
    style = {"fontsize": 7, "color": parts.INK}
    parts.write(figure, 0.1, top, str(latent_idx), **style)
    parts.write(figure, LABEL_AT, top, visible(entry["label"], 66), **style)
    _interval(figure, top, *(float(entry[name]) for name in ("low", "balanced_accuracy", "high")))
    for name, left in COLUMNS:
        parts.write(figure, left, top, _number(entry[name]), **style)
    parts.write(figure, 8.55, top, VERDICTS[entry["reliable"]], **style)


def _interval(figure: Figure, top: float, low: float, value: float, high: float) -> None:
    """Draw a balanced accuracy with its interval on a scale from 0.5 to 1, and print it."""
    axes = parts.add_axes(figure, BAR_AT + 0.35, top - 0.01, BAR_WIDTH - 0.45, LINE * 0.55)
    axes.set_xlim(0.45, 1.02)
    axes.set_ylim(-1, 1)
    axes.axis("off")
    axes.plot([0.5, 1.0], [0, 0], color="#dcdee1", linewidth=0.6)
    if np.isfinite(value):
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([max(low, 0.45), high], [0, 0], color="#72afd6", linewidth=3.0, solid_capstyle="butt")
        axes.plot([max(value, 0.45)], [0], marker="o", markersize=3.2, color="#0b3c74")
    parts.write(figure, BAR_AT, top, _number(value), fontsize=7, color=parts.INK)


def _spread(n: int, most: int) -> list[int]:
    return list(range(n)) if n <= most else [round(i * (n - 1) / (most - 1)) for i in range(most)]


def _told(result: Any, n: int, n_shown: int) -> str:
    which = f"{n_shown} of {n}, best to worst" if n_shown < n else f"all {n}"
    chance = f"; with labels exchanged {result.shuffled:.2f}" if np.isfinite(result.shuffled) else ""
    return f"by {visible(result.method, 40)}: {which}. Detection is balanced accuracy, 0.5 to 1{chance}"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"
