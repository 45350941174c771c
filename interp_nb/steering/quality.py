"""How well vectors tell pairs apart that they were not read from, in every layer; and which layer that suggests.

1. Pairs are split at random into those a vector is fitted on and those it is measured on; pairs that share a text stay
   on one side.
2. Along the vector: distance of the classes (d'), AUC with a bootstrap interval over pairs, accuracy at the midpoint.
3. The fitted pairs are cut into folds, one vector is fitted on each, and their cosines say how far they agree.

The layer is chosen by the same held-out pairs that it is then shown with: the best of several looks a little too good.
That a vector tells texts apart does not make the model act on it: only steering shows that (`steering_sweep`).
"""

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from random import Random
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._stats import LEVEL, bootstrap_counts
from interp_nb.steering.estimators import Estimate
from interp_nb.steering.records import VectorQuality

FEWEST: Final = 2
"""Held-out pairs below which nothing is measured."""
FOR_INTERVAL: Final = 5
"""Groups of held-out pairs from which the AUC has an interval: fewer have hardly any different resamples."""
FEW_PAIRS: Final = 20
"""Fewer pairs than this are called few: a fifth of them, held out, are too few for an interval."""

Fit = Callable[[list[int]], Estimate]
"""Fits vectors on some of the pairs."""


class Split(NamedTuple):
    """Pairs by their index: fitted on, measured on."""

    train: list[list[int]]
    """Groups of pairs that share a text."""
    held_out: list[list[int]]
    """The same."""


def split_pairs(pairs: Sequence[tuple[Hashable, Hashable]], held_out: float, seed: int) -> Split:
    """Split pairs at random, those that share a text on one side.

    Where all of them share texts, as with one negative text for all, only equal pairs are kept together.

    Args:
        pairs: What tells texts apart, such as their tokens.
        held_out: Share of the pairs that is held out; at least one group is, if there are two.
    """
    groups = _connected(pairs)
    if len(groups) < 2:
        groups = _connected([(pair, pair) for pair in pairs])
    Random(seed).shuffle(groups)
    wanted = held_out * len(pairs)
    out: list[list[int]] = []
    while groups[1:] and held_out > 0 and (not out or sum(map(len, out)) + len(groups[0]) / 2 <= wanted):
        out.append(groups.pop(0))
    return Split(groups, out)


def measure(
    positive: Float[Tensor, "pair layer d"], negative: Float[Tensor, "pair layer d"], split: Split, fit: Fit,
    *, n_folds: int, seed: int,
) -> VectorQuality:  # fmt: skip
    """Measure what `fit` makes of the fitted pairs on those that were held out."""
    n_layers = positive.shape[1]
    train = [pair for group in split.train for pair in group]
    held = [pair for group in split.held_out for pair in group]
    nothing = torch.full((n_layers,), math.nan)
    found = {name: nothing.clone() for name in VectorQuality._fields[:6]}
    if len(held) >= FEWEST:
        fitted = fit(train)
        units = fitted.vectors / fitted.vectors.norm(dim=1, keepdim=True)
        yes, no = ((acts[held] * units).sum(-1).double() for acts in (positive, negative))
        found["separability"] = separability(yes, no)
        found["auc"] = auc(torch.ones(1, len(held)), yes, no)[0]
        midpoint = fitted.midpoint.double()
        found["accuracy"] = ((yes > midpoint).double() + (no < midpoint).double()).mean(0).float() / 2
        found["auc_low"], found["auc_high"] = _auc_interval(split.held_out, held, yes, no, seed)
    found["agreement"] = agreement(split.train, fit, n_folds, n_layers)
    return VectorQuality(**found, n_train=len(train), n_held_out=len(held), note=_note(len(train) + len(held), split))


def _auc_interval(
    groups: Sequence[list[int]], held: list[int], yes: Tensor, no: Tensor, seed: int
) -> tuple[Float[Tensor, " layer"], Float[Tensor, " layer"]]:
    """Bound the AUC by resampling groups of pairs; NaN with too few of them.

    Where all texts are in the right order every resample is, too, and says nothing: the end is then the chance that n
    of n groups would still be right once in forty times (Clopper and Pearson 1934).
    """
    if len(groups) < FOR_INTERVAL:
        nothing = torch.full(yes.shape[1:], math.nan)
        return nothing, nothing.clone()
    low, high = bootstrap_counts(_membership(groups, held), lambda times: auc(times, yes, no), seed=seed)
    value, far = auc(torch.ones(len(held)), yes, no), ((1 - LEVEL) / 2) ** (1 / len(groups))
    return low.where(value < 1, far), high.where(value > 0, 1 - far)


