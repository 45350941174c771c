"""The exercise of `10_feature_dashboard`: which latents fire together."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Shares = Callable[[Bool[Tensor, "token latent"], int], Float[Tensor, " latent"]]

# Latent 0 fires on tokens 0, 1 and 3, latent 1 on 0 and 1, latent 2 on 2, latent 3 never.
_ACTIVE = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
_CASES: list[tuple[int, list[float]]] = [
    (0, [1.0, 2 / 3, 0.0, 0.0]),
    (1, [1.0, 1.0, 0.0, 0.0]),
    (2, [0.0, 0.0, 1.0, 0.0]),
    (3, [0.0, 0.0, 0.0, 0.0]),
]


def check_cofiring(answer: Shares) -> None:
    """Check a learner's `cofiring(active, latent)` on four tokens and four latents.

    Args:
        answer: Takes which latents are active on which tokens and a latent, and returns, for every latent, on what
            share of the tokens on which that one is active it is active too; zeros if it never is.

    Raises:
        AssertionError: the function returns nothing, or other shares; the message says what they look like.
    """
    active = torch.tensor(_ACTIVE, dtype=torch.bool)
    for latent, right in _CASES:
        got = answer(active.clone(), latent)
        assert got is not None, "cofiring returned None: replace the `...` with your own code."
        assert got.shape == (active.shape[1],), f"cofiring must return one share per latent, got {list(got.shape)}."
        both = active[active[:, latent]].float().sum(0)
        hint = ""
        if not bool(got.isfinite().all()):
            hint = " A latent that never fires has no tokens to take the mean over."
        elif torch.allclose(got, both / len(active)):
            hint = " You divided by all tokens; divide by those on which the latent is active."
        elif torch.allclose(got, both / active.sum(0).clamp_min(1)):
            hint = " You divided by how often the others fire: that is the share the other way round."
        assert torch.allclose(got.float(), torch.tensor(right)), (
            f"latent {latent}: the shares are {[round(share, 3) for share in right]}, "
            f"yours are {[round(float(share), 3) for share in got]}.{hint}"
        )
    print("cofiring: correct for four latents.")
