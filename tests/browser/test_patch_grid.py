"""The patch grid in a real JupyterLab: the page and the kernel must agree after everything a user does."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import NotebookPage, OpenNotebook
from tests.browser.tiny import setup_cell

pytestmark = pytest.mark.browser
GRID = "grid = inb.patch_grid(model, contrast)\ngrid"
LIVE = "grid = inb.patch_grid(model, contrast, live=True, patches_per_forward=1)\ngrid"
# What the kernel has without waiting for the job that fills it.
COMPUTED = "int((__import__('interp_nb._show', fromlist=['peek']).peek(grid, 'state') == 1).sum())"


def cell(widget: Locator, layer: int, pos: int) -> Locator:
    """Return one cell of a grid."""
    return widget.locator(f".inb-cell[data-row='{layer}'][data-column='{pos}']")


def grid_of(opened: NotebookPage) -> Locator:
    """Return the grid's view, drawn."""
    widget = opened.page.locator(".inb-patch_grid")
    expect(cell(widget, 0, 0)).to_be_visible()
    return widget


def shown_effect(widget: Locator, layer: int, pos: int) -> float:
    """Return the effect that a cell tells a screen reader."""
    label = cell(widget, layer, pos).get_attribute("aria-label")
    found = re.search(r"effect (\S+)$", label or "")
    assert found is not None, label
    return float(found[1].replace("−", "-"))


def pending(widget: Locator) -> Locator:
    """Return the cells that say that they are not computed yet."""
    return widget.locator(".inb-cell[aria-label$='not computed yet']")


def progress(widget: Locator) -> Locator:
    """Return the line that says how far a job is."""
    return widget.locator(".inb-progress .inb-hint")


