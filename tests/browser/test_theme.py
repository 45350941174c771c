"""Light and dark, wide and narrow: every text of the widgets must be readable, and nothing may stick out."""

from pathlib import Path

import pytest

from tests.browser.jupyter import OpenNotebook
from tests.browser.test_attention import PATTERNS, attention_of, thumb
from tests.browser.test_patch_grid import GRID, cell, grid_of
from tests.browser.tiny import setup_cell

pytestmark = pytest.mark.browser
# WCAG 2.1, success criterion 1.4.3: 4.5 to 1 for text.
READABLE = 4.5
# The contrast of every visible text with the first painted background behind it. Texts on the cells themselves, whose
# color is chosen for each fill, and disabled controls are not among them.
CONTRASTS = """(root) => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const part = (x) => ((x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length >= 3 && (color[3] ?? 1) > 0.5) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of root.querySelectorAll('*')) {
    const own = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data.trim()).join('');
    const box = node.getBoundingClientRect();
    if (!own || !box.width || node.closest('.inb-cells, .inb-overlay, style, option, :disabled')) continue;
    const style = getComputedStyle(node);
    if (style.visibility === 'hidden' || Number(style.opacity) < 1) continue;
    const ink = parse(node instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([ratio, own.slice(0, 40), node.getAttribute('class') ?? node.tagName]);
  }
  return found; }"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_is_readable(notebook: OpenNotebook, tiny: Path, tmp_path: Path, theme: str) -> None:
    opened = notebook([setup_cell(tiny), GRID, PATTERNS])
    opened.theme(theme)
    grid, attention = grid_of(opened), attention_of(opened)
    cell(grid, 1, 2).click()
    grid.get_by_role("button", name="Edit prompts").click()
    grid.get_by_role("button", name="Code").click()
    grid.locator(".inb-bars-column").first.wait_for()
    thumb(attention, 1, 1).click()
    attention.get_by_role("button", name="Edit prompt").click()
    opened.page.screenshot(path=tmp_path / "shown.png", full_page=True)
    for widget in (grid, attention):
        contrasts = widget.evaluate(CONTRASTS)
        assert len(contrasts) > 20
        assert [entry for entry in contrasts if entry[0] < READABLE] == []
    dark = theme.endswith("Dark")
    assert ("inb-dark" in (grid.get_attribute("class") or "")) is dark
    opened.check_clean()


@pytest.mark.parametrize("width", [480, 1400])
def test_nothing_sticks_out_at_any_width(notebook: OpenNotebook, tiny: Path, tmp_path: Path, width: int) -> None:
    opened = notebook([setup_cell(tiny), GRID, PATTERNS], width=width)
    for widget in (grid_of(opened), attention_of(opened)):
        room = widget.evaluate("(node) => [node.clientWidth, node.scrollWidth]")
        assert room[1] <= room[0] + 1
    opened.page.screenshot(path=tmp_path / "shown.png", full_page=True)
    opened.check_clean()
