"""The report of the pocket SAE in a real JupyterLab: filled live, read, sorted, filtered, linked, stopped, exported.

Whatever the page shows must be what the kernel has, and the other way round.
"""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.jupyter import NotebookPage, OpenFile, OpenNotebook
from tests.browser.test_theme import CONTRASTS, READABLE

pytestmark = pytest.mark.browser
SETUP = """
import threading
import torch
import interp_nb as inb
from interp_nb.evaluation import steps as module
torch.set_num_threads(1)
model, sae = inb.load_model(), inb.load_sae("pocket")
""".strip()
# The group waits until it is let go: the test decides how far the report gets, however slow the machine.
GATE = """
gate, quick_{group} = threading.Event(), module.measure_{group}
def held(*args, **options):
    gate.wait(60)
    return quick_{group}(*args, **options)
module.measure_{group} = held
""".strip()
OPEN_GATE = "gate.set(); module.measure_{group} = quick_{group}"
LIVE = """
report = inb.evaluate_sae(sae, model, n_tokens={n}, n_causal=4, groups={groups}, name="pocket", live=True)
report
""".strip()
MADE = "from tests.contract.made_report import made_comparison, made_report\n"
# Texts on fills have an ink chosen for each.
OWN_INK = {"inb-run-token", "inb-filled"}


def report_of(opened: NotebookPage, nth: int = 0) -> Locator:
    """Return a report's view, drawn."""
    widget = opened.page.locator(".inb-sae_report").nth(nth)
    expect(widget.locator(".inb-tabs [role=tab]").first).to_be_attached()
    return widget


def tab(widget: Locator, name: str) -> None:
    """Open one of the parts."""
    widget.get_by_role("tab", name=name).click()


def concepts(widget: Locator) -> list[str]:
    """Return the names of the concepts on the page, from the top."""
    names: list[str] = widget.locator("tr[data-concept] > th").evaluate_all("(all) => all.map((each) => each.title)")
    return names


def measure(widget: Locator, name: str) -> Locator:
    """Return the cell of a number of the first SAE in the part that is open."""
    return widget.locator(f".inb-group-panel:not([hidden]) [data-key='{name}.0']")


def test_report_fills_live_and_is_read_sorted_linked_and_exported(
    notebook: OpenNotebook, exported: OpenFile, tmp_path: Path
) -> None:
    store = (
        "from itertools import islice\nfrom interp_nb.models.pocket.world import documents\n"
        "texts = [document.text for document in islice(documents(seed='dashboard'), 150)]\n"
        "store = inb.feature_store(sae, model, texts, progress=False)\n"
        "dashboard = inb.feature_dashboard(store, model)\ntie = inb.link(report, dashboard)\ndashboard"
    )
    opened = notebook(
        [SETUP, GATE.format(group="truth"), LIVE.format(n=4000, groups=["reconstruction", "sparsity", "truth"]), store]
    )
    widget = report_of(opened)
    expect(widget.locator(".inb-progress")).to_contain_text("still to come: ground truth")
    expect(measure(widget, "concepts_found")).to_have_text("measuring …")
    expect(measure(widget, "explained_variance")).to_contain_text("[")
    opened.execute(OPEN_GATE.format(group="truth"))
    opened.until("report.show().state", "done")
    expect(widget.locator(".inb-progress")).to_be_hidden()
    said = opened.ask("report.advice")
    assert said
    expect(widget.locator(".inb-advice li")).to_have_text(said)

    value, bos = opened.ask("list(report['explained_variance'][::5])")
    shown = measure(widget, "explained_variance")
    assert float(shown.inner_text().split("[")[0]) == pytest.approx(value, abs=6e-4)
    widget.get_by_label("with begin-of-text tokens").check()
    opened.until("report.show().with_bos", True)
    expect(shown).to_contain_text("with BOS")
    assert float(shown.inner_text().replace("−", "-").split("with")[0]) == pytest.approx(bos, abs=6e-4)
    widget.get_by_label("with begin-of-text tokens").uncheck()

    check_concepts(opened, widget)
    dashboard = opened.page.locator(".inb-feature_dashboard")
    latent = opened.ask("report.selected['latent_idx']")
    expect(dashboard.locator(".inb-latent-name")).to_have_text(f"Latent {latent}")
    opened.execute("dashboard.selected = (7, None)")
    expect(widget.locator(".inb-latent-head h5")).to_have_text("Latent 7")
    check_page(opened, exported, tmp_path)
    opened.check_clean()


