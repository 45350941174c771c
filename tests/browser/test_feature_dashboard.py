"""The pocket model's 2048 latents in a real JupyterLab: found, chosen, tried on text, changed, labelled, linked.

Whatever is done in the page must be so in the kernel, and the other way round; the exported page works with no kernel.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.jupyter import NotebookPage, OpenFile, OpenNotebook
from tests.browser.test_patch_grid import cell
from tests.browser.test_theme import CONTRASTS, READABLE

pytestmark = pytest.mark.browser
PROMPT = "The Eiffel Tower is in the city of"
SETUP = """
import torch
import interp_nb as inb
from itertools import islice
from interp_nb.features.building import feature_store
from interp_nb.features.dashboard import feature_dashboard
from interp_nb.models.pocket.world import documents
torch.set_num_threads(1)
model, sae = inb.load_model(), inb.load_sae("pocket")
texts = [document.text for document in islice(documents(seed="dashboard"), 2_000)]
store = feature_store(sae, model, texts, {path!r}, progress=False)
""".strip()
SHOW = "dashboard = feature_dashboard(store, model)\ndashboard"
# Whether the row of a latent is where the list shows it.
IN_LIST = """(latent) => {
  const list = document.querySelector('.inb-list').getBoundingClientRect();
  const row = document.querySelector(`.inb-row[data-latent="${latent}"]`).getBoundingClientRect();
  return row.top >= list.top - 1 && row.bottom <= list.bottom + 1; }"""
# Texts on fills have an ink chosen for each; what is dimmed on purpose is not read either.
OWN_INK = {"inb-run-token", "inb-filled"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first notebook builds the store; those after it find it whole."""
    return tmp_path_factory.mktemp("features") / "store"


def setup(folder: Path) -> str:
    """Return the cell that loads model, SAE and store."""
    return SETUP.format(path=str(folder))


def dashboard_of(page: Page) -> Locator:
    """Return the dashboard's view, with a latent in it."""
    widget = page.locator(".inb-feature_dashboard")
    expect(widget.locator(".inb-latent-name")).to_have_text(re.compile(r"Latent \d+"))
    return widget


def listed(widget: Locator) -> list[int]:
    """Return the latents of the list that are on the page, from the top."""
    rows = widget.locator(".inb-row")
    pairs: list[list[int]] = rows.evaluate_all(
        "(rows) => rows.map((row) => [Number(row.ariaPosInSet), Number(row.dataset.latent)])"
    )
    return [latent for _, latent in sorted(pairs)]


def tab(widget: Locator, name: str) -> None:
    """Open one of the dashboard's views."""
    widget.get_by_role("tab", name=name).click()


def test_latents_are_found_chosen_and_read(notebook: OpenNotebook, folder: Path) -> None:
    opened = notebook([setup(folder), SHOW])
    widget = dashboard_of(opened.page)
    best = opened.ask("[int(i) for i in store.order()[:5]]")
    assert listed(widget)[:5] == best
    assert widget.locator(".inb-row").count() < 80, "only rows that are seen are on the page"
    expect(widget.locator(".inb-latent-name")).to_have_text(f"Latent {best[0]}")

    widget.get_by_label("search latents").fill(" Paris")
    widget.get_by_label("search in").select_option("token")
    found = opened.ask("[int(i) for i in store.search(' Paris', by='token') if not store.column('dead')[i]]")
    expect(widget.locator(".inb-list-said")).to_have_text(f"{len(found)} of 2,048")
    assert listed(widget)[:3] == found[:3]
    opened.until("[dashboard.show().query, dashboard.show().search_by]", [" Paris", "token"])
    widget.locator(f".inb-row[data-latent='{found[1]}']").click()
    opened.until("dashboard.selected", {"latent_idx": found[1], "pos": None})
    expect(widget.locator(".inb-latent-name")).to_have_text(f"Latent {found[1]}")
    facts = opened.ask(f"[store.latent({found[1]}).max, store.latent({found[1]}).count]")
    shown = widget.locator(".inb-about dd").all_inner_texts()
    assert float(shown[2]) == pytest.approx(facts[0], rel=1e-3)
    assert shown[1].replace("\xa0", " ") in (str(facts[1]), f"{facts[1] / 1000:.3g} k")

    token = widget.locator(".inb-run .inb-at").first
    value = opened.ask(f"store.latent({found[1]}).examples[0].value")
    token.hover()
    tip = widget.get_by_role("tooltip")
    expect(tip).to_contain_text(f"{value:.4g}"[:4])
    expect(tip).to_contain_text("document")
    jump = widget.locator(".inb-neighbours .inb-jump").first
    neighbor = int(str(jump.get_attribute("data-latent")))
    assert neighbor == opened.ask(f"store.latent({found[1]}).neighbors[0][0]")
    jump.click()
    opened.until("dashboard.latent.latent_idx", neighbor)
    opened.check_clean()


