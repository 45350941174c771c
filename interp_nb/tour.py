"""The quickstart, run without a browser and written as one self-contained interactive page.

1. The notebook's cells run in this process (`interp_nb.headless`), and everything they show is caught: a result or one
   of our widgets as the object itself, anything else as the static HTML or text that it would show.
2. Results become their interactive exported widgets; prose, code and results go onto one page
   (`interp_nb.widgets.export.page`), and selections that the notebook linked stay linked there.
"""

import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from interp_nb._errors import ConfigError
from interp_nb._show import Showable

if TYPE_CHECKING:
    from interp_nb.headless import Headless, Shown

# The module that is needed, and what brings it.
NEEDS = {"IPython": "ipywidgets", "mistune": "nbconvert"}
# Readable at any width and in both themes; the widgets bring their own style.
STYLE = """
.inb-tour-text, .inb-tour-code, .inb-tour-out { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; }
.inb-tour-text h1 { font-size: 1.7rem; } .inb-tour-text h2 { font-size: 1.3rem; }
.inb-tour-text table { border-collapse: collapse; } .inb-tour-text :is(td, th) { padding: .2rem .6rem; }
.inb-tour-code pre, .inb-tour-out pre { overflow-x: auto; padding: .6rem .8rem; border-radius: 4px; margin: .8rem 0;
  background: color-mix(in srgb, currentColor 7%, transparent); font: 13px/1.5 ui-monospace, monospace; }
.inb-tour-out pre { background: none; border-left: 3px solid color-mix(in srgb, currentColor 25%, transparent); }
.inb-tour-out table { border-collapse: collapse; font-size: 13px; } .inb-tour-out :is(td, th) { padding: .1rem .5rem; }
.inb-tour-out img { max-width: 100%; }
"""


class Cell(NamedTuple):
    """One cell of the notebook: `folded` code is closed at first, `shown` is in the order in which it appeared."""

    kind: str
    source: str
    folded: bool
    shown: list["Shown"]


class Tour(NamedTuple):
    """What `run_tour` did: the one-line results, how long it took (seconds) and the page it wrote (bytes)."""

    results: list[str]
    cells: int
    seconds: float
    path: Path
    size: int

    def lines(self) -> list[str]:
        """Return the summary that `interp-nb tour` prints."""
        page = f"{self.path} ({self.size / 2**20:.1f} MiB, opens in any browser, no kernel and no network needed)"
        return [*self.results, f"{self.cells} cells in {self.seconds:.0f} s", page]


def run_tour(notebook: Path, out: Path) -> Tour:
    """Run a notebook headless and write it as one self-contained interactive page."""
    for module, package in NEEDS.items():
        if find_spec(module) is None:
            raise ConfigError(f'the tour needs {package}: pip install "interp_nb[lab]", then run interp-nb tour again.')
    if out.is_dir():
        raise ConfigError(f"expected a file to write, {out} is a folder: give a name, such as {out / 'tour.html'}.")
    # Opened before the minute of work, so that a folder that cannot be written is known at once.
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    from interp_nb.headless import quiet_shell

    began = time.perf_counter()
    # NOTE: the page is made while the shell lives: results hold their model weakly, and recording what each cell
    # predicts needs it.
    with quiet_shell(_is_ours) as shell:
        cells = run_cells(notebook, shell)
        seconds = time.perf_counter() - began
        page = compose(cells)
    out.write_text(page, encoding="utf-8")
    results = [repr(item.value) for cell in cells for item in cell.shown if item.value is not None]
    return Tour(results, sum(cell.kind == "code" for cell in cells), seconds, out.resolve(), len(page.encode()))


def run_cells(notebook: Path, shell: "Headless") -> list[Cell]:
    """Run a notebook's code cells in order and return all cells with what they showed."""
    read = json.loads(notebook.read_text(encoding="utf-8"))
    cells = []
    for number, cell in enumerate(read["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            cells.append(Cell("markdown", source, False, []))
            continue
        folded = bool(cell.get("metadata", {}).get("jupyter", {}).get("source_hidden"))
        cells.append(Cell("code", source, folded, shell.run(source, f"cell {number} of {notebook.name}")))
    return cells


def compose(cells: list[Cell]) -> str:
    """Return the page: prose, code and results in order, results interactive and linked as in the notebook."""
    from interp_nb.widgets.export import page

    parts: list[Any] = [_style()]
    for cell in cells:
        if cell.kind == "markdown":
            parts.append(f'<section class="inb-tour-text">{_markdown(cell.source)}</section>')
            continue
        parts.append(_code(cell))
        for item in cell.shown:
            parts.append(item.value if item.value is not None else f'<div class="inb-tour-out">{item.html}</div>')
    return page(parts, links=_links(parts), title="interp_nb tour")


def _links(parts: list[Any]) -> list[tuple[int, int]]:
    from interp_nb.widgets.links import linked_pairs

    shown = {i: part.show() if isinstance(part, Showable) else part for i, part in enumerate(parts)}
    return linked_pairs({i: widget for i, widget in shown.items() if not isinstance(widget, str)})


def _is_ours(value: Any) -> bool:
    """Tell whether the export can draw this interactively: a result with a widget, or one of our widgets."""
    return bool(getattr(value, "_widget", "")) if isinstance(value, Showable) else hasattr(value, "_recorded_requests")


def _markdown(source: str) -> str:
    import mistune

    # Escaped: a tutorial has no raw HTML, and a prompt quoted in its prose must not become any.
    render = mistune.create_markdown(escape=True, plugins=["table", "strikethrough", "url"])
    return str(render(source))


def _code(cell: Cell) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    colored = highlight(cell.source, PythonLexer(), HtmlFormatter(nowrap=True))
    block = f'<div class="inb-tour-code"><pre>{colored}</pre></div>'
    return f"<details><summary>code</summary>{block}</details>" if cell.folded else block


def _style() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".inb-tour-code pre")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".inb-tour-code pre")
    # The formatter's own backgrounds are left out: the page has its own, in either theme.
    keep = [[line for line in text.splitlines() if "background" not in line] for text in (light, dark)]
    rules = "\n".join([*keep[0], "@media (prefers-color-scheme: dark) {", *keep[1], "}"])
    return f"<style>{STYLE}{rules}</style>"
