"""When things happen in a run, and how fast it goes."""

from typing import NamedTuple

from interp_nb.sae.train_config import TrainConfig


class Plan(NamedTuple):
    """When things happen, in steps."""

    n_steps: int
    """Steps in the run."""
    record_every: int
    """Steps between records of the history."""
    eval_every: int
    """Steps between evaluations on held-out text."""
    checkpoint_every: int
    """Steps between checkpoints."""

    @classmethod
    def of(cls, config: TrainConfig) -> "Plan":
        """Resolve a configuration."""
        n_steps = -(-config.n_tokens // config.batch_size)
        tenth = max(1, -(-n_steps // 10))
        return cls(n_steps, config.record_every, config.eval_every or tenth, config.checkpoint_every or tenth)


class Rate:
    """Tokens per second of recent steps: a mean that forgets half in about ten seconds of training."""

    def __init__(self) -> None:
        self._tokens = self._seconds = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second; NaN before there were any."""
        return self._tokens / self._seconds if self._seconds > 0 else float("nan")

    def add(self, tokens: int, seconds: float) -> None:
        """Take note of a step."""
        keep = 0.5 ** (seconds / 10)
        self._tokens = keep * self._tokens + tokens
        self._seconds = keep * self._seconds + seconds
