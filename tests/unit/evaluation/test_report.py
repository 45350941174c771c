"""The report: how it is filled, stopped, printed, saved, and what it hands out."""

import gc
import json
import math
import threading

import pandas as pd
import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb._show import peek
from interp_nb.evaluation.evaluate import evaluate_sae
from interp_nb.evaluation.names import GROUPS, METRICS, names_of
from interp_nb.evaluation.report import TABLES, SAEReport
from interp_nb.evaluation.rows import Concept, GroupResult, Metric
from interp_nb.sae.saving import content_hash
from tests.tiny_models import make
from tests.unit.evaluation.cases import SITE, ids_of, random_sae, texts

FAST = ("reconstruction", "sparsity")


@pytest.fixture(scope="module")
def report():
    return evaluate_sae(random_sae(), make("gpt2"), texts(), groups=(*FAST, "causal"), n_causal=3, packing="separate")


def by_hand(**fields):
    found = {
        "name": "x", "model_name": "pocket", "data": {}, "distributions": {}, "concepts": [], "probes": [],
        "absorbed": [], "causal": [], "skipped": {}, "advice": [], "notes": [], "provenance": {}, "summed": [],
        "sums": torch.zeros(0, 0, 2, dtype=torch.float64), "settings": {"ablation": "mean", "groups": ["sparsity"]},
        "sae": {"architecture": "batch_topk", "kind": "sae", "sites": [SITE], "d_sae": 2048},
        "metrics": {name: Metric(value, math.nan, math.nan, 9, "documents", math.nan) for name, value in
                    (("l0", 6.94), ("explained_variance", 0.874), ("loss_recovered_mean", 0.957))},
    }  # fmt: skip
    return SAEReport(**(found | fields))


def concept(f1, *, context):
    return Concept("entity_type=city", "entity_type", "city", 9, 4, 1, 0.5, 1.0, 1.0, f1, 0.1, 0.9, 0.3, context, 0.9)


def test_repr_is_one_line_with_the_headline_numbers():
    found = by_hand(concepts=[concept(0.5, context=True), concept(0.49, context=True), concept(1.0, context=False)])
    assert repr(found) == (
        "SAEReport(batch_topk on blocks.0.hook_resid_post, 2048 latents: L0 6.9, explained variance 0.87, "
        "loss recovered 0.96, 1 of 2 context concepts found)"
    )
    assert (found.l0, found.explained_variance, found.loss_recovered) == (6.94, 0.874, 0.957)


@pytest.mark.parametrize(
    ("kind", "sites", "words"),
    [
        ("transcoder", ["a", "b"], "SAEReport(batch_topk transcoder on a -> b, 2048 latents)"),
        ("skip_transcoder", ["a", "b"], "SAEReport(batch_topk skip transcoder on a -> b, 2048 latents)"),
        ("crosscoder", ["a", "b"], "SAEReport(batch_topk crosscoder on a + b, 2048 latents)"),
        ("clt", ["a", "b", "c", "d"], "SAEReport(batch_topk clt on a + b -> c + d, 2048 latents)"),
    ],
)
def test_repr_says_what_is_read_and_written(kind, sites, words):
    sae = {"architecture": "batch_topk", "kind": kind, "sites": sites, "d_sae": 2048}
    assert repr(by_hand(sae=sae, metrics={})) == words


def test_every_number_has_a_group_and_a_meaning():
    assert [name for group in GROUPS for name in names_of(group)] == list(METRICS)
    for info in METRICS.values():
        assert info.meaning.endswith(".")
        assert info.label
        assert info.formula


def test_unknown_number_is_refused_and_one_that_was_not_measured_is_unknown(report):
    with pytest.raises(ConfigError, match="did you mean 'l0'"):
        report["L0"]
    assert math.isnan(report["absorption"].value)
    assert report["absorption"].n == 0


def test_saved_report_comes_back_equal(report, tmp_path):
    path = report.save(tmp_path / "report.safetensors")
    again = SAEReport.load(path)
    assert again == report
    assert repr(again) == repr(report)
    assert again.by_document.keys() == report.by_document.keys()
    with pytest.raises(ConfigError, match="not kept with a saved report"):
        again.contexts(0)


def test_card_metrics_are_plain_json_without_nan(report):
    card = report.card_metrics()
    text = json.dumps(card, allow_nan=False)
    assert json.loads(text)["metrics"]["l0"]["value"] == report.l0
    assert card["metrics"]["causal_share"]["with_bos"] is None
    assert card["data"]["n_docs"] == 24


def test_report_knows_what_was_evaluated_on_what(report):
    sae = random_sae()
    assert report.sae["sha256"] == content_hash(sae)
    assert report.sae["sites"] == [SITE]
    assert report.data["n_docs"] == 24
    assert report.data["n_tokens_with_bos"] == report.data["n_tokens"] + 24
    assert report.settings["groups"] == ["reconstruction", "sparsity", "causal"]
    assert report.provenance["model"]["name"] == report.model_name
    other = evaluate_sae(sae, make("gpt2"), texts(seed=1), groups="sparsity")
    assert other.data["hash"] != report.data["hash"]


def test_same_call_gives_the_same_report(report):
    again = evaluate_sae(random_sae(), make("gpt2"), texts(), groups=(*FAST, "causal"), n_causal=3, packing="separate")
    assert again == report


