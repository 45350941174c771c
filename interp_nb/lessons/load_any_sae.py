"""The exercise of `09_load_any_sae`: fold a scale and a subtracted bias into an SAE's weights."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
Folded = Callable[
    [Float[Tensor, "d_in d_sae"], Float[Tensor, " d_sae"], Float[Tensor, "d_sae d_in"], Float[Tensor, " d_in"], float],
    Weights,
]

_SCALE = 0.5
_W_ENC = torch.tensor([[1.0, -2.0, 0.5], [0.25, 1.0, 1.0]])
_B_ENC = torch.tensor([0.5, 0.25, -1.0])
_W_DEC = torch.tensor([[1.0, 0.0], [-0.5, 1.0], [2.0, 0.5]])
_B_DEC = torch.tensor([1.0, -2.0])
_ACTS = torch.tensor([[4.0, -2.0], [-3.0, 1.0], [8.0, 6.0]])


def check_folded(answer: Folded) -> None:
    """Check a learner's `folded(W_enc, b_enc, W_dec, b_dec, scale)` on activations whose reconstruction is known.

    The SAE was trained on scale * acts, its encoder takes b_dec off these, and its reconstructions are divided by the
    scale. The folded one reads and writes activations as they are, with the same latents and reconstructions.

    Args:
        answer: Returns the folded W_enc, b_enc, W_dec and b_dec.

    Raises:
        AssertionError: the function returns nothing, or weights that do something else; the message says what.
    """
    got = answer(_W_ENC.clone(), _B_ENC.clone(), _W_DEC.clone(), _B_DEC.clone(), _SCALE)
    assert got is not None, "folded returned None: replace the `...` with your own code."
    assert len(got) == 4, f"folded must return W_enc, b_enc, W_dec and b_dec, got {len(got)} things."
    W_enc, b_enc, W_dec, b_dec = got
    shapes = [tuple(each.shape) for each in got]
    right = [tuple(each.shape) for each in (_W_ENC, _B_ENC, _W_DEC, _B_DEC)]
    assert shapes == right, f"the shapes must stay {right}, got {shapes}."
    latents = ((_SCALE * _ACTS - _B_DEC) @ _W_ENC + _B_ENC).relu()
    yours = (_ACTS @ W_enc + b_enc).relu()
    hint = ""
    if torch.allclose(W_enc, _W_ENC):
        hint = " Your W_enc still expects scaled activations."
    elif torch.allclose(b_enc, _B_ENC):
        hint = " b_dec is not taken off the input any more: what it did to the latents belongs into b_enc."
    elif torch.allclose(b_enc, _B_ENC - _SCALE * _B_DEC @ _W_ENC):
        hint = " b_dec is taken off what is scaled already: use the W_enc that was given for it."
    elif torch.allclose(b_enc, _B_ENC + _B_DEC @ _W_ENC):
        hint = " b_dec was taken off the input, and you add it."
    assert torch.allclose(yours, latents), (
        f"the latents differ: expected {latents.tolist()}, got {yours.tolist()}.{hint}"
    )
    recons, written = (latents @ _W_DEC + _B_DEC) / _SCALE, yours @ W_dec + b_dec
    if torch.allclose(written, latents @ _W_DEC + _B_DEC):
        hint = " The latents are right, and the decoder still writes scaled activations."
    elif torch.allclose(written, latents @ _W_DEC / _SCALE + _B_DEC):
        hint = " b_dec is part of the reconstruction and scaled as the rest of it is."
    assert torch.allclose(written, recons), (
        f"the reconstructions differ: {recons.tolist()}, got {written.tolist()}.{hint}"
    )
    print("folded: correct for three activations.")
