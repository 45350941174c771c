"""The numbers of an evaluation, one token and one coordinate at a time, in Python floats.

The model is run on one document at a time, whole, with one token's activation replaced after another in a list; nothing
here shares code or layout with `interp_nb.evaluation`.
"""

import math
from typing import Any

import torch


def slow_numbers(
    sae: Any, model: Any, documents: list[list[int]], site: str, bos: int, *, with_bos: bool
) -> dict[str, float]:
    """Everything that is a plain number, of documents as token ids with a begin-of-text token first."""
    acts, recons, latents = [], [], []
    for ids in documents:
        a = _activation(model, ids, site)
        rows = [position for position, token in enumerate(ids) if with_bos or token != bos]
        acts += [a[position].tolist() for position in rows]
        for position in rows:
            found = sae.encode(a[position])
            latents.append(found.tolist())
            recons.append(sae.decode(found, a[position]).tolist())
    found = _of_rows(acts, recons) | _of_latents(latents)
    return found | _of_losses(sae, model, documents, site, bos, acts, with_bos)


def _of_rows(acts: list[list[float]], recons: list[list[float]]) -> dict[str, float]:
    n, width = len(acts), len(acts[0])
    mean = [sum(row[i] for row in acts) / n for i in range(width)]
    squared = absolute = spread = cosine = ratio = recons_squares = products = 0.0
    for row, made in zip(acts, recons, strict=True):
        dot = size = length = 0.0
        for i in range(width):
            squared += (row[i] - made[i]) ** 2
            absolute += abs(row[i] - made[i])
            spread += (row[i] - mean[i]) ** 2
            dot += row[i] * made[i]
            size += row[i] ** 2
            length += made[i] ** 2
        cosine += dot / math.sqrt(size * length)
        ratio += math.sqrt(length) / math.sqrt(size)
        recons_squares += length
        products += dot
    return {
        "mse": squared / n / width, "mae": absolute / n / width, "explained_variance": 1 - squared / spread,
        "cosine_similarity": cosine / n, "shrinkage": ratio / n, "reconstruction_bias": recons_squares / products,
    }  # fmt: skip


def _of_latents(latents: list[list[float]]) -> dict[str, float]:
    n, d_sae = len(latents), len(latents[0])
    counts = sorted(sum(1 for value in row if value > 0) for row in latents)
    fires = [sum(1 for row in latents if row[i] > 0) / n for i in range(d_sae)]
    return {
        "l0": sum(counts) / n, "active_share": sum(counts) / n / d_sae, "l1": sum(sum(row) for row in latents) / n,
        "l0_p10": _quantile(counts, 10), "l0_median": _quantile(counts, 50), "l0_p90": _quantile(counts, 90),
        "dead_fraction": sum(1 for share in fires if share == 0) / d_sae,
        "dense_fraction": sum(1 for share in fires if share > 0.1) / d_sae,
    }  # fmt: skip


def _quantile(ordered: list[int], percent: int) -> int:
    """The least count that at least so many percent of the tokens do not exceed."""
    for value in ordered:
        if 100 * sum(1 for other in ordered if other <= value) >= percent * len(ordered):
            return value
    raise AssertionError


def _of_losses(
    sae: Any, model: Any, documents: list[list[int]], site: str, bos: int, acts: list[list[float]], with_bos: bool
) -> dict[str, float]:
    n = len(acts)
    mean = [sum(row[i] for row in acts) / n for i in range(len(acts[0]))]
    ce = dict.fromkeys(("clean", "recons", "mean", "zero"), 0.0)
    kl = dict.fromkeys(("recons", "mean", "zero"), 0.0)
    count = 0
    for ids in documents:
        counted = [with_bos or token != bos for token in ids]
        a = _activation(model, ids, site)
        put = {
            "recons": [sae(row).tolist() for row in a], "mean": [mean] * len(ids),
            "zero": [[0.0] * len(mean)] * len(ids),
        }  # fmt: skip
        runs = {"clean": _log_probs(model, ids, site, None, counted)}
        runs |= {name: _log_probs(model, ids, site, rows, counted) for name, rows in put.items()}
        for position in range(len(ids) - 1):
            if not (counted[position] and counted[position + 1]):
                continue
            count += 1
            for name, log_probs in runs.items():
                ce[name] -= log_probs[position][ids[position + 1]]
                if name != "clean":
                    kl[name] += sum(
                        math.exp(p) * (p - q) for p, q in zip(runs["clean"][position], log_probs[position], strict=True)
                    )
    found = {"ce_clean": ce["clean"] / count, "ce_recons": ce["recons"] / count, "kl_recons": kl["recons"] / count}
    for name in ("mean", "zero"):
        found[f"loss_recovered_{name}"] = (ce[name] - ce["recons"]) / (ce[name] - ce["clean"])
        found[f"kl_recovered_{name}"] = (kl[name] - kl["recons"]) / kl[name]
    return found


def _activation(model: Any, ids: list[int], site: str) -> torch.Tensor:
    return model.run_with_cache(torch.tensor([ids]))[1][site][0].flatten(1)


def _log_probs(
    model: Any, ids: list[int], site: str, rows: list[list[float]] | None, counted: list[bool]
) -> list[list[float]]:
    def put(activation: torch.Tensor, hook: Any) -> torch.Tensor:
        for position, counts in enumerate(counted):
            if counts and rows is not None:
                activation[0, position] = torch.tensor(rows[position]).reshape(activation.shape[2:])
        return activation

    logits = model.run_with_hooks(torch.tensor([ids]), fwd_hooks=[(site, put)], return_type="logits")[0]
    return logits.double().log_softmax(-1).tolist()