def test_clicking_a_cell_selects_it_in_the_kernel_and_shows_its_prediction(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    cell(widget, 1, 2).click()
    expect(cell(widget, 1, 2)).to_have_attribute("aria-selected", "true")
    opened.until("grid.selected", {"layer": 1, "pos": 2})
    assert shown_effect(widget, 1, 2) == pytest.approx(opened.ask("float(grid.effect[1, 2])"), rel=1e-3)

    columns = widget.locator(".inb-prediction .inb-bars-column")
    expect(columns).to_have_count(3)
    opened.execute("prediction = grid.predict(1, 2)")
    predicted = opened.ask(
        "[[t.prob for t in getattr(prediction, name)] for name in ('unpatched', 'patched', 'clean')]"
    )
    for column, probabilities in enumerate(predicted):
        titles = columns.nth(column).locator(".inb-bar").evaluate_all("bars => bars.map((bar) => bar.title)")
        shown = [float(re.search(r"probability ([\d.e-]+)", title)[1]) for title in titles]
        assert shown == pytest.approx(probabilities, rel=1e-3)

    opened.execute("grid.selected = {'layer': 2, 'pos': 0}")
    expect(cell(widget, 2, 0)).to_have_attribute("aria-selected", "true")
    expect(widget.locator(".inb-prediction h5")).to_contain_text("layer 2, pos 0")
    opened.check_clean()


def test_editing_the_prompts_recomputes_in_the_kernel(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    before = opened.ask("grid.effect.tolist()")
    widget.get_by_role("button", name="Edit prompts").click()
    widget.get_by_label("Clean prompt, contrast 1").fill("The Eiffel is in")
    widget.get_by_label("Corrupted prompt, contrast 1").fill("The Colosseum is in")
    expect(widget.locator(".inb-alignment")).to_have_text("5 tokens, 1 differs")
    widget.get_by_role("button", name="Recompute").click()

    expect(widget.locator(".inb-cell[data-row='0']")).to_have_count(5)
    expect(widget.locator(".inb-plot")).to_contain_text("Colosseum")
    expect(pending(widget)).to_have_count(0)
    opened.until("grid.show().result.contrast.clean", ["The Eiffel is in"])
    after = opened.ask("grid.show().result.wait().effect.tolist()")
    for layer, row in enumerate(after):
        for pos, effect in enumerate(row):
            assert shown_effect(widget, layer, pos) == pytest.approx(effect, rel=1e-3, abs=1e-4)
    assert opened.ask("grid.effect.tolist()") == before, "the result of the cell above was changed in place"
    opened.check_clean()


def test_a_bad_edit_is_explained_and_changes_nothing(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    before = shown_effect(widget, 1, 2)
    widget.get_by_role("button", name="Edit prompts").click()
    widget.get_by_label("Clean prompt, contrast 1").fill("The Colosseum is in")
    expect(widget.locator(".inb-alignment")).to_have_text("not aligned: clean has 5 tokens, corrupted 6")
    widget.get_by_role("button", name="Recompute").click()
    complaint = widget.get_by_role("alert").filter(visible=True)
    expect(complaint).to_contain_text("5")
    expect(complaint).to_contain_text("6")
    assert shown_effect(widget, 1, 2) == before
    assert opened.ask("grid.show().result is grid")

    widget.get_by_label("Clean prompt, contrast 1").fill("The Eiffel Museum is in")
    widget.get_by_label("Answer, contrast 1", exact=True).fill(" nonsenseword")
    widget.get_by_role("button", name="Recompute").click()
    expect(complaint).to_contain_text("nonsenseword")
    assert opened.ask("grid.show().result is grid")
    opened.check_clean()


def test_a_live_grid_fills_and_stop_keeps_what_is_there(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny, forwards=5), LIVE])
    widget = grid_of(opened)
    expect(progress(widget)).to_contain_text("computing")
    expect(pending(widget)).not_to_have_count(18)
    # The first forwards are let through at once: count when the job stands before the turnstile.
    opened.until("turnstile.free", 0)
    opened.page.wait_for_timeout(400)
    before = opened.ask(COMPUTED)
    for more in (1, 2, 3):
        # Apart by more than the time between two updates, so that each is one of its own.
        opened.page.wait_for_timeout(400)
        opened.execute("turnstile.let(1)")
        opened.until(COMPUTED, before + more)
        expect(pending(widget)).to_have_count(18 - before - more)

    widget.get_by_role("button", name="Stop").click()
    opened.until("grid._live.job._stop.is_set()", True)
    opened.execute("turnstile.let(100)")
    expect(progress(widget)).to_contain_text("stopped")
    expect(progress(widget)).to_contain_text("partial result")
    expect(widget.get_by_role("button", name="Stop")).to_be_hidden()
    opened.until("grid.show().state", "stopped")
    computed = opened.ask(COMPUTED)
    assert before + 3 <= computed <= before + 4, "the forward that was under way is the last one"
    expect(pending(widget)).to_have_count(18 - computed)
    assert opened.ask("int(grid.effect.isnan().sum())") == 18 - computed
    assert opened.ask("grid.partial")
    opened.check_clean()


def test_pause_holds_the_computation_until_resume(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny, forwards=6), LIVE])
    widget = grid_of(opened)
    expect(pending(widget)).not_to_have_count(18)
    widget.get_by_role("button", name="Pause").click()
    opened.until("grid._live.job._go.is_set()", False)
    opened.execute("turnstile.let(100)")
    expect(progress(widget)).to_contain_text("paused")
    held = opened.ask(COMPUTED)
    opened.page.wait_for_timeout(1000)
    assert opened.ask(COMPUTED) == held
    assert 0 < held < 18
    widget.get_by_role("button", name="Resume").click()
    opened.until("grid.show().state", "done")
    expect(pending(widget)).to_have_count(0)
    expect(widget.locator(".inb-progress")).to_be_hidden()
    assert opened.ask("int(grid.effect.isnan().sum())") == 0
    opened.check_clean()


def test_stop_is_heard_while_a_cell_waits(notebook: OpenNotebook, tiny: Path) -> None:
    """The case that ipykernel 7.4 changed: the main shell is busy in `wait()`, the button must get through."""
    opened = notebook([setup_cell(tiny, seconds=2), LIVE, "grid.wait()\nprint('waited')"], run=False)
    opened.start_all()
    widget = grid_of(opened)
    expect(pending(widget)).not_to_have_count(18)
    assert not opened.output(2).is_visible(), "the cell that waits has ended already"
    widget.get_by_role("button", name="Stop").click()
    expect(progress(widget)).to_contain_text("stopped", timeout=20_000)
    assert opened.wait_idle()
    expect(opened.output(2)).to_contain_text("waited")
    assert 0 < opened.ask(COMPUTED) < 18
    opened.check_clean()


