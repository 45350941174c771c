"""Vectors of the `steering-vectors` package, taken over from its object in memory; its pickles are never read."""

from typing import Any, Final

import torch
from torch import Tensor

from interp_nb._errors import ConfigError, nearest
from interp_nb.models.info import model_info
from interp_nb.models.protocol import HookedModel
from interp_nb.steering.extract import made_by
from interp_nb.steering.mismatch import check_model
from interp_nb.steering.vectors import SteeringVector

SITES: Final = {"decoder_block": "resid_post", "self_attn": "attn_out", "mlp": "mlp_out"}
"""Its layer types and our sites: it adds to the output of a block, of attention, of the MLP."""


def from_steering_vectors(obj: Any, model: HookedModel, *, name: str = "") -> SteeringVector:
    """Take over a vector of the `steering-vectors` package; it counts layers from 0 as we do.

    What share of the stream it adds is known once it was `measured_on` texts.

    Args:
        obj: Its `SteeringVector`: `layer_activations`, a dict of layer to tensor, and `layer_type`.
        model: The model it was trained on.

    Raises:
        ConfigError: it is something else, or of a layer type that has no site here.
        VectorMismatchError: it does not fit the model.
    """
    activations, kind = getattr(obj, "layer_activations", None), str(getattr(obj, "layer_type", ""))
    if not isinstance(activations, dict) or not all(isinstance(each, Tensor) for each in activations.values()):
        raise ConfigError(
            "expected a SteeringVector of the steering-vectors package, with layer_activations, got "
            f"{type(obj).__name__}; load it there: its files are pickles, which are not read here"
        )
    if kind not in SITES:
        raise ConfigError(f"layer_type {kind!r} has no site here; {nearest(kind, SITES)}")
    if not activations:
        raise ConfigError("it has no layers")
    n_layers = int(model.cfg.n_layers)
    by_layer = {
        int(layer) % n_layers if -n_layers <= layer < 0 else int(layer): row for layer, row in activations.items()
    }
    if len({row.numel() for row in by_layer.values()}) > 1:
        raise ConfigError("its layers have vectors of different widths")
    _check_plain(model, kind)
    layers = sorted(by_layer)
    vector = SteeringVector.of(
        torch.stack([by_layer[layer].detach().flatten().cpu() for layer in layers]), layers, site=SITES[kind],
        layer=layers[len(layers) // 2], method="file", name=name or "steering-vectors",
        model_name=model_info(model).name,
        note="from the steering-vectors package: no layer is known to be the best",
        provenance=made_by(model, "from_steering_vectors", {"layer_type": kind}),
    )  # fmt: skip
    check_model(vector, model)
    return vector


def _check_plain(model: HookedModel, kind: str) -> None:
    """Refuse attention and MLP outputs where a norm comes after them: it adds before that norm, our sites are after."""
    block: Any = next(iter(getattr(model, "blocks", ())), None)
    if kind != "decoder_block" and any(hasattr(block, norm) for norm in ("ln1_post", "ln2_post")):
        raise ConfigError(
            f"this model has a norm after {kind}, and vectors of that layer type act before it; there is no site for "
            "that here, take a vector of decoder_block"
        )
