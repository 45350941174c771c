"""The wire as both sides know it: what Python sends for hand-made results is what the front end's tests read.

To write the fixtures again: INTERP_NB_UPDATE_FIXTURES=1 pytest tests/contract
"""

import base64
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.widgets.wire import wait_for

pytest.importorskip("anywidget", reason="needs anywidget: pip install anywidget")

FOLDER = Path(__file__).parents[2] / "widgets" / "test" / "fixtures"
TRAITS = ("_meta", "selected", "state", "progress", "error", "kernel")

TEXT = {"prompt": "The dog", "pos": None, "n": 20, "latents": None, "store": 0}
SETTINGS: dict[str, Any] = {
    "prompt": "The visit was",
    "sliders": {
        "sentiment": {"strength": 0.5, "layer": 1, "operator": "add", "muted": False},
        "latent 4": {"strength": 1.0, "layer": 1, "operator": "set", "muted": True},
    },
    "positions": "all",
    "n_new": 4,
    "seed": 0,
    "temperature": 0.0,
}
REQUESTS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "patch_grid": [
        ("predict", {"layer": 0, "pos": 2}),
        ("predict", {"layer": 0, "pos": 99}),
        ("control", {"action": "stop"}),
        ("tokenize", {"text": "The Eiffel Tower"}),
    ],
    "patch_heads": [
        ("predict", {"layer": 1, "head": 0, "pos": 0}),
        ("predict", {"layer": 1, "pos": 0}),
        ("recompute", {"inputs": {}, "site": "resid_pre"}),
    ],
    "attention": [
        ("pattern", {"layer": 0, "head": 0}),
        ("pattern", {"layer": 1, "head": 1}),
        ("pattern", {"layer": 7, "head": 0}),
    ],
    "feature_dashboard": [
        ("detail", {"latent_idx": 1, "store": 0}),
        ("detail", {"latent_idx": 3, "store": 1}),
        ("detail", {"latent_idx": 99, "store": 0}),
        ("rows", {"latents": [0, 3], "store": 0}),
        ("columns", {}),
        ("search", {"text": "dog", "by": "any", "store": 0}),
        ("text", TEXT | {"rank_by": "max", "answer": "", "wrong": ""}),
        ("text", TEXT | {"rank_by": "direct", "answer": " runs", "wrong": " sleeps"}),
        ("text", TEXT | {"rank_by": "max", "answer": "", "wrong": "", "latents": [4], "prompt": ""}),
        ("effect", {"latent_idx": 0, "prompt": "The", "kind": "boost", "strength": 4, "store": 0}),
        ("label", {"latent_idx": 5, "text": "doing <b>things</b>", "author": "ada"}),
        ("label", {"latent_idx": 5, "text": "x", "author": ""}),
        ("map", {"method": "pca", "store": 0}),
        ("compare", {"latent_idx": 0, "other": None, "store": 1}),
        ("tokenize", {"text": "The dog"}),
        ("code", {}),
    ],
    "head_roles": [],
    "sae_report": [
        ("contexts", {"latent_idx": 3, "sae": 0}),
        ("contexts", {"latent_idx": 8, "sae": 0}),
        ("contexts", {"latent_idx": 3, "sae": 1}),
        ("predict", {"n": 512, "k": None}),
        ("control", {"action": "stop"}),
        ("code", {}),
    ],
    "sae_comparison": [
        ("contexts", {"latent_idx": 3, "sae": 1}),
        ("predict", {"n": 2048, "k": 4}),
        ("predict", {"n": 2048, "k": None}),
        ("predict", {"n": -1, "k": 4}),
        ("code", {}),
    ],
    "steering_playground": [
        ("generate", {"settings": SETTINGS}),
        ("generate", {"settings": SETTINGS | {"n_new": 0}}),
        ("control", {"action": "stop"}),
        ("next_token", {"settings": SETTINGS, "side": 1, "n": 0}),
        ("next_token", {"settings": SETTINGS, "side": 2, "n": 0}),
        ("make_vector", {"pairs": "good | bad\nnice | awful", "method": "mean", "name": "mood"}),
        ("make_vector", {"pairs": 1, "method": "mean", "name": ""}),
        ("add_latent", {"latent_idx": 1.5}),
        ("remove_vector", {"name": "mood"}),
        ("tokenize", {"text": "The visit"}),
        ("code", {"settings": SETTINGS}),
    ],
    "train_monitor": [
        ("peek", {"pick": "densest", "rank": 0, "sae": 0}),
        ("peek", {"pick": "index", "latent_idx": 99, "sae": 1}),
        ("set", {"settings": {"k": 4}, "sae": 0}),
        ("set", {"settings": {"k": -1}, "sae": None}),
        ("control", {"action": "pause"}),
    ],
}


