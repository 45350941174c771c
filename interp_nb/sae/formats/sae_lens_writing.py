"""Our SAEs as SAELens's: its names, its conventions, and what its files cannot hold.

An SAE is written as SAELens exports it, for use: scales are folded into the weights, and what fires above a threshold
is a "jumprelu" with that threshold. `sae_lens_training` writes the unfolded form.
"""

from importlib import import_module
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb.sae.architectures.temporal import PROJECTIONS
from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.jump_relu import thresholds
from interp_nb.sae.formats.processing import KEY, as_options, fold_known, said_of
from interp_nb.sae.formats.sae_lens_said import CONFIG, UNKNOWN_FACTOR, WEIGHTS
from interp_nb.sae.formats.writing import DTYPES, Write, as_json, as_safetensors, in_precision, refuse

FAMILY: Final = "SAELens"
VERSION: Final = "6.54.12"
"""Of the files that are written: SAELens reads what is below 6 as its older format."""
_FOR_USE: Final[dict[str, str]] = {
    "relu": "standard",
    "topk": "topk",
    "abs_topk": "abstopk",
    "batch_topk": "jumprelu",
    "matryoshka": "jumprelu",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "matching_pursuit": "matching_pursuit",
    "temporal": "temporal",
}
_INPUT_NORMS: Final = {"none": "none", "layer_norm": "layer_norm", "constant_norm": "constant_norm_rescale"}
_KEYS: Final = (
    *("sae_lens_training_version", "model_class_name", "hook_head_index", "hook_head_index_out", "hf_hook_name"),
    *("hf_hook_name_out", "context_size", "prepend_bos", "seqpos_slice", "model_from_pretrained_kwargs"),
    *("dataset_path", "exclude_special_tokens", "sequence_separator_token", "disable_concat_sequences"),
    *("neuronpedia_id", "training_architecture", "training_architecture_details", "l0", "num_dead_features"),
)
"""What SAELens's metadata hold besides model and site, and an SAE that came from SAELens takes along."""


def contents(sae: SAE, dtype: str | None) -> dict[str, Write]:
    """Say what writes each file.

    Raises:
        ConfigError: SAELens has no such SAE, with an alternative.
    """
    refuse_unknown(sae)
    refuse_tied(sae)
    refuse_sites(sae)
    made = sae if sae.cfg.architecture in ("matching_pursuit", "temporal") else sae.folded()
    tensors = in_precision(tensors_of(made), dtype)
    values = config_of(made, tensors["W_dec"].dtype) | still_unknown(sae)
    return {CONFIG: as_json(values), WEIGHTS: as_safetensors(tensors)}


def refuse_unknown(sae: SAE) -> None:
    """Refuse architectures and wirings that SAELens has not."""
    cfg = sae.cfg
    if cfg.kind not in ("sae", "transcoder", "skip_transcoder"):
        refuse(FAMILY, f"kind={cfg.kind!r}, whose latents read or write several places", "save it as 'interp_nb'")
    if cfg.architecture not in _FOR_USE:
        refuse(FAMILY, f"architecture={cfg.architecture!r}", "save it as 'interp_nb', or in its own family's format")
    if cfg.kind != "sae" and for_use(sae) not in ("standard", "jumprelu"):
        refuse(FAMILY, f"a {cfg.kind} with architecture={cfg.architecture!r}, only relu and jumprelu ones",
               "save it as 'interp_nb'")  # fmt: skip
    if cfg.architecture in ("topk", "abs_topk") and cfg.decoder_norm == "free":
        refuse(FAMILY, "latents that are ranked by decoder norm and counted without it",
               "save it as 'interp_nb', or train with decoder_norm='unit'")  # fmt: skip


def for_use(sae: SAE) -> str:
    """Give SAELens's name of what it is exported as."""
    return _FOR_USE[sae.cfg.architecture]


def refuse_tied(sae: SAE, *, scale_elsewhere: bool = False) -> None:
    """Refuse what SAELens computes from one matrix and we from two, and scales it has no place for.

    Args:
        scale_elsewhere: Whether the factor on the activations goes into a file of its own.
    """
    cfg, scaled = sae.cfg, bool((sae.norm_scale != 1).any()) and not scale_elsewhere
    if cfg.architecture == "matching_pursuit":
        if scaled or not torch.equal(sae.encoder, sae.W_dec):
            refuse(FAMILY, "a matching pursuit SAE whose encoder is not its decoder, as that of a scaled one",
                   "save it as 'interp_nb'")  # fmt: skip
        if not cfg.subtract_b_dec and bool((sae.b_dec != 0).any()):
            refuse(FAMILY, "a matching pursuit SAE that adds b_dec and does not take it off its input",
                   "save it as 'interp_nb'")  # fmt: skip
    if cfg.architecture == "temporal" and scaled and cfg.input_norm != "none":
        refuse(FAMILY, f"a factor on the activations beside input_norm={cfg.input_norm!r}", "save it as 'interp_nb'")


def refuse_sites(sae: SAE) -> None:
    """Refuse heads at a site whose name SAELens does not take for one of heads."""
    cfg = sae.cfg
    if reads_heads(sae) and cfg.sites and not cfg.sites[0].endswith("_z"):
        refuse(FAMILY, f"heads of {cfg.sites[0]}, only of hook_z", "save it as 'interp_nb'")


