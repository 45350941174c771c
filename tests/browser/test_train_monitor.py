"""A training run in a real JupyterLab: watched, paused, changed, resumed and stopped; page and kernel must agree."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import NotebookPage, OpenFile, OpenNotebook
from tests.browser.test_theme import CONTRASTS, READABLE
from tests.browser.tiny import CORPUS, setup_cell

pytestmark = pytest.mark.browser
# Every record waits a moment, so that a run of any length can be watched; `n_tokens` is out of reach.
TRAIN = """
run = inb.train_sae(
    model, "resid_post", {texts!r} * 40, {configs}layer=1, d_sae=64, n_tokens={n_tokens}, batch_size=64, epochs=None,
    n_eval_tokens=128, record_every=1, eval_every=10, background={background},
    callbacks=[lambda record: time.sleep({seconds})],
)
run
""".strip()


def endless(configs: str = "k=4, ") -> str:
    """Write a cell that trains until it is stopped."""
    return TRAIN.format(texts=CORPUS, configs=configs, n_tokens=10**9, background=True, seconds=0.02)


def short(configs: str = "k=4, ") -> str:
    """Write a cell that trains for a moment, and ends."""
    return TRAIN.format(texts=CORPUS, configs=configs, n_tokens=64 * 40, background=False, seconds=0)


SWEEP = "[{'k': 2}, {'k': 4}, {'k': 8}], "


def monitor_of(opened: NotebookPage) -> Locator:
    """Return the monitor's view, with its first values."""
    widget = opened.page.locator(".inb-train_monitor")
    expect(value(widget, "loss")).to_have_text(re.compile(r"\d"))
    return widget


def value(widget: Locator, quantity: str) -> Locator:
    """Return the value that stands above a plot."""
    title = widget.page.get_by_role("heading", name=quantity, exact=True)
    return widget.locator("figcaption").filter(has=title).locator(".inb-panel-value")


def progress(widget: Locator) -> Locator:
    """Return the line that says how far a run is."""
    return widget.locator(".inb-progress .inb-hint")


def test_run_is_watched_paused_changed_resumed_and_stopped(notebook: OpenNotebook, tiny: Path, tmp_path: Path) -> None:
    opened = notebook([setup_cell(tiny), endless()])
    widget = monitor_of(opened)
    expect(progress(widget)).to_contain_text("training")
    expect(widget.locator(".inb-progress")).to_contain_text("tokens/s")
    before = opened.ask("run.tokens")
    opened.until(f"run.tokens > {before}", True)
    expect(value(widget, "loss recovered")).to_have_text(re.compile(r"\d"))

    widget.get_by_role("button", name="Pause").click()
    opened.until("run.state", "paused")
    expect(progress(widget)).to_contain_text("paused")
    held = opened.ask("[run.tokens, run.step, len(run.history)]")
    opened.page.wait_for_timeout(1000)
    assert opened.ask("[run.tokens, run.step, len(run.history)]") == held, "it trains on while it is paused"
    loss = opened.ask("run.latest[0]['loss']")
    expect(value(widget, "loss")).not_to_have_text("–")
    assert float(value(widget, "loss").inner_text()) == pytest.approx(loss, rel=1e-3)

    widget.get_by_label("k", exact=True).fill("3")
    widget.get_by_label("learning rate").fill("0.0005")
    widget.get_by_role("button", name="Apply").click()
    opened.until("[run.settings[0][name]['value'] for name in ('k', 'lr')]", [3, 0.0005])
    assert opened.ask("run.latest[0]['k']") == 4, "a change takes effect at the next step"

    widget.get_by_role("button", name="Resume").click()
    opened.until("run.state", "running")
    opened.until("run.latest[0]['k']", 3)
    assert opened.ask("run.tokens") > held[0]
    marked = widget.locator(".inb-changes")
    expect(marked).to_contain_text("k 4 → 3")
    expect(marked).to_contain_text("learning rate")
    opened.until("{change['setting']: change['new'] for change in run.changes}", {"k": 3, "lr": 0.0005})
    assert opened.ask("run.changes[0]['step']") == held[1]
    expect(progress(widget)).to_contain_text("training")

    widget.get_by_role("button", name="Stop").click()
    opened.until("run.state", "stopped")
    expect(progress(widget)).to_contain_text("stopped")
    expect(widget.locator(".inb-run-end")).to_contain_text(f"step {opened.ask('run.step'):,}")
    ended = opened.ask("run.tokens")
    opened.page.wait_for_timeout(500)
    assert opened.ask("run.tokens") == ended
    last = opened.ask("run.latest[0]")
    for name, key in (("loss", "loss"), ("L0", "l0"), ("explained variance", "explained_variance")):
        assert float(value(widget, name).inner_text().replace("−", "-")) == pytest.approx(last[key], rel=1e-3)
    assert opened.ask("run.sae.cfg.d_sae") == 64
    opened.page.screenshot(path=tmp_path / "stopped.png")

    widget.get_by_role("button", name="Resume").click()
    opened.until(f"run.tokens > {ended}", True)
    expect(progress(widget)).to_contain_text("training")
    widget.get_by_role("button", name="Stop").click()
    opened.until("run.state", "stopped")
    opened.check_clean()


