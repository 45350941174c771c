"""Strings that try to break out: as tokens, prompts, labels and errors they must show as text and run nothing."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.jupyter import OpenFile, OpenNotebook
from tests.browser.tiny import make_tiny, setup_cell

pytestmark = pytest.mark.browser
IMAGE = "<img src=x onerror=window.hacked=1>"
SCRIPT = "</script><script>window.hacked=1</script>"
QUOTES = "\"'><svg/onload=window.hacked=1>"
BACKWARDS = "\u202etxet\u202c"
LONG = "w" * 10_000
WORDS = [IMAGE, SCRIPT, QUOTES, BACKWARDS, LONG]
# What an injected string would leave behind, anywhere on the page.
TRACES = """() => ({
  hacked: window.hacked ?? null,
  images: document.querySelectorAll('img[src="x"]').length,
  handlers: document.querySelectorAll('[onerror], [onload]').length })"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose name and whose tokens are hostile."""
    return make_tiny(tmp_path_factory.mktemp("hostile") / IMAGE, WORDS)


def cells(folder: Path) -> list[str]:
    """Show everything there is of hostile strings; the last cell shows what a reader without widgets gets."""
    clean, corrupted = "The" + "".join(WORDS) + " in", "The" + "".join([SCRIPT, IMAGE, *WORDS[2:]]) + " in"
    return [
        setup_cell(folder),
        f"grid = inb.patch_grid(model, inb.Contrast({clean!r}, {corrupted!r}, {IMAGE!r}, {SCRIPT!r}))\ngrid",
        f"patterns = inb.attention(model, {clean!r}, pairs={{{IMAGE!r}: [(3, 1)]}})\npatterns",
        "from IPython.display import HTML\nHTML(grid._repr_mimebundle_()[0]['text/html'])",
    ]


def require_no_trace(page: Page) -> None:
    """Fail when any of the strings became more than text."""
    assert page.evaluate(TRACES) == {"hacked": None, "images": 0, "handlers": 0}


def test_hostile_strings_show_as_text_in_jupyterlab(notebook: OpenNotebook, hostile: Path) -> None:
    opened = notebook(cells(hostile))
    grid, attention = opened.page.locator(".inb-patch_grid"), opened.page.locator(".inb-attention")
    first = grid.locator(".inb-cell[data-row='1'][data-column='2']")
    first.click()
    expect(grid.locator(".inb-bars-column")).to_have_count(3)
    first.hover()
    expect(grid.get_by_role("tooltip")).to_contain_text("<img src=x")
    expect(grid.locator(".inb-title")).to_contain_text(IMAGE)
    expect(attention.locator(".inb-strip-text")).to_contain_text(IMAGE)
    expect(attention.locator(".inb-strip-text")).to_contain_text(SCRIPT)
    attention.locator(".inb-strip-token[data-index='2']").click()
    expect(opened.page.locator("figure figcaption, figure img").first).to_be_visible()

    grid.get_by_role("button", name="Edit prompts").click()
    grid.get_by_label("Answer, contrast 1", exact=True).fill(f"{IMAGE} and more")
    expect(grid.locator(".inb-field-answer .inb-chips")).to_contain_text("<img src=x")
    grid.get_by_role("button", name="Recompute").click()
    expect(grid.get_by_role("alert").filter(visible=True)).to_contain_text(IMAGE)
    opened.execute(f"grid.show().error = {SCRIPT!r}")
    expect(grid.locator(".inb-error-strip")).to_contain_text(SCRIPT)

    width = opened.page.evaluate("() => document.querySelector('.inb-patch_grid').scrollWidth")
    assert width <= 1280, "a long word must not make the view wider than the window"
    require_no_trace(opened.page)
    # The error strip says on the console what it shows.
    opened.errors = [error for error in opened.errors if SCRIPT not in error]
    opened.check_clean()


def test_hostile_strings_show_as_text_on_an_exported_page(
    notebook: OpenNotebook, exported: OpenFile, hostile: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    opened = notebook(cells(hostile)[:3])
    opened.execute(
        "from interp_nb.widgets.export import page\n"
        f"text = page([grid, patterns], links=[(0, 1)], title={SCRIPT!r})\n"
        f"open({str(page)!r}, 'w', encoding='utf-8').write(text)"
    )
    file = exported(page)
    file.page.locator(".inb-patch_grid .inb-cell[data-row='0'][data-column='2']").click()
    expect(file.page.locator(".inb-patch_grid .inb-bars-column")).to_have_count(3)
    expect(file.page.locator(".inb-attention .inb-strip-text")).to_contain_text(IMAGE)
    assert file.page.title() == SCRIPT
    require_no_trace(file.page)
    file.check_clean()
