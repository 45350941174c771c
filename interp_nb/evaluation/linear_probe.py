"""Linear probes: logistic regression, many tasks at once, and the ceiling that they set for single latents.

1. Activations are centered and whitened by the rows that the probe is trained on, which changes no probe and lets all
   tasks converge at about the same pace.
2. Mean cross-entropy plus `RIDGE` |w|^2 / 2 is minimized from 0 by L-BFGS; tasks share nothing but the steps.
3. For F1 the threshold is chosen on the training half, as it is for latents; for balanced accuracy both classes weigh
   the same and the threshold is 0.
"""

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from interp_nb.evaluation.concepts import Concepts
from interp_nb.evaluation.thresholds import Counts, best_cut, score_answers

RIDGE: Final = 1e-4
"""Weight of the squared norm, on whitened activations: enough that a concept with few tokens, which any hyperplane in
as many dimensions separates, does not send its weights to infinity. Ten times as much costs probes of the pocket model
a hundredth of their F1, a tenth changes nothing."""
N_STEPS: Final = 60
_SMALLEST_VARIANCE: Final = 1e-6
"""Of the largest: directions that vary less are left out rather than blown up."""


class LinearProbe(NamedTuple):
    """Probes of some tasks."""

    weights: Float[Tensor, "d_in task"]
    """In the units of the activations."""
    bias: Float[Tensor, " task"]

    def scores(self, acts: Float[Tensor, "row d_in"]) -> Float[Tensor, "row task"]:
        """Give the log-odds of every row and task."""
        return acts.float() @ self.weights + self.bias


def fit_probes(
    acts: Float[Tensor, "row d_in"], has: Bool[np.ndarray, "row task"], *, balanced: bool = False,
    ridge: float = RIDGE, n_steps: int = N_STEPS,
) -> LinearProbe:  # fmt: skip
    """Train one logistic probe per task.

    Args:
        balanced: Let the tokens that have a concept weigh as much together as those that do not.

    Cost: about `n_steps` products of the rows with as many columns as there are tasks, twice.
    """
    mean, whitening = _whitening(acts)
    rows = (acts.float() - mean) @ whitening
    target = torch.from_numpy(has).float()
    share = target.mean(0).clamp(1e-6, 1 - 1e-6)
    weight = target / (2 * share) + (1 - target) / (2 * (1 - share)) if balanced else torch.ones_like(target)
    base = torch.zeros_like(share) if balanced else torch.logit(share)
    found = _minimized(rows, target, weight, base, ridge, n_steps)
    weights = whitening @ found[:-1]
    return LinearProbe(weights, found[-1] - mean @ weights)


def answers_of(
    scores: Float[np.ndarray, "row task"], has: Bool[np.ndarray, "row task"], chosen_on: Bool[np.ndarray, " row"]
) -> Bool[np.ndarray, "row task"]:
    """Turn scores into answers, each task's cut the one with the best F1 on the half that is chosen on."""
    cuts = [best_cut(scores[chosen_on, task], has[chosen_on, task]) for task in range(has.shape[1])]
    return np.asarray(scores > np.array(cuts, np.float32))


def probe_counts(acts: Float[Tensor, "row d_in"], concepts: Concepts) -> Counts:
    """Train a probe per concept on one half, choose its threshold there, and count its answers on the other."""
    chosen_on, has = ~concepts.scored, concepts.table()
    scores = fit_probes(acts[torch.from_numpy(chosen_on)], has[chosen_on]).scores(acts).numpy()
    return score_answers(answers_of(scores, has, chosen_on), concepts)


def _minimized(
    rows: Float[Tensor, "row d"], target: Float[Tensor, "row task"], weight: Float[Tensor, "row task"],
    base: Float[Tensor, " task"], ridge: float, n_steps: int,
) -> Float[Tensor, "d_plus_one task"]:  # fmt: skip
    found = torch.cat([rows.new_zeros(rows.shape[1], target.shape[1]), base.unsqueeze(0)])
    found.requires_grad_(True)
    optimizer = torch.optim.LBFGS([found], max_iter=n_steps, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = rows @ found[:-1] + found[-1]
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
        total = each / len(rows) + ridge / 2 * found[:-1].square().sum()
        torch.autograd.backward(total)
        return total

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    return found.detach()


def _whitening(acts: Float[Tensor, "row d_in"]) -> tuple[Float[Tensor, " d_in"], Float[Tensor, "d_in d"]]:
    rows = acts.double()
    mean = rows.mean(0)
    variance, axes = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    kept = variance > _SMALLEST_VARIANCE * variance.max()
    return mean.float(), (axes[:, kept] / variance[kept].sqrt()).float()
