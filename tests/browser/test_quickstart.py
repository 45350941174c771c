"""The first tutorial as a learner meets it: the pocket model, JupyterLab, and the page of `interp-nb tour`."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import REPOSITORY, OpenFile, OpenNotebook
from tests.browser.test_attention import attention_of
from tests.browser.test_patch_grid import cell

pytestmark = pytest.mark.browser
QUICKSTART = REPOSITORY / "notebooks" / "00_quickstart.ipynb"


def first_bar(grid: Locator, column: str) -> Locator:
    """Return the most likely token in one of the columns of predictions."""
    return grid.locator(".inb-bars-column").filter(has_text=column).locator(".inb-bar-label").first


def test_the_quickstart_runs_and_answers_to_the_mouse(notebook: OpenNotebook) -> None:
    opened = notebook(QUICKSTART)
    grid = opened.page.locator(".inb-patch_grid").first
    layer, pos = opened.ask("grid.best")
    cell(grid, layer, pos).click()
    opened.until("grid.selected", {"layer": layer, "pos": pos})
    expect(first_bar(grid, "before")).to_contain_text("Rome")
    expect(first_bar(grid, "after")).to_contain_text(
        opened.ask(f"grid.predict({layer}, {pos}).patched[0].token").strip()
    )
    expect(first_bar(grid, "clean run")).to_contain_text("Paris")
    opened.until("(patterns.selected or {}).get('dest')", pos)
    expect(attention_of(opened).locator(".inb-head-name h5")).to_contain_text(f"Layer {layer}")

    grid.get_by_role("button", name="Edit prompts").click()
    grid.get_by_label("Clean prompt, contrast 1").fill("The Colosseum is in")
    grid.get_by_label("Corrupted prompt, contrast 1").fill("The Eiffel Tower is in")
    grid.get_by_role("button", name="Recompute").click()
    opened.until("grid.show().result.contrast.clean", ["The Colosseum is in"])
    opened.until("grid.show().state", "done")
    expect(first_bar(grid, "before")).to_contain_text("Paris")
    expect(first_bar(grid, "clean run")).to_contain_text("Rome")
    opened.check_clean()


def test_the_tour_of_the_quickstart_is_one_interactive_page(exported: OpenFile, tmp_path: Path) -> None:
    path = tmp_path / "tour.html"
    code = "import sys; from interp_nb.cli import main; sys.exit(main(['tour', '--out', sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("PatchGrid(") == 2
    file = exported(path)
    grid = file.page.locator(".inb-patch_grid").first
    corner = grid.locator(".inb-cell").last
    corner.click()
    expect(corner).to_have_attribute("aria-selected", "true")
    expect(first_bar(grid, "before")).to_contain_text("Rome")
    expect(first_bar(grid, "clean run")).to_contain_text("Paris")
    expect(file.page.locator(".inb-attention .inb-head-name h5")).to_be_visible()
    file.check_clean()