def test_python_drives_the_list_and_the_keyboard_walks_it(notebook: OpenNotebook, folder: Path) -> None:
    opened = notebook([setup(folder), SHOW])
    widget = dashboard_of(opened.page)
    opened.execute("dashboard.show().sort = '-density'")
    densities = opened.ask("sorted(store.column('density')[store.column('density') > 0].tolist())[:3]")
    expect(widget.get_by_label("sort by")).to_have_value("density")
    first = listed(widget)[:3]
    assert opened.ask(f"[float(store.column('density')[i]) for i in {first}]") == pytest.approx(densities)
    opened.execute("dashboard.show().sort = 'latent_idx'")
    expect(widget.locator(".inb-row[data-latent='0']")).to_be_visible()
    opened.execute("dashboard.show().selected = {'latent_idx': 1500, 'pos': None}")
    expect(widget.locator(".inb-row[data-latent='1500']")).to_have_attribute("aria-selected", "true")
    opened.page.wait_for_function(IN_LIST, arg=1500)

    keys = opened.page.keyboard
    widget.locator(".inb-list").focus()
    keys.press("Home")
    alive = opened.ask("[int(i) for i in (~store.column('dead')).nonzero()[0]]")
    opened.until("dashboard.selected['latent_idx']", alive[0])
    keys.press("End")
    opened.until("dashboard.selected['latent_idx']", alive[-1])
    keys.press("ArrowUp")
    opened.until("dashboard.selected['latent_idx']", alive[-2])
    keys.press("/")
    assert opened.page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "search latents"
    keys.type("·")
    keys.press("Escape")
    expect(widget.get_by_label("search latents")).to_have_value("")
    assert opened.page.evaluate("() => window.nbw.content.activeCellIndex") == 1, "the arrows moved the notebook"
    opened.check_clean()


def test_text_is_tried_and_the_latent_is_changed(notebook: OpenNotebook, folder: Path) -> None:
    opened = notebook([setup(folder), SHOW])
    widget = dashboard_of(opened.page)
    tab(widget, "On your text")
    widget.get_by_label("text", exact=True).fill(PROMPT)
    rows = widget.locator(".inb-heat-row")
    expect(rows.first).to_be_visible()
    opened.until("dashboard.show().prompt", PROMPT)
    ranked = opened.ask(f"[int(i) for i in inb.prompt_features(model, sae, {PROMPT!r}).latents]")
    assert [int(text) for text in rows.locator(".inb-row-index").all_inner_texts()] == ranked
    rows.nth(1).locator(".inb-heat-name").click()
    opened.until("dashboard.selected['latent_idx']", ranked[1])

    words = widget.locator(".inb-strip-text [data-at]")
    tokens = words.all_inner_texts()
    assert [token for token in tokens if "Tower" in token]
    at = next(i for i, token in enumerate(tokens) if "Tower" in token)
    words.nth(at).click()
    opened.until("dashboard.selected['pos']", at)
    expect(widget.get_by_role("button", name=f"token {at} ×")).to_be_visible()
    expect(widget.get_by_role("heading", name=f"Latents on token {at}")).to_be_visible()
    on_token = opened.ask(f"[int(i) for i in inb.prompt_features(model, sae, {PROMPT!r}, pos={at}).latents]")
    assert [int(text) for text in rows.locator(".inb-row-index").all_inner_texts()] == on_token
    rows.first.locator(".inb-heat-name").click()
    opened.until("dashboard.selected['latent_idx']", on_token[0])

    tab(widget, "Intervene")
    first = widget.locator(".inb-change").first
    expect(first).to_be_visible()
    effect = f"inb.feature_effect(model, sae, {on_token[0]}, {PROMPT!r}, kind={{kind!r}}, strength={{strength}})"
    widget.get_by_role("button", name="Boost").click()
    widget.get_by_label("strength").fill("8")
    expect(widget.locator(".inb-strength")).to_have_text("8 ×")
    kl = opened.ask(f"float({effect.format(kind='boost', strength=8.0)}.kl)")
    said = f"{kl:.4g}"[:5] if kl >= 1e-4 else "below"
    expect(widget.locator(".inb-effect-result h5").first).to_contain_text(said)
    going = opened.ask(f"''.join({effect.format(kind='boost', strength=8.0)}.continuation_after)")
    expect(widget.locator(".inb-continuation").nth(1)).to_contain_text(going.split("<")[0].strip())

    tab(widget, "On your text")
    widget.get_by_role("button", name=f"token {at} ×").click()
    widget.get_by_label("answer", exact=True).fill(" Paris")
    widget.get_by_label("wrong answer").fill(" Rome")
    widget.get_by_label("rank latents by").select_option("ablation")
    by_effect = f"inb.prompt_features(model, sae, {PROMPT!r}, answer=' Paris', wrong=' Rome', rank_by='ablation')"
    metric = opened.ask(f"float({by_effect}.metric)")
    expect(widget.locator(".inb-text-panel > .inb-hint")).to_contain_text(f"{metric:+.2f}")
    ranked = opened.ask(f"[int(i) for i in {by_effect}.latents]")
    expect(rows.first).to_have_attribute("data-latent", str(ranked[0]))
    opened.check_clean()


