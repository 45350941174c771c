"""What a model says next, before and after steering: the likeliest tokens of either, with both probabilities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb import _measures
from interp_nb.models.edit import forward
from interp_nb.models.finite import check_finite
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.apply import steer
from interp_nb.steering.prompts import read_prompts, strings
from interp_nb.steering.recipe import Steering

if TYPE_CHECKING:
    import pandas as pd

TOP: Final = 12
"""Tokens that are kept of each side."""


class NextTokens(NamedTuple):
    """The next token's probabilities, without and with steering."""

    tokens: list[str]
    """The likeliest tokens of either side, the one with the largest probability anywhere first."""
    token_ids: list[int]
    """The same as ids."""
    before: list[float]
    """Their probabilities without steering."""
    after: list[float]
    """Their probabilities with it."""
    kl: float
    """How far the prediction moved, in nats; 0 = not at all."""
    follows: str
    """The last token of the text so far."""

    def to_frame(self) -> "pd.DataFrame":
        """Return a row per token: probability before, after and their difference."""
        import pandas as pd

        frame = pd.DataFrame({"token": self.tokens, "before": self.before, "after": self.after})
        return frame.assign(change=frame["after"] - frame["before"])


def next_tokens(
    model: HookedModel, token_ids: Sequence[int], steering: Sequence[Steering], *, n_prompt: int, n: int = TOP
) -> NextTokens:
    """Compare what comes next with and without steering.

    Args:
        token_ids: The prompt, and as much text after it as is wanted.
        steering: None = both sides are the same.
        n_prompt: How many of the tokens are the prompt.
        n: Tokens that are kept of each side.

    Raises:
        PromptError: the text is longer than the model's context.
        NonFiniteError: the model gives NaN or infinity, or the strength makes it do so.

    Cost: two forward passes.
    """
    text = read_prompts(model, torch.tensor(list(token_ids)))[0]
    tokens = torch.tensor([text.ids], device=getattr(model.cfg, "device", None))
    before = forward(model, tokens, last_position=True)[0, -1]
    after = before
    if steering:
        with steer(model, *steering, n_prompt=n_prompt):
            after = forward(model, tokens, last_position=True)[0, -1]
    check_finite(before, "the model's logits")
    check_finite(after, "the steered model's logits")
    ids = _likely(before, after, n)
    shown = strings(model, [*ids.tolist(), token_ids[-1]])
    return NextTokens(
        tokens=shown[:-1],
        token_ids=ids.tolist(),
        before=_measures.prob(before.expand(len(ids), -1), ids).tolist(),
        after=_measures.prob(after.expand(len(ids), -1), ids).tolist(),
        kl=float(_measures.kl(before, after)),
        follows=shown[-1],
    )


def _likely(before: Float[Tensor, " d_vocab"], after: Float[Tensor, " d_vocab"], n: int) -> Int[Tensor, " token"]:
    """Choose the likeliest tokens of either side, the likeliest of all first."""
    sides = torch.stack([before, after]).float().softmax(-1)
    kept = torch.unique(sides.topk(min(n, sides.shape[1])).indices)
    found: Tensor = kept[sides.amax(0)[kept].argsort(descending=True, stable=True)]
    return found
