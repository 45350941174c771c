"""The exercise of `12_feature_dictionaries`: the best one-to-one matching of two dictionaries."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

Matcher = Callable[[Float[np.ndarray, "a b"]], Sequence[int]]

# Taking the largest first is wrong in the first two: it leaves a poor pair for the last.
_CASES: list[tuple[list[list[float]], list[int]]] = [
    ([[0.9, 0.8], [0.8, 0.1]], [1, 0]),
    ([[0.9, 0.7, 0.0], [0.85, 0.1, 0.0], [0.1, 0.6, 0.5]], [1, 0, 2]),
    ([[1.0, 0.0], [0.0, 1.0]], [0, 1]),
]


def check_matching(answer: Matcher) -> None:
    """Check a learner's `matching(cosines)` on three dictionaries of two or three features.

    Args:
        answer: Takes the cosines between the features of two dictionaries of one size, and returns for every feature
            of the first the one of the second that it is matched with, each used once, so that the sum of the cosines
            is as large as it can be.

    Raises:
        AssertionError: the function returns nothing, or another matching; the message says what it looks like.
    """
    for rows, right in _CASES:
        cosines = np.array(rows)
        got = answer(cosines.copy())
        assert got is not None, "matching returned None: replace the `...` with your own code."
        found = [int(each) for each in got]
        hint = ""
        if len(set(found)) < len(found):
            hint = " A feature is used twice: that is the nearest one of each, not a matching."
        elif found == _greedy(cosines):
            hint = " That takes the largest cosine first, and leaves the last ones what nobody wanted."
        assert found == right, f"cosines {rows}: the best matching is {right}, yours is {found}.{hint}"
    print("matching: correct on three pairs of dictionaries.")


def _greedy(cosines: Float[np.ndarray, "a b"]) -> list[int]:
    left, found = cosines.copy(), [-1] * len(cosines)
    for _ in found:
        row, column = np.unravel_index(left.argmax(), left.shape)
        found[int(row)] = int(column)
        left[row, :] = left[:, column] = -np.inf
    return found
