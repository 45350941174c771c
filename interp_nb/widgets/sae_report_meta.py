"""What a report, a comparison or a scaling law sends to its view: words as JSON, numbers as arrays.

One shape for all three: a list of reports (one, several, none), their differences and front, a law or none.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from interp_nb._show import Live
from interp_nb.evaluation.comparison import SAEComparison
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import FOUND_FROM, SAEReport
from interp_nb.evaluation.scaling_fit import ScalingFit
from interp_nb.widgets import sae_report_words as says
from interp_nb.widgets.codec import Array
from interp_nb.widgets.feature_list import drawable
from interp_nb.widgets.feature_replies import number, numbers

SCHEMA: Final = 1
CONCEPT_COLUMNS: Final = (
    "latent_idx", "threshold", "precision", "recall", "f1", "low", "high", "lookup_f1", "context", "probe_f1",
    "n_tokens", "n_docs",
)  # fmt: skip
CAUSAL_COLUMNS: Final = ("latent_idx", "effect", "random", "low", "high", "beyond", "n_docs")
DIFFERENCE_COLUMNS: Final = ("first", "second", "value", "low", "high", "paired", "separate")
CURVE_COLUMNS: Final = ("value", "low", "high", "curve_low", "curve_high")
MAX_ROWS: Final = 500
"""Rows of probes and of absorbed concepts that are sent; `to_frame` has all of them."""
MAX_WORDS: Final = 400
"""Characters of a piece of advice, a note, a reason."""
N_STOPS: Final = 61
"""Widths at which a law is drawn."""
BEYOND: Final = 8.0
"""How far beyond the widest SAE a law is drawn."""


def reports_of(shown: Any) -> list[SAEReport]:
    """List the reports that are shown."""
    if isinstance(shown, SAEComparison):
        return list(shown.reports)
    return [] if isinstance(shown, ScalingFit) else [shown]


def names_of(shown: Any) -> list[str]:
    """List what the reports are called, all different."""
    return list(shown.names) if isinstance(shown, SAEComparison) else [report.name for report in reports_of(shown)]


def law_of(shown: Any) -> ScalingFit | None:
    """Return the law that is shown, if there is one."""
    return shown if isinstance(shown, ScalingFit) else getattr(shown, "scaling", None)


def can_look(report: SAEReport) -> bool:
    """Whether the model is there, to look at a latent's contexts."""
    live = getattr(report, "_live", None)
    return isinstance(live, Live) and live.alive


