"""Causal use: whether taking latents out moves the model's predictions more than a random direction does.

1. Latents are drawn at random from those that fire in at least `MIN_DOCS` documents.
2. Windows are drawn from each latent's firings, one of a document first, and measured as `features.effects` measures
   them: the latent is set to 0 at its token, then instead a random direction of equal norm is taken out there.
3. A latent is beyond random if its mean of effect - random is so large that, with the sign of the difference drawn at
   random for each document, fewer than 5 in 100 draws reach it (sign-flip test, one-sided; Fisher 1935, The Design of
   Experiments, section 21). If a latent does as random directions do, the two may be exchanged, so at most 5 in 100
   such latents are beyond, however few the documents and however long the tails. An interval by resampling does not
   promise that: effects are so heavy-tailed that on the pocket model 12 in 100 random directions had one above 0.
4. To be seen as well as promised: in the same windows a second random direction is held against the first by the same
   rule. The share of latents where it is "beyond" is `causal_null`: what `causal_share` has to exceed.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

import numpy as np
import torch
from jaxtyping import Float64, Int64

from interp_nb._stats import bootstrap_ratio
from interp_nb.evaluation.intervals import MIN_DOCS, mean, share
from interp_nb.evaluation.rows import CausalRow, Distribution, GroupResult
from interp_nb.evaluation.text import Evaluated
from interp_nb.features.effects import N_WINDOWS, Measured, Window, spread_over_documents, window_effects
from interp_nb.features.explain import Question
from interp_nb.features.firing import AFTER, ByLatent, by_latent
from interp_nb.features.wiring import Wired
from interp_nb.models.protocol import HookedModel
from interp_nb.sae.batches import CONTEXT_BEFORE

LEVEL: Final = 0.05
"""Share of draws of signs that reach the difference, below which a latent is beyond random; of `MIN_DOCS` = 5
documents, one draw in 32 leaves all as they are."""
EXACT_DOCS: Final = 12
"""Documents up to which every draw of signs is gone through; of more, so many are drawn:"""
N_DRAWS: Final = 5000
EFFECT_EDGES: Final = tuple(edge / 4 for edge in range(-24, 9))
"""Bins of the histogram of effects, log10 of nats: -6 to 2, four to a decade."""


def measure_causal(
    model: HookedModel, wired: Wired, text: Evaluated, n_latents: int, *, seed: int
) -> Iterator[GroupResult | None]:
    """Measure the group: yields None after each batch of windows, and last what was found.

    Cost: per latent 24 windows of up to 17 tokens, each run once whole and three times from the layer that is written
        to on.
    """
    found = by_latent(text.fired, wired.n)
    n_docs = _documents_of(found, text)
    live, often = (np.flatnonzero(n_docs >= least) for least in (1, MIN_DOCS))
    if not len(often):
        words = f"no latent fires in {MIN_DOCS} documents, which the test needs; give more text"
        yield GroupResult({}, skipped={"causal": words})
        return
    rng = np.random.default_rng([seed, 0])
    chosen = np.sort(rng.permutation(often)[:n_latents])
    windows = [window for latent in chosen.tolist() for window in _windows(text, found, latent, seed)]
    measured: list[Measured] = [Measured(np.nan, np.nan)] * len(windows)
    for place, one in window_effects(model, wired, windows, seed=seed, two_random=True):
        measured[place] = one
        yield None
    found_of = _by_latent(windows, measured)
    rows = [_row(latent, found_of.get(latent), seed) for latent in chosen.tolist()]
    known = [row for row in rows if row.n_docs >= MIN_DOCS]
    null = [_null(found_of[row.latent_idx], seed) for row in known]
    effects, randoms = torch.tensor([(row.effect, row.random) for row in known], dtype=torch.float64).view(-1, 2).T
    notes = [
        f"causal use: {len(chosen)} latents drawn from the {len(often)} that fire in at least {MIN_DOCS} documents, "
        f"of {len(live)} that fire at all"
        + (f"; {len(rows) - len(known)} could not be measured" if len(known) < len(rows) else ""),
        f"causal use is a test that chance passes {LEVEL:.0%} of the time: causal_share stands beside causal_null, the "
        "share that random directions reach by it",
    ]
    yield GroupResult(
        {
            "causal_share": share(torch.tensor([row.beyond for row in known], dtype=torch.bool)),
            "causal_null": share(torch.tensor(null, dtype=torch.bool)),
            "causal_effect": mean(effects, seed=seed),
            "causal_random": mean(randoms, seed=seed),
        },
        {"latent_effect": _histogram(effects.numpy())},
        {"causal": rows},
        notes,
    )


def _documents_of(found: ByLatent, text: Evaluated) -> Int64[np.ndarray, " latent"]:
    """Count the documents in which each latent fires above 0."""
    doc = text.doc_number.numpy()[found.rows]
    above = found.values > 0
    pairs = np.unique(np.stack([found.latents[above].astype(np.int64), doc[above]]), axis=1)
    return np.bincount(pairs[0], minlength=len(found.starts) - 1).astype(np.int64)


def _windows(text: Evaluated, found: ByLatent, latent: int, seed: int) -> list[Window]:
    """Draw windows on which a latent fires."""
    pairs = slice(found.starts[latent], found.starts[latent + 1])
    rows = found.rows[pairs][found.values[pairs] > 0].astype(np.int64)
    drawn = spread_over_documents(rows, text.doc.numpy()[rows], N_WINDOWS, np.random.default_rng([seed, latent]))
    made = []
    for row in drawn.tolist():
        window, at = text.place[row].tolist()
        ids, length = text.tokens_in_windows[window], int(text.lengths[window])
        start = max(0, at - CONTEXT_BEFORE)
        around = ids[start : min(length, at + AFTER + 1)].numpy().astype(np.int32)
        question = Question(around, (at - start,), int(text.doc[row]), int(text.pos[row]), at - start)
        made.append(Window(latent, question))
    return made


def _by_latent(windows: list[Window], measured: list[Measured]) -> dict[int, Float64[np.ndarray, "window 4"]]:
    """Gather document, effect and both random effects of the windows in which a latent fired."""
    found: dict[int, list[tuple[float, ...]]] = {}
    for window, one in zip(windows, measured, strict=True):
        if not np.isnan(one.effect):
            found.setdefault(window.latent, []).append((window.question.doc, *one))
    return {latent: np.array(rows, np.float64) for latent, rows in found.items()}


def _row(latent: int, found: Float64[np.ndarray, "window 4"] | None, seed: int) -> CausalRow:
    """Sum the windows of one latent up."""
    if found is None:
        return CausalRow(latent, np.nan, np.nan, np.nan, np.nan, False, 0)
    doc, effect, random, _ = found.T
    own, its_random, apart = _ends(doc, np.stack([effect, random, effect - random], 1), seed)
    return CausalRow(
        latent, float(effect.mean()), float(random.mean()), *apart, _beyond(doc, effect - random, seed),
        len(np.unique(doc)), *own, *its_random,
    )  # fmt: skip


def _null(found: Float64[np.ndarray, "window 4"], seed: int) -> bool:
    """Say whether the second random direction is beyond the first, by the rule that latents are held to."""
    doc, _, random, other = found.T
    return _beyond(doc, other - random, seed)


def _beyond(doc: Float64[np.ndarray, " window"], apart: Float64[np.ndarray, " window"], seed: int) -> bool:
    """Test whether differences are above 0 on average: the signs of documents are drawn at random."""
    ids, number = np.unique(doc, return_inverse=True)
    if len(ids) < MIN_DOCS:
        return False
    by_doc = np.bincount(number, apart)
    if len(ids) <= EXACT_DOCS:
        signs = np.array(list(product((1.0, -1.0), repeat=len(ids))))
    else:
        drawn = np.random.default_rng([seed, 1]).choice((1.0, -1.0), (N_DRAWS, len(ids)))
        signs = np.concatenate([np.ones((1, len(ids))), drawn])
    reached = signs @ by_doc >= by_doc.sum() - 1e-12 * np.abs(by_doc).sum()
    return bool(reached.mean() < LEVEL)


def _ends(
    doc: Float64[np.ndarray, " window"], values: Float64[np.ndarray, "window cell"], seed: int
) -> list[tuple[float, float]]:
    """Bound means over windows, documents resampled; NaN of too few of them."""
    ids, number = np.unique(doc, return_inverse=True)
    if len(ids) < MIN_DOCS:
        return [(np.nan, np.nan)] * values.shape[1]
    sums = torch.zeros(len(ids), values.shape[1] + 1, dtype=torch.float64)
    sums.index_add_(0, torch.from_numpy(number), torch.from_numpy(np.c_[values, np.ones(len(doc))]))
    ends = bootstrap_ratio(sums[:, :-1], sums[:, -1], seed=seed)
    return list(zip(ends.low.tolist(), ends.high.tolist(), strict=True))


def _histogram(effects: Float64[np.ndarray, " latent"]) -> Distribution:
    known = np.log10(np.maximum(effects[~np.isnan(effects)], 1e-30)).clip(EFFECT_EDGES[0], EFFECT_EDGES[-1])
    counts = np.histogram(known, EFFECT_EDGES)[0]
    return Distribution(
        torch.tensor(EFFECT_EDGES), torch.from_numpy(counts), "latents by log10 of their effect, nats per firing"
    )
