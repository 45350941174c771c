"""The picture of an inspection: what an SAE on disk is, every convention it follows, its tensors, its problems."""

import textwrap
from typing import Any, Final

from matplotlib.figure import Figure

from interp_nb.widgets.fallback import cut, visible
from interp_nb.widgets.pictures import parts

STORED: Final = "#2a71b2"
FAILS: Final = "#8e0b25"
_LINE: Final = 0.17
_MOST: Final = 14
"""Tensors that are listed."""


def draw(result: Any) -> Figure:
    """Draw an `SAEInspection`."""
    tensors, problems = result.tensors[:_MOST], result.problems[:_MOST]
    conventions = _lines(result.conventions)
    left_lines, right_lines = len(conventions), len(tensors) + (len(result.tensors) > _MOST)
    height = 1.55 + _LINE * max(left_lines, right_lines) + (0.3 + _LINE * len(problems) if problems else 0.0)
    figure = Figure(figsize=(8.6, height))
    title = f"{result.family} {result.architecture}" + (f" {result.version}" if result.version else "")
    parts.write(figure, 0.1, 0.06, visible(title, 70), fontsize=8.5, color=parts.INK, fontweight="bold")
    _facts(figure, result)
    _conventions(figure, conventions, 1.15)
    _tensors(figure, tensors, len(result.tensors), 1.15)
    top = 1.45 + _LINE * max(left_lines, right_lines)
    if problems:
        parts.write(figure, 0.1, top, "Problems", fontsize=7.5, color=FAILS, fontweight="bold")
    for line, problem in enumerate(problems, 1):
        parts.write(figure, 0.1, top + _LINE * line, visible(cut(problem, 170), 170), fontsize=6.5, color=FAILS)
    return figure


def _facts(figure: Figure, result: Any) -> None:
    """Write what it is in a few lines: widths, place, folder."""
    sites = " -> ".join(result.sites) or result.site_as_said or "unknown"
    widths = f"d_in {result.d_in}, d_sae {result.d_sae}" + (
        f", d_out {result.d_out}" if result.kind not in ("sae", "crosscoder") else ""
    )
    which = f", {len(result.ids)} SAEs there" if len(result.ids) > 1 else ""
    which += ", of which this is the first: give sae_id=" if result.is_first else ""
    path = result.path + (f" : {result.sae_id}" if result.sae_id else "") + which
    lines = (
        ("is", f"{result.kind} with {result.ours} latents, {widths}, {result.dtype}"),
        ("of", f"model {result.model}, site {sites}"),
        ("in", path),
    )
    for line, (name, text) in enumerate(lines):
        parts.write(figure, 0.1, 0.32 + _LINE * line, name, fontsize=6.8, color=parts.MUTED)
        parts.write(figure, 0.45, 0.32 + _LINE * line, visible(cut(text, 150), 150), fontsize=6.8, color=parts.INK)


def _conventions(figure: Figure, lines: list[tuple[str, str, str]], top: float) -> None:
    parts.write(figure, 0.1, top - 0.2, "Conventions", fontsize=7.5, color=parts.INK, fontweight="bold")
    legend = "blue: the files say so; grey: default of this family"
    parts.write(figure, 1.1, top - 0.18, legend, fontsize=6, color=parts.MUTED)
    for line, (name, text, color) in enumerate(lines):
        parts.write(figure, 0.1, top + _LINE * line, name, fontsize=6.5, color=parts.INK)
        parts.write(figure, 1.55, top + _LINE * line, text, fontsize=6.5, color=color)


def _lines(conventions: Any) -> list[tuple[str, str, str]]:
    """Lay conventions out in lines: name, a part of the value, color."""
    found = []
    for each in conventions:
        color = parts.MUTED if each.known.startswith("default") else STORED
        wrapped = textwrap.wrap(visible(each.value, 400), 60, max_lines=4, placeholder=" ...") or [""]
        found += [(visible(each.name, 28) if not at else "", text, color) for at, text in enumerate(wrapped)]
    return found


def _tensors(figure: Figure, tensors: Any, n: int, top: float) -> None:
    parts.write(figure, 5.0, top - 0.2, "Tensors", fontsize=7.5, color=parts.INK, fontweight="bold")
    for line, each in enumerate(tensors):
        shape = " x ".join(map(str, each.shape)) or "one number"
        becomes = f"{each.becomes}{', transposed' if each.transposed else ''}"
        parts.write(figure, 5.0, top + _LINE * line, visible(each.name, 20), fontsize=6.5, color=parts.INK)
        parts.write(figure, 6.1, top + _LINE * line, f"{shape} {each.dtype}", fontsize=6.5, color=parts.MUTED)
        parts.write(figure, 7.2, top + _LINE * line, visible(cut(becomes, 24), 24), fontsize=6.5, color=parts.INK)
    if n > len(tensors):
        rest = f"and {n - len(tensors)} more: to_frame('tensors')"
        parts.write(figure, 5.0, top + _LINE * len(tensors), rest, fontsize=6.5, color=parts.MUTED)
