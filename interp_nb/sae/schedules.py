"""How settings change over a run: pure functions of the share of the run that is done.

Peaks and targets may be changed while a run goes on (`TrainingRun.set`); a schedule only says what share of them holds.
"""

from interp_nb.sae.train_config import SparsityConfig, TrainConfig


def lr_share(step: int, n_steps: int, config: TrainConfig) -> float:
    """Give the share of the full learning rate at a step: a linear rise, full, and a linear fall to 0 at the end.

    Args:
        step: From 0; the first step has the first part of the rise, not 0.
    """
    warmup, decay = config.lr_warmup * n_steps, config.lr_decay * n_steps
    rise = (step + 1) / warmup if warmup > 0 else 1.0
    fall = (n_steps - step) / decay if decay > 0 else 1.0
    return max(0.0, min(1.0, rise, fall))


def sparsity_share(step: int, n_steps: int, config: SparsityConfig) -> float:
    """Give the share of the full sparsity coefficient at a step: a linear rise from 0 over `warmup`."""
    warmup = config.warmup * n_steps
    return min(1.0, step / warmup) if warmup > 0 else 1.0


def k_at(step: int, n_steps: int, k: int, config: SparsityConfig) -> int:
    """Give k at a step: from `k_start` down (or up) to `k` over `k_anneal`, in whole steps of k."""
    if config.k_start is None:
        return k
    anneal = config.k_anneal * n_steps
    share = min(1.0, step / anneal) if anneal > 0 else 1.0
    return round(config.k_start + (k - config.k_start) * share)
