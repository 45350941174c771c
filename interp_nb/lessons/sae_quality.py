"""The exercise of `08_sae_quality`: choose a latent on one half of the text, and score it on the other."""

from collections.abc import Callable

import torch
from jaxtyping import Bool
from torch import Tensor

BestF1 = Callable[[Bool[Tensor, "token latent"], Bool[Tensor, " token"], Bool[Tensor, " token"]], float | Tensor]

# Tokens 0 to 3 are chosen on, 4 to 10 scored. Latent 0 is best where it is chosen and fair on the rest, latent 1 the
# other way round, latent 2 never fires, latent 3 fires on everything but the concept.
_FIRES = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 1]]
_FIRES += [[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
_HAS = [1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0]
_RIGHT = 0.4
"""Of latent 0 on tokens 4 to 10: one hit, one false alarm, two misses."""


def check_best_latent_f1(answer: BestF1) -> None:
    """Check a learner's `best_latent_f1(fires, has, chosen_on)` on four latents and eleven tokens.

    The latent with the best F1 on one part of the tokens, its F1 on the rest; F1 = 2 hits / (firings + tokens that have
    the concept), and 0 of a latent that never fires.

    Args:
        answer: Takes which latents fire on which tokens, which tokens have the concept and which tokens to choose on,
            and returns one F1.

    Raises:
        AssertionError: the function returns nothing, or another F1; the message says what it looks like.
    """
    fires, has = torch.tensor(_FIRES, dtype=torch.bool), torch.tensor(_HAS, dtype=torch.bool)
    chosen_on = torch.arange(len(has)) < 4
    got = answer(fires.clone(), has.clone(), chosen_on)
    assert got is not None, "best_latent_f1 returned None: replace the `...` with your own code."
    value = float(got)
    first, second = _f1(fires[chosen_on], has[chosen_on]), _f1(fires[~chosen_on], has[~chosen_on])
    latent, rest = int(first.argmax()), ~chosen_on
    wrong = {
        float(second.max()): "You chose the latent on the tokens that score it: that is always flattering.",
        float(first.max()): "You scored it on the tokens it was chosen on: that is always flattering.",
        float(_f1(fires, has).max()): "You chose and scored on all tokens: that is always flattering.",
        _accuracy(fires[rest, latent], has[rest]): "That is accuracy: where a concept is rare, saying no is nearly "
        "always right. F1 leaves out what both call no.",
        _precision(fires[rest, latent], has[rest]): "That is precision alone: F1 counts what the latent misses, too.",
    }
    hint = next((f" {words}" for number, words in wrong.items() if abs(value - number) < 1e-6), "")
    if value != value:
        hint = " A latent that never fires has 0 / 0 somewhere in your formula; its F1 is 0."
    assert abs(value - _RIGHT) < 1e-6, f"the F1 is {_RIGHT}, yours is {value:.3f}.{hint}"
    print("best_latent_f1: correct for four latents.")


def _f1(fires: Bool[Tensor, "token latent"], has: Bool[Tensor, " token"]) -> Tensor:
    hits = (fires & has[:, None]).sum(0)
    return 2 * hits / (fires.sum(0) + has.sum()).clamp(min=1)


def _accuracy(fires: Bool[Tensor, " token"], has: Bool[Tensor, " token"]) -> float:
    return float((fires == has).float().mean())


def _precision(fires: Bool[Tensor, " token"], has: Bool[Tensor, " token"]) -> float:
    return float(has[fires].float().mean())
