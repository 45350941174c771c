"""How a run stands: what `TrainingRun` says of itself at any time, without waiting."""

import math
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from interp_nb._show import Showable
from interp_nb.sae.metrics import DENSITY_EDGES, density_histogram
from interp_nb.sae.settings import Setting


class RunStatus(Showable):
    """What is known of a run now; its fields are those of `TrainingRun`."""

    if TYPE_CHECKING:
        history: list[dict[str, Any]]
        firing_shares: list[Tensor]
        since_fired: list[Tensor]
        labels: list[str]
        n_tokens: int
        dead_window_tokens: list[int]
        outcome: dict[str, Any]
        _trainer: Any
        _saes: list[Any]
        _token_names: dict[int, str]

    @property
    def state(self) -> str:
        """Where it stands: a job's states, or "data ended"."""
        trainer, job = self._trainer, self._job()
        if trainer is None or job is None:
            return str(self.outcome.get("state", "done"))
        if job.state == "done" and not trainer.complete:
            return "stopped" if trainer.stopped else "data ended"
        return str(job.state)

    @property
    def reason(self) -> str:
        """Why it, or an SAE of it, ended before the last token; "" if none did."""
        trainer, job = self._trainer, self._job()
        if trainer is None:
            return str(self.outcome.get("reason", ""))
        if job is not None and job.error is not None and not trainer.reason:
            return f"{type(job.error).__name__}: {job.error}"
        return "; ".join(filter(None, (str(trainer.reason), *self.failures)))

    @property
    def failures(self) -> list[str]:
        """Per SAE of a sweep, why it stayed behind: at which step it became NaN or infinite; "" if it did not."""
        if self._trainer is None:
            return list(self.outcome.get("failures", [""] * len(self.labels)))
        return ["" if each.failure is None else str(each.failure.reason) for each in self._trainer.learners]

    @property
    def filling(self) -> float | None:
        """How full the shuffling buffer is, while it fills before the first step; None otherwise."""
        ongoing = self.state in ("pending", "running", "paused")
        return self._trainer.filling if self._trainer is not None and ongoing else None

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self.outcome.get("step", 0) if self._trainer is None else self._trainer.step)

    @property
    def tokens(self) -> int:
        """Tokens trained on."""
        return int(self.outcome.get("tokens", 0) if self._trainer is None else self._trainer.tokens)

    @property
    def tokens_per_second(self) -> float:
        """Speed of the last steps; NaN before there are any."""
        return math.nan if self._trainer is None else float(self._trainer.tokens_per_second)

    @property
    def seconds_left(self) -> float | None:
        """Time that is left at this speed; None before it is known."""
        rate = self.tokens_per_second
        return (self.n_tokens - self.tokens) / rate if rate > 0 else None

    @property
    def latest(self) -> list[dict[str, Any]]:
        """The last record of every SAE that has one."""
        last: dict[int, dict[str, Any]] = {}
        # That of an SAE that stayed behind may be far back.
        for record in reversed(self.history):
            last.setdefault(record["sae"], record)
            if len(last) == len(self.labels):
                break
        return [last[number] for number in sorted(last)]

    @property
    def settings(self) -> list[dict[str, dict[str, Any]]]:
        """Per SAE, what `set` takes: value, integer, low, high, unit by name."""
        if self._trainer is None:
            return [{} for _ in self.labels]
        found: list[dict[str, Setting]] = self._trainer.settings()
        return [{name: setting._asdict() for name, setting in each.items()} for each in found]

    @property
    def density_edges(self) -> Float[Tensor, " edge"]:
        """Edges of the bins of `density`: log10 of the share of tokens."""
        return torch.tensor(DENSITY_EDGES)

    @property
    def density(self) -> Int[Tensor, "sae bin"]:
        """Histogram of how often latents fire; those that never did are in `never_fired`."""
        return torch.stack([density_histogram(shares)[0] for shares in self.firing_shares])

    @property
    def never_fired(self) -> Int[Tensor, " sae"]:
        """How many latents fired on no recent token."""
        return torch.tensor([density_histogram(shares)[1] for shares in self.firing_shares])

    @property
    def can_peek(self) -> bool:
        """Whether `peek` has text to show, and names for its tokens."""
        held = getattr(self._trainer, "held", None)
        named = bool(self._token_names) or (self._live is not None and self._live.alive)
        return bool(self._saes) and held is not None and held.tokens is not None and named

    def firing(self, sae: int = 0) -> Float[Tensor, " d_sae"]:
        """Give the share of recent tokens on which each latent fired."""
        return self.firing_shares[sae].clone()

    def dead(self, sae: int = 0) -> Bool[Tensor, " d_sae"]:
        """Say which latents fired on none of the last `dead_window_tokens[sae]` tokens."""
        return self.since_fired[sae] >= self.dead_window_tokens[sae]
