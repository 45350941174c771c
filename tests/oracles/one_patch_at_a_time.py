"""Activation patching as a tutorial writes it: one whole forward for every cell, one prompt pair at a time."""

from typing import Any

import torch
from torch import Tensor


def last_logits(model: Any, tokens: Tensor, hooks: list[Any] | None = None) -> Tensor:
    with torch.no_grad():
        out: Tensor = model.run_with_hooks(tokens, fwd_hooks=hooks or [])[0, -1]
    return out


def measure(metric: str, logits: Tensor, clean_logits: Tensor, answer: int, wrong: int) -> float:
    if metric == "logit_diff":
        return float(logits[answer] - logits[wrong])
    if metric == "prob":
        return float(torch.softmax(logits, 0)[answer])
    p, q = torch.softmax(clean_logits, 0), torch.softmax(logits, 0)
    return float((p * (p / q).log()).sum())


def patched_metric(
    model: Any, clean: Tensor, corrupted: Tensor, answer: int, wrong: int, *, site: str, metric: str, direction: str
) -> tuple[Tensor, float, float]:
    """Metric of every patched run `[layer pos]`, of the clean run and of the corrupted run, for one prompt pair."""
    base, donor = (corrupted, clean) if direction == "denoise" else (clean, corrupted)
    clean_logits = last_logits(model, clean)
    n_layers, n_pos = model.cfg.n_layers, clean.shape[1]
    with torch.no_grad():
        _, cache = model.run_with_cache(donor)
    patched = torch.full((n_layers, n_pos), torch.nan)
    for layer in range(n_layers):
        name = f"blocks.{layer}.hook_{site}"
        for pos in range(n_pos):

            def patch(activation: Tensor, hook: Any, pos: int = pos, name: str = name) -> Tensor:
                activation[:, pos] = cache[name][:, pos]
                return activation

            logits = last_logits(model, base, [(name, patch)])
            patched[layer, pos] = measure(metric, logits, clean_logits, answer, wrong)
    clean_metric = measure(metric, clean_logits, clean_logits, answer, wrong)
    corrupted_metric = measure(metric, last_logits(model, corrupted), clean_logits, answer, wrong)
    return patched, clean_metric, corrupted_metric


def effect(patched: Tensor, clean: float, corrupted: float, direction: str) -> Tensor:
    """Share of the difference between clean and corrupted, by the definition of each direction."""
    if direction == "denoise":
        return (patched - corrupted) / (clean - corrupted)
    return (clean - patched) / (clean - corrupted)
