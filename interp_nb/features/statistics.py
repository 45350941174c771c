"""Everything that is counted while text is read, in memory that does not grow with the text.

Counts, sums, maxima and histograms are here; the best examples in `keeping`, tokens in `token_counts`, the sample of
tokens in `token_sample`. `tables` returns it all as columns, `load` goes on from them.

Histograms have bins of a quarter of an octave, in the same places for every store. 64 of them are kept: those below
the largest activation seen. When a larger one comes they move up, and what falls out at the bottom is counted in the
lowest bin. So the histogram does not depend on the order in which the text is read.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from interp_nb.features.firing import Block, ByLatent, Firing, Rows, by_latent
from interp_nb.features.keeping import Keeper
from interp_nb.features.together import cofiring
from interp_nb.features.token_counts import TokenCounts, occurrences
from interp_nb.features.token_sample import Sampler

N_BINS: Final = 64
"""Bins of a histogram: 16 octaves, a factor of 65,536."""
N_COFIRING: Final = 10
"""Co-firing latents kept of a latent."""
TOKENS_HELD: Final = 4
"""Tokens counted of a latent, for each that is kept: the heaviest are then hardly ever ones that were forgotten."""
_SHIFT: Final = 15
# 256ths of an octave nearest to quarters of it, so that the upper 17 bits of a float tell its bin.
_QUARTERS: Final = np.array([0, 48, 106, 175])
_BIN_OF: Final = (
    4 * (np.arange(2**16) >> 8) + np.searchsorted(_QUARTERS, np.arange(2**16) & 255, side="right") - 1
).astype(np.int16)


class Settings(NamedTuple):
    """What is kept of a latent."""

    n_top: int = 20
    """Top examples."""
    n_sampled: int = 50
    """Firings drawn uniformly, for the quantile bands."""
    n_tokens_kept: int = 24
    """Tokens with their counts."""
    seed: int = 0
    """Of all that is drawn."""


class Statistics:
    """What is known of every latent so far."""

    def __init__(self, d_sae: int, settings: Settings) -> None:
        self.d_sae, self.settings = d_sae, settings
        self.count = np.zeros(d_sae, np.int64)
        self.sum = np.zeros(d_sae)
        self.max = np.zeros(d_sae, np.float32)
        self.histogram = np.zeros((d_sae, N_BINS), np.int64)
        self.top_bin = 0
        self.occurrences = np.zeros(0, np.int64)
        self.top = Keeper(d_sae, settings.n_top)
        self.sampled = Keeper(d_sae, settings.n_sampled, settings.seed)
        self.tokens = TokenCounts(d_sae, TOKENS_HELD * settings.n_tokens_kept)
        self.sample = Sampler(settings.seed)

    @staticmethod
    def nbytes(d_sae: int, settings: Settings) -> int:
        """Say how much memory this takes at most."""
        kept = Keeper.nbytes(d_sae, settings.n_top) + Keeper.nbytes(d_sae, settings.n_sampled)
        tokens = TokenCounts.nbytes(d_sae, TOKENS_HELD * settings.n_tokens_kept)
        return d_sae * (20 + 8 * N_BINS) + kept + tokens + Sampler.nbytes()

    def add(self, block: Block) -> None:
        """Count a block."""
        found = by_latent(block.firing, self.d_sae)
        whole = block.core == slice(0, block.firing.n_rows)
        core = None if whole else (found.rows >= block.core.start) & (found.rows < block.core.stop)
        self._count(found, core)
        self.top.offer(block, found, core)
        self.sampled.offer(block, found, core)
        self.tokens.add(block)
        self.sample.add(block)
        self.occurrences = occurrences(self.occurrences, block)

    def edges(self) -> Float64[np.ndarray, " edge"]:
        """Give the edges of the histogram's bins; what is below the first is in the lowest bin too."""
        numbers = np.arange(self.top_bin - N_BINS + 1, self.top_bin + 2)
        made: Float64[np.ndarray, " edge"] = np.ldexp(1 + _QUARTERS[numbers % 4] / 256, numbers // 4 - 127)
        return made

    def tables(self, *, ended: bool) -> dict[str, dict[str, np.ndarray]]:
        """Return everything as named columns of named tables.

        Args:
            ended: Find the latents that fire together too, which takes seconds.
        """
        rows, firing = self.sample.content()
        others, shares = cofiring(firing if ended else firing.cut(0, 0), self.d_sae, N_COFIRING)
        return {
            "latents": {
                "count": self.count, "sum": self.sum, "max": self.max, "histogram": self.histogram,
                "cofiring": others, "cofiring_share": shares,
            },
            "top": self.top.arrays(),
            "sampled": self.sampled.arrays(),
            "tokens": self.tokens.arrays(),
            "sample": {**rows._asdict(), "n_firing": np.diff(firing.offsets).astype(np.int32)},
            "pairs": {"latent": firing.latents, "value": firing.values},
            "occurrences": {"count": self.occurrences},
        }  # fmt: skip

    def load(self, tables: dict[str, dict[str, np.ndarray]], state: dict[str, Any]) -> None:
        """Go on from what `tables` and `state` returned."""
        for name in ("count", "sum", "max", "histogram"):
            getattr(self, name)[:] = tables["latents"][name]
        self.top.load(tables["top"])
        self.sampled.load(tables["sampled"])
        self.tokens.load(tables["tokens"])
        sample, pairs = tables["sample"], tables["pairs"]
        offsets = np.concatenate([[0], np.cumsum(sample["n_firing"], dtype=np.int64)])
        rows = Rows(*(sample[name] for name in Rows._fields))
        self.sample.load(rows, Firing(offsets, pairs["latent"], pairs["value"]), state["worst_lot"])
        self.occurrences = tables["occurrences"]["count"]
        self.top_bin = state["top_bin"]

    def state(self) -> dict[str, Any]:
        """Return what no table has, as plain values."""
        return {"top_bin": self.top_bin, "worst_lot": self.sample.worst}

    def _count(self, found: ByLatent, core: np.ndarray | None) -> None:
        """Add up counts, sums, maxima and histograms."""
        latents, values = (found.latents, found.values) if core is None else (found.latents[core], found.values[core])
        if not len(latents):
            return
        counts = np.bincount(latents, minlength=self.d_sae)
        fired = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[fired]
        self.count += counts
        self.sum[fired] += np.add.reduceat(values.astype(np.float64), starts)
        self.max[fired] = np.maximum(self.max[fired], np.maximum.reduceat(values, starts))
        self._add_to_histogram(latents, values)

    def _add_to_histogram(self, latents: np.ndarray, values: Float32[np.ndarray, " pair"]) -> None:
        bins = _BIN_OF[values.view(np.uint32) >> _SHIFT]
        highest = int(bins.max())
        if not self.histogram.any():
            self.top_bin = highest
        elif highest > self.top_bin:
            self.histogram = _moved(self.histogram, highest - self.top_bin)
            self.top_bin = highest
        places = latents * np.int64(N_BINS) + np.maximum(bins - np.int64(self.top_bin - N_BINS + 1), 0)
        np.add.at(self.histogram.reshape(-1), places, 1)


def _moved(histogram: Int64[np.ndarray, "d_sae bin"], by: int) -> Int64[np.ndarray, "d_sae bin"]:
    """Move bins up; what falls out is counted in the lowest."""
    made = np.zeros_like(histogram)
    by = min(by, N_BINS - 1)
    made[:, 0] = histogram[:, : by + 1].sum(1)
    made[:, 1 : N_BINS - by] = histogram[:, by + 1 :]
    return made
