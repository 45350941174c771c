"""What is left without a kernel: exported pages that still answer to the mouse, and saved notebooks with a picture."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.jupyter import OpenFile, OpenNotebook, write_notebook
from tests.browser.test_attention import shown_attention, thumb, token
from tests.browser.test_patch_grid import GRID, cell, shown_effect
from tests.browser.tiny import setup_cell

pytestmark = pytest.mark.browser
PATTERNS = "patterns = inb.attention(model, 'The Eiffel Tower is in')\npatterns"


def test_an_exported_grid_answers_from_what_was_recorded(
    notebook: OpenNotebook, exported: OpenFile, tiny: Path, tmp_path: Path
) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    path = tmp_path / "grid.html"
    opened.execute(f"grid.to_html({str(path)!r})")
    opened.execute("after = grid.predict(1, 2).patched[0]")
    file = exported(path)
    widget = file.page.locator(".inb-patch_grid")
    assert shown_effect(widget, 1, 2) == pytest.approx(opened.ask("float(grid.effect[1, 2])"), rel=1e-3)
    cell(widget, 1, 2).hover()
    expect(widget.get_by_role("tooltip")).to_contain_text("layer 1 · pos 2")
    cell(widget, 1, 2).click()
    expect(cell(widget, 1, 2)).to_have_attribute("aria-selected", "true")
    first = widget.locator(".inb-bars-column").nth(1).locator(".inb-bar").first
    probability = float((first.get_attribute("title") or "").split("probability ")[1].split(",")[0])
    assert probability == pytest.approx(opened.ask("after.prob"), rel=1e-3)

    expect(widget.locator("select[data-choice=site]")).to_be_disabled()
    expect(widget.locator(".inb-toolbar")).to_contain_text("kernel")
    file.check_clean()


def test_the_page_of_a_tour_is_interactive_and_linked(exported: OpenFile, tiny: Path, tmp_path: Path) -> None:
    source = tmp_path / "lesson.ipynb"
    tie = "inb.link(grid, patterns)"
    write_notebook(source, ["%%markdown\n# Where is it *decided*?", setup_cell(tiny), GRID, PATTERNS, tie])
    path = tmp_path / "tour.html"
    # In a process of its own: the shell of a tour and the driver of the browser both want the event loop.
    code = "import sys; from pathlib import Path; from interp_nb.tour import run_tour\n"
    code += "print('\\n'.join(run_tour(Path(sys.argv[1]), Path(sys.argv[2])).lines()))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(source), str(path)], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("PatchGrid(resid_pre, layer=3 x pos=6, logit_diff, best ")
    assert "AttentionPatterns(layer=3 x head=4 x pos=6" in done.stdout

    file = exported(path)
    expect(file.page.get_by_role("heading", name="Where is it decided?")).to_be_visible()
    expect(file.page.locator(".inb-tour-code").nth(1)).to_contain_text("inb.patch_grid(model, contrast)")
    grid, attention = file.page.locator(".inb-patch_grid"), file.page.locator(".inb-attention")
    cell(grid, 2, 3).click()
    expect(grid.locator(".inb-bars-column")).to_have_count(3)
    expect(attention.locator(".inb-head-name h5")).to_have_text("Layer 2, head 0")
    expect(token(attention, 3)).to_have_attribute("aria-pressed", "true")
    weights = [shown_attention(token(attention, src)) for src in range(4)]
    assert sum(weights) == pytest.approx(1, abs=2e-3), "the recorded pattern of the head, not its thumbnail"
    thumb(attention, 1, 2).click()
    expect(cell(grid, 1, 3)).to_have_attribute("aria-selected", "true")
    file.check_clean()


def test_a_saved_notebook_shows_its_pictures_without_a_kernel(
    notebook: OpenNotebook, exported: OpenFile, tiny: Path, tmp_path: Path
) -> None:
    opened = notebook([setup_cell(tiny), GRID, PATTERNS])
    opened.save()
    saved = nbformat.read(opened.path, as_version=4)
    assert "widgets" not in saved.metadata, "the state of widgets is not saved"
    bundles = [output.data for cell_ in saved.cells for output in cell_.outputs if "data" in output]
    assert ["text/html" in data and "text/plain" in data for data in bundles] == [True, True]
    # Without the live view, as the tutorials are committed.
    for data in bundles:
        data.pop("application/vnd.jupyter.widget-view+json", None)
    nbformat.write(saved, tmp_path / "saved.ipynb")
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--log-level=ERROR", str(tmp_path / "saved.ipynb")],
        check=True,
    )
    file = exported(tmp_path / "saved.html")
    pictures = file.page.locator("figure img[alt*='(']")
    expect(pictures).to_have_count(2)
    for index, name in enumerate(("PatchGrid(", "AttentionPatterns(")):
        assert (pictures.nth(index).get_attribute("alt") or "").startswith(name)
        assert pictures.nth(index).evaluate("(img) => img.complete && img.naturalWidth") > 300
    # nbconvert's own page asks for its own scripts, which this machine must not reach; ours asks for nothing.
    ours = [url for url in file.external if not any(name in url for name in ("mathjax", "require", "mermaid"))]
    assert ours == []
