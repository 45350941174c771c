"""The attention view in a real JupyterLab, alone and linked to a patch grid."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import NotebookPage, OpenNotebook
from tests.browser.test_patch_grid import GRID, cell, grid_of
from tests.browser.tiny import setup_cell

pytestmark = pytest.mark.browser
PROMPT = "When Mary and John went to the store John gave a drink to"
PATTERNS = f"patterns = inb.attention(model, {PROMPT!r})\npatterns"
# The share of a canvas's pixels that are painted, and how many colors they have.
PAINTED = """(canvas) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const colors = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) colors.add(`${data[i]} ${data[i + 1]} ${data[i + 2]}`);
  return colors.size; }"""


def attention_of(opened: NotebookPage) -> Locator:
    """Return the attention view, drawn."""
    widget = opened.page.locator(".inb-attention")
    expect(widget.locator(".inb-thumb").first).to_be_visible()
    return widget


def thumb(widget: Locator, layer: int, head: int) -> Locator:
    """Return one head's thumbnail."""
    return widget.locator(f".inb-thumb[data-layer='{layer}'][data-head='{head}']")


def token(widget: Locator, index: int) -> Locator:
    """Return one token of the prompt's strip."""
    return widget.locator(f".inb-strip-token[data-index='{index}']")


def shown_attention(box: Locator) -> float:
    """Return the weight that a token tells a screen reader."""
    label = box.get_attribute("aria-label") or ""
    assert ", attention " in label, label
    return float(label.rsplit(" ", 1)[1].replace("−", "-"))


def test_heads_and_tokens_are_chosen_by_clicking(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), PATTERNS])
    widget = attention_of(opened)
    expect(widget.locator(".inb-thumb")).to_have_count(12)
    assert all(colors > 3 for colors in widget.locator(".inb-thumb-canvas").evaluate_all(f"all => all.map({PAINTED})"))

    thumb(widget, 2, 1).click()
    expect(widget.locator(".inb-head-name h5")).to_have_text("Layer 2, head 1")
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": None, "src": None})
    token(widget, 9).click()
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": 9, "src": None})
    row = opened.ask("patterns.head(2, 1)[9].tolist()")
    for src in range(10):
        assert shown_attention(token(widget, src)) == pytest.approx(row[src], rel=2e-3, abs=1e-4)
    assert "attention" not in (token(widget, 10).get_attribute("aria-label") or ""), "a later token is masked"

    widget.get_by_role("button", name="as source").click()
    token(widget, 2).click()
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": 9, "src": 2})
    column = opened.ask("patterns.head(2, 1)[:, 2].tolist()")
    widget.locator(".inb-head-name").hover()
    for dest in range(2, len(column)):
        assert shown_attention(token(widget, dest)) == pytest.approx(column[dest], rel=2e-3, abs=1e-4)
    opened.check_clean()


def test_selecting_from_python_moves_the_page(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), PATTERNS])
    widget = attention_of(opened)
    opened.execute("patterns.selected = (1, 3, 7)")
    expect(widget.locator(".inb-head-name h5")).to_have_text("Layer 1, head 3")
    expect(thumb(widget, 1, 3)).to_have_attribute("aria-selected", "true")
    expect(token(widget, 7)).to_have_attribute("aria-pressed", "true")
    opened.check_clean()


def test_editing_the_prompt_recomputes_in_the_kernel(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), PATTERNS])
    widget = attention_of(opened)
    widget.get_by_role("button", name="Edit prompt").click()
    widget.get_by_label("Prompt", exact=True).fill("The Colosseum is in Rome")
    widget.get_by_role("button", name="Recompute").click()
    expect(widget.locator(".inb-strip-token")).to_have_count(6)
    expect(widget.locator(".inb-strip-text")).to_contain_text("Colosseum")
    opened.until("patterns.show().result.prompt", "The Colosseum is in Rome")
    token(widget, 5).click()
    row = opened.ask("inb.attention(model, 'The Colosseum is in Rome').head(0, 0)[5].tolist()")
    opened.until("(patterns.selected or {}).get('dest')", 5)
    expect(token(widget, 5)).to_have_attribute("aria-label", re.compile(r"attention"))
    for src, weight in enumerate(row):
        assert shown_attention(token(widget, src)) == pytest.approx(weight, rel=2e-3, abs=1e-4)

    widget.get_by_label("Prompt", exact=True).fill("")
    widget.get_by_role("button", name="Recompute").click()
    expect(widget.get_by_role("alert").filter(visible=True)).to_contain_text("empty")
    assert opened.ask("patterns.show().result.prompt") == "The Colosseum is in Rome"
    opened.check_clean()


def test_the_grid_drives_the_attention_view_when_linked(notebook: OpenNotebook, tiny: Path) -> None:
    prompt = "patterns = inb.attention(model, 'The Eiffel Tower is in')\npatterns"
    opened = notebook([setup_cell(tiny), GRID, prompt, "tie = inb.link(grid, patterns)"])
    grid, widget = grid_of(opened), attention_of(opened)
    thumb(widget, 0, 2).click()
    opened.until("(patterns.selected or {}).get('head')", 2)
    cell(grid, 2, 3).click()
    opened.until("patterns.selected", {"layer": 2, "head": 2, "dest": 3, "src": None})
    expect(widget.locator(".inb-head-name h5")).to_have_text("Layer 2, head 2")
    expect(token(widget, 3)).to_have_attribute("aria-pressed", "true")
    thumb(widget, 1, 0).click()
    opened.until("grid.selected", {"layer": 1, "pos": 3})
    expect(cell(grid, 1, 3)).to_have_attribute("aria-selected", "true")
    opened.execute("tie.unlink()")
    cell(grid, 0, 1).click()
    opened.until("grid.selected", {"layer": 0, "pos": 1})
    assert opened.ask("patterns.selected['layer']") == 1
    opened.check_clean()


def test_heads_can_be_walked_with_the_keyboard_alone(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), PATTERNS])
    widget = attention_of(opened)
    keys = opened.page.keyboard
    thumb(widget, 0, 0).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        keys.press(key)
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": None, "src": None})
    expect(thumb(widget, 2, 1)).to_be_focused()
    widget.locator(".inb-head-canvas").focus()
    keys.press("End")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": 13, "src": 1})
    expect(widget.locator("[aria-live=polite]")).not_to_be_empty()
    keys.press("Escape")
    opened.until("patterns.selected", {"layer": 2, "head": 1, "dest": None, "src": None})
    opened.check_clean()
