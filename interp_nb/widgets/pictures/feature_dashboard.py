"""The picture of a feature dashboard: its most interesting latents, a line each.

Label, density, histogram, the strongest example with its tokens shaded, and the tokens it makes likelier or less.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Int64
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from interp_nb.features.records import TOP_BAND, Example, Feature
from interp_nb.features.store import FeatureStore
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.feature_list import words
from interp_nb.widgets.feature_words import heading, note
from interp_nb.widgets.pictures import parts

N_ROWS: Final = 10
WIDTH, HEAD, LINE = 9.6, 0.72, 0.46
NAME_AT, BARS_AT, EXAMPLE_AT, LOGITS_AT = 0.1, 2.55, 3.55, 7.75
BARS_WIDTH, BARS_HEIGHT, EXAMPLE_WIDTH = 0.8, 0.3, 4.05
SIZE: Final = 6.5
MONO: Final = "DejaVu Sans Mono"
LETTER: Final = 0.602 * SIZE / 72
"""Width of a letter in inches: DejaVu Sans Mono's are 0.602 em wide."""
MAX_NAME: Final = 40
MAX_LOGITS: Final = 31
DARK: Final = 0.6
"""From this share of the largest activation on, text is white."""


def draw(result: Any) -> Figure:
    """Draw a `FeatureDashboard`."""
    store = result.store
    latents = [int(latent_idx) for latent_idx in result.order[:N_ROWS]]
    figure = Figure(figsize=(WIDTH, HEAD + len(latents) * LINE + 0.12))
    parts.write(figure, NAME_AT, 0.06, cut(heading(result), 100), fontsize=8.5, color=parts.INK, fontweight="bold")
    said = f"{visible(note(store), 120)} · the {len(latents)} most interesting"
    parts.write(figure, NAME_AT, 0.25, said, fontsize=7, color=parts.MUTED)
    titles = ((NAME_AT, "latent"), (BARS_AT, "activations"), (EXAMPLE_AT, "strongest example"), (LOGITS_AT, "logits"))
    for left, title in titles:
        parts.write(figure, left, 0.5, title, fontsize=6.5, color=parts.MUTED)
    # One pair of axes, in inches from the top left: ten small ones would take a second.
    axes = parts.add_axes(figure, 0.0, 0.0, WIDTH, float(figure.get_figheight()))
    axes.set_axis_off()
    axes.set(xlim=(0, WIDTH), ylim=(figure.get_figheight(), 0))
    called = words(store, latents)
    features = store.latents(latents)
    filled = np.flatnonzero(np.sum([feature.histogram for feature in features], axis=0))
    bins = slice(filled[0], filled[-1] + 1) if len(filled) else slice(None)
    for place, feature in enumerate(features):
        _line(axes, store, feature, called[place], HEAD + place * LINE)
        _histogram(axes, feature.histogram[bins], HEAD + place * LINE)
    return figure


def _line(axes: Axes, store: FeatureStore, feature: Feature, called: str, top: float) -> None:
    """Draw one latent."""
    label = store.labels.of(feature.latent_idx)
    name = f"{feature.latent_idx}  {visible(label.text if label and label.text else called, MAX_NAME)}"
    _write(
        axes, NAME_AT, top + 0.08, cut(name, MAX_NAME), 7.5, color=parts.INK if label and label.text else parts.MUTED
    )
    _write(axes, NAME_AT, top + 0.25, f"density {feature.density:.3g} · max {feature.max:.3g}", SIZE, color=parts.MUTED)
    strongest = next((each for each in feature.examples if each.band == TOP_BAND), None)
    if strongest is not None:
        _example(axes, store, strongest, top + 0.17)
    for offset, mark, pairs in ((0.08, "+", feature.logits_up), (0.25, "−", feature.logits_down)):
        tokens = store.token_strings([token for token, _ in pairs[:6]])
        text = cut(" ".join(visible(token, 10) for token in tokens), MAX_LOGITS)
        if text:
            _write(axes, LOGITS_AT, top + offset, f"{mark} {text}", SIZE, color=parts.MUTED, family=MONO)


def _histogram(axes: Axes, histogram: Int64[np.ndarray, " bin"], top: float) -> None:
    """Draw the firings by activation as one shape, which is much faster than a bar for each bin."""
    counts = histogram.astype(np.float64)
    heights = BARS_HEIGHT * counts / max(1.0, float(counts.max(initial=0.0)))
    edges = np.linspace(BARS_AT, BARS_AT + BARS_WIDTH, len(counts) + 1)
    base = top + BARS_HEIGHT
    outline = np.repeat(edges, 2), np.concatenate([[base], np.repeat(base - heights, 2), [base]])
    bars = PolyCollection([np.column_stack(outline)], facecolors=[parts.SEQUENTIAL(0.6)], edgecolors="none")
    axes.add_collection(bars, autolim=False)
    axes.plot([BARS_AT, BARS_AT + BARS_WIDTH], [base, base], color="#c9ccd1", linewidth=0.6)


def _example(axes: Axes, store: FeatureStore, example: Example, middle: float) -> None:
    """Write the tokens of an example around the one that fires, as many as there is room for."""
    texts = [visible(text) for text in store.token_strings([int(token) for token in example.token_ids])]
    first, last = _room([len(text) for text in texts], int(example.at), int(EXAMPLE_WIDTH / LETTER))
    left, boxes, shares = EXAMPLE_AT, [], []
    for place in range(first, last + 1):
        width = LETTER * len(texts[place])
        value = float(example.values[place])
        share = min(1.0, value / example.value) if value > 0 and example.value > 0 else 0.0
        if share:
            low, high, right = middle - 0.1, middle + 0.1, left + width
            boxes.append([(left, low), (right, low), (right, high), (left, high)])
            shares.append(parts.SEQUENTIAL(share))
        style = {"fontweight": "bold" if place == example.at else "normal", "family": MONO}
        _write(axes, left, middle, texts[place], SIZE, color="white" if share >= DARK else parts.INK, **style)
        left += width
    shades = PolyCollection(boxes, facecolors=shares, edgecolors="none", zorder=0.5)
    axes.add_collection(shades, autolim=False)


def _write(axes: Axes, left: float, middle: float, text: str, size: float, **style: Any) -> None:
    axes.text(left, middle, text, fontsize=size, va="center", parse_math=False, **style)


def _room(widths: list[int], at: int, room: int) -> tuple[int, int]:
    """Choose the first and last token of a line: the one that fires, and by turns one before and one after."""
    first = last = at
    left = room - widths[at]
    while True:
        before = first > 0 and widths[first - 1] <= left
        if before:
            first -= 1
            left -= widths[first]
        after = last + 1 < len(widths) and widths[last + 1] <= left
        if after:
            last += 1
            left -= widths[last]
        if not before and not after:
            return first, last
