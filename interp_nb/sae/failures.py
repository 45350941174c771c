"""What becomes of an SAE that came to NaN or infinity: its last good weights, and what is said of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from interp_nb.sae import checkpoint
from interp_nb.sae.batches import HeldOut
from interp_nb.sae.learner import Failure, Learner
from interp_nb.sae.recovery import reconstructed

# Held-out rows on which weights are tried before they are written to a checkpoint.
_TRIED: Final = 256


class FallBack(NamedTuple):
    """An SAE that went back to its last good weights."""

    failure: Failure
    """Where its weights are from, what happened and what to do about it."""
    checkpoint: Path | None
    """Where they are from; None = they are those from before the step that failed."""


def reconstructs(learner: Learner, held: HeldOut) -> bool:
    """Whether weights are of any use: those of a step that went wrong are found out by the next step only."""
    return bool(reconstructed(learner.sae, held.acts[:_TRIED]).isfinite().all())


def fall_back(
    learners: Sequence[Learner], number: int, what: str, *, step: int, tokens: int, folder: Path | None
) -> FallBack:
    """Take an SAE back to the weights of the last checkpoint, or leave it those from before this step.

    Args:
        number: Which of them.
        what: What happened.
        step: Where the run is; `tokens` likewise.
        folder: Where checkpoints are; None = there are none.
    """
    learner = learners[number]
    last = None if folder is None else checkpoint.latest(folder)
    kept = "the SAE has the weights from before that step; there is no checkpoint to go back to"
    if last is not None:
        saved = checkpoint.read(last)
        # The weights from before that step are finite, but it is they that led here.
        learner.load_state(saved["learners"][number])
        step, tokens = saved["step"], saved["tokens"]
        kept = f"the SAE has the weights of the last checkpoint, {last.name}"
    label = f"SAE {number}: " if len(learners) > 1 else ""
    advice = "Use a smaller lr" + (", or grad_clip=1.0" if learner.config.grad_clip is None else "")
    return FallBack(Failure(step, tokens, f"{label}{what}; {kept}. {advice}"), last)
