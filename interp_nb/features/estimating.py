"""What a store will take, said before it is built, and refused where it does not fit."""

import logging
import time
from typing import Final

import torch

from interp_nb._preflight import Estimate, available_bytes, budget, refuse_beyond
from interp_nb.features.build import BLOCK_PAIRS, CHUNK
from interp_nb.features.latent_source import LatentSource
from interp_nb.features.statistics import Settings, Statistics
from interp_nb.sae.batches import ActivationSource
from interp_nb.sae.harvesting import Harvested, check_memory

_log = logging.getLogger(__name__)
_BYTES_A_PAIR: Final = 160
"""Memory that counting takes for each pair of a block, at most."""


def preflight(latents: LatentSource, settings: Settings, n_tokens: int | None = None, d_vocab: int = 0) -> Estimate:
    """Say what building a store will take, besides running the model: bytes, and seconds of encoding.

    Args:
        n_tokens: None = not known, and neither are the seconds.
    """
    width = 2 * latents.d_in
    chunk = CHUNK * (5 * latents.d_sae + 4 * width)
    geometry_bytes = latents.d_sae * width * 4 * 3 + CHUNK * 4 * 3 * max(latents.d_sae, d_vocab)
    needed = Statistics.nbytes(latents.d_sae, settings) + max(2 * BLOCK_PAIRS * _BYTES_A_PAIR + chunk, geometry_bytes)
    rows = torch.randn(CHUNK, latents.d_in, generator=torch.Generator().manual_seed(0))
    latents.find(rows)
    began = time.perf_counter()
    latents.find(rows)
    seconds = float("nan") if n_tokens is None else (time.perf_counter() - began) / CHUNK * n_tokens
    return Estimate(needed, seconds, available_bytes(torch.device("cpu")))


def check_fits(
    latents: LatentSource, source: ActivationSource, settings: Settings, max_bytes: int | None, n_tokens: int | None
) -> None:
    """Say what it will take, and refuse what does not fit.

    Raises:
        MemoryBudgetError: naming what to lower.
    """
    known = n_tokens if n_tokens is not None else source.n_rows
    d_vocab = int(source.model.cfg.d_vocab) if isinstance(source, Harvested) else 0
    estimate = preflight(latents, settings, known, d_vocab)
    _log.info("feature_store: %s, besides the model", estimate)
    allowed = budget(torch.device("cpu"), max_bytes)
    smallest = Statistics.nbytes(latents.d_sae, settings._replace(n_sampled=5, n_top=5))
    way_out = (
        "use smaller n_sampled and n_top"
        if smallest < allowed
        else "allow more (max_bytes), or use a machine that has it"
    )
    refuse_beyond(estimate.bytes, allowed, f"a store of {latents.d_sae} latents", way_out)
    if isinstance(source, Harvested):
        check_memory(source, max_bytes, beside=0)
