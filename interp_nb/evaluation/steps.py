"""How a report is filled: text is read once, then group after group is measured.

The groups: `reconstruction`, `sparsity`, `feature_group`, `causal`, `truth`. The rules behind the advice are
`sae.advice`'s, which a training run follows too.
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import torch

from interp_nb.evaluation.asked import Asked, Texts
from interp_nb.evaluation.causal import measure_causal
from interp_nb.evaluation.feature_group import measure_features
from interp_nb.evaluation.intervals import too_little_text
from interp_nb.evaluation.names import WITHOUT_BOS
from interp_nb.evaluation.places import Places
from interp_nb.evaluation.reading import copies, read
from interp_nb.evaluation.reconstruction import measure_reconstruction
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.row_sums import RowSums, row_sums
from interp_nb.evaluation.rows import GroupResult
from interp_nb.evaluation.sparsity import measure_sparsity
from interp_nb.evaluation.text import Evaluated
from interp_nb.evaluation.truth import measure_truth
from interp_nb.features.latents import SAELatents
from interp_nb.features.wiring import Wired
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.advice import advise
from interp_nb.sae.coder import SAE
from interp_nb.sae.harvesting import Harvested

READING: Final = "reading"
"""The step before the first group."""
_OF_ROWS: Final = ("reconstruction", "sparsity")
_ADVISED: Final = ("l0", "dead_fraction", "dense_fraction", "shrinkage", "explained_variance")


class Work(NamedTuple):
    """What is evaluated, on what, and what of it."""

    sae: SAE
    model: HookedModel
    asked: Asked
    places: Places
    texts: Texts
    source: Harvested


def steps(work: Work, report: SAEReport) -> Iterator[str | None]:
    """Read and measure; yields the name of each step that is done, and None between forwards."""
    asked, now = work.asked, vars(report)
    text: Evaluated | None = None
    for found in read(work.source, work.sae, asked.n_tokens, work.texts.documents, asked.labels, asked.max_bytes):
        text = found
        yield None
    assert text is not None
    now["_text"] = text.firings(work.sae.cfg.d_sae)
    now["data"].update(text.facts(work.texts.source))
    now["notes"].extend(too_little_text(text.n_docs))
    now["notes"].extend(copies(text))
    if set(asked.groups) - set(_OF_ROWS):
        now["notes"].append(WITHOUT_BOS)
    sums = row_sums(work.sae, text) if any(group in asked.groups for group in _OF_ROWS) else None
    yield READING
    for group in asked.groups:
        for result in _measured(group, work, text, sums):
            if result is not None:
                _fill(report, group, result)
            yield None
        _advise(report)
        yield group


def _measured(group: str, work: Work, text: Evaluated, sums: RowSums | None) -> Iterator[GroupResult | None]:
    """Measure one group."""
    sae, model, places, seed = work.sae, work.model, work.places, work.asked.seed
    if group == "reconstruction":
        assert sums is not None
        yield from measure_reconstruction(sae, model, text, places, sums, seed=seed)
    elif group == "sparsity":
        assert sums is not None
        yield measure_sparsity(text, sums, sae.cfg.d_sae, seed=seed)
    elif group == "features":
        yield measure_features(sae, model, text, seed=seed)
    elif group == "truth":
        yield measure_truth(sae, model, text, seed=seed)
    elif (latents := SAELatents(sae, places.reads)).writes == places.writes:
        yield from measure_causal(model, Wired(latents), text, work.asked.n_causal, seed=seed)
    else:
        words = f"it writes {', '.join(latents.writes) or 'no place it names'}, and was evaluated elsewhere"
        yield GroupResult({}, skipped={"causal": words})


def _fill(report: SAEReport, group: str, found: GroupResult) -> None:
    """Put what a group found into the report, its numbers last: who sees these sees the rest of the group too."""
    now = vars(report)
    if found.sums:
        added = torch.stack([pair.double() for pair in found.sums.values()])
        now["sums"] = torch.cat([now["sums"], added]) if now["summed"] else added
        now["summed"] = [*now["summed"], *found.sums]
    now["distributions"].update(found.distributions)
    for table, rows in found.tables.items():
        now[table].extend(rows)
    now["notes"].extend(note for note in found.notes if note not in now["notes"])
    now["skipped"].update(found.skipped)
    if not found.metrics and group not in found.skipped:
        now["skipped"][group] = "; ".join(dict.fromkeys(found.skipped.values())) or "nothing could be measured"
    now["metrics"].update(found.metrics)


def _advise(report: SAEReport) -> None:
    """Say what to change, from what is known so far."""
    now, sae = vars(report), report.sae
    metrics, data = now["metrics"], now["data"]
    known = {name: metrics[name].value for name in _ADVISED if name in metrics}
    now["advice"] = advise(
        d_sae=sae["d_sae"], architecture=sae["architecture"], k=sae["k"], n_tokens=data["n_tokens"],
        window_tokens=data["n_tokens"], n_docs=data["n_docs"],
        **{name: value for name, value in known.items() if not math.isnan(value)},
    )  # fmt: skip
