"""A report of SAEs in words: headings, what each group asks, what was measured on which text, the Python that does it.

The live view and the picture say the same, because both take it from here.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from interp_nb._recipes import call, model_lines, script
from interp_nb.evaluation.names import ABLATIONS

GROUPS: Final = [
    {"name": "reconstruction", "label": "Reconstruction", "asks": "How much of the activations survives the SAE?"},
    {"name": "sparsity", "label": "Sparsity", "asks": "How few latents does it take, and are all of them of use?"},
    {"name": "features", "label": "Features", "asks": "Do single latents stand for single things?"},
    {"name": "causal", "label": "Causal use", "asks": "Does the model use what the latents say?"},
    {"name": "truth", "label": "Ground truth", "asks": "Does it find the concepts that are known to be in the text?"},
]
"""The groups of a report, as `evaluation.names.GROUPS` orders them."""
KEY: Final = (
    "explained_variance", "loss_recovered", "cosine_similarity", "l0", "dead_fraction", "dense_fraction", "probe_k1",
    "absorption", "causal_share", "concepts_found", "mean_f1_context", "monosemantic_share",
)  # fmt: skip
"""What an overview shows; of the recovered losses, the one beside the ablation that was asked for."""
COUNTED: Final = ("l0", "l0_median", "l0_p10", "l0_p90")
"""Numbers that are counts: shown with their own scale, from 0."""
FREE: Final = ("mse", "mae", "l1", "shrinkage", "reconstruction_bias", "splitting")
"""Numbers without a unit that are no shares: their scales end where they do."""
HINTS: Final = {
    "advice": "What these numbers suggest, by rules of thumb.",
    "bos": "Begin-of-text tokens are left out of every number; this shows the numbers with them, which have no "
    "interval.",
    "truth": "For each concept the latent that tells it best, chosen with its threshold on one half of the documents; "
    "F1 is of the other half. The tick is a linear probe of the activations: the ceiling.",
    "context": "What the token alone does not tell: finding these is a claim about the SAE.",
    "lookup": "What a table of tokens already tells: finding these says little about an SAE.",
    "probes": "Probes that may read k latents, balanced accuracy on documents that they did not see; the tick is a "
    "probe of all activations.",
    "absorbed": "A broader concept's latent is silent on a narrower one's tokens, because a latent of its own fires in "
    "its place.",
    "causal": "Each latent was taken out where it fires, beside a random direction of equal norm; the interval is of "
    "the difference. Beyond chance: it passes a test over documents that 5 in 100 random directions pass.",
    "pareto": "Up and to the left is better: more of the model kept, with fewer latents per token. The line joins the "
    "SAEs that no other betters in both.",
    "scaling": "The line is the fitted law, the dark band where it may lie, the light one where a new SAE may land.",
    "differ": "▲ better, ▼ worse than the chosen SAE, only where the interval of the difference leaves out 0.",
}
"""A sentence or two for each part."""


def number(value: float, metric: str = "") -> str:
    """Write a number with the digits that are of use."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if metric in COUNTED or abs(value) >= 10:
        return f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    if abs(value) >= 0.1 or value == 0:
        return f"{value:.3f}"
    return f"{float(f'{value:.2g}'):g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def interval(low: float, high: float, metric: str = "") -> str:
    """Write an interval, or that there is none."""
    if math.isnan(low) or math.isnan(high):
        return "no interval"
    return f"{number(low, metric)} to {number(high, metric)}"


def key_names(report: Any) -> list[str]:
    """List the numbers of a report's overview."""
    ablation = report.settings.get("ablation")
    chosen = f"loss_recovered_{ablation if ablation in ABLATIONS else ABLATIONS[0]}"
    return [chosen if name == "loss_recovered" else name for name in KEY]


def heading(report: Any) -> str:
    """Say what is reported on."""
    return f"What {report.name} is worth"


def about(report: Any) -> str:
    """Say which SAE it is."""
    sae = report.sae
    sites = " → ".join(str(site) for site in sae.get("sites") or ()) or "unknown site"
    k = "" if sae.get("k") is None else f", k = {sae['k']}"
    kind = str(sae.get("kind", "sae")).replace("_", " ")
    what = str(sae.get("architecture", "")) + ("" if kind == "sae" else f" {kind}")
    return f"{what} on {sites} · {int(sae['d_sae']):,} latents{k}"


def measured_on(report: Any) -> str:
    """Say which text the numbers are from, and how sure they are."""
    data = report.data
    if not data.get("n_tokens"):
        return f"Nothing was read yet, with the model {report.model_name}"
    docs, tokens, bos = (int(data.get(name) or 0) for name in ("n_docs", "n_tokens", "n_tokens_with_bos"))
    source = f" of {data['source']}" if data.get("source") else ""
    left_out = f", {bos - tokens:,} begin-of-text tokens left out" if bos > tokens else ""
    counted = f"{tokens:,} tokens in {docs:,} documents{source}{left_out}"
    return f"Measured on {counted}, with the model {report.model_name}; intervals are 95 %"


def short_hash(report: Any) -> str:
    """Return the first digits of the SAE's content hash, "" if it has none."""
    return str(report.sae.get("sha256") or "")[:12]


def report_code(report: Any, options: Mapping[str, Any]) -> str:
    """Write the Python that measures this again.

    Args:
        options: Traits of the view that are not as they were, by name.
    """
    settings = report.settings
    asked = {name: settings[name] for name in ("ablation", "n_tokens", "n_causal", "seed") if name in settings}
    digest = short_hash(report)
    lines = [
        *model_lines(report.model_name, report.provenance),
        f"sae = ...  # {_plain(report.name)}: {_plain(about(report))}" + (f", sha256 {digest}…" if digest else ""),
        f"data = ...  # {_plain(str(report.data.get('source') or 'the texts'))}",
        f"report = {call('evaluate_sae', 'sae', 'model', 'data', **asked)}",
        call("report.show", **options) if options else "report",
    ]
    imports = ["evaluate_sae", *(["load_model"] if "= load_model(" in lines[0] else [])]
    return script(imports, *lines)


def comparison_code(names: list[str], options: Mapping[str, Any]) -> str:
    """Write the Python that compares these reports again."""
    reports = [f"    SAEReport.load({name + '.safetensors'!r})," for name in names]
    lines = ["comparison = compare_saes([", *reports, "])"]
    return script(
        ["SAEReport", "compare_saes"], *lines, call("comparison.show", **options) if options else "comparison"
    )


def scaling_code(fit: Any, options: Mapping[str, Any]) -> str:
    """Write the Python that predicts the same."""
    k = "" if options.get("k") is None else f", k={options['k']:g}"
    n = "" if options.get("n") is None else f"n={options['n']:g}{k}"
    lines = ["points = ...  # one row per SAE: n, k, loss", "fit = fit_scaling(points)"]
    return script(["fit_scaling"], *lines, f"fit.predict({n})" if n else "fit")


def _plain(text: str) -> str:
    """Keep a text inside its comment."""
    return repr(text)[1:-1]