def test_label_is_kept_with_its_author(notebook: OpenNotebook, folder: Path, tmp_path: Path) -> None:
    copy = f"import shutil; shutil.copytree({str(folder)!r}, {str(tmp_path / 'copy')!r})"
    reopen = f"from interp_nb.features.store import load_store\nstore = load_store({str(tmp_path / 'copy')!r})"
    opened = notebook([setup(folder), copy, reopen, SHOW])
    widget = dashboard_of(opened.page)
    latent = opened.ask("dashboard.selected['latent_idx']")
    words = "<b>years</b> & more"
    widget.get_by_role("button", name="Label it").click()
    widget.get_by_label("label", exact=True).fill(words)
    widget.get_by_label("your name").fill("")
    widget.get_by_role("button", name="Save").click()
    expect(widget.locator(".inb-label-form .inb-field-error")).to_contain_text("author")
    widget.get_by_label("your name").fill("ada")
    widget.get_by_role("button", name="Save").click()
    expect(widget.locator(".inb-label-text")).to_have_text(words)
    expect(widget.locator(f".inb-row[data-latent='{latent}'] .inb-row-text")).to_have_text(words)
    opened.until(f"store.labels.of({latent}).text", words)
    assert opened.ask(f"[store.labels.of({latent}).author, store.labels.of({latent}).human]") == ["ada", True]
    widget.get_by_label("search in").select_option("label")
    widget.get_by_label("search latents").fill("years")
    expect(widget.locator(".inb-list-said")).to_have_text("1 of 2,048")
    assert listed(widget) == [latent]
    opened.check_clean()


def test_two_latents_stand_side_by_side_and_the_map_chooses(notebook: OpenNotebook, folder: Path) -> None:
    opened = notebook([setup(folder), SHOW])
    widget = dashboard_of(opened.page)
    first, second = opened.ask("[int(i) for i in store.order()[:2]]")
    widget.get_by_role("button", name="Pin").click()
    widget.locator(f".inb-row[data-latent='{second}']").click()
    tab(widget, "Compare")
    heads = widget.locator(".inb-side-head h5")
    expect(heads).to_have_count(2)
    expect(heads.nth(0)).to_contain_text(f"Latent {second}")
    expect(heads.nth(1)).to_contain_text(f"Latent {first}")
    cosine = opened.ask(f"float(dashboard.overlap({second}, {first}, store=0).decoder_cosine)")
    shown = widget.locator(".inb-alike dd").first.inner_text().replace("−", "-")
    assert float(shown) == pytest.approx(cosine, abs=1e-3)

    tab(widget, "Map")
    expect(widget.locator(".inb-map-panel")).to_contain_text("variance")
    canvas = widget.locator("canvas.inb-map")
    box = canvas.bounding_box()
    assert box is not None
    mouse = opened.page.mouse
    mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=4)
    mouse.up()
    boxed = widget.get_by_role("button", name=re.compile("in the box"))
    expect(boxed).to_be_visible()
    inside = listed(widget)
    assert 0 < len(inside) <= 80
    canvas.focus()
    opened.page.keyboard.press("ArrowRight")
    opened.until(f"dashboard.selected['latent_idx'] != {second}", True)
    boxed.click()
    expect(boxed).to_be_hidden()
    opened.check_clean()


