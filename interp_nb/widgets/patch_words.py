"""A patch grid in words: its title, what lies behind its numbers, and the Python that computes it again.

The live view and the picture say the same, because both take it from here.
"""

from typing import Any, Final

from interp_nb._preflight import in_words
from interp_nb._recipes import call, model_lines, script

METHODS: Final = {
    "attribution": "attribution patching",
    "integrated_gradients": "integrated gradients",
    "atp_star": "AtP*",
    "preview": "attribution, then confirmed exactly",
}
"""What to call a method where there is room; "exact" goes without saying."""

CHANCE: Final = {"random_direction": "random directions", "random_position": "random positions"}


FUNCTIONS: Final = ("patch_grid", "patch_heads", "ablate_grid", "causal_trace")


def heading(result: Any) -> str:
    """Say what was done to the model, and where."""
    kind = str(result.provenance.get("kind", ""))
    if result.direction == "ablate":
        return f"{kind or 'ablation'} of {result.site}".capitalize()
    return f"Causal tracing, {result.site}" if kind == "tracing" else f"Patching {result.site}"


def ends(result: Any) -> str:
    """Say what was measured, and between which values the effects lie."""
    parts = [f"clean {number(result.clean_metric.mean())}"]
    if result.direction != "ablate":
        parts.append(f"corrupted {number(result.corrupted_metric.mean())}")
    return f"{result.metric}: " + ", ".join(f"{part} {result.unit}".strip() for part in parts)


def expected(result: Any) -> str:
    """Say what the computation was estimated to take; empty when it was not."""
    estimate = result.estimate or {}
    parts = []
    if estimate.get("seconds") is not None:
        parts.append("under 1 s" if estimate["seconds"] < 1 else f"about {estimate['seconds']:.0f} s")
    if estimate.get("bytes") is not None:
        parts.append(in_words(int(estimate["bytes"])))
    return f"estimated: {', '.join(parts)}" if parts else ""


def notes(result: Any) -> list[str]:
    """Say what the numbers cost and how sure they are, a sentence each: passes, estimates, intervals, baseline."""
    return [note for note in (_cost(result), _confirmed(result), _intervals(result), _chance(result)) if note]


def _cost(result: Any) -> str:
    counts = [f"{result.passes[name]:,} {name}" for name in ("forward", "backward") if result.passes.get(name)]
    if not counts:
        return ""
    how = METHODS.get(result.method)
    return f"Cost{f' of {how}' if how else ''}: {' and '.join(counts)} passes."


def _confirmed(result: Any) -> str:
    """Compare estimates with exact values, where both are known."""
    error = result.preview_error
    return f"Estimates are {error}." if error else ""


def shown(result: Any) -> str:
    """Say whose prediction a click shows, where there are several: the first one's."""
    many = len(result.clean_metric)
    return f"first of {many} {_repeated(result)}" if many > 1 else ""


def _repeated(result: Any) -> str:
    """Name what a grid is a mean over."""
    if result.provenance.get("kind") == "tracing":
        return "samples of noise"
    return "prompts" if result.direction == "ablate" else "contrasts"


def _intervals(result: Any) -> str:
    of = result.statistics
    if result.low is None or "level" not in of:
        return ""
    name = _repeated(result)
    return (
        f"Intervals: {100 * of['level']:g} %, {of['method'].replace('contrasts', name)} ({of['n_contrasts']} {name}, "
        f"{of['n_resamples']:,} resamples, seed {of['seed']})."
    )


def _chance(result: Any) -> str:
    if result.baseline is None:
        return ""
    count, seed = (result.statistics.get(name) for name in ("n_baseline", "seed"))
    kind = CHANCE.get(str(result.baseline_kind), str(result.baseline_kind))
    many, drawn = "" if count is None else f"{count} ", "" if seed is None else f", seed {seed}"
    return f"Baseline: 95th percentile of |effect| over {many}{kind}{drawn}."


def number(value: Any, digits: int = 4) -> str:
    """Write a number with so many significant digits and a proper minus sign."""
    return f"{float(value):.{digits}g}".replace("-", "−").replace("e−0", "e−")


def reproducing_code(result: Any, known_metrics: list[str]) -> str:
    """Write the Python that computes a patch grid again.

    Args:
        known_metrics: Metrics that have a name; any other is the caller's own.
    """
    # A result may come from a file that somebody else wrote: only names that can be names get into the code.
    function = result.provenance.get("function")
    function = function if function in FUNCTIONS else "patch_grid"
    given = {name: value for name, value in result.provenance.get("arguments", {}).items() if name.isidentifier()}
    prompts = result.contrast.prompts()._asdict()
    fields = {name: values[0] if len(values) == 1 else list(values) for name, values in prompts.items()}
    options: dict[str, Any] = {"site": result.site}
    arguments = ["model"]
    if own_metric := result.metric not in known_metrics:
        given["metric"] = _Code("...")
    else:
        options["metric"] = result.metric
    lines = []
    names = ["load_model", function]
    if function == "causal_trace":
        arguments += [repr(fields["clean"]), repr(given.pop("subject", "...")), repr(fields["answer"])]
    elif function == "ablate_grid":
        arguments += [repr(fields["clean"]), repr(fields["answer"])]
        if fields["wrong"] != fields["answer"]:
            options["wrong"] = fields["wrong"]
    else:
        names.append("Contrast")
        lines.append(f"contrast = {call('Contrast', **fields)}")
        arguments.append("contrast")
        options["direction"] = result.direction
    if result.method != "exact":
        options["method"] = result.method
    if result.axes[0] in ("neuron", "latent"):
        options["basis"] = "neurons" if result.axes[0] == "neuron" else _Code("...")
    given = {**_studied(result), **given}
    comment = f"  # your own {result.metric!r}" if own_metric else ""
    line = f"grid = {call(function, *arguments, **{**options, **given})}{comment}"
    return script(names, *model_lines(result.model_name, result.provenance), *lines, line)


def _studied(result: Any) -> dict[str, Any]:
    """List the arguments about estimates and chance that are not as they would be by themselves."""
    facts = result.statistics
    usual = {"budget": None, "steps": 16, "n_baseline": 20, "seed": 0}
    given = {name: facts[name] for name, default in usual.items() if facts.get(name, default) != default}
    return given if result.baseline is None else {"baseline": result.baseline_kind, **given}


class _Code(str):
    """A piece of Python that stands for itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
