"""One SAE in training: its optimizer, its settings, what it counts, and how it takes a step.

Several learners share one stream of activations (`trainer`). What they compute in a step is `step.training_step`'s
business; here is what happens around it, and everything that must be kept for a resume.
"""

import dataclasses
import math
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from interp_nb._errors import NonFiniteError
from interp_nb.sae.batches import Batch
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.losses import Objective, make_objective
from interp_nb.sae.metrics import Spread, dead_fraction, share_explained
from interp_nb.sae.parallel import Group
from interp_nb.sae.schedules import k_at, lr_share, sparsity_share
from interp_nb.sae.settings import Setting, coefficient_name, settings_of
from interp_nb.sae.step import StepResult, Workspace, training_step
from interp_nb.sae.train_config import TrainConfig
from interp_nb.sae.upkeep import finish_gradients, finish_weights, resample_dead_

FIRING_WINDOW: Final = 2**18
"""Tokens over which it is counted how often latents fire; between one and two windows are in the numbers."""
_MOMENTS: Final = ("step", "exp_avg", "exp_avg_sq")


class Failure(NamedTuple):
    """Why an SAE learns no more: it came to NaN or infinity."""

    step: int
    """Steps that its weights have learned for."""
    tokens: int
    """Tokens that its weights have learned from."""
    reason: str
    """What happened, and what to do about it."""


