"""The playground on the pocket model in a real JupyterLab: typed, slid, generated, stopped, linked.

Whatever the page shows must be what the kernel has, and the other way round.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import NotebookPage, OpenFile, OpenNotebook
from tests.browser.test_theme import CONTRASTS, READABLE

pytestmark = pytest.mark.browser
PROMPT = "Dear Sir"
SETUP = """
import torch
import interp_nb as inb
torch.set_num_threads(1)
model = inb.load_model()
rows = torch.randn(4, model.cfg.d_model, generator=torch.Generator().manual_seed(1))
push = inb.SteeringVector.of(rows, [0, 1, 2, 3], layer=2, name="push")
""".strip()
SHOW = f"playground = inb.steering_playground(model, {PROMPT!r}, [push], n_new=24)\nplayground"
STORE = """
from itertools import islice
from interp_nb.models.pocket.world import documents
sae = inb.load_sae("pocket")
texts = [document.text for document in islice(documents(seed="dashboard"), 400)]
store = inb.feature_store(sae, model, texts, progress=False)
dashboard = inb.feature_dashboard(store, model)
dashboard
""".strip()
# The pocket model alone would be done before a click; `module.quick` is put back by the test that slows it.
SLOW = """
import time
from interp_nb.steering import playground as module
module.quick = getattr(module, "quick", module.generate_stream)
def slowly(*args, **options):
    stream = module.quick(*args, **options)
    def steps():
        try:
            for step in stream:
                time.sleep(0.25)
                yield step
        finally:
            stream.close()
    return steps()
""".strip()
# Six texts, one forward each.
SLOW_READING = """
import time
from interp_nb.steering import reading
quick, together = reading.capture, reading._batches
def slowly(*args, **options):
    time.sleep(1.0)
    return quick(*args, **options)
reading.capture, reading._batches = slowly, lambda texts, batch_tokens: together(texts, 1)
""".strip()
# Texts on fills have an ink chosen for each.
OWN_INK = {"inb-run-token", "inb-filled"}


def playground_of(opened: NotebookPage) -> Locator:
    """Return the playground's view, with the first text in it."""
    widget = opened.page.locator(".inb-steering_playground")
    expect(widget.locator(".inb-stream").first.locator("[data-at]").first).to_be_visible()
    return widget


def texts(widget: Locator) -> list[str]:
    """Return the tokens of both sides as the page shows them, without what stands for spaces."""
    return [
        "".join(widget.locator(".inb-stream").nth(side).locator("[data-at]").all_inner_texts()) for side in range(2)
    ]


def plain(text: str) -> str:
    """Leave out spaces, line ends and the signs that stand for them."""
    return re.sub(r"[\s·↵⏎]", "", text)


def finished(opened: NotebookPage, number: int) -> None:
    """Wait for the end of a generation; between its beginning and the view's first news the view says done, too."""
    kept = "playground.generation is playground.run.generation"
    opened.until(f"playground.run.number >= {number} and {kept} and playground.show().state == 'done'", True)


def generated(opened: NotebookPage) -> list[str]:
    """Return both texts as the kernel has them."""
    sides = "playground.generation.baseline, playground.generation.steered"
    found: list[str] = opened.ask(f"[''.join(side[0].tokens) if side else '' for side in ({sides})]")
    return found


