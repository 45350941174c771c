"""Exported pages: everything a view asks for is on the page, once; and a result can be read back from it."""

import base64
import json
import re
from typing import Any

import pytest

from interp_nb import Contrast, patch_grid
from interp_nb._errors import ConfigError
from interp_nb.widgets import export
from interp_nb.widgets.codec import PackedPattern, decode_pattern, unpack
from interp_nb.widgets.links import link
from tests.contract.made import made_grid, made_patterns, made_roles
from tests.tiny_models import ANSWER, CLEAN, CORRUPTED, WRONG


def state_of(text: str) -> Any:
    return json.loads(re.search(r"<script [^>]+data-inb-state>(.*?)</script>", text, re.DOTALL).group(1))


def test_page_holds_state_bytes_and_replies():
    patterns = made_patterns()
    patterns.selected = (2, 1, 3)
    state = state_of(export.page([patterns]))
    (widget,) = state["widgets"]
    assert widget["traits"]["kernel"] is False and widget["traits"]["selected"]["layer"] == 2
    thumbs = unpack(widget["traits"]["_meta"]["arrays"], base64.b64decode(widget["data"]))["thumbs"]
    assert thumbs.shape == (2, 2, 4, 4)
    reply = widget["replies"]['pattern {"head":1,"layer":1}']
    packed = PackedPattern(reply["result"], base64.b64decode(reply["buffers"][0]))
    assert decode_pattern(packed).tolist() == patterns.patterns[1, 1].tolist()
    assert len(widget["replies"]) == 4
    assert widget["allowed"] == {"layer": [0, 2], "head": [0, 1], "dest": [0, 1, 2, 3], "src": [0, 1, 2, 3]}


def test_every_bundle_is_there_once():
    text = export.page([made_grid(), made_grid(), made_roles()])
    state = state_of(text)
    assert sorted(state["bundles"]) == ["head_roles", "patch_grid"]
    assert [widget["bundle"] for widget in state["widgets"]] == ["patch_grid", "patch_grid", "head_roles"]
    assert text.count("<div data-inb-widget></div>") == 3 and text.count("<noscript><figure") == 3


def test_parts_keep_their_order_and_the_page_is_deterministic():
    parts = ["<h2>One</h2>", made_roles(), "<h2>Two</h2>"]
    text = export.page(parts, title="a & b")
    assert text == export.page(parts, title="a & b")
    assert "<title>a &amp; b</title>" in text
    places = [text.index(piece) for piece in ("<h2>One", "<div data-inb-widget>", "<h2>Two", "data-inb-state>{")]
    assert places == sorted(places)


def test_selections_are_linked_by_the_keys_that_link_uses():
    grid, patterns = made_grid(), made_patterns()
    state = state_of(export.page(["<p>x</p>", grid, patterns], links=[(1, 2)]))
    assert state["links"] == [
        {"from": 0, "to": 1, "keys": [["layer", "layer"], ["pos", "dest"]]},
        {"from": 1, "to": 0, "keys": [["layer", "layer"], ["dest", "pos"]]},
    ]
    # What the page starts with when nothing is selected is what `link` starts with.
    made = link(grid, patterns)
    grid.selected = (0, 3)
    first = state["widgets"][1]["first"]
    assert patterns.selected == first | {"layer": 0, "dest": 3}
    made.unlink()


@pytest.mark.parametrize("pair", [(0, 1), (1, 1), (1, 7)])
def test_links_must_join_two_widgets(pair):
    with pytest.raises(ConfigError, match=r"joins the indices of two widgets among \[1, 2\]"):
        export.page(["<p>x</p>", made_grid(), made_patterns()], links=[pair])


def test_recorded_replies_stay_within_their_size(monkeypatch):
    widget = made_patterns().show()
    whole = export.recorded_replies(widget)
    assert len(whole) == 4
    monkeypatch.setattr(export, "MAX_RECORDED_BYTES", 2 * len(json.dumps(next(iter(whole.values())))) + 10)
    assert list(export.recorded_replies(widget)) == list(whole)[:2]


def test_whole_numbers_of_recorded_requests_are_written_as_the_page_writes_them(monkeypatch):
    widget = made_patterns().show()
    asked = {"settings": {"strength": 1.0, "others": [0.5, -2.0]}, "side": 0, "on": True}
    monkeypatch.setattr(widget, "_recorded_requests", lambda: [("next_token", asked)])
    monkeypatch.setattr(widget, "answer", lambda method, params: ({}, []))
    key = 'next_token {"on":true,"settings":{"others":[0.5,-2],"strength":1},"side":0}'
    assert list(export.recorded_replies(widget)) == [key]


def test_predictions_of_a_live_grid_are_recorded_the_strongest_first(tiny_model, tmp_path):
    grid = patch_grid(tiny_model, Contrast(CLEAN, CORRUPTED, ANSWER, WRONG))
    text = grid.to_html(tmp_path / "grid.html")
    assert (tmp_path / "grid.html").read_text(encoding="utf-8") == text
    assert f"<title>{grid!r}</title>" in text
    replies = state_of(text)["widgets"][0]["replies"]
    assert len(replies) == grid.effect.numel()
    requests = grid.show()._recorded_requests()
    best = grid.effect.abs().flatten().argmax().item()
    assert requests[0] == ("predict", {"layer": best // 6, "pos": best % 6})
    reply = replies[f'predict {{"layer":{grid.best.layer},"pos":{grid.best.pos}}}']["result"]
    assert reply["patched"][0]["token"] == grid.predict(*grid.best).patched[0].token


def test_page_waits_for_a_running_result(tiny_model):
    grid = patch_grid(tiny_model, Contrast(CLEAN, CORRUPTED, ANSWER, WRONG), live=True)
    traits = state_of(grid.to_html())["widgets"][0]["traits"]
    assert (traits["state"], traits["progress"]) == ("done", 1.0)


def test_loaded_result_exports_without_a_model(tmp_path):
    grid = made_grid()
    loaded = type(grid).load(grid.save(tmp_path / "grid.safetensors"))
    state = state_of(loaded.to_html())
    assert state["widgets"][0]["replies"] == {} and state["widgets"][0]["traits"]["_meta"]["live"] is False


def test_page_refuses_other_parts():
    with pytest.raises(ConfigError, match="got a int"):
        export._widget(3)
