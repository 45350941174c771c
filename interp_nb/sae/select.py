"""Which (row, latent) pairs can carry a gradient: rules, and the exact choice that follows them.

Pre-activations are computed some hundred rows at a time and forgotten again (`survivors`): `[row d_sae]` never lies in
memory unless most of it is used.

- `Above`: what exceeds a cut. Where that is a good part of all latents, the layout is `AllPairs`.
- `RowTopK`: the k largest of each row.
- `BatchTopK`: the k * n_rows largest of the batch, over all processes. Collected is what reaches a cut a little below
  the last batch's edge; the choice among that is exact. When too little reaches it, the cut is lowered and the product
  repeated. Sorting the whole batch's pre-activations would cost more than computing them.

Equal values at the edge of a choice over the batch: the earlier row, then the lower latent, is kept.
"""

from typing import Any, Final, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.sae.pairs import AllPairs, Layout
from interp_nb.sae.products import dense_product
from interp_nb.sae.proposals import Proposals
from interp_nb.sae.survivors import TINY, Found, Memory, Reading, Survivors, largest

DENSE_ABOVE: Final = 0.15
"""Share of active pairs above which the dense layout is used. On CPUs the two take equal time and memory at 0.2 (6144
latents of width 768); a batch's first rows may be sparser than the rest."""

_RESERVE: Final = 1.3
"""How many times the pairs needed are collected for a choice over the batch, so that the next cut suffices too."""
_SAMPLE: Final = 128
"""Rows that a cut is guessed from where no batch came before."""


class RowTopK(NamedTuple):
    """The k largest of each row, of those that are positive."""

    k: int
    scale: Float[Tensor, " d_sae"] | None = None
    """Pre-activations are ranked times this."""
    among: Bool[Tensor, " d_sae"] | None = None
    """Only these latents."""


class BatchTopK(NamedTuple):
    """The k * n_rows largest of the batch, of those that are positive."""

    k: int
    scale: Float[Tensor, " d_sae"] | None = None
    """Pre-activations are ranked times this."""


class Above(NamedTuple):
    """Whatever exceeds a cut: one number, or one a latent."""

    cut: float | Float[Tensor, " d_sae"]


Rule: TypeAlias = RowTopK | BatchTopK | Above


class Choice(NamedTuple):
    """The chosen pairs and their pre-activations."""

    pairs: Layout
    pre: Tensor
    """In the layout of `pairs`."""
    smallest: Float[Tensor, ""] | None = None
    """The smallest score (pre-activation times scale) that a choice over the batch kept; infinite if it kept none."""


@torch.no_grad()
def choose(
    reading: Reading, rule: Rule, *, memory: Memory | None = None, group: Any = None, low_precision: bool = False
) -> Choice:
    """Compute pre-activations and choose among them by a rule.

    Args:
        memory: Buffers of the steps before; makes it faster, changes nothing.
        group: The processes (`parallel.Group`) that share a batch; a choice over the batch is made over all of it.
        low_precision: Let a product in bfloat16 propose candidates. The choice is that of full precision.
    """
    memory = memory or Memory()
    made = Proposals if low_precision else Survivors
    if isinstance(rule, Above):
        return _choose_above(Survivors(reading, memory), rule)
    if isinstance(rule, RowTopK):
        source = made(reading, memory, rule.scale, rule.among)
        found = source.joined([source.top(rows, rule.k) for rows in source.chunks()])
        return _choice(largest(found, rule.k, source.scores(found)), reading)
    return _choose_batch(made(reading, memory, rule.scale), rule, group)


def _choice(found: Found, reading: Reading, smallest: Float[Tensor, ""] | None = None) -> Choice:
    return Choice(found.pairs(reading.d_sae), found.pre, smallest)