def reads_heads(sae: SAE) -> bool:
    """Say whether activations come by head in a model: as [... head d_head]."""
    cfg = sae.cfg
    return cfg.kind == "sae" and (cfg.n_heads is not None or any(site.endswith(".hook_z") for site in cfg.sites))


def tensors_of(sae: SAE) -> dict[str, Tensor]:
    """Give the tensors by SAELens's names, without scales."""
    cfg, state = sae.cfg, {name: value.detach() for name, value in sae.state_dict().items()}
    made = {"W_dec": state["W_dec"], "b_dec": state["b_dec"]}
    if not is_tied(sae):
        made["W_enc"] = state["encoder"].T
    if cfg.architecture == "gated":
        made |= {"b_gate": state["b_enc"], "b_mag": state["b_mag"], "r_mag": state["r_mag"]}
    elif cfg.architecture == "temporal":
        for layer in range(cfg.setting("n_attn_layers")):
            for name in PROJECTIONS:
                for part in ("weight", "bias"):
                    made[f"attn_layers.{layer}.{name}.{part}"] = state[f"attn_{layer}_{name}_{part}"]
    elif cfg.architecture != "matching_pursuit":
        made["b_enc"] = state["b_enc"]
    if for_use(sae) == "jumprelu":
        made["threshold"] = thresholds(sae)
    if "W_skip" in state:
        made["W_skip"] = state["W_skip"]
    return made


def is_tied(sae: SAE) -> bool:
    """Say whether SAELens reads the encoder from the decoder."""
    tied = sae.cfg.architecture == "temporal" and sae.cfg.setting("tied") and torch.equal(sae.encoder, sae.W_dec)
    return sae.cfg.architecture == "matching_pursuit" or bool(tied)


def config_of(sae: SAE, dtype: torch.dtype) -> dict[str, Any]:
    """Give `cfg.json`, of an SAE for use."""
    cfg = sae.cfg
    name = for_use(sae)
    if cfg.kind != "sae":
        name = "_".join([*(["jumprelu"] if name == "jumprelu" else []), cfg.kind])
    made = common(sae, dtype) | {"architecture": name}
    if cfg.kind != "sae":
        made["d_out"] = cfg.output_width
    if name in ("topk", "abstopk"):
        made |= {"k": cfg.k, "rescale_acts_by_decoder_norm": False}
    if name == "matching_pursuit":
        made |= dict(cfg.settings)
    if name == "temporal":
        factor = float(sae.norm_scale)
        made |= {
            "n_heads": cfg.setting("n_heads"), "n_attn_layers": cfg.setting("n_attn_layers"),
            "bottleneck_factor": cfg.setting("bottleneck_factor"), "sae_diff_type": cfg.setting("diff_type"),
            "kval_topk": cfg.setting("k"), "tied_weights": is_tied(sae), "activation_normalization_factor": factor,
        }  # fmt: skip
        made |= {"normalize_activations": "constant_scalar_rescale"} if factor != 1 else {}
    return made


def still_unknown(sae: SAE) -> dict[str, Any]:
    """Hand on that the factor on the activations is unknown, unless it was set since."""
    known = (sae.provenance.get("format") or {}).get("conventions", {}).get("normalize_activations", {})
    unknown = known.get("value") == UNKNOWN_FACTOR and bool((sae.norm_scale == 1).all())
    return {"normalize_activations": "expected_average_only_in"} if unknown else {}


def common(sae: SAE, dtype: torch.dtype) -> dict[str, Any]:
    """Give what every configuration of SAELens has."""
    cfg = sae.cfg
    names = {value: name for name, value in DTYPES.items()}
    return {
        "d_in": cfg.d_in,
        "d_sae": cfg.d_sae,
        "dtype": names[dtype],
        "device": "cpu",
        "apply_b_dec_to_input": bool(cfg.subtract_b_dec),
        "normalize_activations": _INPUT_NORMS[cfg.input_norm],
        "reshape_activations": "hook_z" if reads_heads(sae) else "none",
        "metadata": metadata_of(sae),
    }


def metadata_of(sae: SAE) -> dict[str, Any]:
    """Give what SAELens should know of model, site and training; what it said itself is handed on."""
    cfg = sae.cfg
    said = (sae.provenance.get("format") or {}).get("metadata", {}).get(CONFIG, {})
    inner = said.get("metadata") if isinstance(said, dict) else None
    made: dict[str, Any] = dict(inner) if isinstance(inner, dict) else {}
    if inner is None and isinstance(said, dict):
        # Before version 6 they lay among the settings.
        made = {name: said[name] for name in _KEYS if name in said}
    sites = dict(zip(("hook_name", "hook_name_out"), cfg.sites, strict=False))
    made |= {"model_name": cfg.model} if cfg.model else {}
    settings = (sae.provenance.get("source") or {}).get("settings") or {}
    made |= {"context_size": settings["ctx_len"]} if "ctx_len" in settings else {}
    training = made.get("sae_lens_training_version")
    if not said_of(made) and (options := as_options(fold_known(sae))):
        made[KEY] = {**(made.get(KEY) or {}), **options}
    return made | sites | {
        "sae_lens_version": VERSION,
        "sae_lens_training_version": training,
        "interp_nb_version": str(import_module("interp_nb").__version__),
    }  # fmt: skip
