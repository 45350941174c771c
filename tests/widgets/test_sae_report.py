"""The report's Python side: what it sends of one SAE, several and a law, what it answers and refuses, how it fills."""

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget", reason="needs anywidget: pip install anywidget")

import numpy as np
import torch
import traitlets

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job
from interp_nb._show import Live
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import SAEReport
from interp_nb.widgets import fallback
from interp_nb.widgets.codec import unpack
from interp_nb.widgets.links import link
from interp_nb.widgets.sae_report_meta import CAUSAL_COLUMNS, CONCEPT_COLUMNS, stops_of
from interp_nb.widgets.sae_report_words import interval, number
from tests.contract.made_features import made_dashboard
from tests.contract.made_report import (
    MODEL,
    VALUES,
    made_comparison,
    made_law,
    made_live_report,
    made_report,
    made_tops,
)
from tests.widgets.test_hostile import HOSTILE, Elements
from tests.widgets.wire import ask, wait_for


def arrays_of(widget: Any) -> dict[str, Any]:
    """The arrays that a widget sends."""
    return unpack(widget._meta["arrays"], widget._data)


def test_every_number_of_a_report_is_on_the_wire() -> None:
    report = made_report()
    widget = report.show()
    names = [metric["name"] for metric in widget._meta["metrics"]]
    assert names == [name for name in METRICS if name in VALUES]
    arrays = arrays_of(widget)
    expected = [report.metrics[name] for name in names]
    np.testing.assert_array_equal(
        arrays["values.0"], [(each.value, each.low, each.high, each.with_bos) for each in expected]
    )
    [words] = widget._meta["reports"]
    assert words["n"] == [60] * len(names)
    assert set(words["resampled"]) == {"documents", "concepts"}
    for row, concept in zip(arrays["concepts.0"], report.concepts, strict=True):
        assert widget._meta["concepts"][int(row[0])]["name"] == concept.name
        np.testing.assert_array_equal(row[1:], [float(getattr(concept, name)) for name in CONCEPT_COLUMNS])
    for row, causal in zip(arrays["causal.0"], report.causal, strict=True):
        np.testing.assert_array_equal(row, [float(getattr(causal, name)) for name in CAUSAL_COLUMNS])
    np.testing.assert_array_equal(arrays["counts.0.density"], report.distributions["density"].counts)
    assert words["advice"] == report.advice
    json.dumps(widget._meta, allow_nan=False)


def test_overview_shows_the_ablation_that_was_asked_for() -> None:
    metrics = made_report().metrics
    both = metrics | {"loss_recovered_zero": metrics["loss_recovered_mean"]}
    zero = made_report(metrics=both, settings=made_report().settings | {"ablation": "zero"}).show()
    assert "loss_recovered_zero" in zero._meta["key"]
    assert "loss_recovered_mean" not in zero._meta["key"]


def test_report_without_truth_says_why_and_sends_no_concept() -> None:
    kept = {name: metric for name, metric in made_report().metrics.items() if METRICS[name].group != "truth"}
    widget = made_report(concepts=[], metrics=kept, skipped={"truth": "the text has no labels"}).show()
    assert widget._meta["concepts"] == []
    assert arrays_of(widget)["concepts.0"].shape == (0, 1 + len(CONCEPT_COLUMNS))
    assert widget._meta["reports"][0]["skipped"] == {"truth": "the text has no labels"}
    assert "truth" in [group["name"] for group in widget._meta["groups"]]


def test_comparison_sends_reports_front_differences_and_law() -> None:
    comparison = made_comparison(3)
    widget = comparison.show()
    meta, arrays = widget._meta, arrays_of(widget)
    assert [each["name"] for each in meta["reports"]] == comparison.names
    assert len(meta["concepts"]) == 3, "concepts that all reports have are sent once"
    assert [point["on_front"] for point in meta["pareto"]] == [True, False, True]
    differences = arrays["differences"]
    assert len(differences) == 3 * len(VALUES)
    l0 = [metric["name"] for metric in meta["metrics"]].index("l0")
    assert {bool(row[7]) for row in differences if row[0] == l0} == {False}
    assert {bool(row[7]) for row in differences if row[0] != l0} == {True}
    law = comparison.scaling
    assert law is not None
    widths, ks = stops_of(law)
    assert arrays["curves"].shape == (len(ks), len(widths), 5)
    np.testing.assert_allclose(arrays["curves"][1], law.curve(np.array(widths), ks[1]), rtol=1e-6)


