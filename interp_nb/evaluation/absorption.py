"""Absorption: a broader concept's latent is silent on a narrower one's tokens, because the narrower latent took over.

Pairs of parent and child come from the labels: the parent of entity=Paris is the narrowest concept that holds for
nearly all tokens of Paris and for at least twice as many in all, entity_type=city. On tokens of the child, in documents
of the half that is scored, on which a linear probe tells the parent rightly, the parent is absorbed where

1. none of the parent's latents fires, and
2. of the latents that fire, the one that writes most along the probe's direction is one of the child's, and its decoder
   row has a cosine with that direction of at least `ALIGNED`.

A latent is a child's where more than `OWN` of its firings are on the child's tokens, on the other half. The parent's
are those it is split into (`splitting`) that are no child's: a parent that is split into its children has none, and
nothing is absorbed. Parents whose latents together have an F1 below 0.5 are left out too: what has no latent cannot be
taken over. The rate is the share of the child's tokens that are absorbed; intervals resample documents.

A parent is a kind of token: what holds for most of a document, as a family of text does, is left out, since its latents
are silent on most of its tokens whatever there is beside them.

Source: Chanin et al. 2024, A is for Absorption, https://arxiv.org/abs/2409.14507, section 5. Theirs is for first
letters and takes the effect of ablating a latent on the probe's logit, which is its write along the probe's direction,
and asks that it exceed the second one's by 1; here the labels say which latents are the child's, so no margin is asked.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from interp_nb._stats import bootstrap_counts, share_interval
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.judging import Estimate
from interp_nb.evaluation.report import FOUND_FROM
from interp_nb.evaluation.rows import AbsorptionRow
from interp_nb.evaluation.splitting import Mostly, Split, f1_between
from interp_nb.features.firing import Firing

CONTAINED: Final = 0.95
"""Share of a child's tokens that have the parent."""
OWN: Final = 0.8
"""Share of a latent's firings from which it is a child's: a child may be half of its parent, so half is no sign."""
ALIGNED: Final = 0.025
"""Least cosine of an absorbing latent's decoder row with the probe (Chanin et al. 2024)."""


class Absorption(NamedTuple):
    """Absorption of all pairs."""

    rows: list[AbsorptionRow]
    mean: Estimate
    """Mean rate over the pairs."""


class Probe(NamedTuple):
    """A probe of parents: its directions, and where it says yes."""

    directions: Float[Tensor, "d_out parent"]
    says: Bool[np.ndarray, "row parent"]


class Written(NamedTuple):
    """What latents write: row by row which fire, and their decoder rows."""

    firing: Firing
    decoder: Float[Tensor, "d_sae d_out"]


def families(concepts: Concepts) -> dict[int, int]:
    """Find every concept's parent, where it has one."""
    table = concepts.table()
    size = table.sum(0)
    marked = torch.from_numpy(table).float()
    kinds = _kinds(table, concepts)
    both = (marked.T @ marked).numpy()
    parents = {}
    for child in range(concepts.n):
        wide = (both[child] >= CONTAINED * size[child]) & (size >= 2 * size[child])
        wide &= kinds & np.array([field != concepts.names[child][0] for field, _ in concepts.names], bool)
        if wide.any():
            parents[child] = int(min(np.flatnonzero(wide), key=lambda parent: (size[parent], parent)))
    return parents


def absorption(
    dictionary: Dictionary, written: Written, concepts: Concepts, splits: dict[int, Split], probe: Probe, *,
    seed: int = 0,
) -> Absorption:  # fmt: skip
    """Measure absorption of every pair whose parent has latents.

    Args:
        splits: What every parent is split into; the probe's columns are these parents, in order.
    """
    rows, counts, parent_of, own = [], [], families(concepts), Mostly(dictionary, concepts, OWN)
    general = {parent: _general(dictionary, concepts, parent, splits[parent], parent_of, own) for parent in splits}
    docs, place = np.unique(concepts.doc[concepts.scored], return_inverse=True)
    of_row = np.full(len(concepts.doc), -1)
    of_row[concepts.scored] = place
    columns = {parent: column for column, parent in enumerate(splits)}
    for child, parent in parent_of.items():
        latents = own.latents(child)
        if parent not in general or general[parent].f1 < FOUND_FROM or not len(latents):
            continue
        asked = np.flatnonzero(concepts.scored & concepts.has(child) & probe.says[:, columns[parent]])
        by = _absorbing(written, asked, general[parent], latents, probe.directions[:, columns[parent]])
        if not len(asked):
            continue
        mine = np.stack([np.bincount(of_row[asked[by >= 0]], minlength=len(docs)),
                         np.bincount(of_row[asked], minlength=len(docs))], 1).astype(float)  # fmt: skip
        counts.append(mine)
        low, high = _ends(mine, seed)
        rows.append(AbsorptionRow(
            concepts.name(parent), concepts.name(child), general[parent].latents,
            tuple(int(i) for i in np.unique(by[by >= 0])), float((by >= 0).mean()), low, high, len(asked),
        ))  # fmt: skip
    rows.sort(key=lambda row: (-row.rate, row.parent, row.child))
    return Absorption(rows, _mean(counts, seed))


