"""Sparse probing: how well k latents tell a labelled concept.

1. On one half of the documents, latents are ranked by how far their mean activation differs between tokens that have
   the concept and tokens that do not (Gurnee et al.'s maximum mean difference). The first k are taken.
2. A logistic probe of these k is trained on that half, both classes weighing the same, by Newton's method.
3. It is scored on the other half: balanced accuracy, the mean of the share of right answers on tokens with and without
   the concept, so 0.5 is chance however rare the concept is. Intervals resample documents.
4. The same probe of the activations themselves is the ceiling.

Source: Gurnee et al. 2023, Finding Neurons in a Haystack, https://arxiv.org/abs/2305.01610, sections 3.2 and 3.3.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from interp_nb._stats import bootstrap_counts
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.judging import Estimate
from interp_nb.evaluation.linear_probe import fit_probes
from interp_nb.evaluation.rows import ProbeRow

KS: Final = (1, 2, 5)
"""Latents a probe may read."""
_RIDGE: Final = 1e-4
"""On features of variance 1; keeps weights finite where latents separate the classes."""
_STEPS: Final = 12
_SMALLEST: Final = 1e-12


class SparseProbes(NamedTuple):
    """Probes of every task and k."""

    rows: list[ProbeRow]
    """One per task and k."""
    means: dict[str, Estimate]
    """Mean balanced accuracy over tasks: "probe_k1", ..., "probe_dense"."""


def sparse_probes(
    dictionary: Dictionary, concepts: Concepts, tasks: Int64[np.ndarray, " task"], acts: Float[Tensor, "row d_in"], *,
    seed: int = 0,
) -> SparseProbes:  # fmt: skip
    """Probe for some of the concepts.

    Args:
        tasks: Their indices.
        acts: What the dense probe reads.
    """
    has = concepts.table()[:, tasks]
    chosen_on = ~concepts.scored
    dense = fit_probes(acts[torch.from_numpy(chosen_on)], has[chosen_on], balanced=True).scores(acts).numpy() > 0
    differing = _most_differing(dictionary, concepts, tasks, max(KS))
    counts = {"dense": _counts(dense, has, concepts)}
    for k in KS:
        columns = [_answers(dictionary, differing[t][:k], has[:, t], chosen_on) for t in range(len(tasks))]
        counts[f"k{k}"] = _counts(np.stack(columns, 1), has, concepts)
    accuracy = {name: _balanced(each.sum(0)).tolist() for name, each in counts.items()}
    ends = {name: bootstrap_counts(each, _balanced, seed=seed) for name, each in counts.items()}
    rows = [
        ProbeRow(
            concepts.name(int(task)), k, tuple(differing[t][:k]), accuracy[f"k{k}"][t], float(ends[f"k{k}"].low[t]),
            float(ends[f"k{k}"].high[t]), accuracy["dense"][t], float(ends["dense"].low[t]),
            float(ends["dense"].high[t]),
        )
        for t, task in enumerate(tasks) for k in KS
    ]  # fmt: skip
    return SparseProbes(rows, {f"probe_{name}": _mean(each, seed) for name, each in counts.items()})


def _most_differing(
    dictionary: Dictionary, concepts: Concepts, tasks: Int64[np.ndarray, " task"], k: int
) -> list[list[int]]:
    """Rank latents by the difference of their means, for each task; at most k each."""
    chosen_on = ~concepts.scored
    has = concepts.table()[:, tasks]
    n_with = has[chosen_on].sum(0)
    n_without = int(chosen_on.sum()) - n_with
    best: list[list[tuple[float, int]]] = [[] for _ in tasks]
    for block in dictionary.blocks():
        keep = chosen_on[block.rows]
        latents, values = block.latents[keep], block.values[keep].astype(float)
        if not len(latents):
            continue
        first, n = int(latents[0]), int(latents[-1] - latents[0]) + 1
        total = np.bincount(latents - first, values, minlength=n)
        for t, mine in enumerate(best):
            marked = has[block.rows[keep], t]
            inside = np.bincount(latents[marked] - first, values[marked], minlength=n)
            apart = np.abs(inside / n_with[t] - (total - inside) / n_without[t])
            top = np.argsort(-apart, kind="stable")[:k]
            mine.extend((-float(apart[i]), first + int(i)) for i in top if apart[i] > 0)
            mine.sort()
            del mine[k:]
    return [[latent for _, latent in mine] for mine in best]


def _answers(
    dictionary: Dictionary, latents: list[int], has: Bool[np.ndarray, " row"], chosen_on: Bool[np.ndarray, " row"]
) -> Bool[np.ndarray, " row"]:
    features = np.zeros((len(has), len(latents) + 1))
    features[:, -1] = 1
    for column, latent in enumerate(latents):
        pairs = dictionary.of(latent)
        features[pairs.rows, column] = pairs.values
    scale = np.maximum(features[chosen_on, :-1].std(0), _SMALLEST)
    features[:, :-1] /= scale
    # Rows on which no latent fires are alike: they are trained on as one, and most rows are.
    rows, times = features[chosen_on], has[chosen_on]
    silent = ~rows[:, :-1].any(1)
    weight = np.where(times, 0.5 / max(1, times.sum()), 0.5 / max(1, (~times).sum()))
    quiet = [weight[silent & times].sum(), weight[silent & ~times].sum()]
    origin = np.zeros((2, rows.shape[1]))
    origin[:, -1] = 1
    weights = _newton(
        np.concatenate([rows[~silent], origin]), np.concatenate([times[~silent], [True, False]]),
        np.concatenate([weight[~silent], quiet]),
    )  # fmt: skip
    return np.asarray(features @ weights > 0)


def _newton(
    features: Float64[np.ndarray, "row feature"], has: Bool[np.ndarray, " row"], weight: Float64[np.ndarray, " row"]
) -> Float64[np.ndarray, " feature"]:
    """Minimize weighted logistic loss plus a ridge on all but the last feature, the constant; steps are halved."""
    ridge = np.full(features.shape[1], _RIDGE)
    ridge[-1] = _SMALLEST

    def loss(at: np.ndarray) -> float:
        logits = features @ at
        return float(weight @ (np.logaddexp(0, logits) - has * logits) + ridge @ at**2 / 2)

    found, now = np.zeros(features.shape[1]), np.inf
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(features @ found, -30, 30)))
        gradient = features.T @ (weight * (p - has)) + ridge * found
        curvature = (features * (weight * p * (1 - p))[:, None]).T @ features + np.diag(ridge)
        step, now = np.linalg.solve(curvature, gradient), loss(found)
        size = next((size for size in (1, 0.5, 0.25, 0.1) if loss(found - size * step) < now), 0)
        if not size:
            break
        found = found - size * step
    return found


def _counts(
    says: Bool[np.ndarray, "row task"], has: Bool[np.ndarray, "row task"], concepts: Concepts
) -> Float[Tensor, "doc count"]:
    """Count per scored document: right where it is there, tokens with it, right where it is not, tokens without."""
    scored = concepts.scored
    docs, place = np.unique(concepts.doc[scored], return_inverse=True)
    says, has = says[scored], has[scored]
    made = [np.zeros((len(docs), has.shape[1])) for _ in range(4)]
    for column, marked in zip(made, (says & has, has, ~says & ~has, ~has), strict=True):
        np.add.at(column, place, marked)
    return torch.from_numpy(np.concatenate(made, 1))


def _balanced(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch task"]:
    right_with, n_with, right_without, n_without = sums.chunk(4, -1)
    return (right_with / n_with + right_without / n_without) / 2


def _mean(counts: Float[Tensor, "doc count"], seed: int) -> Estimate:
    def average(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch 1"]:
        return _balanced(sums).nanmean(-1, keepdim=True)

    low, high = bootstrap_counts(counts, average, seed=seed)
    return Estimate(float(average(counts.sum(0))), float(low), float(high))
