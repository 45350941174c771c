"""A look-up of the token: what can be said of a concept without any context.

For each concept, tokens are ranked by the share of their occurrences that have it on the half that is chosen on; the
look-up says yes to those above the share that gives the best F1 there. A token that this half does not have is a no.
A concept that the look-up solves says little about an SAE, since it is in the token's embedding already.

Which concepts these are is decided before anything is scored, on the half that is chosen on: its documents are dealt
into `N_PARTS` parts, and the look-up is judged on each, learned on the others. Decided on the scored half, concepts
would be taken on which the look-up fared badly there by chance.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.thresholds import Counts, best_cut, f1_of, score_answers

SOLVES_FROM: Final = 0.8
"""F1 from which a look-up counts as having solved a concept: less than a fifth is then left to context. It is the same
for whatever is compared, and looks at no dictionary."""
N_PARTS: Final = 5
"""Parts in which this is decided. Of two, each look-up would know half of the tokens it will know in the end, and seem
not to solve what it does: on the pocket world, professions have an F1 of 0.76 then, and 0.98 on the scored half."""


def look_up(concepts: Concepts, tokens: Int64[np.ndarray, " row"]) -> Counts:
    """Learn the look-up on one half and count its answers on the other."""
    _, token = np.unique(tokens, return_inverse=True)
    chosen_on = ~concepts.scored
    occurrences = np.bincount(token[chosen_on], minlength=int(token.max(initial=-1)) + 1)
    has = concepts.table()
    answers = np.stack([_answers(token, has[:, c], chosen_on, occurrences) for c in range(concepts.n)], 1)
    return score_answers(answers, concepts)


def depends_on_context(
    concepts: Concepts, tokens: Int64[np.ndarray, " row"]
) -> Bool[np.ndarray, " concept"]:  # fmt: skip
    """Mark the concepts that a look-up of the token does not solve, from the half that is chosen on alone."""
    half, tokens = concepts.half(scored=False), tokens[~concepts.scored]
    part = np.unique(half.doc, return_inverse=True)[1] % N_PARTS
    counts = [look_up(half._replace(scored=part == each), tokens).stacked().sum(0) for each in range(N_PARTS)]
    return np.asarray((f1_of(torch.stack(counts).sum(0)) < SOLVES_FROM).numpy())


def _answers(
    token: Int64[np.ndarray, " row"], has: Bool[np.ndarray, " row"], chosen_on: Bool[np.ndarray, " row"],
    occurrences: Int64[np.ndarray, " token"],
) -> Bool[np.ndarray, " row"]:  # fmt: skip
    share = _share(np.bincount(token[chosen_on & has], minlength=len(occurrences)), occurrences)[token]
    return np.asarray(share > best_cut(share[chosen_on], has[chosen_on]))


def _share(
    with_it: Int64[np.ndarray, " token"], occurrences: Int64[np.ndarray, " token"]
) -> Float64[np.ndarray, " token"]:
    return np.asarray(with_it / np.maximum(occurrences, 1))
