"""SAELens's training checkpoints, written: unfolded, so that SAELens can go on training (`TrainingSAE.load_from_disk`).

The factor on the activations stands in `activation_scaler.json`, and a BatchTopK's threshold is one number. What
training itself leaves behind (optimizer, counts) is not ours to invent: SAELens starts those anew. Such folders are
read by `sae_lens`.
"""

from pathlib import Path
from typing import Any, ClassVar, Final

import torch

from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.sae_lens import SAELens
from interp_nb.sae.formats.sae_lens_said import CONFIG, SCALER, WEIGHTS
from interp_nb.sae.formats.sae_lens_writing import (
    FAMILY,
    common,
    refuse_sites,
    refuse_tied,
    refuse_unknown,
    tensors_of,
)
from interp_nb.sae.formats.writing import Write, as_json, as_safetensors, in_precision, refuse

_TRAINED: Final[dict[str, str]] = {
    "relu": "standard",
    "topk": "topk",
    "abs_topk": "abstopk",
    "batch_topk": "batchtopk",
    "matryoshka": "matryoshka_batchtopk",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "matching_pursuit": "matching_pursuit",
}
_INIT_NORM: Final = 0.1
"""SAELens's default of `decoder_init_norm`, which nothing computes with; it marks a training configuration."""


class SAELensTraining(SAELens):
    """SAEs of SAELens 6 and later, as its training checkpoints."""

    name: ClassVar[str] = "sae_lens_training"
    looks_like: ClassVar[str] = f"{SAELens.looks_like}, read as sae_lens"
    holds: ClassVar[str] = "SAEs of all architectures that SAELens trains, to go on with there"
    read_as: ClassVar[str] = SAELens.name

    def find(self, folder: Path) -> list[str]:
        """Find none: `sae_lens` reads checkpoints too."""
        return []

    def replaces(self, folder: Path) -> set[str]:
        """List the files of an SAE of SAELens."""
        return {each.name for each in folder.iterdir()} if SAELens().find(folder) else set()

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write it as SAELens's trainer does."""
        refuse_unknown(sae)
        refuse_sites(sae)
        cfg, scaled = sae.cfg, bool((sae.norm_scale != 1).any())
        if cfg.kind != "sae" or cfg.architecture not in _TRAINED:
            refuse(FAMILY, f"a training checkpoint of a {cfg.kind} with architecture={cfg.architecture!r}",
                   "save it as 'sae_lens', for use")  # fmt: skip
        if cfg.architecture in ("batch_topk", "matryoshka") and cfg.decoder_norm == "free":
            refuse(FAMILY, "a training checkpoint whose latents are ranked by decoder norm and counted without it",
                   "save it as 'sae_lens', for use")  # fmt: skip
        if scaled and cfg.input_norm != "none":
            refuse(FAMILY, f"a factor on the activations beside input_norm={cfg.input_norm!r}",
                   "save it as 'sae_lens', for use")  # fmt: skip
        if cfg.architecture == "matching_pursuit":
            refuse_tied(sae, scale_elsewhere=True)
        tensors = tensors_of(sae)
        if cfg.architecture == "jumprelu":
            # For use a relu comes first and a threshold below 0 is one of 0; while training there is no relu.
            tensors["threshold"] = tensors["threshold"].clamp(min=0)
        if cfg.architecture in ("batch_topk", "matryoshka"):
            threshold = tensors.pop("threshold")[0]
            weights = in_precision(tensors, dtype) | {"topk_threshold": threshold.double()}
        else:
            weights = in_precision(tensors, dtype)
        scaler = {"scaling_factor": float(sae.norm_scale) if scaled else None, "has_whitening": False}
        values = _config(sae, weights["W_dec"].dtype, scaled=scaled)
        return {CONFIG: as_json(values), WEIGHTS: as_safetensors(weights), SCALER: as_json(scaler)}


def _config(sae: SAE, dtype: torch.dtype, *, scaled: bool) -> dict[str, Any]:
    cfg = sae.cfg
    made = common(sae, dtype) | {"architecture": _TRAINED[cfg.architecture], "decoder_init_norm": _INIT_NORM}
    made |= {"normalize_activations": "expected_average_only_in"} if scaled else {}
    if cfg.k is not None:
        # Ranked as it stands: rows of norm 1 need no weights, and others' are not counted in the latents.
        whole = cfg.architecture in ("topk", "abs_topk")
        made |= {"k": cfg.k if whole else float(cfg.k), "rescale_acts_by_decoder_norm": False}
    if cfg.architecture == "matryoshka":
        made |= {"matryoshka_widths": list(cfg.matryoshka_widths or ())}
    if cfg.architecture == "matching_pursuit":
        made |= dict(cfg.settings) | {"decoder_init_norm": 1.0}
    return made
