"""The exercise of `00_quickstart`: at which layer does the last token take over?"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

EffectReader = Callable[[Float[Tensor, "layer pos"]], int]

# Hand-made grids [layer pos] with their answer: the first layer whose last position restores at least half.
_GRIDS: list[tuple[list[list[float]], int]] = [
    ([[1.0, 0.0], [0.6, 0.2], [0.1, 0.9], [0.0, 1.0]], 2),
    ([[0.0, 0.5], [0.0, 1.0]], 0),
    ([[0.9, 0.0, 0.1], [0.8, 0.7, 0.4], [0.1, 0.9, 0.6], [0.0, 0.0, 0.3]], 2),
]


def check_handover_layer(answer: EffectReader) -> None:
    """Check a learner's `handover_layer(effect)` on grids whose answer is known.

    Args:
        answer: Takes `effect` and returns the first layer at which patching the last position alone restores
            at least half of the behavior.

    Raises:
        AssertionError: the function returns nothing, or another layer; the message shows the grid it failed on.
    """
    for rows, expected in _GRIDS:
        got = answer(torch.tensor(rows))
        assert got is not None, "handover_layer returned None: replace the `...` with your own code."
        assert int(got) == expected, (
            f"For the grid {rows} (rows are layers, the last column is the last position) the first layer whose "
            f"last column is at least 0.5 is {expected}; yours gave {int(got)}."
        )
    print("handover_layer: correct on all three grids.")
