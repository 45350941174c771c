"""The picture of head roles: one small heat map of layers by heads for every role."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

PER_ROW = 4


def draw(result: Any) -> Figure:
    """Draw `HeadRoles`."""
    scores = result.scores.numpy()
    n_roles, n_layers, n_heads = scores.shape
    width = n_heads * min(0.34, max(0.08, 1.9 / n_heads))
    height = n_layers * min(0.3, max(0.08, 1.9 / n_layers))
    width, height = max(width, 1.1), max(height, 0.5)
    columns, rows = min(PER_ROW, n_roles), -(-n_roles // PER_ROW)
    left, head, between, line = 0.45, 0.55, 0.4, height + 0.62
    figure = Figure(figsize=(left + columns * (width + between) + 0.65, head + rows * line + 0.05))
    images: dict[bool, Any] = {}
    for index, (role, matrix) in enumerate(zip(result.roles, scores, strict=True)):
        box = (left + index % PER_ROW * (width + between), head + index // PER_ROW * line, width, height)
        signed = bool((np.nan_to_num(matrix) < -0.005).any())
        images[signed] = _role(figure, box, role, matrix, result.layers, signed=signed)
    for place, (signed, image) in enumerate(sorted(images.items())):
        right = left + columns * (width + between) - between + 0.14
        axes = parts.add_axes(figure, right, head + place * line, 0.1, max(height, 0.8))
        parts.color_bar(figure, axes, image, (-1.0 if signed else 0.0, 1.0), "score")
    what = f"on {visible(result.prompt, 60)}" if result.prompt else "on random repeated tokens"
    parts.write(figure, left, 0.06, "Head roles", fontsize=8.5, color=parts.INK, fontweight="bold")
    parts.write(figure, left + 0.85, 0.075, cut(what, 70), fontsize=7, color=parts.MUTED)
    return figure


def _role(
    figure: Figure,
    box: tuple[float, float, float, float],
    role: str,
    matrix: parts.Matrix,
    layers: Any,
    *,
    signed: bool,
) -> Any:
    axes = parts.add_axes(figure, *box)
    colors, low = (parts.DIVERGING, -1.0) if signed else (parts.SEQUENTIAL, 0.0)
    image = axes.imshow(
        np.ma.masked_invalid(matrix), cmap=colors, vmin=low, vmax=1, aspect="auto", interpolation="nearest"
    )
    parts.frame(axes)
    parts.hatch(axes, np.isnan(matrix), "xxxxxx")
    parts.index_ticks(axes, list(layers), y=True, inches=box[3], size=6.5)
    parts.index_ticks(axes, range(matrix.shape[1]), inches=box[2], size=6.5)
    axes.set_title(
        visible(role.replace("_", " "), 22), fontsize=7.5, loc="left", pad=3, color=parts.INK, parse_math=False
    )
    axes.set_xlabel("head", fontsize=6.5, labelpad=1)
    axes.set_ylabel("layer", fontsize=6.5, labelpad=1)
    known = np.where(np.isnan(matrix), -np.inf, matrix)
    if np.isfinite(known).any():
        row, column = (int(index[0]) for index in np.nonzero(known >= known.max() - 0.005))
        value = float(matrix[row, column])
        size = min(6.5, max(3.5, box[2] / matrix.shape[1] * 72 / 2.9))
        parts.label_cell(axes, row, column, f"{value:.2f}", dark=value > 0.5, size=size)
    return image