def test_prompt_is_typed_and_a_slider_moved_and_both_texts_come(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, SHOW])
    widget = playground_of(opened)
    prompt = widget.locator(".inb-ask textarea")
    expect(prompt).to_have_value(PROMPT)
    prompt.fill("News:")
    opened.until("playground.prompt", "News:")
    slider = widget.locator(".inb-steer[data-name='push'] .inb-steer-range")
    slider.focus()
    for _ in range(20):
        opened.page.keyboard.press("ArrowRight")
    opened.until("playground.strengths", {"push": 1.0})
    widget.locator(".inb-go").click()
    opened.until("playground.generation.prompts", ["News:"])
    opened.until("playground.show().state", "done")
    baseline, steered = generated(opened)
    assert baseline != steered
    expect(widget.locator(".inb-go")).to_have_text("Generate")
    shown = texts(widget)
    assert [plain(text) for text in shown] == [plain(baseline), plain(steered)]

    at = opened.ask("playground.generation.diverges_at[0]")
    token = widget.locator(".inb-stream").nth(1).locator(f"[data-at='{at}']")
    before, after = opened.ask(
        f"[float(each[{at}]) for text in [playground.generation.steered[0]] "
        "for each in (text.log_probs_baseline, text.log_probs_steered)]"
    )
    token.hover()
    tip = widget.get_by_role("tooltip")
    for value in (before, after, after - before):
        expect(tip).to_contain_text(f"{abs(value):.4g}"[:4])
    token.click()
    opened.until("playground.selected", {"vector": None, "latent_idx": None, "side": 1, "token": at})
    ids = f"playground.generation.steered[0].token_ids[:{at}]"
    found = opened.ask(f"(lambda n: [n.tokens[0], n.before[0], n.after[0]])(playground.next_tokens(after={ids}))")
    row = widget.locator(".inb-next .inb-change").first
    expect(row).to_contain_text(found[0].strip())
    percents = [float(number) for number in re.findall(r"([\d.]+)\s*%", row.inner_text())]
    assert percents == pytest.approx([100 * prob for prob in found[1:]], abs=0.6)
    opened.check_clean()


def test_long_generation_stops_half_way_and_the_page_answers_meanwhile(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, SHOW, SLOW])
    widget = playground_of(opened)
    opened.execute("module.generate_stream = slowly")
    try:
        opened.execute("playground.set(strengths={'push': 1.0})")
        widget.locator(".inb-go").click()
        tokens = widget.locator(".inb-stream").nth(1).locator("[data-at]")
        expect(tokens.nth(2)).to_be_visible()
        expect(widget.locator(".inb-go")).to_have_text("Stop")
        # Sliders move while it runs, and it keeps its own strengths.
        slider = widget.locator(".inb-steer[data-name='push'] .inb-steer-range")
        slider.focus()
        opened.page.keyboard.press("Home")
        opened.until("playground.strengths['push']", -2.0)
        assert opened.ask("playground.run.settings.sliders['push'].strength") == 1.0
        widget.locator(".inb-go").click()
        opened.until("playground.show().state", "stopped")
        n_tokens = opened.ask("len(playground.generation.steered[0].tokens)")
        assert 3 <= n_tokens < 20
        assert opened.ask("playground.generation.steered[0].finished") == "stopped"
        expect(tokens).to_have_count(n_tokens)
        expect(widget.locator(".inb-go")).to_have_text("Generate")
    finally:
        opened.execute("module.generate_stream = module.quick")
    widget.locator(".inb-go").click()
    opened.until("playground.show().state", "done")
    assert opened.ask("playground.run.settings.sliders['push'].strength") == -2.0
    assert [plain(text) for text in texts(widget)] == [plain(text) for text in generated(opened)]
    opened.check_clean()


def test_interrupting_the_kernel_keeps_the_text_and_the_widget(notebook: OpenNotebook) -> None:
    again = "module.generate_stream = slowly\nplayground.start()\nplayground.wait();"
    opened = notebook([SETUP, SHOW, SLOW, again], run=False)
    opened.start_all()
    widget = playground_of(opened)
    tokens = widget.locator(".inb-stream").first.locator("[data-at]")
    expect(widget.locator(".inb-go")).to_have_text("Stop")
    expect(tokens.nth(2)).to_be_visible()
    opened.interrupt()
    expect(widget.locator(".inb-go")).to_have_text("Generate")
    opened.wait_idle()
    opened.execute("module.generate_stream = module.quick")
    assert opened.ask("playground.show().state") == "interrupted"
    n_tokens = opened.ask("len(playground.generation.baseline[0].tokens)")
    assert 3 <= n_tokens < 24
    expect(tokens).to_have_count(n_tokens)
    widget.locator(".inb-go").click()
    opened.until("playground.show().state", "done")
    expect(tokens).to_have_count(opened.ask("len(playground.generation.baseline[0].tokens)"))
    opened.check_clean()


