"""How many latents stand for one concept.

A latent is monosemantic where nearly all tokens on which it fires have one labelled concept, corrected for how many
would by chance:

    corrected precision = (precision - share) / (1 - share) >= `FROM`

precision = share of its firings with the concept, share = that of all tokens. The concept is chosen on one half of the
documents, precision and share are those of the other. It need not be all of the concept (recall is not asked for): a
latent for Paris stands for one city, and so for one thing. What a latent fires on for a reason that the labels do not
have counts against it, so this is a lower bound. Judged are latents that fire in `MIN_DOCS` documents of each half.
The interval is that of a share of latents (Wilson): whether one passes flips with the documents, but of hundreds of
latents as many flip one way as the other.

The definition is ours: Bricken et al. 2023 ("Specificity" of the features they examine) ask the same of a feature's
activations, with a hand-made proxy in place of a label. The correction is that of Cohen's kappa (1960).
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from interp_nb._stats import share_interval
from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary, Pairs
from interp_nb.features.scoring import MIN_DOCS

FROM: Final = 0.9
"""Corrected precision from which a latent counts: nine firings of ten."""
MOST_LATENTS: Final = 2048
"""Latents that are judged at most, drawn at random: enough for a share to be known within two hundredths."""

_TIE: Final = 1e-9


class Monosemantic(NamedTuple):
    """How many latents stand for one concept."""

    share: float
    """Of the latents that could be judged; NaN where there was none."""
    low: float
    """Lower end of its 95 % interval, over latents."""
    high: float
    """Upper end."""
    n_judged: int
    """Latents that could be judged."""
    latents: Int64[np.ndarray, " latent"]
    """Those that are monosemantic."""
    concept: Int64[np.ndarray, " latent"]
    """Concept of each."""


class _Fires(NamedTuple):
    """Where judged latents fire, as pairs."""

    latent: Int64[np.ndarray, " pair"]
    row: Int64[np.ndarray, " pair"]


def monosemantic(dictionary: Dictionary, concepts: Concepts, *, density: float = 0.0, seed: int = 0) -> Monosemantic:
    """Judge a dictionary's latents.

    Args:
        density: Share of tokens on which the latents of a dictionary that has a value everywhere are taken to fire:
            their largest values. That of the SAE they are compared with.
        seed: Draws the latents, where there are many.
    """
    fires = _firings(dictionary, concepts, density)
    known = _known(fires, concepts, dictionary.d_sae)
    if len(known) > MOST_LATENTS:
        known = np.sort(np.random.default_rng(seed).choice(known, MOST_LATENTS, replace=False))
    if not len(known) or not concepts.n:
        return Monosemantic(np.nan, np.nan, np.nan, 0, known[:0], known[:0])
    place = np.full(dictionary.d_sae, -1)
    place[known] = np.arange(len(known))
    fires = _Fires(*(column[place[fires.latent] >= 0] for column in fires))
    fires = fires._replace(latent=place[fires.latent])
    concept = _chosen(fires, concepts, len(known))
    passes = _passes(fires, concepts, concept)
    low, high = share_interval(int(passes.sum()), len(known))
    return Monosemantic(float(passes.mean()), low, high, len(known), known[passes], concept[passes])


def _firings(dictionary: Dictionary, concepts: Concepts, density: float) -> _Fires:
    parts: list[Pairs] = []
    chosen_on = ~concepts.scored
    for block in dictionary.blocks():
        if dictionary.dense:
            values = block.values.reshape(-1, len(concepts.doc))
            cut = np.quantile(values[:, chosen_on], 1 - density, axis=1, keepdims=True)
            above = (values > cut).reshape(-1)
            block = Pairs(*(column[above] for column in block))
        parts.append(block)
    latent, row = (np.concatenate([getattr(part, name) for part in parts]) for name in ("latents", "rows"))
    return _Fires(latent.astype(np.int64), row.astype(np.int64))


def _known(fires: _Fires, concepts: Concepts, d_sae: int) -> Int64[np.ndarray, " latent"]:
    """Find the latents that fire in enough documents of each half."""
    enough = np.ones(d_sae, bool)
    for half in (concepts.scored, ~concepts.scored):
        there = half[fires.row]
        seen = np.unique(fires.latent[there] * len(concepts.doc) + concepts.doc[fires.row[there]])
        enough &= np.bincount(seen // len(concepts.doc), minlength=d_sae) >= MIN_DOCS
    return np.flatnonzero(enough)


def _chosen(fires: _Fires, concepts: Concepts, n_latents: int) -> Int64[np.ndarray, " latent"]:
    """Choose each latent's concept by corrected precision on the half that is not scored."""
    there = ~concepts.scored[fires.row]
    latent, labels = fires.latent[there], concepts.of_row[fires.row[there]]
    pair, column = np.nonzero(labels >= 0)
    key = latent[pair] * concepts.n + labels[pair, column]
    both = np.bincount(key, minlength=n_latents * concepts.n).reshape(n_latents, concepts.n)
    share = concepts.table()[~concepts.scored].mean(0)
    precision = both / np.bincount(latent, minlength=n_latents)[:, None]
    # Of concepts that hold for all of a latent's firings, the rarest says most.
    return np.asarray(((precision - share) / (1 - share) - _TIE * share).argmax(1))


def _passes(fires: _Fires, concepts: Concepts, concept: Int64[np.ndarray, " latent"]) -> Bool[np.ndarray, " latent"]:
    """Say whose corrected precision is high enough on the half that is scored."""
    table, there = concepts.table(), concepts.scored[fires.row]
    latent, row = fires.latent[there], fires.row[there]
    right = table[row, concept[latent]]
    precision = np.bincount(latent[right], minlength=len(concept)) / np.bincount(latent, minlength=len(concept))
    share = table[concepts.scored].mean(0)[concept]
    return np.asarray((precision - share) / (1 - share) >= FROM)
