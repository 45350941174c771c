"""The live attention view: every head as a thumbnail, one enlarged, the prompt editable."""

from collections.abc import Mapping
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb._recipes import call, model_lines, script
from interp_nb.widgets.base import Payload, ResultWidget, bundle
from interp_nb.widgets.codec import encode_pattern, pack, thumbnails
from interp_nb.widgets.requests import Answer, Handler
from interp_nb.widgets.selection import Limits

SCHEMA: Final = 1


class AttentionWidget(ResultWidget):
    """Show `AttentionPatterns`: thumbnails travel at once, the patterns themselves when they are looked at."""

    _esm = bundle("attention")
    _axes: Mapping[str, bool] = {"layer": True, "head": True, "dest": False, "src": False}

    def _encode(self, result: Any) -> Payload:
        arrays, data = pack({"thumbs": thumbnails(result.patterns)})
        roles = result.roles()
        live = getattr(result, "_live", None)
        meta = {
            "schema": SCHEMA,
            "arrays": arrays,
            "tokens": list(result.tokens),
            "layers": list(result.layers),
            "n_heads": int(result.patterns.shape[1]),
            "roles": {
                "names": [name for name in roles.roles if name not in result.pairs],
                "badges": [list(row) for row in roles.badges],
                "scores": {name: json_rows(roles.role(name)) for name in roles.roles if name not in result.pairs},
            },
            "labelled": [{"name": name, "mass": json_rows(mass)} for name, mass in result.mass().items()],
            "inputs": {"prompt": result.prompt},
            "labels": {"model": result.model_name},
            "code": reproducing_code(result),
            "summary": repr(result),
            "live": bool(live is not None and live.alive),
        }
        return meta, data

    def _routes(self) -> dict[str, Handler]:
        return super()._routes() | {"pattern": self._answer_pattern, "recompute": self._answer_recompute}

    def _limits(self) -> Limits:
        n_pos = range(len(self._meta["tokens"]))
        return {"layer": self._meta["layers"], "head": range(self._meta["n_heads"]), "dest": n_pos, "src": n_pos}

    def _answer_pattern(self, *, layer: Any, head: Any) -> Answer:
        """Send one head's whole pattern; `layer` counts along `layers`."""
        n_layers, n_heads = len(self._meta["layers"]), self._meta["n_heads"]
        if layer not in range(n_layers) or head not in range(n_heads):
            raise ConfigError(
                f"pattern needs layer 0 to {n_layers - 1} and head 0 to {n_heads - 1}, got {layer!r} and {head!r}"
            )
        packed = encode_pattern(self.result.patterns[layer, head])  # type: ignore[attr-defined]  # AttentionPatterns
        return packed.spec, [packed.data]

    def _answer_recompute(self, *, prompt: Any) -> Answer:
        return self._recompute(prompt=prompt)

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        n_layers, n_heads = len(self._meta["layers"]), self._meta["n_heads"]
        return [("pattern", {"layer": layer, "head": head}) for layer in range(n_layers) for head in range(n_heads)]


def json_rows(matrix: Any) -> list[list[float | None]]:
    """Write a matrix as JSON rows, to 6 decimals; what is not finite becomes null."""
    rows: list[list[float]] = matrix.tolist()
    return [[round(x, 6) if abs(x) < float("inf") else None for x in row] for row in rows]


def reproducing_code(result: Any) -> str:
    """Write the Python that computes these patterns again."""
    arguments = ["model", repr(result.prompt)]
    if list(result.layers) != list(range(len(result.layers))):
        arguments.append(f"layers={list(result.layers)!r}")
    return script(
        ["attention", "load_model"],
        *model_lines(result.model_name, result.provenance),
        f"patterns = {call('attention', *arguments)}",
    )
