"""How measured cells become the numbers of a `SteeringSweep`: the one place where one is written to.

The state of a cell is written last, so that whoever looks meanwhile sees whole cells.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._show import peek
from interp_nb._stats import bootstrap_mean
from interp_nb.steering.measuring import CellStep
from interp_nb.steering.sweep_result import MEASURES, SteeringSweep


def fill(sweep: SteeringSweep, step: CellStep) -> None:
    """Write a cell, or the baseline: means over prompts, and over documents, with their intervals.

    Texts too short for a number, and scores a classifier did not give, are left out of a mean.
    """
    surprise, repetition, distinct_1, distinct_2 = step.coherence
    by_prompt = {
        "target": step.target, "effect": step.effect, "mass": step.mass, "perplexity": surprise,
        "repetition": repetition, "distinct_1": distinct_1, "distinct_2": distinct_2, "norm_share": step.norm_share,
    }  # fmt: skip
    found = {name: _bounded(values) for name, values in by_prompt.items()} | {"kl": _bounded(step.kl)}
    found["variety"] = torch.tensor([step.variety, torch.nan, torch.nan])
    # The mean of surprise is what is resampled: an interval of it is one of what it is the logarithm of.
    found["perplexity"] = found["perplexity"].exp()
    numbers = torch.stack([found[name] for name in MEASURES], 1)
    if step.row is None or step.column is None:
        peek(sweep, "baseline")[:] = numbers[0]
        return
    at = (step.row, step.column)
    for name, values in zip(("value", "low", "high"), numbers, strict=True):
        peek(sweep, name)[:, step.row, step.column] = values
    peek(sweep, "per_prompt")[at] = step.target
    peek(sweep, "kl_per_document")[at] = step.kl
    peek(sweep, "random")[:, step.row, step.column] = step.random
    if step.note:
        peek(sweep, "notes").append(step.note)
    peek(sweep, "done")[at] = True


def _bounded(values: Float[Tensor, " sample"]) -> Float[Tensor, "3"]:
    """Give the mean of what is known, and the ends of its interval."""
    low, high = bootstrap_mean(values.unsqueeze(1))
    return torch.stack([values.double().nanmean().float(), low[0], high[0]])
