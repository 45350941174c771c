"""The picture of a patch grid: layers from the top down, positions across, effects by color."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

PENDING, UNDEFINED = 0, 2


def draw(result: Any) -> Figure:
    """Draw a `PatchGrid` as it is now."""
    effect, state = result.effect.numpy(), result.state.numpy()
    n_layers, n_pos = effect.shape
    width = n_pos * min(0.46, max(0.1, 8.4 / n_pos))
    height = n_layers * min(0.3, max(0.1, 4.0 / n_layers))
    head, left, right = 0.62, 0.5, 0.95
    longest = max(len(visible(token)) for token in result.clean_tokens) + len(str(n_pos)) + 1
    foot = 0.3 + longest * 0.062
    figure = Figure(figsize=(max(4.6, left + width + right), head + height + foot))
    axes = parts.add_axes(figure, left, head, width, height)
    limit = parts.nice_limit(effect)
    image = axes.imshow(
        np.ma.masked_invalid(effect),
        cmap=parts.DIVERGING,
        vmin=-limit,
        vmax=limit,
        aspect="auto",
        interpolation="nearest",
    )
    parts.frame(axes)
    _odd_cells(axes, effect, state, limit)
    differs = [clean != other for clean, other in zip(result.clean_tokens, result.corrupted_tokens, strict=True)]
    parts.token_ticks(axes, result.clean_tokens, inches=width, changed=differs)
    parts.index_ticks(axes, range(n_layers), y=True, inches=height)
    axes.set_ylabel("layer", fontsize=7.5, labelpad=2)
    axes.set_xlabel(
        "clean token and position" + (", changed ones bold" if any(differs) else ""), fontsize=7.5, labelpad=3
    )
    _best(axes, effect, limit, n_pos, width)
    bar = parts.add_axes(figure, left + width + 0.14, head, 0.1, max(height, 0.9))
    parts.color_bar(figure, bar, image, (-limit, limit), "effect, share of\nclean − corrupted")
    _title(figure, result, left)
    return figure


def _title(figure: Figure, result: Any, left: float) -> None:
    prompts = result.contrast.prompts()
    more = f" (1 of {len(prompts.clean)})" if len(prompts.clean) > 1 else ""
    title = f"{result.site} patched, {result.metric}, {result.direction}{more}"
    parts.write(figure, left, 0.06, cut(title, 90), fontsize=8.5, color=parts.INK, fontweight="bold")
    room = int((figure.get_figwidth() - left) / 0.066)
    for line, (name, prompt, answer) in enumerate(
        [("clean", prompts.clean[0], prompts.answer[0]), ("corrupted", prompts.corrupted[0], prompts.wrong[0])]
    ):
        text = f"{name}: {visible(prompt, max(12, room - 34))} → {visible(answer)}"
        parts.write(figure, left, 0.25 + 0.15 * line, text, fontsize=7, color=parts.MUTED)


def _odd_cells(axes: Any, effect: parts.Matrix, state: parts.Matrix, limit: float) -> None:
    """Mark what is not a plain value: pending, undefined, infinite, beyond the color scale."""
    parts.hatch(axes, state == PENDING, "//////")
    undefined = (state == UNDEFINED) | (np.isnan(effect) & (state != PENDING))
    parts.hatch(axes, undefined, "xxxxxx")
    rows, columns = np.nonzero(np.isinf(effect))
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        parts.label_cell(axes, row, column, "+∞" if effect[row, column] > 0 else "−∞", dark=False)
    rows, columns = np.nonzero(np.isfinite(effect) & (np.abs(effect) > limit * 1.005))
    axes.scatter(columns + 0.36, rows - 0.34, marker="^", s=5, color="white", linewidths=0, zorder=3)


def _best(axes: Any, effect: parts.Matrix, limit: float, n_pos: int, width: float) -> None:
    """Print the value of the best cell: the first within 0.005 of the largest, as the summary names it."""
    finite = np.where(np.isfinite(effect), effect, -np.inf)
    if not np.isfinite(finite).any():
        return
    row, column = (int(index[0]) for index in np.nonzero(finite >= finite.max() - 0.005))
    value = float(effect[row, column])
    size = min(6.5, max(4.0, width / n_pos * 72 / 2.9))
    parts.label_cell(axes, row, column, f"{value:.2f}", dark=abs(value) > 0.55 * limit, size=size)
    axes.add_patch(_outline(row, column))


def _outline(row: int, column: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=parts.ACCENT, linewidth=1.0, zorder=4)
