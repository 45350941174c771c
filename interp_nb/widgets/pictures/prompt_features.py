"""The picture of a text's features: latents by tokens, with a bar for what they are ranked by and for their effects."""

from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from interp_nb._show import two_decimals
from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts
from interp_nb.widgets.scales import nice_limit

BAR: Final = 0.7
"""Width of a column of bars, in inches."""
GAP: Final = 0.5
"""From one column of bars to the next; the value is written there."""
GREY: Final = "#c9ccd1"


def draw(result: Any) -> Figure:
    """Draw `PromptFeatures`."""
    n_rows, n_columns = len(result.latents), len(result.tokens)
    width = min(8.4, max(1.2, n_columns * 0.46))
    height = max(0.3, n_rows * 0.2)
    columns = _columns(result)
    left, head = 0.62, 0.66 + 0.15 * (bool(result.answer) + bool(result.note))
    longest = max(len(visible(token)) for token in result.tokens) + len(str(n_columns)) + 1
    right = (BAR + GAP) * len(columns) + 0.85
    figure = Figure(figsize=(max(4.8, left + width + 0.12 + right), head + height + 0.35 + longest * 0.062))
    _title(figure, result, left)
    if not n_rows:
        parts.write(figure, left, head, "no latent fires on this text", fontsize=7.5, color=parts.MUTED)
        return figure
    acts = result.acts.numpy()
    limit = nice_limit(acts, cap=np.inf)
    axes = parts.add_axes(figure, left, head, width, height)
    image = axes.imshow(
        np.ma.masked_invalid(acts), cmap=parts.SEQUENTIAL.with_extremes(bad=parts.MASKED), vmin=0, vmax=limit,
        aspect="auto", interpolation="nearest",
    )  # fmt: skip
    parts.frame(axes)
    parts.index_ticks(axes, result.latents.tolist(), y=True, inches=height)
    parts.token_ticks(axes, result.tokens, inches=width, changed=[at == result.pos for at in range(n_columns)])
    axes.set_ylabel("latent", fontsize=7.5, labelpad=2)
    axes.set_xlabel("token and position" + (", grey: not counted" if np.isnan(acts).any() else ""), fontsize=7.5)
    for place, (title, values) in enumerate(columns):
        _bars(figure, title, values, (left + width + 0.12 + place * (BAR + GAP), head, height))
    bar = parts.add_axes(figure, left + width + 0.12 + len(columns) * (BAR + GAP), head, 0.1, max(height, 0.8))
    parts.color_bar(figure, bar, image, (0.0, limit), "activation")
    return figure


def _columns(result: Any) -> list[tuple[str, parts.Matrix]]:
    """Choose what has a bar: what ranks, and the effects there are."""
    last = -1 if result.pos is None else result.pos
    found = {"max": result.max, "mean": result.mean}
    if result.pos is not None:
        found = dict.fromkeys(found, result.acts[:, last])
    shown = ["max" if result.rank_by in ("ablation", "direct") else result.rank_by]
    columns = [("act here" if result.pos is not None else f"{shown[0]} act", found[shown[0]].numpy())]
    if result.ablation is not None:
        columns.append(("ablation", result.ablation.numpy()))
    if result.direct is not None:
        columns.append(("direct", result.direct[:, last].numpy()))
    return columns


def _bars(figure: Figure, title: str, values: parts.Matrix, box: tuple[float, float, float]) -> None:
    """Draw one bar per latent, its value beside it."""
    left, head, height = box
    known = np.nan_to_num(values)
    low, high = min(0.0, float(known.min())), max(0.0, float(known.max()))
    axes = parts.add_axes(figure, left, head, BAR, height)
    colors = [parts.DIVERGING(0.89 if value >= 0 else 0.11) for value in known]
    axes.barh(np.arange(len(values)), known, height=0.6, color=colors)
    axes.set(ylim=(len(values) - 0.5, -0.5), xlim=(low, high) if high > low else (0, 1))
    axes.axvline(0, color=GREY, lw=0.6)
    axes.set_axis_off()
    for row, value in enumerate(values):
        said = "–" if np.isnan(value) else two_decimals(float(value))
        parts.write(
            figure, left + BAR + 0.04, head + (row + 0.5) * height / len(values) - 0.05, said, fontsize=6,
            color=parts.MUTED,
        )  # fmt: skip
    parts.write(figure, left, head - 0.17, title, fontsize=6.5, color=parts.MUTED)


def _title(figure: Figure, result: Any, left: float) -> None:
    ranked = result.rank_by if result.pos is None else f"{result.rank_by} at position {result.pos}"
    title = f"Latents of {result.site}, by {ranked}"
    parts.write(figure, left, 0.06, cut(title, 90), fontsize=8.5, color=parts.INK, fontweight="bold")
    room = int((figure.get_figwidth() - left) / 0.066)
    prompt = f"{len(result.latents)} of {result.n_firing} that fire on: {visible(result.prompt, max(12, room - 34))}"
    parts.write(figure, left, 0.25, cut(prompt, room), fontsize=7, color=parts.MUTED)
    lines = [] if result.answer is None else [_answer(result)]
    lines += [visible(result.note, 300)] if result.note else []
    for line, text in enumerate(lines):
        parts.write(figure, left, 0.4 + 0.15 * line, cut(text, room), fontsize=7, color=parts.MUTED)


def _answer(result: Any) -> str:
    """Say what the measure is made of."""
    against = "mean logit" if result.wrong is None else visible(result.wrong)
    said = f"{visible(result.answer)} − {against}: {two_decimals(result.metric)} logits"
    if result.direct_parts is None:
        return said
    terms = zip(("latents", "bias", "SAE error", "other"), result.direct_parts, strict=True)
    return f"{said} = " + " + ".join(f"{name} {two_decimals(value)}" for name, value in terms)
