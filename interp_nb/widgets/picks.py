"""Latents that are picked by how often they fire: the densest, the rarest, a random one, one of a histogram's bar."""

import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from interp_nb._errors import ConfigError, nearest
from interp_nb.widgets.codec import Array

PICKS: Final = ("index", "densest", "rarest", "random", "bin")


def picked(firing: Array, pick: Any, rank: Any, edges: Sequence[float], bin: Any = None) -> int:
    """Return the latent that is meant by "the densest", "the rarest", "a random live one", "one of this bin".

    Args:
        firing: [d_sae] share of tokens on which each latent fires.
        pick: One of `PICKS`, but for "index".
        rank: 0 = the first of those, 1 = the second; starts over after the last.
        edges: Of the bins, log10.
        bin: Which bin; -1 = the latents that never fired.

    Raises:
        ConfigError: there is no such way to pick, or no such latent now.
    """
    if pick not in PICKS[1:]:
        raise ConfigError(f"pick a latent by {', '.join(PICKS)}; got {pick!r}; {nearest(str(pick), PICKS)}")
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 0:
        raise ConfigError(f"rank counts from 0, got {rank!r}")
    live = np.flatnonzero(firing > 0)
    if pick == "bin":
        live = _in_bin(firing, edges, bin)
    elif not len(live):
        raise ConfigError("No latent has fired yet, or none was counted: wait for a few steps.")
    if pick == "random":
        order = list(live)
        # The same order at every press, so that pressing again shows another one.
        random.Random(len(firing)).shuffle(order)
        return int(order[rank % len(order)])
    sign = 1 if pick == "rarest" else -1
    return int(live[np.argsort(sign * firing[live], kind="stable")][rank % len(live)])


def _in_bin(firing: Array, edges: Sequence[float], bin: Any) -> Array:
    """Find the latents of one bin of the histogram."""
    if isinstance(bin, bool) or bin not in range(-1, len(edges) - 1):
        raise ConfigError(f"bin must be from -1 (never fired) to {len(edges) - 2}, got {bin!r}")
    with np.errstate(divide="ignore"):
        places = np.clip(np.searchsorted(edges, np.log10(firing), side="right") - 1, 0, len(edges) - 2)
    found = np.flatnonzero((places == bin) & (firing > 0)) if bin >= 0 else np.flatnonzero(firing <= 0)
    if not len(found):
        raise ConfigError("No latent fires this often any more: the histogram has moved on.")
    return found
