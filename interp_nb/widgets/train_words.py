"""A training run in words: headings, names of quantities, and the Python that trains it again."""

import math
from collections.abc import Mapping
from typing import Any, Final

from interp_nb._recipes import call, model_lines, script
from interp_nb.sae.train_config import TrainConfig

NAMES: Final = {
    "l0": "L0", "lr": "learning rate", "l1_coefficient": "L1 coefficient", "l0_coefficient": "L0 coefficient",
    "auxk_coefficient": "AuxK coefficient",
    "loss_mse": "loss: MSE", "loss_l1": "loss: L1", "loss_tanh": "loss: tanh", "loss_step": "loss: L0 (step)",
    "loss_target_l0": "loss: target L0", "loss_gate": "loss: gate", "loss_auxk": "loss: AuxK",
}  # fmt: skip
_NESTED: Final[dict[str, dict[str, str]]] = {
    "sparsity": {"coefficient": "sparsity_coefficient", "kind": "sparsity_kind", "warmup": "sparsity_warmup"},
    "auxk": {"coefficient": "auxk_coefficient"},
}
"""Fields of nested records that `train_sae` knows by other names."""
_ARGUMENTS: Final = ("layer", "target", "target_layer")
_DEFAULT_ARCHITECTURE: Final = "batch_topk"


def readable(name: str) -> str:
    """Write the name of a quantity or a setting for people."""
    return NAMES.get(name, name.replace("_", " "))


def heading(result: Any) -> str:
    """Say what is trained."""
    what = result.labels[0] if len(result.labels) == 1 else f"{len(result.labels)} SAEs on one stream"
    return f"Training {what}"


def note(result: Any) -> str:
    """Say what is read, and from which model."""
    return " · ".join(text for text in (str(result.site), result.model_name) if text)


def known(value: Any) -> float | None:
    """Return a number as JSON has it: None for what is not known or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def reproducing_code(result: Any) -> str:
    """Write the Python that trains this again; the data are the reader's."""
    asked = result.provenance.get("arguments")
    asked = asked if isinstance(asked, Mapping) else {}
    options = {name: asked[name] for name in _ARGUMENTS if asked.get(name) is not None}
    if asked.get("epochs", 1) != 1:
        options["epochs"] = asked["epochs"]
    reading = asked.get("reading")
    options |= reading if isinstance(reading, Mapping) else {}
    given = [overrides(config) for config in result.configs]
    shared = {name: value for name, value in given[0].items() if all(each.get(name) == value for each in given)}
    configs = [{name: value for name, value in each.items() if name not in shared} for each in given]
    sweep = [] if len(configs) == 1 else [repr(configs)]
    lines = ["data = ...  # the texts, tokens or activations that this was trained on"]
    if result.model_name:
        lines = [*model_lines(result.model_name, result.provenance), *lines]
    imports = ["load_model", "train_sae"] if result.model_name else ["train_sae"]
    model = "model" if result.model_name else "None"
    site = repr(asked.get("site", result.site))
    return script(
        imports, *lines, f"run = {call('train_sae', model, site, 'data', *sweep, **shared, **options)}", "run"
    )


def overrides(config: Mapping[str, Any]) -> dict[str, Any]:
    """List the settings of one SAE as `train_sae` takes them; those that are as they are by default are left out."""
    sae, train = config["sae"], config["train"]
    given: dict[str, Any] = {"d_sae": sae["d_sae"]}
    if sae.get("architecture", _DEFAULT_ARCHITECTURE) != _DEFAULT_ARCHITECTURE:
        given["architecture"] = sae["architecture"]
    if sae.get("k") is not None:
        given["k"] = sae["k"]
    if sae.get("kind", "sae") == "skip_transcoder":
        # The other kinds follow from the sites.
        given["kind"] = sae["kind"]
    if sae.get("matryoshka_widths"):
        given["matryoshka_widths"] = tuple(sae["matryoshka_widths"])
    plain = TrainConfig().to_json()
    for name, value in train.items():
        if isinstance(value, Mapping):
            names = _NESTED.get(name, {})
            given |= {str(names.get(part, part)): each for part, each in value.items() if each != plain[name][part]}
        elif value != plain.get(name):
            given[name] = value
    return given