def check_concepts(opened: NotebookPage, widget: Locator) -> None:
    """Sort and filter the concepts, choose one by mouse and by keys, and read its contexts."""
    tab(widget, "Ground truth")
    opened.until("report.show().tab", "truth")
    best = "[row.name for row in sorted(report.concepts, key=lambda row: (not row.context, -row.f1))]"
    assert concepts(widget) == opened.ask(best)
    widget.get_by_role("button", name="tokens").click()
    opened.until("report.show().sort", "-n_tokens")
    counts = {row[0]: row[1] for row in opened.ask("[[row.name, row.n_tokens] for row in report.concepts]")}
    context = opened.ask("[row.name for row in report.concepts if row.context]")
    found = [counts[name] for name in concepts(widget)[: len(context)]]
    assert found == sorted(found, reverse=True)
    widget.get_by_label("filter concepts").fill("entity")
    opened.until("report.show().query", "entity")
    assert set(concepts(widget)) == {name for name in counts if "entity" in name}

    row = widget.locator("tr[data-concept]").first
    row.click()
    name = concepts(widget)[0]
    chosen = opened.ask(f"next(row.latent_idx for row in report.concepts if row.name == {name!r})")
    opened.until("report.selected", {"latent_idx": chosen, "sae": 0})
    tops = opened.ask(f"[[top.value, top.token] for top in report.contexts({chosen}, n=8)]")
    items = widget.locator(".inb-examples li")
    expect(items).to_have_count(len(tops))
    assert float(items.first.locator(".inb-example-value").inner_text()) == pytest.approx(tops[0][0], rel=1e-3)
    expect(items.first.locator(".inb-at")).to_contain_text(tops[0][1].strip())
    opened.page.keyboard.press("ArrowDown")
    expect(widget.locator("tr[data-concept]").nth(1)).to_be_focused()
    second = concepts(widget)[1]
    following = opened.ask(f"next(row.latent_idx for row in report.concepts if row.name == {second!r})")
    opened.until("report.selected['latent_idx']", following)


def check_page(opened: NotebookPage, exported: OpenFile, folder: Path) -> None:
    """Look at the exported page: everything but what was not recorded works with no kernel."""
    path = folder / "report.html"
    opened.execute(f"report.show().query = ''; report.to_html({str(path)!r})")
    file = exported(path)
    widget = file.page.locator(".inb-sae_report")
    expect(widget.get_by_role("tab", name="Ground truth")).to_have_attribute("aria-selected", "true")
    best = opened.ask("max((row for row in report.concepts if row.context), key=lambda row: row.f1).latent_idx")
    widget.get_by_role("button", name="F1").click()
    row = widget.locator("tr[data-concept]", has=file.page.locator(f"td:text-is('{best}')")).first
    row.click()
    expect(widget.locator(".inb-latent-head h5")).to_have_text(f"Latent {best}")
    expect(widget.locator(".inb-examples li").first).to_be_visible()
    tab(widget, "Sparsity")
    expect(measure(widget, "l0")).to_contain_text(f"{opened.ask('report.l0'):.1f}")
    expect(widget).to_contain_text("measuring needs a running kernel")
    file.check_clean()


