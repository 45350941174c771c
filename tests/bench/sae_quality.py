"""Ground truth for every architecture: the pocket SAE's recipe, trained with each of them on one stream of activations.

Beside them stand the embedded SAE, raw basis, principal components, random directions (as sparse as the SAE, and with
any threshold), a token look-up and a linear probe. Architectures that are kept to k have the recipe's k, JumpReLU aims
at it as its L0; of those that L1 makes sparse several are trained, and the one whose L0 comes closest to k stands in
the table: what it recovers is not looked at.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

from interp_nb.evaluation.recovery import concept_recovery
from interp_nb.evaluation.recovery_table import ConceptRecovery, Recovered
from interp_nb.models.load import load_model
from interp_nb.sae.coder import SAE
from interp_nb.sae.embedded.retrain import HERE, texts
from interp_nb.sae.saving import load_sae
from interp_nb.sae.training import train_sae
from tests.bench.measure import Row

ARCHITECTURES = ("relu", "topk", "batch_topk", "matryoshka", "jumprelu", "gated")
COEFFICIENTS = {"relu": (4.0, 6.0, 8.0), "gated": (4.0, 6.0, 8.0)}
"""Weights of L1 that are tried."""
N_TOKENS = 200_000
"""Training tokens of the short form, a tenth of the recipe's; `--full` takes all of them."""
BASELINES = ("raw", "pca", "random", "random_free")


def run(full: bool) -> Iterator[Row]:
    """Train, compare and yield a row per dictionary; SAE_QUALITY_JSON names a file for the whole tables."""
    began, cpu = time.perf_counter(), time.process_time()
    made = trained(None if full else N_TOKENS)
    saes = {name: sae for name, (sae, _) in made.items()}
    found = concept_recovery({"pocket": load_sae("pocket"), **saes, **{name: name for name in BASELINES}})
    for row in found.recovered:
        yield from rows_of(row, found)
        if row.dictionary in made:
            record = made[row.dictionary][1]
            yield Row(f"{row.dictionary}: explained variance, end of training", float(record["explained_variance"]), "")
            yield Row(f"{row.dictionary}: live latents, end of training", 1 - float(record["dead_fraction"]), "of all")
    minutes = (time.process_time() - cpu) / 60
    yield Row("training and comparing, CPU", minutes, "min", spread=0.0, n=1)
    path = os.environ.get("SAE_QUALITY_JSON")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(as_json(found, time.perf_counter() - began), file, indent=1)


def trained(n_tokens: int | None, **overrides: Any) -> dict[str, tuple[SAE, dict[str, Any]]]:
    """Train every architecture by the pocket SAE's recipe, all on the same batches; give also the last record."""
    recipe = json.loads((HERE / "pocket" / "recipe.json").read_text(encoding="utf-8"))
    settings = recipe["settings"] | overrides
    if n_tokens is not None:
        settings |= {"n_tokens": n_tokens, "dead_after_tokens": n_tokens // 10}
    k = settings.pop("k")
    settings.pop("architecture")
    names = [name for name in ARCHITECTURES for _ in COEFFICIENTS.get(name, (0.0,))]
    configs = [config for name in ARCHITECTURES for config in _configs(name, k)]
    run = train_sae(
        load_model("pocket"), recipe["site"], lambda: texts(recipe["text_seed"]), configs, layer=recipe["layer"],
        packing="separate", background=False, progress=False, eval_every=10**9, n_eval_tokens=2048, **settings,
    )  # fmt: skip
    best: dict[str, tuple[float, SAE, dict[str, Any]]] = {}
    for name, sae, record in zip(names, run.saes, run.history[-len(names) :], strict=True):
        off = abs(float(record["l0"]) - k)
        if name not in best or off < best[name][0]:
            best[name] = (off, sae, record)
    return {name: (sae, record) for name, (_, sae, record) in best.items()}


def _configs(name: str, k: int) -> list[dict[str, Any]]:
    if name == "jumprelu":
        return [{"architecture": name, "sparsity_kind": "target_l0", "target_l0": float(k)}]
    if name in COEFFICIENTS:
        return [{"architecture": name, "sparsity_coefficient": weight} for weight in COEFFICIENTS[name]]
    return [{"architecture": name, "k": k}]


def rows_of(row: Recovered, found: ConceptRecovery) -> Iterator[Row]:
    """Write a dictionary's F1 with how far it is beyond the best baseline, and the share of concepts it found."""
    l0 = "" if math.isnan(row.l0) else f", L0 {row.l0:.1f}"
    best = max((found[name] for name in BASELINES), key=lambda each: each.mean_f1)
    yield Row(
        f"{row.dictionary}{l0}: mean F1, context [{row.low:.3f}, {row.high:.3f}]", row.mean_f1, "",
        ratio=row.mean_f1 / best.mean_f1, against=best.dictionary,
    )  # fmt: skip
    yield Row(f"{row.dictionary}: concepts found, of {found.n_context}", row.found * found.n_context, "concepts")
    yield Row(f"{row.dictionary}: mean F1, look-up concepts", row.lookup_f1, "")
    if row.kind != "reference":
        yield Row(f"{row.dictionary}: monosemantic latents", row.monosemantic, "of live latents")


def as_json(found: ConceptRecovery, seconds: float) -> dict[str, Any]:
    """Return the tables as plain values; NaN as None."""

    def plain(values: dict[str, Any]) -> dict[str, Any]:
        return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}

    return {
        "repr": repr(found), "seconds": seconds, "data": found.data, "notes": found.notes,
        "recovered": [plain(row._asdict()) for row in found.recovered],
        "differences": [plain(row._asdict()) for row in found.differences],
        "concepts": {name: [plain(row._asdict()) for row in rows] for name, rows in found.concepts.items()},
    }  # fmt: skip
