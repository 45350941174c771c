"""One dictionary held against labelled concepts: the best latent of each, with intervals over documents.

What is common to a report's ground truth (`truth`) and to several dictionaries side by side (`recovery`).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from interp_nb._stats import bootstrap_counts
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.report import FOUND_FROM
from interp_nb.evaluation.rows import Concept
from interp_nb.evaluation.thresholds import Chosen, Counts, choose, f1_of, score

_CELLS: Final = ("f1", "precision", "recall", "lookup", "probe")
"""What a concept's row says, in the order of `_of_rows`."""


class Judged(NamedTuple):
    """What a dictionary's best latents say of concepts."""

    chosen: Chosen
    counts: Counts

    @property
    def f1(self) -> Float64[np.ndarray, " concept"]:
        """F1 on the half that is scored."""
        return f1_of(self.counts.stacked().sum(0)).numpy()


class Estimate(NamedTuple):
    """A number with its 95 % interval over documents."""

    value: float
    """NaN where there is nothing to take it from."""
    low: float
    """Lower end."""
    high: float
    """Upper end."""


def judge(dictionary: Dictionary, concepts: Concepts) -> Judged:
    """Choose latents and thresholds on one half of the documents, and count what they say on the other."""
    chosen = choose(dictionary, concepts)
    return Judged(chosen, score(dictionary, concepts, chosen))


def mean_f1(counts: Counts, among: Bool[np.ndarray, " concept"], *, seed: int = 0) -> Estimate:
    """Average F1 over some concepts."""
    return _estimated(counts.stacked(), lambda sums: f1_of(sums)[..., torch.from_numpy(among)], seed)


def found(counts: Counts, among: Bool[np.ndarray, " concept"], *, seed: int = 0) -> Estimate:
    """Give the share of some concepts that have a latent."""
    return _estimated(counts.stacked(), lambda sums: _is_found(f1_of(sums)[..., torch.from_numpy(among)]), seed)


def both(first: Counts, second: Counts) -> Float[Tensor, "doc count"]:
    """Put the counts of two dictionaries beside each other, for `f1_apart`."""
    return torch.cat([first.stacked(), second.stacked()], 1)


def f1_apart(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch concept"]:
    """Give F1 of the first dictionary minus that of the second, from sums of `both`."""
    ours, theirs = sums.chunk(2, -1)
    return f1_of(ours) - f1_of(theirs)


def difference(first: Counts, second: Counts, among: Bool[np.ndarray, " concept"], *, seed: int = 0) -> Estimate:
    """Average F1 over some concepts, first minus second; both from the same documents in every resample."""
    return _estimated(both(first, second), lambda sums: f1_apart(sums)[..., torch.from_numpy(among)], seed)


def concept_rows(
    concepts: Concepts, judged: Judged, context: Bool[np.ndarray, " concept"], lookup: Counts, probes: Counts | None, *,
    seed: int = 0,
) -> list[Concept]:  # fmt: skip
    """Write one row per concept, those that depend on context first, best F1 first.

    Args:
        lookup: What the look-up of the token says.
        probes: What linear probes say.
    """
    counts = judged.counts
    table = torch.cat([each.stacked() for each in (counts, lookup, lookup if probes is None else probes)], 1)
    value, (low, high) = _of_rows(table.sum(0)), bootstrap_counts(table, _of_rows, seed=seed)
    cells = torch.stack([value, low.double(), high.double()], 1).view(len(_CELLS), concepts.n, 3)
    if probes is None:
        cells[_CELLS.index("probe")] = torch.nan
    rows = []
    for c in range(concepts.n):
        of = {name: cells[number, c].tolist() for number, name in enumerate(_CELLS)}
        chosen = int(judged.chosen.latent_idx[c])
        rows.append(Concept(
            name=concepts.name(c), field=concepts.names[c][0], value=concepts.names[c][1],
            n_tokens=int(counts.true[:, c].sum()), n_docs=int((counts.true[:, c] > 0).sum()), latent_idx=chosen,
            threshold=float(judged.chosen.threshold[c]) if chosen >= 0 else float("nan"), precision=of["precision"][0],
            recall=of["recall"][0], f1=of["f1"][0], low=of["f1"][1], high=of["f1"][2], lookup_f1=of["lookup"][0],
            context=bool(context[c]), probe_f1=of["probe"][0],
            **{f"{name}_{side}": of[name][place] for name in _CELLS[1:] for place, side in ((1, "low"), (2, "high"))},
        ))  # fmt: skip
    return sorted(rows, key=lambda row: (not row.context, -row.f1, row.name))


def _of_rows(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch cell"]:
    """Give F1, precision and recall of latents, and F1 of look-up and probes, concept after concept."""
    ours, lookup, probes = sums.chunk(3, -1)
    right, said, true = ours.chunk(3, -1)
    precision = torch.where(said > 0, right / said, torch.nan)
    return torch.cat([f1_of(ours), precision, right / true, f1_of(lookup), f1_of(probes)], -1)


def _is_found(f1: Float[Tensor, "*batch concept"]) -> Float[Tensor, "*batch concept"]:
    return torch.where(f1.isnan(), torch.nan, (f1 >= FOUND_FROM).double())


def _estimated(counts: Float[Tensor, "doc count"], cells: Callable[[Tensor], Tensor], seed: int) -> Estimate:
    """Average cells, and bound the average by resampling documents."""

    def average(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch 1"]:
        return cells(sums).nanmean(-1, keepdim=True)

    low, high = bootstrap_counts(counts, average, seed=seed)
    return Estimate(float(average(counts.sum(0))), float(low), float(high))
