"""The exercise of `14_steer_with_sae_features`: setting one latent and keeping what the SAE does not explain."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

SetLatent = Callable[
    [Float[Tensor, " d_in"], Float[Tensor, " d_sae"], Float[Tensor, "d_sae d_in"], int, float], Float[Tensor, " d_in"]
]

_W_DEC = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
_LATENT_ACTS = torch.tensor([2.0, 1.0])
_ACTS = torch.tensor([3.0, 1.5])
_LATENT, _VALUE = 1, 4.0
_RIGHT = torch.tensor([4.8, 3.9])


def check_set_latent(answer: SetLatent) -> None:
    """Check a learner's `set_latent(acts, latent_acts, W_dec, latent, value)` on an SAE of two latents.

    Args:
        answer: Takes an activation, its latent activations, the decoder, a latent and a value, and returns the
            activation in which that latent has that value and all else, the SAE's error included, stays.

    Raises:
        AssertionError: the function returns nothing, or another activation; the message says what it looks like.
    """
    got = answer(_ACTS.clone(), _LATENT_ACTS.clone(), _W_DEC.clone(), _LATENT, _VALUE)
    assert got is not None, "set_latent returned None: replace the `...` with your own code."
    assert got.shape == _RIGHT.shape, f"set_latent must return one number per dimension, got {list(got.shape)}."
    hint = ""
    if torch.allclose(got, _ACTS + _VALUE * _W_DEC[_LATENT]):
        hint = " You added the new value to what the latent writes already; add the difference."
    elif torch.allclose(got, torch.tensor([_LATENT_ACTS[0], _VALUE]) @ _W_DEC):
        hint = " You returned the SAE's reconstruction: what it does not explain is lost."
    assert torch.allclose(got.float(), _RIGHT), (
        f"the activation is {[round(float(x), 3) for x in _RIGHT]}, yours is {[round(float(x), 3) for x in got]}.{hint}"
    )
    print("set_latent: correct, and the SAE's error is kept.")