@pytest.mark.parametrize("law", ["n", "nk"])
def test_prediction_is_what_the_law_says(law: str) -> None:
    fit = made_law(law)
    widget = fit.show()
    assert (widget._meta["kind"], widget.tab) == ("scaling", "scaling")
    k = 16.0 if law == "nk" else None
    found = ask(widget, "predict", n=512, k=k)["result"]
    expected = fit.predict(512.0, k)
    for name in ("value", "low", "high", "curve_low", "curve_high"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-4)
    assert found["extrapolates"] == ""
    with pytest.warns(UserWarning, match="extrapolates"):
        said = fit.predict(4096.0, k).extrapolates
    assert ask(widget, "predict", n=4096, k=k)["result"]["extrapolates"] == said != ""


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"n": 0, "k": 4}, "n must be a number above 0, got 0"),
        ({"n": True, "k": 4}, "n must be a number above 0, got True"),
        ({"n": "many", "k": 4}, "n must be a number"),
        ({"n": math.inf, "k": 4}, "n must be a number above 0, got inf"),
        ({"n": 512, "k": None}, "k must be a number above 0, got None"),
    ],
)
def test_place_that_is_none_is_refused(place: dict[str, Any], said: str) -> None:
    widget = made_law().show()
    assert said in ask(widget, "predict", **place)["error"]["message"]
    with pytest.raises(traitlets.TraitError, match="must be a number"):
        widget.prediction = place


def test_law_of_one_k_takes_no_k() -> None:
    reply = ask(made_law("n").show(), "predict", n=512, k=4)
    assert "says nothing of k" in reply["error"]["message"]
    assert "fit_scaling" in ask(made_report().show(), "predict", n=512, k=None)["error"]["message"]


def test_contexts_are_the_reports_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def contexts(self: SAEReport, latent_idx: int, n: int = 8) -> Any:
        asked.append((latent_idx, n))
        return made_tops()

    monkeypatch.setattr(SAEReport, "contexts", contexts)
    widget = made_live_report().show()
    found = ask(widget, "contexts", latent_idx=3, sae=0)["result"]
    assert asked == [(3, 8)]
    top = found["tops"][0]
    assert top["tokens"] == ["The", " city", " of", " Paris", " is"]
    assert (top["tokens"][top["at"]], top["value"]) == (" Paris", 2.0)
    assert len(top["values"]) == len(top["tokens"])
    for wrong in ({"latent_idx": 8, "sae": 0}, {"latent_idx": True, "sae": 0}, {"latent_idx": 3, "sae": 1}):
        assert ask(widget, "contexts", **wrong)["error"]["type"] == "ConfigError"


def test_contexts_of_a_loaded_report_say_what_is_missing(tmp_path: Path) -> None:
    loaded = SAEReport.load(made_report().save(tmp_path / "report.safetensors"))
    widget = loaded.show()
    assert widget._meta["live"] is False
    error = ask(widget, "contexts", latent_idx=3, sae=0)["error"]
    assert error["type"] == "ConfigError"
    assert widget.error == "", "a refusal is shown where it was asked for"


def test_selected_latent_must_be_one_of_its_sae() -> None:
    small = made_report("small", sae=made_report().sae | {"d_sae": 4})
    widget = made_comparison(reports=[made_report("large"), small], names=["large", "small"]).show()
    widget.selected = (7, 0)
    assert widget.selected == {"latent_idx": 7, "sae": 0}
    with pytest.raises(ConfigError, match=r"from 0 to 3 in SAE 1, got 7"):
        widget.selected = (7, 1)
    widget.selected = {"sae": 1}
    assert widget.selected == {"latent_idx": None, "sae": 1}


def test_link_carries_a_latent_to_a_dashboard_and_back(tmp_path: Path) -> None:
    dashboard, report = made_dashboard(tmp_path), made_report()
    tie = link(report, dashboard)
    report.selected = (3, 0)
    assert dashboard.selected == {"latent_idx": 3, "pos": None}
    dashboard.selected = {"latent_idx": 5, "pos": None}
    assert report.selected == {"latent_idx": 5, "sae": 0}
    tie.unlink()


def test_sort_and_tab_take_what_is_there() -> None:
    widget = made_report().show()
    widget.sort, widget.tab = "-n_tokens", "truth"
    with pytest.raises(traitlets.TraitError, match="sort takes a column"):
        widget.sort = "beauty"
    with pytest.raises(traitlets.TraitError):
        widget.tab = "nonsense"
    assert (widget.sort, widget.tab) == ("-n_tokens", "truth")


