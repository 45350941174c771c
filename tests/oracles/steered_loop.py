"""Steering the slow way: one text, no padding, no cache, a forward per new token, masks and operators by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def mask_by_hand(
    tokens: Sequence[int], strings: Sequence[str], n_prompt: int, kind: str, *, bos: int = 0
) -> list[bool]:
    """Say for each token of one text whether it is steered; `kind` is one of `KINDS` in the tests."""
    last = n_prompt - 1
    chosen = []
    for place, token in enumerate(tokens):
        before = "".join(strings[:place])
        chosen.append(
            {
                "all": token != bos,
                "everything": True,
                "prompt": token != bos and place < last,
                "prompt and its last": token != bos and place <= last,
                "generated": token != bos and place >= last,
                "generated, not the last of the prompt": token != bos and place > last,
                "after the marker": " in" in before,
                "from the marker on": " in" in before + strings[place],
                "places": place in (0, 2, n_prompt - 1, n_prompt + 1),
                "strings": strings[place] in (" is", " Paris"),
                "mask": place in (1, 3, 4),
                "function": token % 2 == 0 and place != n_prompt,
            }[kind]
        )
    return chosen


def change(x: Tensor, operator: str, v: Tensor, s: float, midpoint: float, sae: Any = None, latent: int = 0) -> Tensor:
    """Apply one operator to one token's activation, as `Steering` writes it."""
    v, x = v.double(), x.double()
    u = v / v.norm()
    if operator == "add":
        return x + s * v
    if operator == "ablate":
        return x - s * (x @ u) * u
    if operator == "clamp":
        return x + (midpoint + s * v.norm() - x @ u) * u
    if operator == "ablate_add":
        return x - (x @ u) * u + s * v
    acts = sae.encode(x.float().unsqueeze(0))[0].double()
    row = sae.W_dec[latent].detach().double()
    new = s * v.norm() / row.norm() if operator == "set" else s * acts[latent]
    # The error term is what the SAE does not explain; it stays.
    error = x - acts @ sae.W_dec.detach().double() - sae.b_dec.detach().double()
    acts[latent] = new
    return acts @ sae.W_dec.detach().double() + sae.b_dec.detach().double() + error


def logits_by_hand(
    model: Any, tokens: Sequence[int], n_prompt: int, edits: Sequence[tuple[str, Callable[[int, Tensor], Tensor]]]
) -> Tensor:
    """Give the logits after the prompt, and after every token that follows: a whole forward for each of them.

    `edits` are `(hook name, what a token's activation becomes given its place)`, in the order they act.
    """
    found = []
    for end in range(n_prompt, len(tokens) + 1):
        hooks = [(name, _each_token(edit)) for name, edit in edits]
        ids = torch.tensor([list(tokens[:end])])
        with torch.no_grad():
            found.append(model.run_with_hooks(ids, fwd_hooks=hooks, return_type="logits")[0, -1])
    return torch.stack(found)


def _each_token(edit: Callable[[int, Tensor], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    def hook(activation: Tensor, hook: Any) -> Tensor:
        rows = [edit(place, activation[0, place].flatten()) for place in range(activation.shape[1])]
        return torch.stack(rows).to(activation).view_as(activation)

    return hook
