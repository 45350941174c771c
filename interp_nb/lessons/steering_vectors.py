"""The exercise of `13_steering_vectors`: the mean difference of two sets of activations."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

MeanDifference = Callable[[Float[Tensor, "pair d_model"], Float[Tensor, "pair d_model"]], Float[Tensor, " d_model"]]

_POSITIVE = torch.tensor([[2.0, 1.0, 4.0], [4.0, 1.0, 0.0]])
_NEGATIVE = torch.tensor([[0.0, 1.0, 1.0], [2.0, 1.0, 5.0]])
_RIGHT = torch.tensor([2.0, 0.0, -1.0])


def check_mean_difference(answer: MeanDifference) -> None:
    """Check a learner's `mean_difference(positive, negative)` on two pairs in three dimensions.

    Args:
        answer: Takes the activations of the positive and of the negative texts and returns the steering vector of
            strength 1: the mean over pairs of positive minus negative, not scaled.

    Raises:
        AssertionError: the function returns nothing, or another vector; the message says what it looks like.
    """
    got = answer(_POSITIVE.clone(), _NEGATIVE.clone())
    assert got is not None, "mean_difference returned None: replace the `...` with your own code."
    assert got.shape == _RIGHT.shape, f"mean_difference must return one number per dimension, got {list(got.shape)}."
    hint = ""
    if torch.allclose(got, -_RIGHT):
        hint = " Yours points from positive to negative."
    elif torch.allclose(got, 2 * _RIGHT):
        hint = " You summed over pairs; take the mean."
    elif torch.allclose(got, _RIGHT / _RIGHT.norm()):
        hint = " You scaled it to length 1; its length is what strength 1 means."
    assert torch.allclose(got.float(), _RIGHT), (
        f"the mean difference is {_RIGHT.tolist()}, yours is {[round(float(x), 3) for x in got]}.{hint}"
    )
    print("mean_difference: correct for two pairs.")
