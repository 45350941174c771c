"""The exercise of `15_remove_a_bias`: taking a direction out of activations."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Without = Callable[[Float[Tensor, "pos d_model"], Float[Tensor, " d_model"]], Float[Tensor, "pos d_model"]]

_ACTS = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
_DIRECTION = torch.tensor([3.0, 4.0])
_RIGHT = torch.tensor([[-0.32, 0.24], [2.4, -1.8]])


def check_without_direction(answer: Without) -> None:
    """Check a learner's `without_direction(acts, direction)` on two activations in two dimensions.

    Args:
        answer: Takes activations and a direction of any length, and returns the activations with their component
            along it removed.

    Raises:
        AssertionError: the function returns nothing, or other activations; the message says what they look like.
    """
    got = answer(_ACTS.clone(), _DIRECTION.clone())
    assert got is not None, "without_direction returned None: replace the `...` with your own code."
    assert got.shape == _RIGHT.shape, f"without_direction must return [pos d_model], got {list(got.shape)}."
    hint = ""
    if torch.allclose(got, _ACTS - (_ACTS @ _DIRECTION).unsqueeze(1) * _DIRECTION):
        hint = " The direction is not of length 1: divide by its squared length."
    elif torch.allclose(got, _ACTS - _DIRECTION):
        hint = " You subtracted the direction itself, whatever the activation has of it."
    elif torch.allclose(got, _ACTS - _RIGHT):
        hint = " That is the component along the direction; return what is left."
    assert torch.allclose(got.float(), _RIGHT, atol=1e-5), (
        f"what is left is {_RIGHT.tolist()}, yours is {[[round(float(x), 3) for x in row] for row in got]}.{hint}"
    )
    print("without_direction: correct for two activations.")
