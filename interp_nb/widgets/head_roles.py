"""The view of head roles: one heat map of layers by heads, a role at a time."""

from collections.abc import Mapping
from typing import Any, Final

from interp_nb._recipes import call, model_lines, script
from interp_nb.widgets.base import Payload, ResultWidget, bundle
from interp_nb.widgets.codec import pack
from interp_nb.widgets.requests import Handler
from interp_nb.widgets.selection import Limits

SCHEMA: Final = 1


class HeadRolesWidget(ResultWidget):
    """Show `HeadRoles`; everything travels at once, so there is nothing to ask for."""

    _esm = bundle("head_roles")
    _axes: Mapping[str, bool] = {"layer": True, "head": True}

    def _encode(self, result: Any) -> Payload:
        arrays, data = pack({"scores": result.scores})
        live = getattr(result, "_live", None)
        meta = {
            "schema": SCHEMA,
            "arrays": arrays,
            "roles": list(result.roles),
            "badges": [list(row) for row in result.badges],
            "y": {"name": "layer", "ticks": [str(layer) for layer in result.layers]},
            "x": {"name": "head", "ticks": [str(head) for head in range(result.scores.shape[2])]},
            "labels": {"model": result.model_name},
            "code": reproducing_code(result),
            "summary": repr(result),
            "live": bool(live is not None and live.alive),
        }
        return meta, data

    def _routes(self) -> dict[str, Handler]:
        return {}

    def _limits(self) -> Limits:
        return {"layer": [int(tick) for tick in self._meta["y"]["ticks"]], "head": range(len(self._meta["x"]["ticks"]))}


def reproducing_code(result: Any) -> str:
    """Write the Python that computes these scores again."""
    if result.prompt:
        imports, last = (
            ["attention", "load_model"],
            f"roles = {call('attention', 'model', repr(result.prompt))}.roles()",
        )
    else:
        known = ("n_prompts", "seq_len", "seed")
        options = {name: result.provenance[name] for name in known if name in result.provenance}
        imports, last = ["head_roles", "load_model"], f"roles = {call('head_roles', 'model', **options)}"
    return script(imports, *model_lines(result.model_name, result.provenance), last)
