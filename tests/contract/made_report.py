"""Reports made by hand: every number is dyadic, so that float32 and JSON hold it exactly."""

import math
from typing import Any

import numpy as np
import torch

from interp_nb._show import Live
from interp_nb.evaluation.comparison import Difference, ParetoPoint, SAEComparison
from interp_nb.evaluation.names import METRICS
from interp_nb.evaluation.report import SAEReport
from interp_nb.evaluation.rows import AbsorptionRow, CausalRow, Concept, Distribution, Metric, ProbeRow
from interp_nb.evaluation.scaling_fit import Parameter, ScalingFit
from interp_nb.sae.top_tokens import TopToken
from tests.contract.made import PROVENANCE

NAN = math.nan
SITE = "blocks.1.hook_resid_post"
VALUES: dict[str, tuple[float, float, float, float]] = {
    "mse": (0.125, 0.109375, 0.140625, 0.25),
    "explained_variance": (0.875, 0.859375, 0.890625, 0.984375),
    "cosine_similarity": (0.9375, 0.921875, 0.953125, 0.9375),
    "loss_recovered_mean": (0.96875, 0.953125, 0.984375, 0.96875),
    "kl_recons": (0.0625, 0.046875, 0.078125, NAN),
    "l0": (7.5, 7.25, 7.75, 8.5),
    "dead_fraction": (0.25, NAN, NAN, 0.25),
    "dense_fraction": (0.015625, 0.0078125, 0.0234375, NAN),
    "shrinkage": (0.984375, 0.96875, 1.0, 0.984375),
    "probe_k1": (0.75, 0.6875, 0.8125, NAN),
    "absorption": (0.125, 0.0625, 0.1875, NAN),
    "causal_share": (0.5, 0.375, 0.625, NAN),
    "concepts_found": (0.5, 0.25, 0.75, NAN),
    "mean_f1_context": (0.4375, 0.375, 0.5, NAN),
    "mean_f1_lookup": (0.9375, 0.875, 1.0, NAN),
    "monosemantic_share": (0.25, 0.1875, 0.3125, NAN),
}
"""Value, low, high, with BOS."""


def made_metrics(shift: float = 0.0) -> dict[str, Metric]:
    """Numbers of every group; `shift` moves all of them."""
    return {
        name: Metric(value + shift, low + shift, high + shift, 60, _unit(name), bos + shift)
        for name, (value, low, high, bos) in VALUES.items()
    }


def _unit(name: str) -> str:
    return "concepts" if METRICS[name].group == "truth" else "documents"


def made_concepts() -> list[Concept]:
    """Two that depend on context, one found and one not, and one that the token gives away."""

    def concept(name: str, latent: int, f1: float, context: bool, probe: float) -> Concept:
        field, value = name.split("=")
        return Concept(name, field, value, 120, 40, latent, 0.5, f1 + 0.125, f1 - 0.125, f1, f1 - 0.0625, f1 + 0.0625,
                       0.25 if context else 1.0, context, probe)  # fmt: skip

    return [
        concept("entity_type=city", 3, 0.75, True, 0.875),
        concept("sentiment=<b>bad</b>", -1, 0.125, True, 0.5),
        concept("punctuation=comma", 5, 0.875, False, 1.0),
    ]


def made_report(name: str = "pocket SAE", shift: float = 0.0, **changes: Any) -> SAEReport:
    """A whole report of a small SAE."""
    fields: dict[str, Any] = {
        "name": name,
        "sae": {"architecture": "batch_topk", "kind": "sae", "d_in": 4, "d_out": 4, "d_sae": 8, "k": 2, "sites": [SITE],
                "model": "pocket", "format": "interp_nb", "sha256": "0123456789abcdef"},
        "model_name": "pocket",
        "data": {"n_docs": 60, "n_tokens": 2048, "n_tokens_with_bos": 2108, "hash": "ab", "source": "pocket world"},
        "metrics": made_metrics(shift),
        "distributions": {
            "density": Distribution(torch.tensor([-3.0, -2.0, -1.0, 0.0]), torch.tensor([4, 1, 1]), "latents"),
            "l0": Distribution(torch.tensor([0.0, 4.0, 8.0, 12.0]), torch.tensor([0, 1024, 1024]), "tokens by L0"),
        },
        "concepts": made_concepts(),
        "probes": [
            ProbeRow("entity_type=city", 1, (3,), 0.75, 0.6875, 0.8125, 0.9375),
            ProbeRow("entity_type=city", 2, (3, 5), 0.875, 0.8125, NAN, 0.9375),
        ],
        "absorbed": [AbsorptionRow("entity_type=city", "entity=Paris", (3,), (6,), 0.25, 0.125, 0.375, 64)],
        "causal": [
            CausalRow(3, 0.5, 0.125, 0.25, 0.5, True, 32),
            CausalRow(6, 0.125, 0.125, -0.0625, 0.0625, False, 32),
            CausalRow(7, NAN, NAN, NAN, NAN, False, 0),
        ],
        "skipped": {},
        "advice": ["25 % of the latents never fired: train with AuxK, or with fewer latents."],
        "notes": ["Few documents: intervals are wide."],
        "settings": {"ablation": "mean", "groups": ["reconstruction", "sparsity", "features", "causal", "truth"],
                     "n_tokens": 2048, "n_causal": 3, "seed": 0},
        "summed": [],
        "sums": torch.zeros(0, 0, 2, dtype=torch.float64),
        "provenance": PROVENANCE,
    }  # fmt: skip
    return SAEReport(**fields | changes)


