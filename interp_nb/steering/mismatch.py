"""Which vectors belong together, and to which model: refusals that say both sides."""

from collections.abc import Sequence
from typing import Any

from interp_nb._errors import VectorMismatchError
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.models.sites import hook_names
from interp_nb.sae.fingerprint import remembered_identity


def check_alike(one: Any, other: Any) -> None:
    """Refuse to combine two vectors that are not of the same model, site, layers and width.

    Raises:
        VectorMismatchError: saying both.
    """
    for what, (first, second) in {
        "models": (one.model_name or other.model_name, other.model_name or one.model_name),
        "sites": (one.site, other.site),
        "layers": (layer_words(one.layers), layer_words(other.layers)),
        "widths": (one.d_model, other.d_model),
    }.items():
        if first != second:
            raise VectorMismatchError(
                f"{one.name!r} and {other.name!r} are vectors of different {what}, {first} and {second}; "
                + ("take one layer of each: vector.at(layer)" if what == "layers" else "extract both alike")
            )


def check_model(vector: Any, model: HookedModel) -> None:
    """Refuse a vector that is not one of this model.

    The name and how the weights were treated tell models apart; where those differ, the weights themselves, if the
    vector knows them. A vector that knows no model must fit by its layers and width.

    Raises:
        VectorMismatchError: it is of another model, or does not fit; both are said.
    """
    n_layers, d_model = int(model.cfg.n_layers), int(model.cfg.d_model)
    info = model_info(model)
    beyond = [layer for layer in vector.layers if layer >= n_layers]
    if beyond:
        raise VectorMismatchError(
            f"{vector.name!r} has vectors for {layer_words(vector.layers)}, model {info.name} has {n_layers} layers"
        )
    known = hook_names(model)
    missing = [name for name in vector.hook_names if known and name not in known]
    if missing:
        raise VectorMismatchError(f"{vector.name!r} is a vector of {missing[0]}, model {info.name} has no such place")
    if vector.site.startswith("resid") and vector.d_model != d_model:
        raise VectorMismatchError(
            f"{vector.name!r} has vectors of width {vector.d_model}, the residual stream of model {info.name} has "
            f"{d_model}"
        )
    kinds = str(vector.provenance.get("model_type") or ""), model_type(model)
    if all(kinds) and kinds[0] != kinds[1]:
        raise VectorMismatchError(f"{vector.name!r} is a vector of a {kinds[0]} model, {info.name} is a {kinds[1]}")
    was = vector.provenance.get("model") or {}
    now = info._asdict()
    names = [name for name in ("name", "fold", "step") if name in was]
    differ = [name for name in names if was[name] != now[name]] or (
        ["name"] if vector.model_name not in ("", info.name) and not names else []
    )
    if differ and not (was.get("weights") and was["weights"] == remembered_identity(model)["weights"]):
        known_as = was or {"name": vector.model_name}
        of, here = (", ".join(f"{name} {each.get(name)}" for name in differ) for each in (known_as, now))
        raise VectorMismatchError(
            f"{vector.name!r} is a vector of another model ({of}; this one is {here}); extract it from this model"
        )


def model_type(model: HookedModel) -> str:
    """Give a model's type as Hugging Face and repeng name it, such as "gpt2"; empty where it has none."""
    config: Any = getattr(getattr(model, "original_model", None), "config", None)
    return str(getattr(config, "model_type", None) or "")


def layer_words(layers: Sequence[int]) -> str:
    """Write layers as summaries show them: "layer 3", "layers 0-3", "layers 0, 2"."""
    if len(layers) == 1:
        return f"layer {layers[0]}"
    if list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"layers {layers[0]}-{layers[-1]}"
    return f"layers {', '.join(map(str, layers))}"