def test_stop_keeps_the_groups_that_are_there(notebook: OpenNotebook) -> None:
    groups = ["sparsity", "causal", "truth"]
    opened = notebook([SETUP, GATE.format(group="causal"), LIVE.format(n=2000, groups=groups)])
    widget = report_of(opened)
    expect(widget.locator(".inb-progress")).to_contain_text("still to come: causal use, ground truth")
    widget.get_by_role("button", name="Stop").click()
    opened.execute(OPEN_GATE.format(group="causal"))
    opened.until("report.show().state", "stopped")
    expect(widget.locator(".inb-progress")).to_contain_text("partial result")
    assert opened.ask("['l0' in report.metrics, report.concepts]") == [True, []]
    expect(measure(widget, "l0")).to_contain_text("[")
    expect(measure(widget, "concepts_found")).to_have_count(0)
    opened.check_clean()


def test_several_saes_are_compared_chosen_and_a_law_is_read(notebook: OpenNotebook) -> None:
    opened = notebook([MADE + "comparison = made_comparison(3)\ncomparison"])
    widget = report_of(opened)
    expect(measure(widget, "explained_variance")).to_contain_text("0.875")
    widget.get_by_role("button", name="SAE 2").click()
    opened.until("comparison.selected", {"latent_idx": None, "sae": 2})
    expect(measure(widget, "explained_variance").locator(".inb-verdict")).to_have_text("▲")
    expect(widget.locator(".inb-advice")).to_contain_text("SAE 2")
    assert opened.ask("comparison.differs('explained_variance', 0, 2)") is True

    tab(widget, "Trade-off")
    plane = widget.locator(".inb-pareto svg")
    mark = widget.locator(".inb-pareto svg text", has_text="SAE 1")
    box: Any = mark.bounding_box()
    # The name stands up and to the right of its mark.
    opened.page.mouse.click(box["x"] - 8, box["y"] + box["height"] + 6)
    opened.until("comparison.selected", {"latent_idx": None, "sae": 1})
    expect(plane).to_be_visible()
    widget.locator(".inb-pareto .inb-plane").focus()
    opened.page.keyboard.press("End")
    opened.until("comparison.selected['sae']", 2)

    tab(widget, "Scaling law")
    before = opened.ask("comparison.show().prediction")
    widget.get_by_label("n", exact=True).focus()
    opened.page.keyboard.press("ArrowRight")
    opened.until("comparison.show().prediction['n'] > " + str(before["n"]), True)
    said = widget.locator(".inb-predicted strong")
    law = (
        "comparison.scaling.predict(float(comparison.show().prediction['n']), comparison.show().prediction['k']).value"
    )
    opened.execute("import warnings; warnings.simplefilter('ignore')")
    assert float(said.inner_text()) == pytest.approx(opened.ask(law), rel=1e-3)
    widget.get_by_label("n, typed").fill("700")
    opened.page.keyboard.press("Enter")
    opened.until("comparison.show().prediction['n']", 700.0)
    expected = opened.ask("comparison.scaling.predict(700.0, comparison.show().prediction['k']).value")
    expect(said).to_have_text(f"{float(f'{expected:.4g}'):g}")
    opened.check_clean()


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 480), ("JupyterLab Dark", 1400)])
def test_every_text_is_readable_and_nothing_sticks_out(
    notebook: OpenNotebook, tmp_path: Path, theme: str, width: int
) -> None:
    opened = notebook(
        [MADE + "report = made_report()\nreport", "comparison = made_comparison(5)\ncomparison"], width=width
    )
    opened.theme(theme)
    for nth, names in (
        (0, ["Overview", "Causal use", "Ground truth"]),
        (1, ["Overview", "Ground truth", "Scaling law"]),
    ):
        widget = report_of(opened, nth)
        for name in names:
            tab(widget, name)
            contrasts = widget.evaluate(CONTRASTS)
            assert len(contrasts) > 20
            weak = [entry for entry in contrasts if entry[0] < READABLE and not OWN_INK & set(entry[2].split())]
            assert weak == []
            room = widget.evaluate("(node) => [node.clientWidth, node.scrollWidth]")
            assert room[1] <= room[0] + 1
    opened.page.screenshot(path=tmp_path / "shown.png", full_page=True)
    opened.check_clean()