def test_errors_are_shown_with_their_numbers_and_the_next_text_comes(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, SHOW])
    widget = playground_of(opened)
    number = widget.locator(".inb-steer[data-name='push'] .inb-steer-number")
    number.fill("1e38")
    number.press("Enter")
    opened.until("playground.strengths['push']", 1e38)
    before = generated(opened)
    widget.locator(".inb-go").click()
    opened.until("playground.show().state", "failed")
    expect(widget).to_contain_text("1e+38")
    # What the strip shows is in the browser's console too.
    assert [("1e+38" in text, "layer 2" in text) for text in opened.errors] == [(True, True)]
    opened.errors.clear()
    assert generated(opened) == before
    number.fill("0.5")
    number.press("Enter")
    prompt = widget.locator(".inb-ask textarea")
    prompt.fill("word " * 300)
    opened.until("len(playground.prompt)", 1500)
    widget.locator(".inb-go").click()
    expect(widget).to_contain_text("context holds 128")
    prompt.fill(PROMPT)
    opened.until("playground.prompt", PROMPT)
    widget.locator(".inb-go").click()
    finished(opened, 3)
    assert opened.ask("playground.generated_with.sliders['push'].strength") == 0.5
    opened.check_clean()


def test_vector_is_made_from_pairs(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, SHOW])
    widget = playground_of(opened)
    widget.get_by_role("button", name="Make a vector").click()
    make = widget.locator(".inb-make")
    make.locator("textarea").fill("The visit was good | The visit was bad\nonly one side")
    make.get_by_label("name").fill("mood")
    make.get_by_role("button", name="Make it").click()
    expect(make).to_contain_text("line 2")
    make.locator("textarea").fill("The visit was good | The visit was bad\nHe felt glad | He felt sad")
    make.get_by_role("button", name="Make it").click()
    card = widget.locator(".inb-steer[data-name='mood']")
    expect(card).to_be_visible()
    assert opened.ask("playground.vectors['mood'].n_pairs") == 2
    number = card.locator(".inb-steer-number")
    number.fill("1.5")
    number.press("Enter")
    opened.until("playground.strengths", {"push": 0.0, "mood": 1.5})
    widget.locator(".inb-go").click()
    finished(opened, 2)
    shown = [plain(text) for text in texts(widget)]
    assert shown == [plain(text) for text in generated(opened)]
    # The code of the view gives the same text, with no playground.
    opened.execute("scope = {'playground': playground}; exec(playground.code(), scope)")
    again = opened.ask(
        "[''.join(scope['generation'].baseline[0].tokens), ''.join(scope['generation'].steered[0].tokens)]"
    )
    assert [plain(text) for text in again] == shown
    opened.check_clean()


def test_making_a_vector_is_cancelled_and_next_tokens_come_meanwhile(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, SHOW, SLOW_READING])
    widget = playground_of(opened)
    bars = widget.locator(".inb-next .inb-change")
    expect(bars.first).to_be_visible()
    widget.get_by_role("button", name="Make a vector").click()
    make = widget.locator(".inb-make")
    make.locator("textarea").fill("It was good | It was bad\nHe felt glad | He felt sad\nA fine day | A foul day")
    make.get_by_role("button", name="Make it").click()
    cancel = make.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    before = widget.locator(".inb-next").inner_text()
    number = widget.locator(".inb-steer[data-name='push'] .inb-steer-number")
    number.fill("1.5")
    number.press("Enter")
    expect(widget.locator(".inb-next")).not_to_have_text(before, use_inner_text=True)
    expect(widget.locator(".inb-stale")).to_have_count(0)
    expect(cancel).to_have_text("Cancel")
    cancel.click()
    expect(make).to_contain_text("Cancelled: no vector was made.")
    expect(cancel).to_be_hidden()
    assert opened.ask("list(playground.vectors)") == ["push"]
    opened.execute("reading.capture, reading._batches = quick, together")
    make.get_by_role("button", name="Make it").click()
    expect(widget.locator(".inb-steer[data-name='vector 1']")).to_be_visible()
    opened.check_clean()


