"""A text of cities whose activations are written by hand, and SAEs that treat "city" in three ways.

A document has twelve tokens: four cities, each once, and eight words. A city's activation is the city direction plus
its own; a word's is the word direction. What each SAE does is said where it is made.
"""

import numpy as np
import torch
from torch import Tensor

from interp_nb.evaluation.reading import encoded
from interp_nb.evaluation.text import Evaluated
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig

CITIES = ("Paris", "Rome", "Oslo", "Kyiv")
N_DOCS = 80
D_IN = 6
LENGTH = 12
CITY, WORD = 0, 5


def directions() -> Tensor:
    """Directions of the tokens: the four cities, and the word."""
    rows = torch.zeros(5, D_IN)
    rows[:4, CITY] = 1
    rows[range(4), [1, 2, 3, 4]] = 1
    rows[4, WORD] = 1
    return rows


def evaluated(sae: SAE, *, n_docs: int = N_DOCS, labels: dict[str, list[list[object]]] | None = None) -> Evaluated:
    """The text as an evaluation reads it; tokens 0 to 3 are cities, 4 is a word."""
    generator = np.random.default_rng(0)
    tokens = np.concatenate([generator.permutation([0, 1, 2, 3, *[4] * 8]) for _ in range(n_docs)])
    doc, pos = np.repeat(np.arange(n_docs), LENGTH), np.tile(np.arange(LENGTH), n_docs)
    # No two rows are equal, so that nothing hangs on ties.
    acts = directions()[tokens] * torch.from_numpy(generator.uniform(0.9, 1.1, (len(tokens), 1))).float()
    named = [[CITIES[token] if token < 4 else None for token in row] for row in tokens.reshape(n_docs, LENGTH)]
    own = {"kind": [[None if name is None else "city" for name in names] for names in named], "name": named}
    as_tensors = [torch.from_numpy(column) for column in (tokens, doc, pos)]
    rows = torch.arange(len(tokens)).view(n_docs, LENGTH)
    return Evaluated(
        tokens_in_windows=as_tensors[0].view(n_docs, LENGTH), row_in_windows=rows,
        n_counted=len(tokens), all_acts=acts, all_targets=acts, all_doc=as_tensors[1], all_pos=as_tensors[2],
        all_tokens=as_tensors[0], all_fired=encoded(sae, acts), documents=None,
        labels=own if labels is None else labels, writes_what_it_reads=True,
    )  # fmt: skip


def honest() -> SAE:
    """One latent for "city", and one for each of them."""
    return _sae([CITY, 1, 2, 3, 4])


def absorbing() -> SAE:
    """The same, but the city latent is silent on Paris, whose own latent writes "city" as well."""
    sae = honest()
    with torch.no_grad():
        sae.encoder[0, 1] = -2
        sae.W_dec[1, CITY] = 1
    return sae


def splitting() -> SAE:
    """No latent for "city": one for Paris and Rome, one for Oslo and Kyiv; and one for each of the four."""
    sae = _sae([1, 1, 2, 3, 4, 3])
    with torch.no_grad():
        sae.encoder[0, 2] = sae.encoder[5, 4] = 1
        sae.W_dec[0] = sae.W_dec[5] = torch.eye(D_IN)[CITY]
    return sae


def scattered() -> SAE:
    """Nothing but a latent for each of the four: "city" is split into its children."""
    return _sae([1, 2, 3, 4])


def _sae(dims: list[int]) -> SAE:
    """Latents that read and write one dimension each."""
    sae = SAE(SAEConfig(d_in=D_IN, d_sae=len(dims), architecture="relu"))
    with torch.no_grad():
        sae.encoder.copy_(torch.eye(D_IN)[dims])
        sae.W_dec.copy_(torch.eye(D_IN)[dims])
        for bias in (sae.b_enc, sae.b_dec):
            bias.zero_()
    return sae
