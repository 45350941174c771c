"""circuit-tracer: per-layer transcoders, a file for each layer, and cross-layer transcoders, two files for each.

    config.yaml  layer_0.safetensors  layer_1.safetensors ...          W_enc, W_dec [d_sae d_model], b_enc, b_dec
    config.yaml  W_enc_0.safetensors  W_dec_0.safetensors ...          W_dec_i [d_sae n_layers-i d_model]

Of a set each layer is an SAE of its own, "layer_3". config.yaml says the model and where every layer reads and writes.
Its thresholds come without a relu: one below 0 lets negative values through ("signed_jumprelu"), and so does TopK where
fewer than k latents are positive ("signed_topk").

Source: circuit-tracer 0.5.0, transcoder/single_layer_transcoder.py and cross_layer_transcoder.py.
"""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from interp_nb.sae.coder import SAE
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.circuit_tracer_plan import (
    CONFIG,
    CROSS,
    SET,
    THRESHOLD,
    layer_files,
    plan_cross_layer,
    plan_transcoder,
    read_config,
)
from interp_nb.sae.formats.jump_relu import jump_relu_weights
from interp_nb.sae.formats.plan import Plan
from interp_nb.sae.formats.small_files import is_file
from interp_nb.sae.formats.writing import Write, as_safetensors, in_precision, refuse, write_folder

_SITE: Final = re.compile(r"blocks\.(\d+)\.(.+)")
_STATE: Final = ("encoder", "W_dec", "b_enc", "b_dec", "W_skip", "exact_threshold")
_INSTEAD: Final = "save it as 'interp_nb', or as 'sae_lens' if that can hold it"


class CircuitTracer(Format):
    """Transcoders of circuit-tracer, of a layer each or across layers."""

    name: ClassVar[str] = "circuit_tracer"
    looks_like: ClassVar[str] = "layer_0.safetensors or W_enc_0.safetensors"
    holds: ClassVar[str] = "transcoders and CLTs of known sites and one width: relu, with thresholds, signed_topk"

    def find(self, folder: Path) -> list[str]:
        """List a set's layers; a cross-layer transcoder is one."""
        if is_file(folder / "W_enc_0.safetensors"):
            return [""]
        return [f"layer_{layer}" for layer in layer_files(folder)]

    def id_of(self, folder: Path, file: str) -> str:
        """Say which layer a file is of."""
        layers = [layer for layer, name in layer_files(folder).items() if name == file]
        return f"layer_{layers[0]}" if layers else ""

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read config.yaml, the shapes of the tensors and the thresholds."""
        fields = read_config(folder)
        if sae_id:
            return plan_transcoder(folder, sae_id, fields)
        return plan_cross_layer(folder, fields)

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take a transcoder as it is; put the layers of a cross-layer transcoder one after another."""
        if plan.cfg.kind != "clt":
            return {name: value for name, value in super().convert(plan, tensors).items() if name in _STATE}
        n_layers = plan.cfg.n_sites
        later = []
        for layer in range(n_layers):
            written = tensors[f"W_dec_{layer}"]
            later.append(torch.cat([written.new_zeros(len(written), layer, written.shape[2]), written], dim=1))
        state = {name: torch.cat([tensors[f"{kept}_{layer}"] for layer in range(n_layers)])
                 for name, kept in (("encoder", "W_enc"), ("b_enc", "b_enc"), ("b_dec", "b_dec"))}  # fmt: skip
        if "threshold_0" in tensors:
            state["exact_threshold"] = torch.cat([tensors[f"threshold_{layer}"] for layer in range(n_layers)])
        return state | {"W_dec": torch.cat(later).flatten(1)}

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write config.yaml and the weights: those of one layer of a set, or of all layers of a cross-layer one."""
        layers, read, written = _places(sae)
        more: dict[str, Any] = {}
        if sae.cfg.architecture == "signed_topk":
            more = {"activation": "topk", "k": sae.cfg.k}
        config = {
            "model_name": sae.cfg.model,
            "model_kind": CROSS if sae.cfg.kind == "clt" else SET,
            "feature_input_hook": read,
            "feature_output_hook": written,
            **more,
        }
        weights = in_precision(_weights(sae), dtype)
        made: dict[str, Write] = {CONFIG: _as_yaml({key: value for key, value in config.items() if value is not None})}
        if sae.cfg.kind != "clt":
            return made | {f"layer_{layers[0]}.safetensors": as_safetensors(weights)}
        width = sae.cfg.output_width // len(layers)
        for layer in layers:
            names = ("W_enc", "b_enc", "b_dec", "threshold")
            part = {f"{name}_{layer}": weights[name].chunk(len(layers))[layer] for name in names if name in weights}
            decoder = weights["W_dec"].chunk(len(layers))[layer].reshape(-1, len(layers), width)[:, layer:]
            made[f"W_enc_{layer}.safetensors"] = as_safetensors(part)
            made[f"W_dec_{layer}.safetensors"] = as_safetensors({f"W_dec_{layer}": decoder})
        return made

    def save(self, sae: SAE, folder: Path, dtype: str | None = None) -> Path:
        """Write an SAE to a folder; a transcoder joins the other layers of the set that is there.

        Raises:
            ConfigError: what the family cannot hold, or a set of another model or other places, with an alternative.
            DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        contents = self.contents(sae, dtype)
        there = self.find(folder) if folder.is_dir() else []
        if there:
            _check_joins(sae, folder, there)
            del contents[CONFIG]  # what is there says the same, and maybe more
        else:
            self.refuse_strangers(folder, contents)
        return write_folder(folder, contents)


