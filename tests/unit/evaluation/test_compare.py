"""Several reports side by side: paired differences, the front, and what makes reports hard to compare."""

import math

import pytest
import torch

from interp_nb._errors import ConfigError
from interp_nb.evaluation.compare import compare_saes
from interp_nb.evaluation.comparison import SAEComparison
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.rows import Metric
from interp_nb.evaluation.scaling import fit_scaling

DOCS = 60
HARD = torch.rand(DOCS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
"""How hard each document is, for every SAE alike."""


def made(name: str, l0: float, recovered: float, noise: float = 0.01, seed: int = 0, **changes) -> SAEReport:
    """A report on documents of 10 tokens each, hard ones hard for all."""
    drawn = torch.Generator().manual_seed(seed)
    tokens = torch.full((DOCS,), 10.0, dtype=torch.float64)
    scores = recovered + 0.3 * (HARD - HARD.mean()) + noise * torch.randn(DOCS, generator=drawn, dtype=torch.float64)
    counts = l0 + 2 * (HARD - HARD.mean())
    sums = torch.stack([torch.stack([counts * tokens, tokens], 1), torch.stack([scores, torch.ones_like(scores)], 1)])
    values = sums[..., 0].sum(1) / sums[..., 1].sum(1)
    half = 1.96 * sums[..., 0].div(sums[..., 1]).std(1) / DOCS**0.5
    names = ["l0", "loss_recovered_mean"]
    metrics = {
        each: Metric(float(value), float(value - width), float(value + width), DOCS, "documents", math.nan)
        for each, value, width in zip(names, values, half, strict=True)
    }
    metrics["dead_fraction"] = Metric(0.1 * seed, 0.1 * seed - 0.01, 0.1 * seed + 0.01, 64, "latents", math.nan)
    metrics["explained_variance"] = metrics["loss_recovered_mean"]._replace(value=1 - 3 * 64**-0.3)
    fields = {
        "name": name, "sae": {"architecture": "topk", "kind": "sae", "d_sae": 64, "sites": ["here"]},
        "model_name": "pocket", "data": {"hash": "same", "n_docs": DOCS}, "metrics": metrics, "distributions": {},
        "concepts": [], "probes": [], "absorbed": [], "causal": [], "skipped": {}, "advice": [], "notes": [],
        "settings": {"ablation": "mean", "groups": ["reconstruction", "sparsity"]}, "summed": names, "sums": sums,
        "provenance": {},
    }  # fmt: skip
    return SAEReport(**fields | changes)


@pytest.fixture(scope="module")
def three() -> SAEComparison:
    return compare_saes([made("sparse", 5, 0.80), made("better", 10, 0.90), made("worse", 20, 0.82, seed=1)])


def test_front_holds_what_no_other_beats(three):
    assert three.front == ["sparse", "better"] and three.score == "loss_recovered_mean"
    beaten = three.pareto[2]
    assert not beaten.on_front and beaten.dominated_by == "better"
    assert [point.dominated_by for point in three.pareto[:2]] == ["", ""]
    assert [round(point.l0) for point in three.pareto] == [5, 10, 20]
    assert repr(three) == ("SAEComparison(3 SAEs, L0 against loss recovered (mean ablation); front: sparse, better)")


def test_beaten_by_chance_is_off_the_front_but_not_surely():
    found = compare_saes([made("a", 10, 0.9, noise=0.2), made("b", 10.001, 0.87, noise=0.2, seed=2)])
    assert found.front == ["a"] and found.pareto[1].dominated_by == ""


def test_same_documents_are_resampled_for_both():
    a, b = made("a", 10, 0.90), made("b", 10, 0.88, seed=1)
    paired = compare_saes([a, b]).difference("loss_recovered_mean", "a", "b")
    assert paired is not None and paired.paired and paired.separate
    assert paired.low < 0.02 < paired.high and paired.high - paired.low < 0.02
    # The intervals of the two by themselves overlap: documents differ more than SAEs.
    other = made("b", 10, 0.88, seed=1, data={"hash": "other", "n_docs": DOCS})
    beside = compare_saes([a, other])
    found = beside.difference("loss_recovered_mean", "a", "b")
    assert found is not None and not found.paired and not found.separate
    assert beside.differs("loss_recovered_mean", 0, 1) is False and "2 different texts" in beside.notes[0]


def test_numbers_of_latents_are_compared_by_their_intervals(three):
    found = three.difference("dead_fraction", "sparse", "worse")
    assert found is not None and not found.paired and found.separate
    assert (found.value, found.low, found.high) == pytest.approx((-0.1, -0.12, -0.08))
    assert three.differs("dead_fraction", "sparse", "better") is False


def test_difference_turns_with_the_order(three):
    there, back = three.difference("l0", 0, 2), three.difference("l0", "worse", "sparse")
    assert there is not None and back is not None
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)
    assert (back.first, back.second) == (2, 0)