def made_tops(*_: Any, **__: Any) -> list[TopToken]:
    """Two contexts."""
    return [
        TopToken(" Paris", ["The", " city", " of"], [" is"], 2.0, [0.0, 0.5, 0.0, 2.0, 0.0], 4, 3),
        TopToken(" <i>Rome</i>", [" in"], [], 1.5, [0.0, 1.5], 7, 1),
    ]


class Model:
    """Something that can be held weakly."""


MODEL = Model()


def made_live_report(**changes: Any) -> SAEReport:
    """A report whose model is there."""
    return made_report(_live=Live(MODEL), **changes)


def made_law(law: str = "nk") -> ScalingFit:
    """A law through six SAEs whose draws are all but the same."""
    names = {"n": ["alpha", "beta_n", "zeta"], "nk": ["alpha", "beta_k", "beta_n", "gamma", "zeta", "eta"]}[law]
    best = {"alpha": 0.5, "beta_k": -0.25, "beta_n": -0.25, "gamma": -0.015625, "zeta": -4.0, "eta": -0.125}
    values = np.array([best[name] for name in names])
    n = np.array([256.0, 512.0, 1024.0] * 2)
    k = np.array([4.0] * 3 + [16.0] * 3) if law == "nk" else np.full(6, NAN)
    fit = {
        "law": law,
        "names": [f"SAE {place}" for place in range(6)],
        "n": n,
        "k": k,
        "loss": np.array([0.5, 0.4375, 0.375, 0.3125, 0.25, 0.21875]),
        "loss_label": "1 - explained variance",
        "parameters": [Parameter(name, best[name], best[name] - 0.125, best[name] + 0.125, "") for name in names],
        "draws": np.stack([values - 0.0078125, values, values + 0.0078125]),
        "noise": np.full(3, 0.03125),
        "residual_sd": 0.03125,
        "notes": ["Six SAEs are few."],
        "provenance": {},
    }
    return ScalingFit(**fit)


def made_curve(self: ScalingFit, n: Any, k: float | None = None) -> Any:
    """What a law says, in numbers that are the same on every machine: lower with every stop, and with k."""
    value = 1.0 - np.arange(len(n)) / 256 - (0.0 if k is None else k / 128)
    return np.stack([value, value - 0.125, value + 0.125, value - 0.0625, value + 0.0625], 1)


def made_comparison(n_saes: int = 2, **changes: Any) -> SAEComparison:
    """Several reports, the later ones better in all that is measured, with a front and a law."""
    reports = [made_report(f"SAE {place}", -place / 64) for place in range(n_saes)]
    pairs = [(first, second) for first in range(n_saes) for second in range(first + 1, n_saes)]
    differences = [
        Difference(name, first, second, 0.015625, 0.0078125 if name != "l0" else -0.5, 0.03125, True, name != "l0")
        for first, second in pairs
        for name in VALUES
    ]
    pareto = [
        ParetoPoint(report.name, row, 7.5 + row, 7.25 + row, 7.75 + row, 0.75 + row / 16, 0.6875 + row / 16,
                    0.8125 + row / 16, row != 1, "SAE 0" if row == 1 else "")
        for row, report in enumerate(reports)
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "reports": reports,
        "names": [report.name for report in reports],
        "score": "loss_recovered_mean",
        "pareto": pareto,
        "differences": differences,
        "notes": ["The SAEs read the same documents."],
        "provenance": {},
        "scaling": made_law(),
    }
    return SAEComparison(**fields | changes)