def test_interrupting_the_kernel_keeps_the_partial_result(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny, seconds=2), LIVE, "grid.wait()\nprint('waited')"], run=False)
    opened.start_all()
    widget = grid_of(opened)
    expect(pending(widget)).not_to_have_count(18)
    opened.interrupt()
    expect(progress(widget)).to_contain_text("interrupted")
    opened.wait_idle()
    computed = opened.ask(COMPUTED)
    assert 0 < computed < 18
    expect(pending(widget)).to_have_count(18 - computed)
    opened.check_clean()


def test_the_grid_can_be_used_with_the_keyboard_alone(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    keys = opened.page.keyboard
    widget.locator("select").first.focus()
    for _ in range(12):
        keys.press("Tab")
        if opened.page.evaluate("() => document.activeElement.getAttribute('role')") == "gridcell":
            break
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        keys.press(key)
    opened.until("grid.selected", {"layer": 1, "pos": 3})
    expect(cell(widget, 1, 3)).to_be_focused()
    expect(widget.locator("[aria-live=polite]")).to_contain_text("layer 1, pos 3")
    keys.press("End")
    opened.until("grid.selected", {"layer": 1, "pos": 5})
    keys.press("Enter")
    expect(widget.locator(".inb-pin-list li")).to_have_count(1)
    expect(widget.locator(".inb-pin-list")).to_contain_text("layer 1 · pos 5")
    keys.press("Escape")
    opened.until("grid.selected", None)
    assert opened.page.evaluate("() => window.nbw.content.activeCellIndex") == 1, "the arrows moved the notebook"

    widget.get_by_role("button", name="Edit prompts").focus()
    keys.press("Enter")
    expect(widget.get_by_label("Clean prompt, contrast 1")).to_be_focused()
    keys.press("Control+a")
    keys.type("The Colosseum Tower is in")
    keys.press("Control+Enter")
    opened.until("grid.show().result.contrast.clean", ["The Colosseum Tower is in"])
    opened.check_clean()


def test_hovering_shows_the_numbers_of_a_cell(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    cell(widget, 0, 2).hover()
    tip = widget.get_by_role("tooltip")
    expect(tip).to_contain_text("layer 0 · pos 2")
    expect(tip).to_contain_text("Eiffel")
    expect(tip).to_contain_text("Louvre")
    shown = float(tip.locator("strong").inner_text().replace("−", "-"))
    assert shown == pytest.approx(opened.ask("float(grid.effect[0, 2])"), rel=1e-3)
    opened.check_clean()


def test_choosing_another_site_and_direction_recomputes(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    widget.locator("select[data-choice=site]").select_option("mlp_out")
    opened.until("grid.show().result.site", "mlp_out")
    expect(widget.locator(".inb-title h4")).to_have_text("Patching mlp_out")
    widget.locator("select[data-choice=direction]").select_option("noise")
    opened.until("grid.show().result.direction", "noise")
    opened.until("grid.show().state", "done")
    expect(pending(widget)).to_have_count(0)
    fresh = opened.ask("inb.patch_grid(model, contrast, 'mlp_out', direction='noise').effect.tolist()")
    for layer, row in enumerate(fresh):
        for pos, effect in enumerate(row):
            assert shown_effect(widget, layer, pos) == pytest.approx(effect, rel=1e-3, abs=1e-4)
    opened.check_clean()


def test_files_are_saved_from_the_page(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), GRID])
    widget = grid_of(opened)
    saved = {}
    for name in ("PNG", "SVG", "CSV"):
        with opened.page.expect_download() as download:
            widget.get_by_role("button", name=name, exact=True).click()
        saved[name] = Path(download.value.path()).read_bytes()
    assert saved["PNG"].startswith(b"\x89PNG")
    assert saved["SVG"].startswith(b"<svg")
    lines = saved["CSV"].decode("utf-8-sig").splitlines()
    assert lines[0] == "layer,pos,clean_token,corrupted_token,effect,logit_diff,state"
    assert len(lines) == 1 + 18
    assert float(lines[1 + 2].split(",")[4]) == pytest.approx(opened.ask("float(grid.effect[0, 2])"), rel=1e-5)
    opened.check_clean()
