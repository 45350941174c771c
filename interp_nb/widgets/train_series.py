"""The quantities of a training run that are drawn over its tokens, as curves, and how often its latents fire."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from interp_nb.widgets.codec import MAX_TRAIT_BYTES
from interp_nb.widgets.curves import MAX_BUCKETS, Curves
from interp_nb.widgets.train_words import readable

METRICS: Final = ["l0", "explained_variance", "dead_fraction", "loss_recovered"]
"""What is drawn after the loss terms, in this order."""
SHARES: Final = ["explained_variance", "dead_fraction", "loss_recovered"]
UNITS: Final = {"l0": "latents per token", "dead_fraction": "of all latents"}


def made_curves(history: Sequence[Mapping[str, Any]], n_saes: int) -> list[Curves]:
    """Return the curves of each SAE of a whole history."""
    names = series(history)
    curves = [Curves(names, bucket_limit(len(names), n_saes)) for _ in range(n_saes)]
    extend(curves, history)
    return curves


def extend(curves: Sequence[Curves], records: Sequence[Mapping[str, Any]]) -> None:
    """Add records to the curves of the SAEs they are of."""
    for index, curve in enumerate(curves):
        curve.extend([record for record in records if record["sae"] == index])


def bucket_limit(n_series: int, n_saes: int) -> int:
    """Return how many buckets each SAE's curves may have so that all of them stay below the cap of a trait."""
    # Three float32 and one byte a value, two int32 pairs a bucket; a tenth is left for densities and alignment.
    per_bucket = n_saes * (13 * n_series + 16)
    return max(16, min(MAX_BUCKETS, int(0.9 * MAX_TRAIT_BYTES / per_bucket)) // 2 * 2)


def series(records: Sequence[Mapping[str, Any]], names: Sequence[str] = ("loss", *METRICS)) -> list[str]:
    """List what is drawn: the loss, its terms as they come, and the other metrics.

    Args:
        names: What was drawn so far. Terms may come later, as AuxK's does with the first dead latents.
    """
    terms = dict.fromkeys(name for name in names if name not in METRICS)
    for record in records:
        for key in record:
            if key.startswith("loss_") and key not in METRICS:
                terms[key] = None
    return [*terms, *METRICS]


def drawn(curves: Sequence[Curves], result: Any) -> dict[str, Any]:
    """Collect what the front end draws: the curves of each SAE, and the densities of all."""
    arrays: dict[str, Any] = {"density": result.density, "never_fired": result.never_fired}
    for index, curve in enumerate(curves):
        block = curve.block
        # JavaScript's numbers of 32 bits end at two billion tokens: whole millions and the rest.
        arrays[f"ends.{index}"] = np.array([*np.divmod(block.ends[0], 1_000_000), block.ends[1]])
        arrays[f"last.{index}"], arrays[f"flags.{index}"] = block.last, block.flags
        if curve.per_bucket > 1:
            arrays |= {f"low.{index}": block.low, f"high.{index}": block.high}
    return arrays


def kind(name: str) -> str:
    """Say what a quantity is: "share", "loss" or "count"; its axis follows from that."""
    return "share" if name in SHARES else "loss" if name.startswith("loss") else "count"


def described(name: str) -> dict[str, Any]:
    """Describe a quantity: its name in words, its unit, its kind."""
    return {"name": name, "label": readable(name), "unit": UNITS.get(name, ""), "kind": kind(name)}