def _choose_above(source: Survivors, rule: Above) -> Choice:
    acts, encoder, b_enc, n_sites = source.reading
    chunks = list(source.chunks())
    # Rows are shuffled: the first ones tell how many latents are active in the others.
    if chunks and source.share(chunks[0], rule.cut) > DENSE_ABOVE:
        pre = source.memory.buffer("dense", acts, len(acts), len(encoder))
        pre[chunks[0]] = source.pre(chunks[0])
        rest = slice(chunks[0].stop, None)
        if len(acts[rest]):
            dense_product(acts[rest], encoder, b_enc, n_sites, out=pre[rest])
        return Choice(AllPairs(len(acts), len(encoder)), pre)
    return _choice(source.joined([source.exceeding(rows, rule.cut) for rows in chunks]), source.reading)


def _choose_batch(source: Survivors, rule: BatchTopK, group: Any) -> Choice:
    n_rows = len(source.reading.acts)
    reserve, cut = _RESERVE, source.memory.cut
    while True:
        if cut is None:
            cut = _guess(source, rule.k * reserve)
        parts = _collect(source, rule.k, cut, reserve)
        if parts is None:
            cut = None
            continue
        found = source.joined(parts)
        reached = source.scores(found) >= cut
        found = found if bool(reached.all()) else found.where(reached)
        scores = source.scores(found)
        kept, smallest, settled = _largest_of_batch(scores, rule.k * n_rows, cut, group)
        if settled:
            break
        cut, reserve = None, 2 * reserve
    source.memory.cut = _next_cut(scores, rule.k * n_rows, cut)
    return _choice(found.where(kept), source.reading, smallest)


def _collect(source: Survivors, k: int, cut: float, reserve: float) -> list[Found] | None:
    """Find what reaches the cut; None when that is far from what was meant."""
    parts: list[Found] = []
    for rows in source.chunks():
        found = source.reaching(rows, cut)
        parts.append(found)
        # Only a cut of an earlier batch can be that wrong: the data changed.
        if len(parts) == 1 and reserve == _RESERVE and cut > TINY and source.memory.cut == cut:
            per_row = len(found.latents) / max(1, len(found.counts))
            if not 1.02 * k <= per_row <= 8 * k:
                source.memory.cut = None
                return None
    return parts


def _guess(source: Survivors, per_row: float) -> float:
    """Guess a cut that this many latents per row reach, from some rows of the batch."""
    acts, encoder, b_enc, n_sites = source.reading
    sample = acts[:: max(1, len(acts) // _SAMPLE)][:_SAMPLE]
    if not len(sample) or per_row >= len(encoder):
        return TINY
    scores = dense_product(sample, encoder, b_enc, n_sites)
    flat = (scores if source.scale is None else scores * source.scale).flatten()
    edge = flat.topk(min(len(flat), int(per_row * len(sample))), sorted=False).values.min()
    return max(TINY, float(edge))


def _largest_of_batch(scores: Tensor, budget: int, cut: float, group: Any) -> tuple[Tensor, Tensor, bool]:
    """Mark this process's part of the largest scores; say the smallest, and whether the cut was low enough to know."""
    if group is None:
        everyone, cuts, before = scores, [cut], scores[:0]
    else:
        gathered = group.all_gather(scores)
        everyone, before = torch.cat(gathered), torch.cat([scores[:0], *gathered[: group.rank]])
        counted = group.all_gather(torch.tensor([cut, budget], dtype=torch.float64))
        cuts, budget = [float(each[0]) for each in counted], int(sum(int(each[1]) for each in counted))
    if len(everyone) <= budget:
        smallest = everyone.min() if len(everyone) else torch.full((), torch.inf, device=scores.device)
        return torch.ones_like(scores, dtype=torch.bool), smallest, max(cuts) <= TINY
    edge = everyone.kthvalue(len(everyone) - budget + 1).values
    kept = scores > edge
    ties = (scores == edge).nonzero().view(-1)
    free = budget - int((everyone > edge).sum()) - int((before == edge).sum())
    kept[ties[: max(0, free)]] = True
    return kept, edge, float(edge) >= max(cuts)


def _next_cut(scores: Tensor, budget: int, cut: float) -> float:
    """Take the score that leaves a reserve, as the next batch's cut."""
    wanted = int(_RESERVE * budget)
    if len(scores) < wanted or not wanted:
        return max(TINY, 0.95 * cut)
    return max(TINY, float(scores.kthvalue(len(scores) - wanted + 1).values))
