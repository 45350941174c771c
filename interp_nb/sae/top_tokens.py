"""Where a latent fires most, on held-out text: what `TrainingRun.peek` shows while an SAE trains."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb.sae.coder import SAE

BEFORE: Final = 11
AFTER: Final = 4
"""Tokens shown around a token: as many as a line holds."""
_ROWS_AT_ONCE: Final = 4096


class TopToken(NamedTuple):
    """A token on which a latent fires, with its surroundings."""

    token: str
    """The token."""
    before: list[str]
    """Tokens before it in its window."""
    after: list[str]
    """Tokens after it."""
    value: float
    """What the latent's activation is there."""
    values: list[float]
    """Its activations on `before`, the token and `after`; 0 where a token does not count (BOS, padding)."""
    doc: int
    """Index of the held-out window."""
    pos: int
    """Position in it."""


def latent_values(sae: SAE, acts: Float[Tensor, "row d_in"], latent_idx: int) -> Float[Tensor, " row"]:
    """Compute one latent's activations on many rows, a few thousand at a time."""
    parameter = next(sae.parameters())
    with torch.no_grad():
        parts = [sae.encode(part.to(parameter))[:, latent_idx] for part in torch.split(acts, _ROWS_AT_ONCE)]
    return torch.cat(parts).cpu()


def token_names(model: Any, tokens: Int[Tensor, "doc pos"]) -> dict[int, str]:
    """Name every token that occurs, by its id: what is left of a model when its text is to be shown."""
    ids = sorted(set(tokens.flatten().tolist()))
    return dict(zip(ids, (str(name) for name in model.to_str_tokens(torch.tensor(ids))), strict=True))


def top_tokens(
    values: Float[Tensor, " row"],
    tokens: Int[Tensor, "doc pos"],
    mask: Bool[Tensor, "doc pos"],
    n: int,
    names: Mapping[int, str],
) -> list[TopToken]:
    """List the tokens with the largest values, each window's largest one at most; only positive ones.

    Args:
        values: One per counted token, in order.
        names: Of tokens, by id.
    """
    laid_out = torch.zeros(mask.shape)
    laid_out[mask.cpu()] = values.float()
    best, at = laid_out.max(1)
    order = best.argsort(descending=True, stable=True)[:n]
    found = []
    for doc in (int(index) for index in order if best[index] > 0):
        # What follows the last counted token is padding.
        pos, n_pos = int(at[doc]), int(mask[doc].nonzero()[-1]) + 1
        start, end = max(0, pos - BEFORE), min(n_pos, pos + AFTER + 1)
        window = [names[token] for token in tokens[doc, start:end].tolist()]
        here = pos - start
        shown = laid_out[doc, start:end].tolist()
        found.append(TopToken(window[here], window[:here], window[here + 1 :], float(best[doc]), shown, doc, pos))
    return found
