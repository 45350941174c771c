"""The live patch grid: every (layer, position) cell, its prompts editable, each cell's prediction a click away."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from interp_nb._errors import ConfigError
from interp_nb.widgets.base import Answer, Handler, Payload, ResultWidget, bundle
from interp_nb.widgets.codec import pack
from interp_nb.widgets.recipes import call, model_lines, script
from interp_nb.widgets.selection import Limits

SCHEMA: Final = 1
UNITS: Final = "share of the clean-corrupted difference"
FIELDS: Final = ("clean", "corrupted", "answer", "wrong")
CHOICES: Final = {
    "site": ["resid_pre", "attn_out", "mlp_out"],
    "metric": ["logit_diff", "prob", "kl"],
    "direction": ["denoise", "noise"],
}


class PatchGridWidget(ResultWidget):
    """Show a `PatchGrid`: a heat map of layers by positions, filled while it is computed."""

    _esm = bundle("patch_grid")
    _axes: ClassVar[Mapping[str, bool]] = {"layer": True, "pos": True}

    def _encode(self, result: Any) -> Payload:
        arrays, data = pack(
            {"effect": result.effect, "patched": result.per_contrast.float().mean(0), "state": result.state}
        )
        n_layers = result.effect.shape[0]
        live = getattr(result, "_live", None)
        meta = {
            "schema": SCHEMA,
            "arrays": arrays,
            "x": {"name": "pos", "ticks": list(result.clean_tokens), "ticks_corrupted": list(result.corrupted_tokens)},
            "y": {"name": "layer", "ticks": [str(layer) for layer in range(n_layers)]},
            "labels": {
                "site": result.site,
                "metric": result.metric,
                "direction": result.direction,
                "method": result.method,
                "model": result.model_name,
            },
            "units": UNITS,
            "baseline": {
                "clean": float(result.clean_metric.mean()),
                "corrupted": float(result.corrupted_metric.mean()),
                "unit": result.unit,
            },
            "inputs": _prompts(result),
            "choices": {
                name: [*known, *({getattr(result, name)} - {*known} if name == "site" else ())]
                for name, known in CHOICES.items()
            },
            "code": reproducing_code(result),
            "summary": repr(result),
            "live": bool(live is not None and live.alive),
        }
        return meta, data

    def _routes(self) -> dict[str, Handler]:
        return super()._routes() | {"predict": self._answer_predict, "recompute": self._answer_recompute}

    def _limits(self) -> Limits:
        n_layers, n_pos = self._meta["arrays"]["effect"]["shape"]
        return {"layer": range(n_layers), "pos": range(n_pos)}

    def _fraction(self, result: Any) -> float:
        return float((result.state != 0).float().mean())

    def _answer_predict(self, *, layer: Any, pos: Any) -> Answer:
        """Say what the run patched at one cell predicts, beside what the two runs predict by themselves."""
        cell = self.checked_selection({"layer": layer, "pos": pos})
        prediction = self.result.predict(cell["layer"], cell["pos"])  # type: ignore[attr-defined]  # a PatchGrid
        return {
            "patched": _scores(prediction.patched),
            "unpatched": _scores(prediction.unpatched),
            "clean": _scores(prediction.clean),
            "direction": prediction.direction,
        }

    def _answer_recompute(self, **params: Any) -> Answer:
        labels = self._meta["labels"]
        chosen = {name: params.pop(name, labels[name]) for name in CHOICES}
        for name, known in CHOICES.items():
            # What is shown now may be a metric or site of the caller's own, which is not among the choices.
            if chosen[name] not in known and chosen[name] != labels[name]:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, got {chosen[name]!r}")
        inputs = _checked_inputs(params.pop("inputs", None))
        if params:
            raise ConfigError(f"recompute takes inputs, {', '.join(CHOICES)}; got also {', '.join(params)}")
        return self._recompute(inputs=inputs, **chosen)

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        if not self._meta["live"]:
            return []
        n_layers, n_pos = self._meta["arrays"]["effect"]["shape"]
        cells = [(layer, pos) for layer in range(n_layers) for pos in range(n_pos)]
        effect = self.result.effect.abs().nan_to_num(0.0)  # type: ignore[attr-defined]  # a PatchGrid
        cells.sort(key=lambda cell: -float(effect[cell]))
        return [("predict", {"layer": layer, "pos": pos}) for layer, pos in cells]


def _prompts(result: Any) -> dict[str, list[str]]:
    return {name: list(values) for name, values in result.contrast.prompts()._asdict().items()}


def _scores(tokens: Any) -> list[dict[str, Any]]:
    return [{"token": each.token, "prob": float(each.prob), "logit": float(each.logit)} for each in tokens]


def _checked_inputs(inputs: Any) -> dict[str, list[str]]:
    """Check what the editor sends: four lists of strings."""
    if not isinstance(inputs, Mapping) or inputs.keys() != set(FIELDS):
        came = ", ".join(map(str, inputs)) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise ConfigError(f"recompute needs inputs with {', '.join(FIELDS)}, got {came}")
    for name, values in inputs.items():
        if not isinstance(values, (list, tuple)) or not all(isinstance(text, str) for text in values):
            raise ConfigError(f"inputs[{name!r}] must be a list of strings, got {values!r}")
    return {name: list(inputs[name]) for name in FIELDS}


def reproducing_code(result: Any) -> str:
    """Write the Python that computes a patch grid again."""
    fields = {name: values[0] if len(values) == 1 else list(values) for name, values in _prompts(result).items()}
    options = {"site": result.site, "metric": result.metric, "direction": result.direction}
    own_metric = result.metric not in CHOICES["metric"]
    arguments = ["model", "contrast"]
    if own_metric:
        del options["metric"]
        arguments.append("metric=...")
    return script(
        ["Contrast", "load_model", "patch_grid"],
        *model_lines(result.model_name, result.provenance),
        f"contrast = {call('Contrast', **fields)}",
        f"grid = {call('patch_grid', *arguments, **options)}"
        + (f"  # your own {result.metric!r}" if own_metric else ""),
    )
