"""How alike two latents are, of one dictionary or of two: by direction, by what they fire on."""

from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ShapeError
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.patterns import Correlation, Patterns, fires_on, shared_patterns


class Overlap(NamedTuple):
    """What two latents have in common; NaN where it cannot be compared."""

    decoder_cosine: float
    """Cosine between what they write; NaN where widths differ."""
    encoder_cosine: float
    """Cosine between what they read with."""
    correlation: float
    """Correlation of their activations over the rows that both stores sampled; NaN where there are too few."""
    jaccard: float
    """Rows on which both fire, as a share of those on which either does."""
    n_rows: int
    """Rows that were compared."""
    rows: str
    """What they are: "token" where both stores read the same text, else "token type" with mean activations, "none"."""


def latent_overlap(
    store: Any, latent_idx: int, other: Any, other_idx: int, *, patterns: Patterns | None = None
) -> Overlap:
    """Compare a latent of a store with one of another store, or of the same.

    Args:
        patterns: The two stores' `patterns_of`, where many latents are compared; read from their samples if left out.

    Raises:
        ShapeError: there is no such latent.
    """
    for held, index in ((store, latent_idx), (other, other_idx)):
        _check(held.source, index)
    pair = store.source, latent_idx, other.source, other_idx
    patterns = patterns_of(store, other) if patterns is None else patterns
    a, b = np.array([latent_idx]), np.array([other_idx])
    correlation = float(Correlation(patterns).of(a, b)[0]) if patterns.n_rows else np.nan
    first, second = (fires_on(matrix, index.tolist())[:, 0] for matrix, index in ((patterns.a, a), (patterns.b, b)))
    either = int((first | second).sum())
    return Overlap(
        decoder_cosine=_cosine(_written, *pair),
        encoder_cosine=_cosine(_read, *pair),
        correlation=correlation,
        jaccard=int((first & second).sum()) / either if either else np.nan,
        n_rows=patterns.n_rows,
        rows=patterns.kind,
    )


def nearest_latents(
    store: Any, latent_idx: int, other: Any, n: int = 8, *, patterns: Patterns | None = None
) -> list[tuple[int, float]]:
    """List the latents of another store, or of the same, that are most like one, with how alike.

    By the cosine between what they write; where widths differ by the correlation of activations.

    Raises:
        ShapeError: there is no such latent.
    """
    _check(store.source, latent_idx)
    direction = _written(store.source, latent_idx)
    rows = other.source.rows(torch.arange(other.source.d_sae)).float()
    if rows.shape[1] == len(direction):
        likeness = _cosines(rows, direction)
    else:
        patterns = patterns_of(store, other) if patterns is None else patterns
        if not patterns.n_rows:
            return []
        likeness = Correlation(patterns).block(latent_idx, latent_idx + 1)[0]
    if other is store:
        likeness[latent_idx] = torch.nan
    order = likeness.nan_to_num(nan=-torch.inf).argsort(descending=True, stable=True)[:n]
    return [(int(index), float(likeness[index])) for index in order if not likeness[index].isnan()]


def patterns_of(store: Any, other: Any) -> Patterns:
    """Find the rows that the token samples of two stores share.

    Cost: reads both samples.
    """
    return shared_patterns(
        store.sample(),
        other.sample(),
        store.token_strings,
        other.token_strings,
        store.source.d_sae,
        other.source.d_sae,
    )


def _check(source: LatentSource, latent_idx: int) -> None:
    if not 0 <= latent_idx < source.d_sae:
        raise ShapeError(f"a latent is 0 to {source.d_sae - 1} here, got {latent_idx}")


def _written(source: LatentSource, latent_idx: int) -> Float[Tensor, " d_out"]:
    return source.rows(torch.tensor([latent_idx]))[0].float()


def _read(source: LatentSource, latent_idx: int) -> Float[Tensor, " d_read"] | None:
    encoder = source.encoder()
    return None if encoder is None else encoder[latent_idx].float()


def _cosine(part: Any, a: LatentSource, i: int, b: LatentSource, j: int) -> float:
    first, second = part(a, i), part(b, j)
    if first is None or second is None or first.shape != second.shape:
        return float("nan")
    return float(_cosines(first.unsqueeze(0), second)[0])


def _cosines(rows: Float[Tensor, "row d"], direction: Float[Tensor, " d"]) -> Float[Tensor, " row"]:
    """Cosines of rows with a direction; NaN for rows of zeros, which point nowhere."""
    norms = rows.norm(dim=1) * direction.norm()
    return torch.where(norms > 0, (rows @ direction) / norms, torch.nan).clamp(-1, 1)