def _general(
    dictionary: Dictionary, concepts: Concepts, parent: int, split: Split, parent_of: dict[int, int], own: Mostly
) -> Split:
    """Keep the latents of a parent that are no child's."""
    children = [child for child, its in parent_of.items() if its == parent]
    taken = {latent for child in children for latent in own.latents(child).tolist()}
    latents = tuple(latent for latent in split.latents if latent not in taken)
    says = np.zeros(len(concepts.doc), bool)
    for latent in latents:
        says[dictionary.of(latent).rows] = True
    chosen_on = ~concepts.scored
    return Split(latents, f1_between(says & chosen_on, concepts.has(parent) & chosen_on))


def _absorbing(
    written: Written, rows: Int64[np.ndarray, " row"], parent: Split, latents: Int64[np.ndarray, " latent"],
    direction: Float[Tensor, " d_out"],
) -> Int64[np.ndarray, " row"]:  # fmt: skip
    """Give the latent that absorbs the parent on each row, -1 where none does."""
    firing, by = written.firing.take(rows), np.full(len(rows), -1)
    along = (written.decoder @ direction).numpy()
    cosine = along / (written.decoder.norm(dim=1).numpy() * float(direction.norm()) + 1e-12)
    children, parents = set(latents.tolist()), set(parent.latents)
    for row, (start, stop) in enumerate(zip(firing.offsets[:-1], firing.offsets[1:], strict=True)):
        active = firing.latents[start:stop]
        if not len(active) or not parents.isdisjoint(active.tolist()):
            continue
        most = int(active[np.argmax(firing.values[start:stop] * along[active])])
        if most in children and cosine[most] >= ALIGNED:
            by[row] = most
    return by


def _kinds(table: Bool[np.ndarray, "row concept"], concepts: Concepts) -> Bool[np.ndarray, " concept"]:
    """Mark the concepts that hold for at most half of the tokens of the documents that have them."""
    _, place = np.unique(concepts.doc, return_inverse=True)
    length = np.bincount(place)
    of_document = np.zeros((len(length), concepts.n))
    np.add.at(of_document, place, table)
    return np.asarray(of_document.sum(0) <= 0.5 * ((of_document > 0) * length[:, None]).sum(0))


def _ends(counts: Float64[np.ndarray, "doc 2"], seed: int) -> tuple[float, float]:
    """Bound a rate; where all documents agree, which resampling would be sure of, as that of a share of documents."""
    absorbed, asked = counts.T
    if absorbed.sum() in (0, asked.sum()):
        n_docs = int((asked > 0).sum())
        return share_interval(n_docs if absorbed.any() else 0, n_docs)
    low, high = bootstrap_counts(torch.from_numpy(counts), _rate, seed=seed)
    return float(low), float(high)


def _rate(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch 1"]:
    return sums[..., :1] / sums[..., 1:]


def _mean(counts: list[Float64[np.ndarray, "doc 2"]], seed: int) -> Estimate:
    if not counts:
        return Estimate(float("nan"), float("nan"), float("nan"))
    joined = torch.from_numpy(np.concatenate([each[:, :1] for each in counts] + [each[:, 1:] for each in counts], 1))

    def average(sums: Float[Tensor, "*batch count"]) -> Float[Tensor, "*batch 1"]:
        absorbed, asked = sums.chunk(2, -1)
        return (absorbed / asked).nanmean(-1, keepdim=True)

    low, high = bootstrap_counts(joined, average, seed=seed)
    return Estimate(float(average(joined.sum(0))), float(low), float(high))