class Learner:
    """An SAE, its optimizer and its counters."""

    def __init__(self, sae: SAE, config: TrainConfig, n_steps: int) -> None:
        self.sae, self.config, self.n_steps = sae, config, n_steps
        self.failure: Failure | None = None
        self.objective: Objective = make_objective(sae.cfg, config)
        self.peak_lr = config.resolved_lr(sae.cfg.d_sae)
        self.optimizer = torch.optim.Adam(sae.parameters(), lr=self.peak_lr, betas=config.betas, fused=True)
        self.window_tokens = config.dead_window()
        self.generator = torch.Generator().manual_seed(config.seed)
        device = next(sae.parameters()).device
        self.tokens_since_fired: Int[Tensor, " d_sae"] = torch.zeros(sae.cfg.d_sae, dtype=torch.int64, device=device)
        self._firings = torch.zeros(2, sae.cfg.d_sae, dtype=torch.int64, device=device)
        self._firing_tokens = [0, 0]
        self._workspace = Workspace()
        self.lr, self.sparsity = 0.0, 0.0
        self.k: int | None = None
        self._grad_norm = torch.zeros((), device=device)
        # Sums since the last record.
        self._losses: dict[str, Tensor] = {}
        self._squared_error = self._active = torch.zeros((), dtype=torch.float64, device=device)
        self._n_steps = 0
        self._spread: Spread | None = None

    @property
    def firing(self) -> Float[Tensor, " d_sae"]:
        """Share of recent tokens on which each latent fired."""
        return self._firings.sum(0) / max(1, sum(self._firing_tokens))

    def settings(self) -> dict[str, Setting]:
        """List what may be changed while it trains."""
        return settings_of(self.sae.cfg, self.objective, self.peak_lr)

    def change(self, name: str, value: float | int) -> float | int:
        """Change a setting; return what it was."""
        old = self.settings()[name].value
        if name == "lr":
            self.peak_lr = value
        elif name == "k":
            self.sae.cfg = dataclasses.replace(self.sae.cfg, k=int(value))
        else:
            field = {"target_l0": "target_l0", "auxk_coefficient": "auxk"}.get(name, "sparsity")
            changed: dict[str, Any] = {field: value}
            self.objective = self.objective._replace(**changed)
        return old

    def step(self, batch: Batch, spread: Spread, step: int, n_rows: int, group: Group | None) -> None:
        """Take one step.

        Args:
            batch: This process's rows.
            spread: Of their targets.
            n_rows: Rows of the whole batch, over all processes.

        Raises:
            NonFiniteError: the loss or a gradient is NaN or infinite; the weights are as they were before.
        """
        self.lr = self.peak_lr * lr_share(step, self.n_steps, self.config)
        self.sparsity = self.objective.sparsity * sparsity_share(step, self.n_steps, self.config.sparsity)
        k = self.sae.cfg.k
        self.k = None if k is None else k_at(step, self.n_steps, k, self.config.sparsity)
        dead = self.tokens_since_fired >= self.window_tokens
        result = training_step(
            self.sae,
            batch.acts,
            batch.targets,
            k=self.k,
            objective=self.objective._replace(sparsity=self.sparsity),
            dead=dead if bool(dead.any()) else None,
            precision=self.config.precision,
            group=group,
            workspace=self._workspace,
        )
        parameters = list(self.sae.parameters())
        if group is not None:
            group.average_gradients(parameters)
        finish_gradients(self.sae)
        self._clip_and_check(result, parameters, step, group)
        for options in self.optimizer.param_groups:
            options["lr"] = self.lr
        self.optimizer.step()
        if result.threshold is not None:
            self.sae.architecture.learn(self.sae, result.threshold)
        finish_weights(self.sae)
        self._spread = spread if self._spread is None else self._spread.merged(spread)
        self._count(result, n_rows, group)

    def record(self, group: Group | None) -> dict[str, Any]:
        """Summarize the steps since the last record, and begin anew."""
        assert self._spread is not None
        spread = self._spread if group is None else _over_processes(self._spread, group)
        n_steps, names = max(1, self._n_steps), sorted(self._losses)
        sums = torch.stack([*(self._losses[name] for name in names), self._squared_error, self._active]).double()
        if group is not None:
            sums = group.all_reduce_sum(sums)
        *losses, squared_error, active = sums.tolist()
        n_processes = 1 if group is None else group.size
        means = {f"loss_{name}": value / n_steps / n_processes for name, value in zip(names, losses, strict=True)}
        n_dead = int((self.tokens_since_fired >= self.window_tokens).sum())
        settings = self.settings()
        coefficients: dict[str, float] = {
            name: each.value for name, each in settings.items() if name not in ("lr", "k")
        }
        if self.objective.sparsity_kind != "none":
            coefficients[coefficient_name(self.objective)] = self.sparsity
        self._clear()
        return {
            "loss": math.fsum(means.values()),
            **means,
            "l0": active / max(1, spread.n_rows),
            "explained_variance": share_explained(squared_error, spread),
            "dead_fraction": dead_fraction(self.tokens_since_fired, window_tokens=self.window_tokens),
            "dead_window_tokens": self.window_tokens,
            "n_dead": n_dead,
            "lr": self.lr,
            "k": self.k,
            "grad_norm": float(self._grad_norm),
            **coefficients,
        }

    def state(self) -> dict[str, Any]:
        """Return all that a resume needs, as a tree of tensors and plain values."""
        moments = {
            name: {key: self.optimizer.state[parameter][key] for key in _MOMENTS}
            for name, parameter in self.sae.named_parameters()
            if parameter in self.optimizer.state
        }
        return {
            "cfg": self.sae.cfg.to_json(),
            "weights": dict(self.sae.state_dict()),
            "adam": moments,
            "peak_lr": self.peak_lr,
            "objective": self.objective._asdict(),
            "tokens_since_fired": self.tokens_since_fired,
            "firings": self._firings,
            "firing_tokens": list(self._firing_tokens),
            "losses": dict(self._losses),
            "squared_error": self._squared_error,
            "active": self._active,
            "n_steps": self._n_steps,
            "spread": None if self._spread is None else self._spread._asdict(),
            "generator": self.generator.get_state(),
            "failure": None if self.failure is None else list(self.failure),
            "latest": {"lr": self.lr, "k": self.k, "grad_norm": self._grad_norm, "sparsity": self.sparsity},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        device = self.tokens_since_fired.device
        self.sae.cfg = SAEConfig.from_json(state["cfg"])
        self.sae.load_state_dict(state["weights"])
        for name, parameter in self.sae.named_parameters():
            if name in state["adam"]:
                self.optimizer.state[parameter] = {
                    key: value.to(parameter.device) for key, value in state["adam"][name].items()
                }
        self.peak_lr, self.objective = state["peak_lr"], Objective(**state["objective"])
        self.tokens_since_fired = state["tokens_since_fired"].to(device)
        self._firings, self._firing_tokens = state["firings"].to(device), list(state["firing_tokens"])
        self._losses = {name: value.to(device) for name, value in state["losses"].items()}
        self._squared_error, self._active = state["squared_error"].to(device), state["active"].to(device)
        self._n_steps = state["n_steps"]
        self._spread = None if state["spread"] is None else Spread(**state["spread"])
        self.generator.set_state(state["generator"])
        self.failure = None if state["failure"] is None else Failure(*state["failure"])
        latest = state["latest"]
        self.lr, self.k, self.sparsity = latest["lr"], latest["k"], latest["sparsity"]
        self._grad_norm = latest["grad_norm"].to(device)

    def resample(self, batch: Batch) -> int:
        """Start dead latents anew on rows that are reconstructed badly; return how many there were.

        Args:
            batch: Rows of all processes, so that all choose the same ones.
        """
        dead = self.tokens_since_fired >= self.window_tokens
        if not bool(dead.any()):
            return 0
        n_dead = resample_dead_(self.sae, dead, batch.acts, batch.targets, self.optimizer, self.generator)
        self.tokens_since_fired[dead] = 0
        return n_dead

    def _clear(self) -> None:
        self._losses.clear()
        self._squared_error, self._active = torch.zeros_like(self._active), torch.zeros_like(self._active)
        self._n_steps, self._spread = 0, None

    @property
    def has_news(self) -> bool:
        """Whether there was a step since the last record."""
        return bool(self._n_steps)

    def _clip_and_check(
        self, result: StepResult, parameters: list[torch.nn.Parameter], step: int, group: Group | None
    ) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        self._grad_norm = torch.nn.utils.get_total_norm(gradients)
        total = torch.stack(list(result.losses.values())).sum()
        # NaN and infinity survive a sum; the loss of one process must stop all of them.
        finite = bool(torch.isfinite(self._grad_norm + (total if group is None else group.all_reduce_sum(total))))
        if not finite:
            raise NonFiniteError(_what_is_not_finite(self.sae, result, step))
        if self.config.grad_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.config.grad_clip, self._grad_norm)

    def _count(self, result: StepResult, n_rows: int, group: Group | None) -> None:
        for name, value in result.losses.items():
            self._losses[name] = self._losses.get(name, 0.0) + value.detach().double()
        self._squared_error = self._squared_error + result.squared_error
        self._active = self._active + result.n_active
        self._n_steps += 1
        fired = result.fired if group is None else group.all_reduce_sum(result.fired)
        self.tokens_since_fired += n_rows
        self.tokens_since_fired[fired > 0] = 0
        if self._firing_tokens[1] >= FIRING_WINDOW:
            self._firings = torch.stack([self._firings[1], torch.zeros_like(self._firings[1])])
            self._firing_tokens = [self._firing_tokens[1], 0]
        self._firings[1] += fired
        self._firing_tokens[1] += n_rows


def _what_is_not_finite(sae: SAE, result: StepResult, step: int) -> str:
    terms = [name for name, value in result.losses.items() if not bool(torch.isfinite(value))]
    weights = [name for name, value in sae.named_parameters() if not bool(torch.isfinite(value).all())]
    gradients = [
        name
        for name, value in sae.named_parameters()
        if value.grad is not None and not bool(value.grad.isfinite().all())
    ]
    if weights:
        what = f"the weights {', '.join(weights)}"
    elif terms:
        what = f"the loss ({', '.join(terms)})"
    else:
        what = f"the gradient of {', '.join(gradients) or 'another process'}"
    return f"at step {step + 1}, {what} became NaN or infinite"


def _over_processes(spread: Spread, group: Group) -> Spread:
    counts = group.all_gather(torch.tensor([[float(spread.n_rows), spread.squares]], dtype=torch.float64))
    means = group.all_gather(spread.mean[None])
    merged: Spread | None = None
    for count, mean in zip(counts, means, strict=True):
        n_rows, squares = count[0].tolist()
        one = Spread(int(n_rows), mean[0], squares)
        merged = one if merged is None else merged.merged(one)
    assert merged is not None
    return merged
