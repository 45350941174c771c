"""What a store tells about one latent: plain values and NumPy arrays, nothing that computes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

TOP_BAND: Final = -1
"""`Example.band` of the strongest firings; the others are numbered by quantile, from 0."""


@dataclass(frozen=True, eq=False)
class TokenStat:
    """How a latent answers to one token of the vocabulary."""

    token_id: int
    """Index in the model's vocabulary."""
    count: int
    """Firings on this token."""
    mean: float
    """Mean activation of those firings."""
    share: float
    """Share of the token's occurrences on which the latent fires, 0 to 1; NaN where that was not counted."""


@dataclass(frozen=True, eq=False)
class Example:
    """One firing with the tokens around it."""

    doc: int
    """Index of the document in the data."""
    pos: int
    """Position in the document."""
    token_ids: Int32[np.ndarray, " window"]
    """The tokens: up to 11 before, the one that fires, up to 4 after."""
    values: Float32[np.ndarray, " window"]
    """This latent's activations on them: 0 where it does not fire, NaN where the token is no row, as a BOS."""
    at: int
    """Index of the firing token in the window."""
    value: float
    """The activation there."""
    band: int
    """-1 for a top example, else the quantile band of its strength: 0 for the weakest firings."""


@dataclass(frozen=True, eq=False)
class Feature:
    """All that a store keeps of one latent.

    What does not apply, as logits of an SAE whose decoder does not write to the residual stream, is empty or NaN.
    """

    latent_idx: int
    """Index of the latent."""
    count: int
    """Firings on the text."""
    density: float
    """Share of tokens on which it fires, 0 to 1."""
    mean: float
    """Mean activation where it fires; NaN if it never did."""
    max: float
    """Largest activation; 0 if it never fired."""
    histogram: Int64[np.ndarray, " bin"]
    """Firings by activation, in the bins of the store's `edges`."""
    examples: tuple[Example, ...]
    """Top examples, strongest first; then the quantile bands, from the strongest to the weakest."""
    top_tokens: tuple[TokenStat, ...]
    """The tokens on which the latent's activations add up to most."""
    logits_up: tuple[tuple[int, float], ...]
    """Tokens that the latent's direction makes likelier, with their centered logits per unit of direction."""
    logits_down: tuple[tuple[int, float], ...]
    """Tokens that it makes less likely."""
    neighbors: tuple[tuple[int, float], ...]
    """Latents with the nearest decoder directions, with their cosines."""
    cofiring: tuple[tuple[int, float], ...]
    """Latents that fire where this one does, with the share of its firings on which they do."""
    decoder_norm: float
    """Norm of what it writes, in the model's units."""
    encoder_norm: float
    """Norm of what it reads with."""
    encoder_decoder_cosine: float
    """Cosine between what it reads and what it writes; NaN where they are of different widths."""
    bias: float
    """Encoder bias."""
    decoder_histogram: Int64[np.ndarray, " weight_bin"]
    """Decoder weights by size, in the bins of `decoder_edges`."""
    decoder_edges: Float64[np.ndarray, " weight_edge"]
    """Edges of those bins."""
    dead: bool
    """Never fired on the text."""
    dense: bool
    """Fires on more than a tenth of the tokens."""
    head_shares: tuple[float, ...] = ()
    """Share of each attention head in what it writes, by norm; empty where it does not write to heads (hook_z)."""
