"""Names of places in a model: short site names, full hook names, and what to say when there is no such place.

A `Site` is a short TransformerLens name for "this place in every layer"; a hook name is one place. Gated places exist
but only fire once the model's own switch is on; they are refused with the switch's name, because a hook that never
fires looks like an effect of zero.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

from interp_nb._errors import HookNameError, nearest
from interp_nb.models.protocol import HookedModel

Site = Literal[
    "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "z", "q", "k", "v", "attn_scores", "pattern",
    "result", "mlp_pre", "mlp_post",
]  # fmt: skip

SHORT_NAMES: Final[dict[str, str]] = {
    "resid_pre": "blocks.{layer}.hook_resid_pre",
    "resid_mid": "blocks.{layer}.hook_resid_mid",
    "resid_post": "blocks.{layer}.hook_resid_post",
    "attn_out": "blocks.{layer}.hook_attn_out",
    "mlp_out": "blocks.{layer}.hook_mlp_out",
    "z": "blocks.{layer}.attn.hook_z",
    "q": "blocks.{layer}.attn.hook_q",
    "k": "blocks.{layer}.attn.hook_k",
    "v": "blocks.{layer}.attn.hook_v",
    "attn_scores": "blocks.{layer}.attn.hook_attn_scores",
    "pattern": "blocks.{layer}.attn.hook_pattern",
    "result": "blocks.{layer}.attn.hook_result",
    "mlp_pre": "blocks.{layer}.mlp.hook_pre",
    "mlp_post": "blocks.{layer}.mlp.hook_post",
}

# Hook points that fire only when a switch of the model is on (TransformerLens, `BridgeCore._gated_hook_reason`).
_GATES: Final = {
    "attn.hook_result": "use_attn_result",
    "hook_q_input": "use_split_qkv_input",
    "hook_k_input": "use_split_qkv_input",
    "hook_v_input": "use_split_qkv_input",
    "hook_mlp_in": "use_hook_mlp_in",
    "hook_attn_in": "use_attn_in",
}
_LAYER = re.compile(r"^blocks\.(\d+)\.")


def hook_name(model: HookedModel, site: str, layer: int | None = None) -> str:
    """Give the full hook name of a site in a layer, checked on this model.

    Args:
        site: A short name with `layer`, or a full hook name, which needs none.
        layer: From 0; negative counts from the last.

    Raises:
        HookNameError: there is no such site or layer in this model; the message lists the nearest names.
    """
    if site not in SHORT_NAMES:
        if "hook_" not in site:
            raise HookNameError(
                f"site must be a short name or a full hook name, got {site!r}; {nearest(site, SHORT_NAMES)}"
            )
        check_hook(model, site)
        return site
    n_layers = int(model.cfg.n_layers)
    if layer is None:
        example = SHORT_NAMES[site].format(layer=0)
        raise HookNameError(
            f"site {site!r} names a place in every layer; give layer=0 to {n_layers - 1}, "
            f"or a full name like {example!r}"
        )
    if not -n_layers <= layer < n_layers:
        raise HookNameError(f"layer must be 0 to {n_layers - 1} in this model, got {layer}")
    name = SHORT_NAMES[site].format(layer=layer % n_layers)
    check_hook(model, name)
    return name


def check_hook(model: HookedModel, name: str) -> None:
    """Refuse a hook name that this model does not have, or that would never fire.

    Raises:
        HookNameError: naming the nearest hook points, or the switch that makes this one fire.
    """
    known = hook_names(model)
    if known and name not in known:
        raise HookNameError(f"this model has no hook point {name!r}; {nearest(name, _same_layer_first(name, known))}")
    for suffix, switch in _GATES.items():
        if name.endswith(suffix) and not getattr(model.cfg, switch, True):
            raise HookNameError(f"{name!r} never fires until it is switched on: call model.set_{switch}(True) first")


def hook_names(model: HookedModel) -> frozenset[str]:
    """List the hook names a model answers to; empty if it keeps no list."""
    points: dict[str, Any] | None = getattr(model, "hook_dict", None)
    return frozenset(points or ())


def layer_of(name: str) -> int | None:
    """Read the layer out of a full hook name; None for places outside of the blocks."""
    match = _LAYER.match(name)
    return int(match.group(1)) if match else None


def _same_layer_first(name: str, known: Iterable[str]) -> list[str]:
    """Order names so that suggestions stay in the layer that was asked for, classic names before internal ones."""
    layer = layer_of(name)
    return sorted(known, key=lambda other: (layer_of(other) != layer, "hook_" not in other, len(other), other))