def test_report_fills_group_after_group_and_keeps_what_is_there_when_stopped() -> None:
    whole, gate = made_report(), threading.Semaphore(0)
    groups = ["reconstruction", "sparsity", "truth"]
    live = Live(MODEL)
    report = made_report(
        metrics={}, distributions={}, concepts=[], causal=[], probes=[], absorbed=[], advice=[], notes=[], data={},
        settings=whole.settings | {"groups": groups}, _live=live,
    )  # fmt: skip

    def steps() -> Any:
        for group in groups:
            gate.acquire(timeout=20)
            held = vars(report)
            held["data"] = whole.data
            held["metrics"] |= {name: each for name, each in whole.metrics.items() if METRICS[name].group == group}
            yield group

    live.job = Job(steps)
    widget = report.show()
    widget._push_seconds = 0.0
    wait_for(lambda: widget.state == "running")
    assert widget._meta["reports"][0]["pending"] == groups
    assert widget._meta["reports"][0]["measured"].startswith("Nothing was read yet")
    assert np.isnan(arrays_of(widget)["values.0"]).all()
    gate.release()
    wait_for(lambda: widget._meta["reports"][0]["pending"] == groups[1:])
    assert widget.progress == pytest.approx(1 / 3)
    assert "explained_variance" in [metric["name"] for metric in widget._meta["metrics"]]
    ask(widget, "control", action="stop")
    gate.release()
    wait_for(lambda: widget.state == "stopped")
    assert widget._meta["reports"][0]["pending"] == []
    names = [metric["name"] for metric in widget._meta["metrics"]]
    assert "l0" in names
    assert "concepts_found" not in names


def test_page_keeps_contexts_and_lets_no_name_act(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SAEReport, "contexts", made_tops)
    concepts = [each._replace(name=name) for each, name in zip(made_report().concepts, HOSTILE, strict=False)]
    report = made_live_report(name=HOSTILE[1], concepts=concepts, advice=HOSTILE[:3], notes=[HOSTILE[5], HOSTILE[6]])
    page = report.to_html()
    found = Elements(page)
    assert [tag for tag, _ in found.found if tag == "script"] == ["script", "script"]
    assert not [attrs for _, attrs in found.found if "onerror" in attrs]
    state = json.loads(found.scripts[0])
    [widget] = state["widgets"]
    assert widget["traits"]["kernel"] is False
    assert 'contexts {"latent_idx":3,"sae":0}' in widget["replies"]
    assert {key.split()[0] for key in widget["replies"]} == {"contexts"}


def test_code_is_python_that_measures_and_shows_this_again() -> None:
    widget = made_report(name='a "name"\nimport os').show(tab="truth", selected=(3, 0))
    code = widget.answer("code", {})[0]["code"]
    compile(code, "code", "exec")
    assert "import os" not in code.splitlines()
    assert "evaluate_sae(sae, model, data, ablation='mean'" in code
    assert "report.show(tab='truth', selected={'latent_idx': 3, 'sae': 0})" in code
    for shown in (made_comparison(), made_law()):
        compile(shown.show().answer("code", {})[0]["code"], "code", "exec")


@pytest.mark.parametrize(
    "changes",
    [
        {"concepts": [], "distributions": {}, "advice": [], "metrics": {}},
        {"name": "n" * 500, "advice": ["a long sentence " * 40] * 9, "notes": HOSTILE[:5],
         "skipped": {"truth": "x" * 900}},
    ],
    ids=["empty", "long"],
)  # fmt: skip
def test_picture_is_drawn_of_any_report(changes: dict[str, Any]) -> None:
    drawn, width = fallback.picture(made_report(**changes))
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert width > 500


def test_numbers_and_pictures_say_when_there_is_no_interval() -> None:
    assert interval(math.nan, math.nan) == "no interval"
    assert interval(0.25, 0.5) == "0.250 to 0.500"
    assert [number(value) for value in (math.nan, math.inf, -math.inf, 0.0, 0.00342, 1234.5)] == [
        "–", "∞", "−∞", "0.000", "0.0034", "1,234",
    ]  # fmt: skip
    assert number(6.94, "l0") == "6.9"
    nothing = {name: each._replace(low=math.nan, high=math.nan) for name, each in made_report().metrics.items()}
    whole = fallback.picture(made_report())[0]
    assert fallback.picture(made_report(metrics=nothing))[0] != whole
    assert fallback.picture(made_report())[0] == whole, "the same report is the same picture"


def test_numbers_that_are_not_finite_travel() -> None:
    metrics = made_report().metrics
    odd = {"mse": metrics["mse"]._replace(value=math.inf, low=math.nan, high=math.inf)}
    widget = made_report(metrics=metrics | odd).show()
    at = [metric["name"] for metric in widget._meta["metrics"]].index("mse")
    np.testing.assert_array_equal(arrays_of(widget)["values.0"][at][:3], [math.inf, math.nan, math.inf])
    assert torch.isfinite(torch.tensor(arrays_of(widget)["values.0"][:, 0])).sum() == len(metrics) - 1
