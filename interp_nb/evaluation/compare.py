"""Compare reports: what differs beyond chance, and which SAEs lie on the front of sparsity against what is kept.

Two SAEs measured on the same documents are compared pair by pair: the documents are resampled for both at once, so what
makes a document hard for either cancels. Otherwise, and for numbers that are no ratio of sums over documents, their
intervals must not overlap, which is the harder condition.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from interp_nb._errors import ConfigError, nearest
from interp_nb._stats import bootstrap_counts
from interp_nb.evaluation.comparison import Difference, ParetoPoint, SAEComparison
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.scaling_fit import ScalingFit


def compare_saes(
    reports: Sequence[SAEReport], *, score: str | None = None, scaling: ScalingFit | None = None, seed: int = 0
) -> SAEComparison:
    """Put several reports side by side, with the differences that are more than chance.

    Args:
        reports: Two or more, made on the same text where differences are to be sharp. Waits for those that still fill.
        score: What is held against L0 in the Pareto front: a metric of which more is better; None = loss recovered
            beside the ablation that the first report asked for.
        scaling: A law to draw beside the front, see `fit_scaling`.
        seed: Of the resampling.

    Raises:
        ConfigError: fewer than two reports, or a score that no report has, or of which less is better.

    Cost: one bootstrap for every pair; no model is run.
    """
    reports = [report.wait() for report in reports]
    if len(reports) < 2:
        raise ConfigError(f"a comparison needs at least two reports, got {len(reports)}; show one by itself")
    score = _checked_score(reports, score)
    names = _distinct([report.name for report in reports])
    differences = [
        difference
        for first, second in combinations(range(len(reports)), 2)
        for difference in _differences(reports, first, second, seed)
    ]
    found = {each[:3]: each for each in differences}
    return SAEComparison(
        reports, names, score, _pareto(reports, names, score, found), differences, _notes(reports),
        {"score": score, "seed": seed}, scaling,
    )  # fmt: skip


def _checked_score(reports: Sequence[SAEReport], score: str | None) -> str:
    score = score or f"loss_recovered_{reports[0].settings['ablation']}"
    if score not in METRICS:
        raise ConfigError(f"no metric {score!r}; {nearest(score, METRICS)}")
    if METRICS[score].better != "higher":
        raise ConfigError(f"score must be a metric of which more is better, and {score!r} is not; "
                          "take 'explained_variance' or 'loss_recovered_mean'")  # fmt: skip
    if all(score not in report.metrics for report in reports):
        reasons = {reason for report in reports for reason in report.skipped.values()}
        raise ConfigError(
            f"no report has {score!r} ({'; '.join(sorted(reasons)) or 'its group was not asked for'}): choose another "
            "score, such as 'explained_variance'"
        )
    return score


def _distinct(names: Sequence[str]) -> list[str]:
    """Number the names that come more than once."""
    found: list[str] = []
    for name in names:
        times = sum(each == name for each in names[: len(found)])
        found.append(f"{name} ({times + 1})" if times else name)
    return found if len(set(found)) == len(found) else [f"{index}: {name}" for index, name in enumerate(names)]


def _differences(reports: Sequence[SAEReport], first: int, second: int, seed: int) -> list[Difference]:
    """Compare two reports in every metric that both have."""
    a, b = reports[first], reports[second]
    common = [name for name in METRICS if name in a.metrics and name in b.metrics]
    same_documents = a.data["hash"] == b.data["hash"]
    by_documents = [
        name
        for name in common
        if same_documents and name in a.by_document and name in b.by_document
        and a.by_document[name].shape == b.by_document[name].shape
    ]  # fmt: skip
    paired = _paired([(a.by_document[name], b.by_document[name]) for name in by_documents], seed)
    ends = dict(zip(by_documents, paired, strict=True))
    found = []
    for name in common:
        value = a[name].value - b[name].value
        low, high = ends.get(name, (a[name].low - b[name].high, a[name].high - b[name].low))
        found.append(Difference(name, first, second, value, low, high, name in ends, low > 0 or high < 0))
    return found


def _paired(
    sums: Sequence[tuple[Float64[Tensor, "doc 2"], Float64[Tensor, "doc 2"]]], seed: int
) -> list[tuple[float, float]]:
    """Bound differences of ratios of sums, the same documents drawn for both and for all metrics."""
    if not sums:
        return []
    rows = torch.cat([torch.cat(pair, 1) for pair in sums], 1)

    def difference(drawn: Tensor) -> Tensor:
        over_a, under_a, over_b, under_b = drawn.reshape(*drawn.shape[:-1], -1, 4).unbind(-1)
        found: Tensor = over_a / under_a - over_b / under_b
        return found

    ends = bootstrap_counts(rows, difference, seed=seed)
    return list(zip(ends.low.tolist(), ends.high.tolist(), strict=True))


def _pareto(
    reports: Sequence[SAEReport], names: Sequence[str], score: str, found: dict[Any, Difference]
) -> list[ParetoPoint]:
    """Place every SAE between L0 and score, and say which are beaten."""
    rows = range(len(reports))
    points = []
    for row, report in enumerate(reports):
        l0, value = report["l0"], report[score]
        known = not (math.isnan(l0.value) or math.isnan(value.value))
        beaten = [other for other in rows if other != row and _beats(reports[other], report, score)]
        surely = [other for other in rows if other != row and _surely_beats(other, row, score, found)]
        points.append(
            ParetoPoint(
                names[row], row, l0.value, l0.low, l0.high, value.value, value.low, value.high, known and not beaten,
                names[surely[0]] if surely else "",
            )
        )  # fmt: skip
    return points


def _beats(other: SAEReport, report: SAEReport, score: str) -> bool:
    """Say whether an SAE is at least as sparse and as good, and better in one of the two; never where unknown."""
    sparser = report["l0"].value - other["l0"].value
    better = other[score].value - report[score].value
    return sparser >= 0 and better >= 0 and (sparser > 0 or better > 0)


def _surely_beats(other: int, row: int, score: str, found: dict[Any, Difference]) -> bool:
    """Say whether an SAE is better in L0 or score beyond chance, and in the other not even perhaps worse."""
    first, second = min(other, row), max(other, row)
    pairs = [found.get((metric, first, second)) for metric in ("l0", score)]
    if any(pair is None or math.isnan(pair.low) for pair in pairs):
        return False
    # From here on "gain" is how far the other one is better: less L0, more score.
    signs = [-1 if other == first else 1, 1 if other == first else -1]
    low = [
        sign * (pair.low if sign > 0 else pair.high)
        for pair, sign in zip(pairs, signs, strict=True)
        if pair is not None
    ]
    return min(low) >= 0 and max(low) > 0


def _notes(reports: Sequence[SAEReport]) -> list[str]:
    """Say what makes reports less comparable than they look."""
    notes = []
    for what, values, why in (
        ("models", {report.model_name for report in reports}, "what is lost and recovered is each model's own"),
        ("sites", {" -> ".join(report.sae["sites"]) for report in reports},
         "loss recovered and explained variance depend on the site"),
        ("texts", {str(report.data["hash"]) for report in reports},
         "differences are judged by intervals beside each other, which is less sharp"),
    ):  # fmt: skip
        if len(values) > 1:
            notes.append(f"These SAEs were evaluated on {len(values)} different {what}: {why}.")
    few = min(report.data["n_docs"] for report in reports)
    if few < 20:
        notes.append(f"A report has {few} documents: intervals of so few are too narrow.")
    return notes