def made(name: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Any:
    """A widget of a hand-made result; what a model would say is made by hand too."""
    from tests.contract import made as results

    if name == "attention":
        return results.made_patterns().show(selected=(2, 1, 3, 0))
    if name == "feature_dashboard":
        from tests.contract.made_features import TIME, made_live_dashboard

        monkeypatch.setattr("interp_nb.features.labels.utc_now", lambda: TIME)
        return made_live_dashboard(folder, monkeypatch, two=True, prompt="The dog").show()
    if name == "steering_playground":
        from tests.contract.made_playground import made_live_playground

        return made_live_playground(folder, monkeypatch)
    if name == "head_roles":
        return results.made_roles().show()
    if name in ("sae_report", "sae_comparison"):
        from tests.contract import made_report

        monkeypatch.setattr("interp_nb.evaluation.report.SAEReport.contexts", made_report.made_tops)
        monkeypatch.setattr("interp_nb.evaluation.scaling_fit.ScalingFit.curve", made_report.made_curve)
        shown = made_report.made_live_report() if name == "sae_report" else made_report.made_comparison()
        return shown.show(selected=(3, 0), with_bos=name == "sae_comparison")
    if name == "train_monitor":
        from tests.contract.made_run import made_run, made_tops

        run = made_run()
        monkeypatch.setattr(type(run), "peek", lambda self, latent_idx, n=10, sae=0: made_tops())
        return run.show(selected=(2, 0))
    grid = results.made_head_grid() if name == "patch_heads" else results.made_grid()
    # The real check of the cell runs before the made prediction comes.
    monkeypatch.setattr(type(grid), "predict", lambda self, **place: results.made_prediction())
    return grid.show(selected=(1, 0, 2) if name == "patch_heads" else (0, 2))


def fixture_text(name: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """One widget's traits, and its replies to some requests, as JSON."""
    widget = made(name, monkeypatch, folder)
    replies: list[dict[str, Any]] = []

    def keep(content: Any, buffers: list[bytes] | None = None) -> None:
        replies.append({"reply": content, "buffers": [base64.b64encode(each).decode() for each in buffers or []]})

    widget.send = keep
    for number, (method, params) in enumerate([*REQUESTS[name], ("no_such_method", {})]):
        request = {"v": 1, "kind": "request", "id": f"r{number}", "method": method, "params": params}
        widget._handle_custom_msg(request, [])
        # Some are answered in a thread of their own.
        wait_for(lambda number=number: len(replies) > number)
        replies[-1] = {"request": request, **replies[-1]}
    traits = {trait: getattr(widget, trait) for trait in (*TRAITS, *widget._page_traits)}
    fixture = {"traits": traits, "data": base64.b64encode(widget._data).decode(), "replies": replies}
    return json.dumps(fixture, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_front_end_fixture_is_what_python_sends(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = fixture_text(name, monkeypatch, tmp_path)
    path = FOLDER / f"{name}.json"
    committed = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    if os.environ.get("INTERP_NB_UPDATE_FIXTURES") and inflated(committed) != inflated(text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        committed = text
    message = f"{path.name} is out of date: INTERP_NB_UPDATE_FIXTURES=1 pytest tests/contract"
    assert inflated(committed) == inflated(text), message


def inflated(text: str) -> Any:
    """A fixture with its deflated buffers unpacked: zlib's bytes differ between its versions."""
    fixture = json.loads(text)
    for entry in fixture.get("replies", []):
        if "deflate" in str((entry["reply"].get("result") or {}).get("encoding")):
            entry["buffers"] = [zlib.decompress(base64.b64decode(each)).hex() for each in entry["buffers"]]
    return fixture