def separability(yes: Float[Tensor, "pair layer"], no: Float[Tensor, "pair layer"]) -> Float[Tensor, " layer"]:
    """Give the distance of two classes' means in their pooled standard deviations (d').

    NaN below two pairs; infinite where the classes differ and do not vary.
    """
    if len(yes) < 2:
        return torch.full(yes.shape[1:], math.nan)
    spread = ((yes.var(0) + no.var(0)) / 2).sqrt()
    return ((yes.mean(0) - no.mean(0)) / spread).float()


def auc(
    times: Float[Tensor, "*batch pair"], yes: Float[Tensor, "pair layer"], no: Float[Tensor, "pair layer"]
) -> Float[Tensor, "*batch layer"]:
    """Give the share of (positive, negative) texts in the right order, ties counting half (Mann and Whitney 1947).

    Args:
        times: How often each pair counts: 1, or as often as it was drawn.
    """
    weights = times.double()
    found = []
    # Layer by layer: all of them at once would take pairs^2 * layers numbers.
    for positive, negative in zip(yes.T, no.T, strict=True):
        apart = positive.unsqueeze(1) - negative
        order = (apart > 0).double() + 0.5 * (apart == 0).double()
        found.append((weights @ order * weights).sum(-1))
    return (torch.stack(found, -1) / weights.sum(-1, keepdim=True).square()).float()


def agreement(groups: Sequence[list[int]], fit: Fit, n_folds: int, n_layers: int) -> Float[Tensor, " layer"]:
    """Give the mean cosine between the vectors of disjoint folds; NaN where there are not two folds of two groups."""
    n = min(n_folds, len(groups) // 2)
    if n < 2:
        return torch.full((n_layers,), math.nan)
    folds = [[pair for group in groups[index::n] for pair in group] for index in range(n)]
    vectors = [fit(fold).vectors for fold in folds]
    cosines = [torch.cosine_similarity(one, other, dim=1) for one, other in combinations(vectors, 2)]
    return torch.stack(cosines).mean(0)


def suggested(quality: VectorQuality, otherwise: Float[Tensor, " layer"]) -> int:
    """Choose a layer's row: the most separable on held-out pairs of those whose folds agree.

    Args:
        otherwise: What chooses where none can be suggested so, the largest.
    """
    rows = [row for row in range(len(otherwise)) if quality.suggests(row)]
    return max(rows, key=lambda row: float(quality.separability[row])) if rows else int(otherwise.argmax())


def consistency(
    positive: Float[Tensor, "pair layer d"], negative: Float[Tensor, "pair layer d"]
) -> Float[Tensor, " layer"]:
    """Say how far the pairs' differences point one way: norm of their mean by their mean norm, at most 1."""
    differences = positive - negative
    shares: Tensor = differences.mean(0).norm(dim=-1) / differences.norm(dim=-1).mean(0).clamp(min=1e-30)
    return shares


def _connected(pairs: Sequence[tuple[Hashable, Hashable]]) -> list[list[int]]:
    """Group pairs that share a text, directly or through others."""
    group_of: dict[Hashable, list[int]] = {}
    for index, pair in enumerate(pairs):
        merged = [index]
        for group in {id(group_of[text]): group_of[text] for text in pair if text in group_of}.values():
            merged += group
        for text in {text for at in merged for text in pairs[at]}:
            group_of[text] = merged
    groups = {id(group): sorted(group) for group in group_of.values()}
    return sorted(groups.values())


def _membership(groups: Sequence[list[int]], held: list[int]) -> Float[Tensor, "group pair"]:
    """Say which held-out pairs each group has, so that groups are resampled."""
    rows = torch.zeros(len(groups), len(held))
    for row, group in enumerate(groups):
        rows[row, [held.index(pair) for pair in group]] = 1.0
    return rows


def _note(n_pairs: int, split: Split) -> str:
    n_held_out = sum(map(len, split.held_out))
    if n_held_out < FEWEST:
        return f"too few pairs are held out ({n_held_out} of {n_pairs}) to say how well it tells texts apart"
    if n_pairs < FEW_PAIRS:
        return f"{n_pairs} pairs are few: what is measured on {n_held_out} of them says little"
    return ""