def test_latent_of_a_linked_dashboard_is_added(notebook: OpenNotebook) -> None:
    opened = notebook([SETUP, STORE, SHOW, "tie = inb.link(dashboard, playground)"])
    widget = playground_of(opened)
    latent = opened.ask("int(store.order()[3])")
    opened.execute(f"dashboard.selected = {{'latent_idx': {latent}, 'pos': None}}")
    offer = widget.locator(".inb-offer")
    expect(offer).to_contain_text(f"latent {latent}")
    offer.click()
    card = widget.locator(f".inb-steer[data-name='latent {latent}']")
    expect(card).to_be_visible()
    assert opened.ask(f"playground.vectors['latent {latent}'].latent_idx") == latent
    p99 = opened.ask(f"playground.vectors['latent {latent}'].provenance['settings']['acts_p99']")
    assert 0 < p99 <= opened.ask(f"float(store.column('max')[{latent}])")

    opened.execute("dashboard.selected = {'latent_idx': int(store.order()[0]), 'pos': None}")
    card.locator(".inb-steer-name").click()
    opened.until("dashboard.selected['latent_idx']", latent)
    number = card.locator(".inb-steer-number")
    number.fill("2")
    number.press("Enter")
    opened.until(f"playground.strengths['latent {latent}']", 2.0)
    widget.locator(".inb-go").click()
    finished(opened, 2)
    assert [plain(text) for text in texts(widget)] == [plain(text) for text in generated(opened)]
    opened.check_clean()


def test_exported_page_shows_the_text_with_no_kernel(
    notebook: OpenNotebook, exported: OpenFile, tmp_path: Path
) -> None:
    opened = notebook([SETUP, SHOW.replace("n_new=24", "n_new=24, strengths=1.0")])
    playground_of(opened)
    path = tmp_path / "playground.html"
    opened.execute(f"playground.to_html({str(path)!r})")
    expected = [plain(text) for text in generated(opened)]
    file = exported(path)
    widget = file.page.locator(".inb-steering_playground")
    expect(widget).to_contain_text("Saved page")
    assert [plain(text) for text in texts(widget)] == expected
    expect(widget.locator(".inb-next .inb-change").first).to_be_visible()
    expect(widget.locator(".inb-go")).to_be_disabled()
    file.check_clean()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize(("width", "n_sliders"), [(480, 8), (1400, 1)])
def test_everything_is_readable_and_nothing_sticks_out(
    notebook: OpenNotebook, tmp_path: Path, theme: str, width: int, n_sliders: int
) -> None:
    many = f"""
vectors = {{f"direction {{i}}" + " of a long name" * (i == 1): push * (1 + i / 8) for i in range({n_sliders})}}
playground = inb.steering_playground(model, {PROMPT!r}, vectors, strengths=0.5, n_new=60, temperature=1.5)
playground
""".strip()
    opened = notebook([SETUP, many], width=width)
    opened.theme(theme)
    widget = playground_of(opened)
    expect(widget.locator(".inb-steer")).to_have_count(n_sliders)
    expect(widget.locator(".inb-next .inb-change").first).to_be_visible()
    opened.page.screenshot(path=tmp_path / "playground.png", full_page=True)
    contrasts: Any = widget.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    faint = [entry for entry in contrasts if entry[0] < READABLE and not OWN_INK & set(str(entry[2]).split())]
    assert faint == []
    room = widget.evaluate("(node) => [node.clientWidth, node.scrollWidth]")
    assert room[1] <= room[0] + 1
    opened.check_clean()