def _places(sae: SAE) -> tuple[list[int], str, str]:
    """Give the layers, and the hooks within a layer that are read and written.

    Raises:
        ConfigError: they are not the same in every layer, or there are none.
    """
    cfg = sae.cfg
    matches = [_SITE.fullmatch(site) for site in cfg.sites]
    if cfg.kind not in ("transcoder", "skip_transcoder", "clt"):
        refuse(
            CircuitTracer.name, f"kind={cfg.kind!r}: they are transcoders of one layer, or across all layers without a "
            "skip connection", _INSTEAD,
        )  # fmt: skip
    half = len(matches) // 2
    found = [(int(match[1]), match[2]) for match in matches if match is not None]
    layers = [layer for layer, _ in found[:half]]
    reads, writes = {hook for _, hook in found[:half]}, {hook for _, hook in found[half:]}
    whole = len(found) == 2 * cfg.n_sites and [layer for layer, _ in found[half:]] == layers
    if not whole or len(reads) != 1 or len(writes) != 1 or (cfg.kind == "clt" and layers != list(range(half))):
        refuse(
            CircuitTracer.name, f"the sites {', '.join(cfg.sites) or 'that are not known'}: they read one place in "
            "a layer and write another in the same layer, of a cross-layer one in every layer from 0", _INSTEAD,
        )  # fmt: skip
    return layers, reads.pop(), writes.pop()


def _weights(sae: SAE) -> dict[str, Tensor]:
    """Give weights by circuit-tracer's names; of a cross-layer transcoder those of all layers.

    Raises:
        ConfigError: the family cannot hold them.
    """
    cfg, family = sae.cfg, CircuitTracer.name
    if cfg.d_in != cfg.output_width:
        refuse(family, f"different widths, {cfg.d_in} and {cfg.d_out}", _INSTEAD)
    if cfg.architecture == "signed_topk" and cfg.kind == "clt":
        refuse(family, "TopK across layers: thresholds are all that cross-layer transcoders have", _INSTEAD)
    if cfg.architecture == "topk":
        refuse(
            family, "TopK with a relu: its own lets negative latents through where fewer than k are positive", _INSTEAD
        )
    if cfg.architecture in ("signed_topk", "signed_jumprelu"):
        made = {name: value.detach() for name, value in sae.folded().state_dict().items() if name in _STATE}
        renamed = {"encoder": "W_enc", "exact_threshold": "threshold" if cfg.kind == "clt" else THRESHOLD}
        return {renamed.get(name, name): value for name, value in made.items()}
    held = jump_relu_weights(sae, family, ("transcoder", "skip_transcoder", "clt"), _INSTEAD)
    weights = {"W_enc": held.encoder, "b_enc": held.b_enc, "W_dec": held.W_dec, "b_dec": held.b_dec}
    if cfg.architecture != "relu":
        # relu(pre) where pre > t is pre where pre > max(t, 0).
        weights["threshold" if cfg.kind == "clt" else THRESHOLD] = held.threshold.clamp(min=0)
    return weights if held.W_skip is None else weights | {"W_skip": held.W_skip}


def _check_joins(sae: SAE, folder: Path, there: list[str]) -> None:
    """Refuse to put a transcoder into a set of another model, of other places or of another activation."""
    layers, read, written = _places(sae)
    fields = read_config(folder).values
    topk = sae.cfg.architecture == "signed_topk"
    asked = {"model_name": sae.cfg.model, "feature_input_hook": read, "feature_output_hook": written,
             "activation": "topk" if topk else None, "k": sae.cfg.k if topk else None}  # fmt: skip
    odd = [f"{name} {fields.get(name)!r} and not {value!r}" for name, value in asked.items()
           if fields.get(name) != value]  # fmt: skip
    if "transcoders" in fields:
        odd.append("a list of transcoders")
    if odd or (there == [""]) != (sae.cfg.kind == "clt"):
        refuse(f"the set in {folder}", f"layer {layers[0]}: it has {', '.join(odd) or 'another kind'}",
               "give another folder")  # fmt: skip


def _as_yaml(values: dict[str, Any]) -> Write:
    import yaml

    text = yaml.safe_dump(values, sort_keys=False)
    return lambda part: part.write_text(text, encoding="utf-8")
