"""SAELens before version 6: the same two files, with a flat `cfg.json` of a whole run's settings and other names.

Checkpoints of a run have the factor on its activations among the state of the store of activations. A run's last SAE
has it in its weights (since version 4), while its `cfg.json` still says that activations are scaled: nothing in a
folder tells that from a checkpoint whose factor is lost.

Source: SAELens 6.54.12, loading/pretrained_sae_loaders.py (`handle_pre_6_0_config`); SAELens 5.11.0, sae.py.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

from torch import Tensor

from interp_nb._errors import SaveFormatError
from interp_nb.models.sites import layer_of
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.plan import Plan
from interp_nb.sae.formats.sae_lens import SAELens
from interp_nb.sae.formats.sae_lens_plan import UNKNOWN_SCALE
from interp_nb.sae.formats.sae_lens_said import CONFIG, FINETUNED, WEIGHTS
from interp_nb.sae.formats.sae_lens_writing import (
    config_of,
    for_use,
    refuse_sites,
    refuse_unknown,
    still_unknown,
    tensors_of,
)
from interp_nb.sae.formats.small_files import is_file
from interp_nb.sae.formats.writing import Write, as_json, as_safetensors, in_precision, refuse

RENAMED: Final = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
"""Names of settings, and what they were called later."""
STORE: Final = "activations_store_state.safetensors"
UNKNOWN: Final = (
    "normalize_activations is 'expected_average_only_in' and no file says the factor: a run's last SAE (version 4 and "
    "later) has it in its weights, and then all is well; of a checkpoint it is lost, and activations would have to be "
    "multiplied to a mean norm of sqrt(d_in): sae.set_scales(d_in**0.5 / acts.norm(dim=-1).mean()). Here, as in "
    "SAELens, they are read unscaled; see which reconstructs better"
)
_FACTOR: Final = "estimated_norm_scaling_factor"
_ARCHITECTURES: Final = ("standard", "gated", "jumprelu", "topk")


class SAELensLegacy(SAELens):
    """SAEs of SAELens before version 6."""

    name: ClassVar[str] = "sae_lens_legacy"
    looks_like: ClassVar[str] = f"{SAELens.looks_like}, of a version before 6"
    holds: ClassVar[str] = "SAEs of a known site: relu, topk, gated, or with thresholds"

    def reads(self, values: dict[str, Any]) -> bool:
        """Say whether it is of an older version: SAELens takes one that says none for old."""
        return not super().reads(values) and ("d_in" in values or "d_sae" in values)

    def translate(self, values: dict[str, Any]) -> dict[str, Any]:
        """Give a configuration the names of version 6, and the defaults of its time.

        Raises:
            SaveFormatError: it has an activation function that version 6 has not.
        """
        made = {RENAMED.get(name, name): value for name, value in values.items()}
        hook, norm = made.get("hook_name"), made.get("normalize_activations")
        architecture, activation = made.get("architecture") or "standard", made.get("activation_fn") or "relu"
        kwargs = made.get("activation_fn_kwargs") or {}
        if activation == "topk" and isinstance(kwargs, dict) and kwargs.get("k") is not None:
            architecture, made["k"] = "topk", kwargs["k"]
        elif activation != "relu":
            raise SaveFormatError(
                f"cfg.json: activation_fn must be 'relu', or 'topk' with its k, found {str(activation)[:40]!r}: "
                "no other was kept in SAELens 6, and none is read here"
            )
        if architecture not in _ARCHITECTURES:
            raise SaveFormatError(
                f"cfg.json: architecture must be one of {', '.join(map(repr, _ARCHITECTURES))} before SAELens 6, found "
                f"{str(architecture)[:40]!r}"
            )
        heads = "hook_z" if isinstance(hook, str) and "hook_z" in hook else None
        # What the file does not say stays out, so that it is known for a default.
        return {
            "d_in": made.get("d_in"),
            "d_sae": made.get("d_sae"),
            "dtype": made.get("dtype"),
            "architecture": architecture if {"architecture", "activation_fn"} & made.keys() else None,
            "k": made.get("k"),
            "apply_b_dec_to_input": made.get("apply_b_dec_to_input"),
            # A boolean in the earliest versions.
            "normalize_activations": {True: "expected_average_only_in", False: "none"}[norm]
            if isinstance(norm, bool)
            else norm,
            "reshape_activations": made.get("reshape_activations") or heads,
            "finetuning_scaling_factor": bool(made.get("finetuning_scaling_factor")),
            "metadata": made,
        }

    def small_files(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Read the configuration, and of a checkpoint the factor on its activations."""
        found = super().small_files(folder)
        factor = _stored_factor(folder / STORE)
        return found if factor is None else found | {STORE: {"scaling_factor": factor}}

    def scaler(self, everything: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Find how activations were scaled while training."""
        return everything.get(STORE, {})

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read the small files; say what they leave open in the words of this version."""
        made = super().plan(folder, sae_id)
        problems = (UNKNOWN if problem == UNKNOWN_SCALE else problem for problem in made.problems)
        return made._replace(problems=tuple(problems))

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fold what was done to activations, and a finetuned scale of the latents, into the weights.

        Raises:
            SaveFormatError: there is such a scale, and the configuration says that there is none.
        """
        held = {name: value for name, value in tensors.items() if name not in FINETUNED}
        for scale in (tensors[name] for name in FINETUNED if name in tensors):
            # For a time it was always there, at 1.
            if bool((scale != 1).any()):
                held["scaling_factor"] = scale
        if "scaling_factor" in held and not plan.metadata[CONFIG].get("finetuning_scaling_factor"):
            raise SaveFormatError(
                f"{WEIGHTS} must not have a scaling_factor other than 1, found one: {CONFIG} says that "
                "finetuning_scaling_factor is off"
            )
        return super().convert(plan, held)

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write it as SAELens 5 exports it."""
        cfg = sae.cfg
        refuse_unknown(sae)
        refuse_sites(sae)
        if cfg.kind != "sae" or for_use(sae) not in _ARCHITECTURES:
            refuse("SAELens before version 6", f"a {cfg.kind} with architecture={cfg.architecture!r}",
                   "save it as 'sae_lens'")  # fmt: skip
        if not cfg.sites:
            refuse("SAELens before version 6", "an SAE of no site, whose name it needs",
                   "save it as 'sae_lens'")  # fmt: skip
        made = sae.folded()
        tensors = in_precision(tensors_of(made), dtype)
        values = _flat(config_of(made, tensors["W_dec"].dtype) | still_unknown(sae))
        return {CONFIG: as_json(values), WEIGHTS: as_safetensors(tensors)}


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Write a configuration of version 6 as version 5 does, which refuses one that lacks a setting."""
    metadata = values["metadata"]
    k = values.get("k")
    made = {name: values[name] for name in ("architecture", "d_in", "d_sae", "dtype", "device", "apply_b_dec_to_input")}
    kept = ("model_name", "hook_name", "hook_head_index", "prepend_bos", "dataset_path", "context_size",
            "neuronpedia_id", "sae_lens_training_version", "interp_nb_version")  # fmt: skip
    return made | {name: metadata.get(name) for name in kept} | {
        "hook_layer": layer_of(metadata["hook_name"]),
        "activation_fn_str": "relu" if k is None else "topk",
        "activation_fn_kwargs": {} if k is None else {"k": k},
        "finetuning_scaling_factor": False,
        "dataset_trust_remote_code": True,
        "normalize_activations": values["normalize_activations"],
        "model_from_pretrained_kwargs": metadata.get("model_from_pretrained_kwargs") or {},
        "seqpos_slice": metadata.get("seqpos_slice") or [None],
    }  # fmt: skip


def _stored_factor(file: Path) -> float | None:
    """Read the one number from the store's state, which holds whole buffers of activations besides."""
    from safetensors import SafetensorError, safe_open

    if not is_file(file):
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            if _FACTOR not in opened.keys():  # noqa: SIM118 - not a mapping
                return None
            if opened.get_slice(_FACTOR).get_shape() != []:
                raise SaveFormatError(f"{file} must have one number as {_FACTOR}, found a tensor")
            return float(opened.get_tensor(_FACTOR))
    except (SafetensorError, OSError) as error:
        raise SaveFormatError(f"{file} must be a whole safetensors file, found a damaged one ({error})") from error
