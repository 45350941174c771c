"""The picture of attention patterns: every head small, the sharpest one large with its tokens."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from interp_nb.widgets.codec import thumbnails
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

MAX_LARGE = 96
"""Side of the large pattern in cells; longer prompts are pooled by the maximum, as the thumbnails are."""


def draw(result: Any) -> Figure:
    """Draw `AttentionPatterns`."""
    n_layers, n_heads, n_pos, _ = result.patterns.shape
    side = min(0.62, max(0.16, 3.7 / max(n_layers, n_heads)))
    small_width, small_height = n_heads * side, n_layers * side
    large = min(3.6, max(1.5, n_pos * 0.24))
    longest = max(len(visible(token)) for token in result.tokens) + len(str(n_pos)) + 1
    margin = 0.12 + longest * 0.06
    left, head = 0.5, 0.72
    right = left + small_width + 0.25 + margin
    height = head + max(small_height + 0.15, large + margin + 0.18)
    figure = Figure(figsize=(right + large + 0.85, height))
    _thumbnails(figure, result, (left, head, small_width, small_height))
    layer, best = _sharpest(result.patterns.numpy())
    axes = parts.add_axes(figure, right, head, large, large)
    image = _pattern(axes, result.patterns[layer, best].numpy(), result.tokens, large)
    title = f"layer {result.layers[layer]} head {best}, the sharpest"
    parts.write(figure, right, head - 0.19, title, fontsize=7.5, color=parts.INK)
    bar = parts.add_axes(figure, right + large + 0.12, head, 0.1, min(large, 1.6))
    parts.color_bar(figure, bar, image, (0.0, 1.0), "attention")
    room = int((figure.get_figwidth() - left) / 0.07)
    parts.write(figure, left, 0.06, "Attention, all heads", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(figure, left, 0.25, cut(visible(result.prompt, max(12, room)), room), fontsize=7, color=parts.MUTED)
    return figure


def _thumbnails(figure: Figure, result: Any, box: tuple[float, float, float, float]) -> None:
    """Lay all heads out in one image, a grey gap between them."""
    shades = thumbnails(result.patterns).astype(np.float32) / 255
    n_layers, n_heads, cells, _ = shades.shape
    gap = max(1, cells // 10)
    sheet = np.full((n_layers * (cells + gap) - gap, n_heads * (cells + gap) - gap), np.nan, np.float32)
    ahead = np.triu(np.ones((cells, cells), bool), 1)
    for layer in range(n_layers):
        for head in range(n_heads):
            tile = np.where(ahead & (shades[layer, head] == 0), -1.0, shades[layer, head])
            sheet[layer * (cells + gap) :, head * (cells + gap) :][:cells, :cells] = tile
    axes = parts.add_axes(figure, *box)
    colors = parts.SEQUENTIAL.with_extremes(under=parts.MASKED, bad="white")
    axes.imshow(np.ma.masked_invalid(sheet), cmap=colors, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    middle = [index * (cells + gap) + (cells - 1) / 2 for index in range(max(n_layers, n_heads))]
    every = max(1, round(0.17 / (box[2] / n_heads) + 0.49))
    axes.set_xticks(middle[:n_heads:every], [str(head) for head in range(0, n_heads, every)], fontsize=7)
    axes.set_yticks(middle[:n_layers:every], [str(layer) for layer in result.layers[::every]], fontsize=7)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.set_ylabel("layer", fontsize=7.5, labelpad=2)
    axes.set_xlabel("head", fontsize=7.5, labelpad=2)
    axes.xaxis.set_label_position("top")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _pattern(axes: Axes, pattern: parts.Matrix, tokens: list[str], inches: float) -> Any:
    n_pos = len(tokens)
    ahead = np.triu(np.ones((n_pos, n_pos), bool), 1) & (pattern == 0)
    shown = np.where(ahead, -1.0, pattern)
    if n_pos > MAX_LARGE:
        step = -(-n_pos // MAX_LARGE)
        padded = np.pad(shown, (0, -n_pos % step), constant_values=-1.0)
        shown = padded.reshape(len(padded) // step, step, -1, step).max((1, 3))
    colors = parts.SEQUENTIAL.with_extremes(under=parts.MASKED, bad="white")
    image = axes.imshow(
        shown, cmap=colors, vmin=0, vmax=1, interpolation="nearest", extent=(-0.5, n_pos - 0.5, n_pos - 0.5, -0.5)
    )
    parts.frame(axes)
    parts.token_ticks(axes, tokens, inches=inches)
    parts.token_ticks(axes, tokens, y=True, inches=inches)
    axes.set_xlabel("source (attended to)", fontsize=7.5, labelpad=3)
    axes.set_ylabel("destination", fontsize=7.5, labelpad=2)
    return image


def _sharpest(patterns: parts.Matrix) -> tuple[int, int]:
    """Find the head the summary names: the first within 0.005 of the largest mean of each row's maximum."""
    rows = patterns[:, :, 1:] if patterns.shape[2] > 1 else patterns
    sharpness = np.nan_to_num(rows.max(-1).mean(-1))
    layer, head = (int(index[0]) for index in np.nonzero(sharpness >= sharpness.max() - 0.005))
    return layer, head