def test_what_one_of_them_has_not_is_no_difference(three):
    poor = made("poor", 3, 0.5)
    poor.metrics.pop("loss_recovered_mean")
    found = compare_saes([three.reports[0], poor])
    assert found.difference("loss_recovered_mean", 0, 1) is None and found.differs("loss_recovered_mean", 0, 1) is None
    assert not found.pareto[1].on_front and found.front == ["sparse"]


def test_intervals_that_nobody_knows_tell_nothing():
    reports = [made("a", 10, 0.9), made("b", 10, 0.5, data={"hash": "other", "n_docs": 1})]
    for report in reports:
        report.metrics["l0"] = report.metrics["l0"]._replace(low=math.nan, high=math.nan)
    found = compare_saes(reports)
    assert found.differs("l0", 0, 1) is None and found.pareto[1].dominated_by == ""
    assert any("1 document" in note for note in found.notes)


def test_same_names_are_told_apart():
    found = compare_saes([made("a", 5, 0.8), made("a", 10, 0.9), made("b", 12, 0.9), made("a", 20, 0.95)])
    assert found.names == ["a", "a (2)", "b", "a (3)"]
    assert len(set(compare_saes([made(n, 5, 0.8) for n in ("a", "a (2)", "a")]).names)) == 3


def test_equal_saes_differ_as_seldom_as_intervals_say():
    hits = []
    for seed in range(0, 200, 2):
        found = compare_saes([made("a", 10, 0.9, 0.05, seed), made("b", 10, 0.9, 0.05, seed + 1)], seed=seed)
        hits.append(found.differs("loss_recovered_mean", 0, 1))
    assert sum(map(bool, hits)) <= 12, "about 5 of 100"


def test_comparison_of_a_sweep_gives_a_scaling_law():
    reports = []
    for n in (64, 128, 256, 512, 1024):
        one = made(f"{n}", 10, 0.9)
        one.sae["d_sae"] = n
        one.metrics["explained_variance"] = one.metrics["explained_variance"]._replace(value=1 - 3 * n**-0.5 - 0.05)
        reports.append(one)
    found = compare_saes(reports)
    fit = fit_scaling(found, n_draws=100)
    assert fit.law == "n" and fit.loss_label == "1 - explained variance"
    assert fit.exponent().value == pytest.approx(-0.5, abs=1e-3)
    assert found.with_scaling(fit).scaling == fit
    with pytest.raises(ConfigError, match="'explained_variance' is not such a metric"):
        fit_scaling(found, loss="explained_variance")
    odd = compare_saes([*reports, made("odd", 9, 0.5, model_name="other")])
    with pytest.raises(ConfigError, match="these reports are on 2 different models"):
        fit_scaling(odd)


@pytest.mark.parametrize(
    ("reports", "options", "message"),
    [
        ([made("a", 5, 0.8)], {}, "at least two reports, got 1"),
        ([made("a", 5, 0.8)] * 2, {"score": "loss_recovered"}, "no metric 'loss_recovered'; did you mean"),
        ([made("a", 5, 0.8)] * 2, {"score": "mse"}, "of which more is better, and 'mse' is not"),
        ([made("a", 5, 0.8)] * 2, {"score": "causal_share"}, "its group was not asked for"),
    ],
)
def test_what_cannot_be_compared_is_refused(reports, options, message):
    with pytest.raises(ConfigError, match=message):
        compare_saes(reports, **options)


def test_what_is_not_there_is_refused(three):
    with pytest.raises(ConfigError, match="no SAE 'spars' here; did you mean 'sparse'"):
        three.difference("l0", "spars", 1)
    with pytest.raises(ConfigError, match="SAEs 0 to 2, got 3"):
        three.difference("l0", 0, 3)
    with pytest.raises(ConfigError, match="needs two SAEs, got 'sparse' twice"):
        three.difference("l0", 0, "sparse")
    with pytest.raises(ConfigError, match="no metric 'L0'"):
        three.differs("L0", 0, 1)
    with pytest.raises(ConfigError, match="no table 'metric'"):
        three.to_frame("metric")


def test_comparison_is_saved_and_gives_tables(tmp_path, three):
    assert SAEComparison.load(three.save(tmp_path / "three.safetensors")) == three
    assert list(three.to_frame("pareto")["name"]) == ["sparse", "better", "worse"]
    differences = three.to_frame("differences")
    assert len(differences) == 3 * 4 and set(differences["second"]) == {"better", "worse"}
    assert list(three.to_frame().columns[:3]) == ["name", "metric", "group"] and len(three.to_frame()) == 3 * 4
