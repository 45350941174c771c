"""How many latents a concept is split into.

The best latent of the concept, at its threshold, says yes first. Then the latent that most improves the F1 of "any of
them says yes" joins, and so on while each improves it by `WORTH_MORE`. Candidates are latents of whose firings more
than half have the concept. All of it on the half of the documents that is chosen on.

Source: Chanin et al. 2024, A is for Absorption, https://arxiv.org/abs/2409.14507, section 4 (they add latents to a
k-sparse probe while F1 rises by more than 0.03).
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.dictionaries import Dictionary
from interp_nb.evaluation.thresholds import Chosen

WORTH_MORE: Final = 0.03
"""Gain in F1 for which a latent is added (Chanin et al. 2024)."""
MOST: Final = 20
"""Latents at most."""
_CANDIDATES: Final = 60


class Split(NamedTuple):
    """The latents of one concept."""

    latents: tuple[int, ...]
    """In the order in which they were added."""
    f1: float
    """Of any of them, on the half that they were chosen on."""


def split_of(dictionary: Dictionary, concepts: Concepts, concept: int, chosen: Chosen, mostly: "Mostly") -> Split:
    """Find the latents of a concept."""
    first = int(chosen.latent_idx[concept])
    if first < 0:
        return Split((), 0.0)
    chosen_on, has = ~concepts.scored, concepts.has(concept)
    pairs = dictionary.of(first)
    says = np.zeros(len(has), bool)
    says[pairs.rows[pairs.values > chosen.threshold[concept]]] = True
    taken, f1 = [first], f1_between(says & chosen_on, has & chosen_on)
    candidates = {i: dictionary.of(i).rows for i in mostly.latents(concept)[:_CANDIDATES].tolist() if i != first}
    while candidates and len(taken) < MOST:
        gains = {i: f1_between(_with(says, rows) & chosen_on, has & chosen_on) for i, rows in candidates.items()}
        best = max(gains, key=lambda i: (gains[i], -i))
        if gains[best] < f1 + WORTH_MORE:
            break
        says, f1 = _with(says, candidates.pop(best)), gains[best]
        taken.append(best)
    return Split(tuple(taken), f1)


class Mostly:
    """Which latents fire mostly on tokens of each concept, on the half that is not scored.

    Args:
        more_than: Share of a latent's firings that have the concept.
    """

    def __init__(self, dictionary: Dictionary, concepts: Concepts, more_than: float = 0.5) -> None:
        self._n = concepts.n
        chosen_on = ~concepts.scored
        found: list[Int64[np.ndarray, "entry 3"]] = []
        for block in dictionary.blocks():
            keep = chosen_on[block.rows]
            latents, labels = block.latents[keep].astype(np.int64), concepts.of_row[block.rows[keep]]
            fired = np.bincount(latents, minlength=dictionary.d_sae)
            pair, column = np.nonzero(labels >= 0)
            key, both = np.unique(latents[pair] * self._n + labels[pair, column], return_counts=True)
            mostly = both > more_than * fired[key // self._n]
            found.append(np.stack([key[mostly] % self._n, -both[mostly], key[mostly] // self._n], 1))
        joined = np.concatenate(found) if found else np.zeros((0, 3), np.int64)
        self._entries = joined[np.lexsort(joined.T[::-1])]

    def latents(self, concept: int) -> Int64[np.ndarray, " latent"]:
        """Return the latents of one concept, those with most of its tokens first."""
        low, high = np.searchsorted(self._entries[:, 0], [concept, concept + 1])
        return self._entries[low:high, 2]


def _with(says: Bool[np.ndarray, " row"], rows: np.ndarray) -> Bool[np.ndarray, " row"]:
    more = says.copy()
    more[rows] = True
    return more


def f1_between(says: Bool[np.ndarray, " row"], has: Bool[np.ndarray, " row"]) -> float:
    """Give F1 = 2 both / (says + has); 0 where neither marks anything."""
    both = int(says.sum() + has.sum())
    return 2 * int((says & has).sum()) / both if both else 0.0