def encoded(shown: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """Write what is shown: the words and the arrays."""
    reports, law = reports_of(shown), law_of(shown)
    measured = [name for name in METRICS if any(name in report.metrics for report in reports)]
    coming = {group for report in reports for group in report.pending}
    metrics = [name for name, info in METRICS.items() if name in measured or info.group in coming]
    concepts = list(dict.fromkeys((each.name, each.field, each.value) for one in reports for each in one.concepts))
    places = {name: place for place, (name, _, _) in enumerate(concepts)}
    arrays: dict[str, Array] = {}
    for index, report in enumerate(reports):
        arrays |= _arrays(report, index, metrics, places)
    meta = {
        "schema": SCHEMA,
        "kind": "scaling" if isinstance(shown, ScalingFit) else "comparison" if _several(shown) else "report",
        "labels": _labels(shown, reports),
        "groups": [group for group in says.GROUPS if _has(group["name"], metrics, reports)],
        "metrics": [_metric(name) for name in metrics],
        "key": [name for name in (says.key_names(reports[0]) if reports else []) if name in metrics],
        "concepts": [{"name": drawable(name), "field": drawable(field), "value": drawable(value)}
                     for name, field, value in concepts],
        "concept_columns": list(CONCEPT_COLUMNS),
        "causal_columns": list(CAUSAL_COLUMNS),
        "found_from": FOUND_FROM,
        "reports": [_report(report, name, metrics) for report, name in zip(reports, names_of(shown), strict=True)],
        "notes": [_words(note) for note in shown.notes] if not isinstance(shown, SAEReport) else [],
        "pareto": [_point(point) for point in shown.pareto] if isinstance(shown, SAEComparison) else [],
        "score": shown.score if isinstance(shown, SAEComparison) else "",
        "scaling": None,
        "hints": says.HINTS,
        "summary": repr(shown),
    }  # fmt: skip
    if isinstance(shown, SAEComparison):
        rows = [(metrics.index(each.metric), *each[1:]) for each in shown.differences if each.metric in metrics]
        arrays["differences"] = _table(rows, 1 + len(DIFFERENCE_COLUMNS))
    if law is not None:
        meta["scaling"], arrays["curves"] = _law(law)
    return meta, arrays


def _several(shown: Any) -> bool:
    return isinstance(shown, SAEComparison)


def _has(group: str, metrics: Sequence[str], reports: Sequence[SAEReport]) -> bool:
    """Whether there is anything to say of a group: numbers, or why there are none."""
    return any(METRICS[name].group == group for name in metrics) or any(group in one.skipped for one in reports)


def _metric(name: str) -> dict[str, Any]:
    info = METRICS[name]
    share = not info.unit and name not in says.FREE
    return {"name": name, **info._asdict(), "count": name in says.COUNTED, "share": share}


def _labels(shown: Any, reports: Sequence[SAEReport]) -> dict[str, str]:
    if isinstance(shown, ScalingFit):
        law = "L(n)" if shown.law == "n" else "L(n, k)"
        note = f"{law} of {shown.loss_label}, fitted to {len(shown.n)} SAEs; Gao et al. 2024"
        return {"heading": "Scaling law", "note": drawable(note), "model": ""}
    models = list(dict.fromkeys(report.model_name for report in reports))
    model = drawable(", ".join(models))
    if isinstance(shown, SAEComparison):
        note = f"{len(reports)} reports side by side"
        return {"heading": f"{len(reports)} SAEs of {model}", "note": note, "model": model}
    return {"heading": drawable(says.heading(reports[0])), "note": drawable(says.about(reports[0])), "model": model}


def _report(report: SAEReport, name: str, metrics: Sequence[str]) -> dict[str, Any]:
    """Write the words of one report, and its small tables."""
    kept = [report.metrics.get(each) for each in metrics]
    return {
        "name": drawable(name),
        "about": drawable(says.about(report)),
        "measured": drawable(says.measured_on(report)),
        "d_sae": int(report.sae["d_sae"]),
        "sha256": drawable(says.short_hash(report)),
        "live": can_look(report),
        "pending": list(report.pending),
        "skipped": {group: _words(why) for group, why in dict(report.skipped).items()},
        "advice": [_words(text) for text in report.advice],
        "notes": [_words(text) for text in report.notes],
        "n": [0 if metric is None else int(metric.n) for metric in kept],
        "resampled": ["" if metric is None else str(metric.unit_resampled) for metric in kept],
        "distributions": {each: drawable(one.label) for each, one in dict(report.distributions).items()},
        "probes": [_probe(row) for row in report.probes[:MAX_ROWS]],
        "absorbed": [_absorbed(row) for row in report.absorbed[:MAX_ROWS]],
        "counts": {"probes": len(report.probes), "absorbed": len(report.absorbed)},
    }


def _words(text: str) -> str:
    return drawable(text[:MAX_WORDS] + ("…" if len(text) > MAX_WORDS else ""))


def _probe(row: Any) -> dict[str, Any]:
    accuracy, low, high, dense = numbers([row.accuracy, row.low, row.high, row.dense_accuracy])
    return {"task": drawable(row.task), "k": int(row.k), "latents": [int(latent) for latent in row.latents],
            "accuracy": accuracy, "low": low, "high": high, "dense": dense}  # fmt: skip


def _absorbed(row: Any) -> dict[str, Any]:
    rate, low, high = numbers([row.rate, row.low, row.high])
    return {"parent": drawable(row.parent), "child": drawable(row.child), "n": int(row.n),
            "latents": [int(latent) for latent in row.parent_latents],
            "absorbing": [int(latent) for latent in row.absorbing_latents],
            "rate": rate, "low": low, "high": high}  # fmt: skip


def _arrays(report: SAEReport, index: int, metrics: Sequence[str], places: dict[str, int]) -> dict[str, Array]:
    """Collect the numbers of one report, under names that end with its place."""
    nothing = (math.nan, math.nan, math.nan, math.nan)
    kept = [report.metrics.get(name) for name in metrics]
    values = [nothing if one is None else (one.value, one.low, one.high, one.with_bos) for one in kept]
    concepts = [(places[row.name], *(getattr(row, column) for column in CONCEPT_COLUMNS)) for row in report.concepts]
    causal = [tuple(getattr(row, column) for column in CAUSAL_COLUMNS) for row in report.causal]
    arrays = {
        f"values.{index}": _table(values, 4),
        f"concepts.{index}": _table(concepts, 1 + len(CONCEPT_COLUMNS)),
        f"causal.{index}": _table(causal, len(CAUSAL_COLUMNS)),
    }
    for name, histogram in dict(report.distributions).items():
        arrays[f"edges.{index}.{name}"] = np.asarray(histogram.edges, np.float32)
        arrays[f"counts.{index}.{name}"] = np.asarray(histogram.counts, np.float32)
    return arrays


def _table(rows: Sequence[Sequence[Any]], n_columns: int) -> Array:
    return np.asarray(rows, np.float32).reshape(-1, n_columns)


def _point(point: Any) -> dict[str, Any]:
    names = ("l0", "l0_low", "l0_high", "score", "score_low", "score_high")
    return {
        "name": drawable(point.name), "row": int(point.row),
        **dict(zip(names, numbers([getattr(point, name) for name in names]), strict=True)),
        "on_front": bool(point.on_front), "dominated_by": drawable(point.dominated_by),
    }  # fmt: skip


# A law.


def stops_of(law: ScalingFit) -> tuple[list[float], list[float | None]]:
    """List the widths and the k at which a law is drawn; k None = the law has none."""
    low, high = float(law.n.min()), float(law.n.max()) * BEYOND
    widths = [float(f"{each:.4g}") for each in np.geomspace(low, high, N_STOPS)]
    if law.law == "n":
        return widths, [None]
    known = sorted({float(k) for k in law.k})
    # As many as can be told apart; between them the kernel is asked.
    shown = known if len(known) <= 6 else [float(f"{each:.3g}") for each in np.geomspace(known[0], known[-1], 6)]
    return widths, [*shown]


def _law(law: ScalingFit) -> tuple[dict[str, Any], Array]:
    """Write a law: what it was fitted to, and what it says at the stops, as [k n 5]."""
    widths, ks = stops_of(law)
    curves = np.stack([law.curve(np.array(widths), k) for k in ks])
    return {
        "law": law.law,
        "names": [drawable(name) for name in law.names],
        "n": numbers(law.n), "k": numbers(law.k), "loss": numbers(law.loss),
        "loss_label": drawable(law.loss_label),
        "parameters": [
            {"name": each.name, "value": number(each.value), "low": number(each.low), "high": number(each.high),
             "meaning": each.meaning}
            for each in law.parameters
        ],
        "stops": {"n": widths, "k": ks},
        "notes": [_words(note) for note in law.notes],
    }, np.asarray(curves, np.float32)  # fmt: skip