def test_card_does_not_carry_the_reports_before_it(tiny_model):
    sae = random_sae()
    sae.provenance = {"recipe": "x"}
    sizes = []
    for _ in range(3):
        report = evaluate_sae(sae, tiny_model, texts(6), groups="sparsity", name="x")
        sae.provenance["metrics"] = {"of": report.sae["sha256"], "values": report.card_metrics()}
        sizes.append(len(json.dumps(report.card_metrics())))
        assert report.provenance["sae"] == {"recipe": "x"}
    assert sizes[0] == sizes[1] == sizes[2]


@pytest.mark.parametrize("table", TABLES)
def test_tables_have_their_columns_even_when_empty(report, table):
    frame = report.to_frame(table)
    assert isinstance(frame, pd.DataFrame)
    assert len(frame.columns) > 5
    if table == "metrics":
        assert frame.set_index("metric").loc["l0", "value"] == report.l0
    with pytest.raises(ConfigError, match="did you mean 'probes'"):
        report.to_frame("probe")


def test_contexts_are_the_tokens_on_which_a_latent_fires_most(tiny_model):
    documents, sae = texts(), random_sae()
    report = evaluate_sae(sae, tiny_model, documents, groups="sparsity", packing="separate")
    ids = ids_of(tiny_model, documents)
    with torch.no_grad():
        acts = [sae.encode(tiny_model.run_with_cache(torch.tensor([each]))[1][SITE][0, 1:]) for each in ids]
    latent = int(torch.cat(acts).sum(0).argmax())
    found = report.contexts(latent, n=3)
    best = sorted((float(each[:, latent].max()) for each in acts), reverse=True)[:3]
    assert [each.value for each in found] == pytest.approx(best)
    doc = max(range(24), key=lambda index: float(acts[index][:, latent].max()))
    at = int(acts[doc][:, latent].argmax()) + 1
    assert found[0].token == tiny_model.to_str_tokens(torch.tensor(ids[doc]))[at]
    with pytest.raises(ConfigError, match="latent_idx must be 0 to 23, got 24"):
        report.contexts(24)


def test_contexts_need_the_model():
    model = make("gpt2")
    report = evaluate_sae(random_sae(), model, texts(5), groups="sparsity")
    del model
    gc.collect()
    with pytest.raises(ConfigError, match="it is gone"):
        report.contexts(0)


@pytest.mark.usefixtures("tiny_model")
class TestLive:
    """A report that a job fills."""

    @pytest.fixture
    def held(self, monkeypatch):
        """Features take until they are let go; they then give one number."""
        reached, go = threading.Event(), threading.Event()

        def slow(sae, model, text, *, seed):
            reached.set()
            assert go.wait(30)
            return GroupResult({"absorption": Metric(0.5, 0.4, 0.6, 5, "documents", math.nan)})

        monkeypatch.setattr("interp_nb.evaluation.steps.measure_features", slow)
        return reached, go

    def test_groups_fill_in_one_after_another(self, tiny_model, held):
        reached, go = held
        report = evaluate_sae(random_sae(), tiny_model, texts(6), groups=(*FAST, "features"), live=True)
        assert reached.wait(30)
        assert report.partial
        assert report.pending == ["features"]
        assert repr(report) == "SAEReport(relu on blocks.0.hook_resid_post, 24 latents)"
        assert set(peek(report, "metrics")) >= {"l0", "mse"}
        assert "absorption" not in peek(report, "metrics")
        go.set()
        assert report["absorption"].value == 0.5
        assert not report.partial
        assert report.pending == []
        assert "L0" in repr(report.wait())

    def test_stop_keeps_what_is_there(self, tiny_model, held):
        reached, go = held
        report = evaluate_sae(random_sae(), tiny_model, texts(6), groups=(*FAST, "features", "causal"), live=True)
        assert reached.wait(30)
        report.stop()
        go.set()
        report.wait()
        assert report.partial
        assert report.l0 > 0
        assert report.causal == []
        assert "causal_share" not in report.metrics

    def test_interrupt_of_a_blocking_call_warns_and_keeps_what_is_there(self, tiny_model, monkeypatch):
        def interrupted(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr("interp_nb.evaluation.steps.measure_features", interrupted)
        with pytest.warns(UserWarning, match="it holds sparsity of sparsity, features"):
            report = evaluate_sae(random_sae(), tiny_model, texts(6), groups=("sparsity", "features"))
        assert report.l0 > 0

    def test_failure_reaches_who_reads(self, tiny_model, monkeypatch):
        def failing(*args, **kwargs):
            raise ValueError("broken")

        monkeypatch.setattr("interp_nb.evaluation.steps.measure_features", failing)
        report = evaluate_sae(random_sae(), tiny_model, texts(6), groups="features", live=True)
        with pytest.raises(ValueError, match="broken"):
            report.wait()


@pytest.mark.parametrize(("notebook", "progress", "shown"), [
    (True, None, True), (False, None, False), (True, False, False), (False, True, True),
])  # fmt: skip
def test_bar_is_shown_in_a_notebook_and_where_it_is_asked_for(
    tiny_model, monkeypatch, capsys, notebook, progress, shown
):
    """Standard error is captured here, and so no terminal, as in a notebook."""
    monkeypatch.setattr("interp_nb.evaluation.evaluate.in_notebook", lambda: notebook)
    evaluate_sae(random_sae(), tiny_model, texts(6), groups="sparsity", progress=progress)
    assert ("sparsity: 100%" in capsys.readouterr().err) == shown
