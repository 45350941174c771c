"""The exercise of `01_attention_and_patching`: score a head for induction."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

PatternScorer = Callable[[Float[Tensor, "dest_pos src_pos"], int], float | Tensor]


def _planted(period: int, share: float, n_pos: int) -> Float[Tensor, "dest_pos src_pos"]:
    """A causal pattern that puts `share` of each repeated token's attention on the token after its first copy."""
    pattern = torch.tril(torch.ones(n_pos, n_pos))
    pattern = pattern / pattern.sum(-1, keepdim=True)
    for dest in range(period + 1, n_pos):
        pattern[dest, : dest + 1] *= 0.0
        pattern[dest, 0] = 1.0 - share
        pattern[dest, dest - period + 1] += share
    return pattern


def check_induction_score(answer: PatternScorer) -> None:
    """Check a learner's `induction_score(pattern, period)` on patterns with a planted score.

    The sequences are `<bos>` and a block of `period` tokens, twice. An induction head at a token of the second block
    looks at the token *after* that token's first copy, `period - 1` positions back (Olsson et al. 2022,
    https://arxiv.org/abs/2209.11895).

    Args:
        answer: Takes one head's pattern and the period, returns the mean attention along that diagonal over the
            destinations of the second block.

    Raises:
        AssertionError: the function returns nothing, or another number; the message says which diagonal it looks like.
    """
    for period, share in ((3, 0.75), (5, 0.25), (8, 1.0)):
        pattern = _planted(period, share, 2 * period + 1)
        got = answer(pattern, period)
        assert got is not None, "induction_score returned None: replace the `...` with your own code."
        duplicate = torch.stack([pattern[dest, dest - period] for dest in range(period + 1, 2 * period + 1)]).mean()
        hint = " That is the duplicate-token diagonal: go one position further." if abs(got - duplicate) < 1e-4 else ""
        assert abs(float(got) - share) < 1e-4, (
            f"With period {period} the planted head puts {share:.2f} of its attention on the token after the earlier "
            f"copy; your score is {float(got):.4f}.{hint}"
        )
    print("induction_score: correct on three planted heads.")