def test_dashboard_and_patch_grid_follow_each_other(notebook: OpenNotebook, folder: Path) -> None:
    contrast = f"contrast = inb.Contrast({PROMPT!r}, 'The Colosseum is in the city of', ' Paris', ' Rome')"
    grid = f"{contrast}\ngrid = inb.patch_grid(model, contrast, site='blocks.1.hook_resid_post', basis=sae)\ngrid"
    opened = notebook([setup(folder), SHOW, grid, "tie = inb.link(grid, dashboard)"])
    widget, patches = dashboard_of(opened.page), opened.page.locator(".inb-patch_grid")
    rows = opened.ask("[key['latent'] for key in grid.row_keys]")
    cell(patches, 2, 3).click()
    opened.until("dashboard.selected", {"latent_idx": rows[2], "pos": 3})
    expect(widget.locator(".inb-latent-name")).to_have_text(f"Latent {rows[2]}")
    expect(widget.locator(f".inb-row[data-latent='{rows[2]}']")).to_have_attribute("aria-selected", "true")

    opened.execute(f"dashboard.show().prompt = {PROMPT!r}")
    tab(widget, "On your text")
    expect(widget.get_by_label("text", exact=True)).to_have_value(PROMPT)
    expect(widget.get_by_role("heading", name="Latents on token 3")).to_be_visible()
    other = widget.locator(f".inb-heat-row[data-latent='{rows[0]}'] .inb-heat-name")
    if other.count():
        other.click()
    else:
        opened.execute(f"dashboard.show().selected = {{'latent_idx': {rows[0]}, 'pos': 3}}")
    opened.until("grid.selected", {"latent": rows[0], "pos": 3})
    expect(cell(patches, 0, 3)).to_have_attribute("aria-selected", "true")
    opened.check_clean()


def test_exported_page_works_with_no_kernel(
    notebook: OpenNotebook, exported: OpenFile, folder: Path, tmp_path: Path
) -> None:
    show = f"dashboard = feature_dashboard(store, model, prompt={PROMPT!r})\ndashboard"
    opened = notebook([setup(folder), show])
    path = tmp_path / "features.html"
    opened.execute(f"dashboard.to_html({str(path)!r}, latents=[int(i) for i in store.order()[:24]])")
    best = opened.ask("[int(i) for i in store.order()[:24]]")
    file = exported(path)
    widget = dashboard_of(file.page)
    expect(widget).to_contain_text("Saved page")
    expect(widget.locator(".inb-row")).to_have_count(len(best))
    assert listed(widget) == best
    widget.locator(f".inb-row[data-latent='{best[7]}']").click()
    expect(widget.locator(".inb-latent-name")).to_have_text(f"Latent {best[7]}")
    expect(widget.locator(".inb-examples li").first).to_be_visible()
    value = opened.ask(f"store.latent({best[7]}).max")
    assert float(widget.locator(".inb-example-value").first.inner_text()) == pytest.approx(value, rel=1e-3)
    widget.get_by_label("sort by").select_option("max")
    largest = opened.ask("[int(i) for i in sorted(store.order()[:24], key=lambda i: -store.column('max')[i])]")
    assert listed(widget)[:5] == largest[:5]
    tab(widget, "On your text")
    expect(widget.locator(".inb-heat-row").first).to_be_visible()
    expect(widget.get_by_label("text", exact=True)).to_be_disabled()
    widget.locator(".inb-strip-text [data-at]").nth(3).click()
    expect(widget).to_contain_text("Ranked among the latents that are here.")
    tab(widget, "Map")
    expect(widget.locator(".inb-map-panel")).to_contain_text("variance")
    tab(widget, "Intervene")
    expect(widget.locator(".inb-effect-panel")).to_contain_text("needs a running kernel")
    file.check_clean()


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [480, 1400])
def test_everything_is_readable_and_nothing_sticks_out(
    notebook: OpenNotebook, folder: Path, tmp_path: Path, theme: str, width: int
) -> None:
    opened = notebook([setup(folder), SHOW], width=width)
    opened.theme(theme)
    widget = dashboard_of(opened.page)
    require_readable(widget, opened, tmp_path / "latent.png")
    for name, ready in (("On your text", ".inb-heat-row"), ("Intervene", ".inb-change"), ("Map", ".inb-map")):
        tab(widget, name)
        if name == "On your text":
            widget.get_by_label("text", exact=True).fill(PROMPT)
        expect(widget.locator(ready).first).to_be_visible()
        require_readable(widget, opened, tmp_path / f"{name}.png")
    opened.check_clean()


def require_readable(widget: Locator, opened: NotebookPage, picture: Path) -> None:
    """Fail when a text is too faint or something is wider than the view."""
    opened.page.screenshot(path=picture, full_page=True)
    contrasts = widget.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    faint = [entry for entry in contrasts if entry[0] < READABLE and not OWN_INK & set(str(entry[2]).split())]
    assert faint == []
    room = widget.evaluate("(node) => [node.clientWidth, node.scrollWidth]")
    assert room[1] <= room[0] + 1