def test_wrong_settings_are_explained_and_change_nothing(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), endless()])
    widget = monitor_of(opened)
    strip = widget.locator(".inb-error-strip")
    widget.get_by_label("k", exact=True).fill("65")
    widget.get_by_role("button", name="Apply").click()
    expect(strip).to_contain_text("k must be at most 64")
    expect(widget.get_by_label("k", exact=True)).to_have_attribute("aria-invalid", "true")
    opened.page.wait_for_timeout(600)
    expect(strip).to_contain_text("k must be at most 64")
    expect(widget.get_by_label("k", exact=True)).to_have_value("65")
    assert opened.ask("run.changes") == [] and opened.ask("run.settings[0]['k']['value']") == 4
    opened.execute("run.stop(); run.wait()")
    assert [text for text in opened.errors if "at most 64" not in text] == []
    assert opened.dialogs == opened.external == []


def test_latents_are_looked_at_while_it_trains(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), endless(SWEEP)])
    widget = monitor_of(opened)
    expect(widget.locator(".inb-sweep tbody tr")).to_have_count(3)
    widget.locator(".inb-sweep tbody button").nth(2).click()
    opened.until("bool((run.firing(2) > 0).any())", True)
    widget.get_by_role("button", name="The densest").click()
    tops = widget.locator(".inb-tops li")
    expect(tops.first).to_be_visible()
    opened.until("run.selected is not None and run.selected['sae']", 2)
    chosen = opened.ask("run.selected['latent_idx']")
    expect(widget.locator(".inb-peek-head h5")).to_have_text(f"latent {chosen}")
    assert opened.ask("run.state") == "running"
    opened.execute("run.stop(); run.wait()")
    widget.get_by_role("button", name="Again").click()
    token = opened.ask(f"run.peek({chosen}, sae=2)[0].token")
    number = opened.ask(f"run.peek({chosen}, sae=2)[0].value")
    expect(tops.first.locator(".inb-top-token")).to_have_text(token.strip())
    expect(tops.first.locator(".inb-top-value")).to_have_text(re.compile(re.escape(f"{number:.3g}"[:3])))
    opened.check_clean()


def test_monitor_can_be_used_with_the_keyboard_alone(notebook: OpenNotebook, tiny: Path) -> None:
    opened = notebook([setup_cell(tiny), short()])
    widget = monitor_of(opened)
    keys = opened.page.keyboard
    reached: set[str] = set()
    widget.get_by_role("button", name="log tokens").focus()
    for _ in range(30):
        reached.add(str(opened.page.evaluate("() => document.activeElement.getAttribute('class')")).split(" ")[0])
        keys.press("Tab")
    assert {"inb-panels", "inb-panel", "inb-button"} <= reached
    widget.locator(".inb-panels").focus()
    keys.press("Home")
    first = opened.ask("run.history[0]['loss']")
    expect(widget.locator("[aria-live=polite]")).to_contain_text("step 1 ·")
    assert float(value(widget, "loss").inner_text()) == pytest.approx(first, rel=1e-3)
    keys.press("ArrowRight")
    expect(widget.locator("[aria-live=polite]")).to_contain_text("step 2 ·")
    widget.locator(".inb-density").focus()
    keys.press("End")
    expect(widget.locator("[aria-live=polite]")).to_contain_text("of tokens")
    keys.press("Enter")
    expect(widget.locator(".inb-peek-head h5")).to_contain_text("latent")
    opened.until("run.selected is not None", True)
    assert opened.page.evaluate("() => window.nbw.content.activeCellIndex") == 1, "the arrows moved the notebook"
    opened.check_clean()


def test_exported_run_is_looked_at_with_no_kernel(
    notebook: OpenNotebook, exported: OpenFile, tiny: Path, tmp_path: Path
) -> None:
    opened = notebook([setup_cell(tiny), short(SWEEP)])
    path = tmp_path / "run.html"
    opened.execute(f"run.to_html({str(path)!r})")
    file = exported(path)
    widget = file.page.locator(".inb-train_monitor")
    last = opened.ask("run.latest[0]")
    assert float(value(widget, "loss").inner_text()) == pytest.approx(last["loss"], rel=1e-3)
    box = widget.locator(".inb-panels svg").first.bounding_box()
    assert box is not None
    file.page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 40)
    tip = widget.get_by_role("tooltip")
    expect(tip).to_contain_text(f"step {last['step']}")
    expect(tip).to_contain_text(opened.ask("run.labels[2]"))
    expect(widget.get_by_role("button", name="Apply")).to_be_hidden()
    expect(widget.locator(".inb-toolbar")).to_contain_text("needs its kernel")
    widget.get_by_role("button", name="The densest").click()
    densest = opened.ask("int(run.firing(0).argmax())")
    expect(widget.locator(".inb-peek-head h5")).to_have_text(f"latent {densest}")
    file.check_clean()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [480, 1400])
def test_everything_is_readable_and_nothing_sticks_out(
    notebook: OpenNotebook, tiny: Path, tmp_path: Path, theme: str, width: int
) -> None:
    # Half of all latents on every token: the first SAE gets advice, which is to be readable too.
    opened = notebook([setup_cell(tiny), short("[{'k': 32}, {'k': 4}], ")], width=width)
    opened.theme(theme)
    widget = monitor_of(opened)
    advice = widget.locator(".inb-advice")
    expect(advice).to_contain_text("Advice for batch_topk 64 k=32")
    expect(advice.get_by_role("listitem").first).to_contain_text("lower k and train it again")
    widget.get_by_role("button", name="The densest").click()
    expect(widget.locator(".inb-tops li").first).to_be_visible()
    widget.get_by_role("button", name="Code").click()
    opened.page.screenshot(path=tmp_path / "shown.png", full_page=True)
    contrasts = widget.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    assert [entry for entry in contrasts if entry[0] < READABLE] == []
    room = widget.evaluate("(node) => [node.clientWidth, node.scrollWidth]")
    assert room[1] <= room[0] + 1
    opened.check_clean()
