"""The static picture of a result: what is seen on a code host, in an untrusted notebook, in print.

One `<figure>` with one PNG, because that is what sanitizers leave alone (inline SVG and scripts are stripped). The same
result gives the same bytes on one machine. What each picture shows is in `interp_nb.widgets.pictures`.
"""

import base64
import html
import io
import unicodedata
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from interp_nb._show import Showable, no_waiting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI: Final = 192
"""Twice the 96 pixels per inch of a page, so that the picture is crisp on dense screens."""
MAX_TOKEN: Final = 14
"""Longest token on an axis, in characters."""
MAX_CAPTION: Final = 600

# Settings of a user that would change a picture go back to matplotlib's own, and then to these.
DRAWN: Final = frozenset(
    [
        "axes",
        "figure",
        "font",
        "grid",
        "hatch",
        "image",
        "lines",
        "mathtext",
        "patch",
        "path",
        "scatter",
        "text",
        "xtick",
        "ytick",
    ]
)
STYLE: Final[dict[str, Any]] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "text.usetex": False,
    "text.parse_math": False,
    "text.color": "#26292e",
    "text.antialiased": True,
    "axes.unicode_minus": True,
    "axes.edgecolor": "#c9ccd1",
    "axes.labelcolor": "#3a3e44",
    "axes.linewidth": 0.6,
    "axes.grid": False,
    "xtick.color": "#3a3e44",
    "ytick.color": "#3a3e44",
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": False,
    "figure.autolayout": False,
}

_MARKS: Final = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽"}


def figure_html(shown: Showable, summary: str) -> str:
    """Draw a result and wrap the picture up for a notebook.

    Args:
        summary: The text under the picture and in its place where pictures are not shown.
    """
    png, width = picture(shown)
    source = base64.b64encode(png).decode("ascii")
    text = html.escape(cut(summary, MAX_CAPTION))
    image = (
        f'<img alt="{text}" width="{width}" style="max-width:100%;height:auto" src="data:image/png;base64,{source}">'
    )
    return f'<figure style="margin:0">{image}<figcaption>{text}</figcaption></figure>'


def picture(shown: Showable) -> tuple[bytes, int]:
    """Draw a result as a PNG.

    Returns:
        The PNG and the width in CSS pixels it is meant to be shown at.
    """
    from matplotlib import rc_context, rcParamsDefault
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    name = shown._picture or shown._widget.partition(":")[0].rpartition(".")[2]
    draw = import_module(f"interp_nb.widgets.pictures.{name}").draw
    buffer = io.BytesIO()
    # Glyphs that the font lacks become boxes; the notebook need not hear of each.
    plain = {key: value for key, value in rcParamsDefault.items() if key.partition(".")[0] in DRAWN}
    with rc_context(plain | STYLE), warnings.catch_warnings(), no_waiting():
        warnings.simplefilter("ignore")
        figure: Figure = draw(shown)
        figure.set_facecolor("white")
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(DPI)
        canvas.draw()
        drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
        # A palette halves the size, and this way of choosing it takes half the time of the default. PIL writes no date
        # and no version: the same result is the same file tomorrow.
        drawn.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(buffer, format="png")
    return buffer.getvalue(), round(figure.get_figwidth() * 96)


def visible(token: str, limit: int = MAX_TOKEN) -> str:
    """Write a token so that everything in it is seen: leading spaces, newlines, invisible characters; cut if long."""
    token = token[: 4 * limit]
    last = len(token) - 1
    blank = not token.strip()
    shown = (
        char if char == " " and 0 < index < last and not blank else _mark(char) for index, char in enumerate(token)
    )
    return cut("".join(shown), limit) or "∅"


def _mark(char: str) -> str:
    if char in _MARKS:
        return _MARKS[char]
    # Controls, format characters (direction marks, zero width) and lone surrogates act unseen, or cannot be drawn.
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co"):
        return f"⟨{ord(char):04X}⟩"
    return char


def cut(text: str, limit: int) -> str:
    """Cut a text to a number of characters, the last one an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
