"""Gemma Scope 2: JumpReLU SAEs, transcoders, cross-layer transcoders and crosscoders of Gemma 3.

    resid_post/layer_13_width_16k_l0_medium/{config.json, params.safetensors}
    clt/width_262k_l0_big_affine/{config.json, params_layer_0.safetensors, params_layer_1.safetensors, ...}

config.json names modules of the Hugging Face model, which are translated where the translation is known and said as
they are where it is not. In files of several layers each holds one layer's latents: they read that layer and write to
it and the later ones. An "affine" connection is a skip connection, stored `[d_in d_out]`.

Source: the model cards of google/gemma-scope-2-*; SAELens and circuit-tracer, which both read them.
"""

import re
from pathlib import Path
from typing import ClassVar, Final

import torch
from torch import Tensor

from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import CROSS_LAYER, SAEConfig
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.jump_relu import JumpReLUWeights, jump_relu_weights
from interp_nb.sae.formats.plan import DEFAULT, STORED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import Fields, is_file, read_json
from interp_nb.sae.formats.tensor_files import read_headers
from interp_nb.sae.formats.writing import Write, as_json, as_safetensors, in_precision, refuse

PARAMS: Final = "params.safetensors"
LAYER_PARAMS: Final = "params_layer_{layer}.safetensors"
CONFIG: Final = "config.json"
POINTS: Final[dict[str, str]] = {
    "output": "blocks.{layer}.hook_resid_post",
    "self_attn.o_proj.input": "blocks.{layer}.attn.hook_z",
    "post_feedforward_layernorm.output": "blocks.{layer}.hook_mlp_out",
    # With the norm's weights, which `ln2.hook_normalized` has not; `hook_mlp_in` is what the norm reads.
    "pre_feedforward_layernorm.output": "blocks.{layer}.mlp.hook_in",
}
"""Places in a layer of Gemma 3, as its module tree names them, by our hook names."""
HEADS: Final = {"270m": (4, 256), "1b": (4, 256), "4b": (8, 256), "12b": (16, 256), "27b": (32, 128)}
"""Heads of Gemma 3 and their widths (the models' own configurations)."""
_POINT: Final = re.compile(r"model\.layers\.(\d{1,3}|\{(?:all|\d{1,3}(?:,\d{1,3})*)\})\.([a-z_.]+)")
_MODEL: Final = re.compile(r"google/gemma-3-(270m|1b|4b|12b|27b)(?:-[a-z]+)?")
_SKIP: Final = "affine_skip_connection"
_KINDS: Final = ("sae", "transcoder", "skip_transcoder", *CROSS_LAYER)
_INSTEAD: Final = "save it as 'interp_nb', or as 'sae_lens' if that can hold it"
_MOST_LAYERS: Final = 1000


class GemmaScope2(Format):
    """SAEs, transcoders and cross-layer ones of Gemma Scope 2 (Gemma 3), with or without skip connections."""

    name: ClassVar[str] = "gemma_scope_2"
    looks_like: ClassVar[str] = f"{PARAMS} or {LAYER_PARAMS.format(layer=0)}"
    holds: ClassVar[str] = "SAEs, transcoders and CLTs of Gemma 3, or of no known site: relu, or with thresholds"

    def find(self, folder: Path) -> list[str]:
        """See whether there is one file, or the first layer's."""
        return [""] if any(is_file(folder / file) for file in (PARAMS, LAYER_PARAMS.format(layer=0))) else []

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read config.json, and the shapes of the first file."""
        fields = Fields(read_json(folder / CONFIG) if is_file(folder / CONFIG) else {}, folder / CONFIG)
        fields.one_of("architecture", ("jump_relu",), "jump_relu")
        files = _files(folder)
        there = read_headers(folder / files[0])
        d_in, d_sae = _shape(there["w_enc"].shape if "w_enc" in there else (), 2, "w_enc", folder / files[0])
        several, n_layers, skip = files[0] != PARAMS, len(files), _SKIP in there
        decoder = there["w_dec"].shape if "w_dec" in there else ()
        d_out = _shape(decoder, 3 if several else 2, "w_dec", folder / files[0])[-1]
        kind = _kind(fields, several=several, skip=skip, widths=(d_in, d_out))
        d_out = d_in if kind == "sae" else d_out
        model = _model(fields.text("model_name", None))
        sites, said, problems = _sites(fields, kind, n_layers)
        if bool(fields.flag("affine_connection", skip)) != skip:
            problems.append(f"config.json says affine_connection {str(not skip).lower()}, and the file holds otherwise")
        size = _MODEL.fullmatch(model or "")
        n_heads, width = HEADS[size[1]] if size else (0, 0)
        by_heads = sites[:1] == (POINTS["self_attn.o_proj.input"].format(layer=_layer(sites)),)
        cfg = SAEConfig(
            d_in * n_layers, d_sae * n_layers, "jumprelu", d_out=d_out * n_layers, kind=kind,
            n_sites=n_layers if kind in CROSS_LAYER else 1, decoder_norm="any", subtract_b_dec=False,
            exact_threshold=True, sites=sites, model=model,
            n_heads=n_heads if by_heads and d_in == n_heads * width else None,
        )  # fmt: skip
        pieces = [piece for file in files for piece in _pieces(cfg, file, (d_in, d_sae, d_out), skip=skip)]
        return Plan(
            cfg, tuple(pieces), files, "jump_relu",
            conventions=_conventions(kind, skip=skip, named=bool(fields.values)), metadata=fields.values,
            configs=(CONFIG,) if fields.values else (), site=said, problems=tuple(problems),
        )  # fmt: skip

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Put layers one after another; what would write to an earlier one is left out."""
        if plan.cfg.kind not in CROSS_LAYER:
            return super().convert(plan, tensors)
        layers = [
            {piece.name: tensors[piece.name if len(plan.files) == 1 else f"{file}:{piece.name}"]
             for piece in plan.pieces if piece.file == file}
            for file in plan.files
        ]  # fmt: skip
        later = []
        for i, layer in enumerate(layers):
            if plan.metadata.get("type") == "crosscoder" and bool(layer["w_dec"][:, :i].any()):
                raise SaveFormatError(f"{plan.files[i]} must write to its own layer and later ones, found earlier ones")
            layer["w_dec"][:, :i] = 0  # in place: these files have gigabytes
            later.append(layer["w_dec"])
        state = {
            "encoder": torch.cat([layer["w_enc"].T for layer in layers]),
            "W_dec": torch.cat(later).flatten(1),
            **{name: torch.cat([layer[name] for layer in layers]) for name in ("b_enc", "b_dec")},
            "exact_threshold": torch.cat([layer["threshold"] for layer in layers]),
        }
        if plan.cfg.kind == "skip_clt":
            state["W_skip"] = torch.stack([layer[_SKIP].T for layer in layers])
        return state

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write config.json and the weights, a file for each layer of a cross-layer transcoder."""
        cfg = sae.cfg
        held = jump_relu_weights(sae, self.name, _KINDS, _INSTEAD)
        read, written = _points(sae)
        stored = sae.provenance.get("format", {}).get("metadata", {})
        config = {
            "hf_hook_point_in": read,
            "hf_hook_point_out": written,
            "width": cfg.d_sae,
            "model_name": cfg.model,
            "architecture": "jump_relu",
            "l0": stored.get("l0"),
            "affine_connection": held.W_skip is not None,
            "type": _type(sae),
        }
        made = {CONFIG: as_json({name: value for name, value in config.items() if value is not None})}
        if cfg.kind not in CROSS_LAYER:
            return made | {PARAMS: as_safetensors(in_precision(_stored(held), dtype))}
        parts = [as_safetensors(in_precision(_stored(layer), dtype)) for layer in _layers(held, cfg.n_sites)]
        return made | {LAYER_PARAMS.format(layer=i): part for i, part in enumerate(parts)}


def _files(folder: Path) -> tuple[str, ...]:
    """List the files with tensors: the one, or the layers' up to the first that is not there."""
    if is_file(folder / PARAMS):
        return (PARAMS,)
    files: list[str] = []
    while len(files) < _MOST_LAYERS and is_file(folder / LAYER_PARAMS.format(layer=len(files))):
        files.append(LAYER_PARAMS.format(layer=len(files)))
    later = sorted(file.name for file in folder.glob("params_layer_*.safetensors") if file.name not in files)
    if later:
        raise SaveFormatError(f"{folder} must have {LAYER_PARAMS.format(layer=len(files))}, found only {later[0]}")
    return tuple(files)


def _shape(found: tuple[int, ...], n_axes: int, name: str, file: Path) -> tuple[int, ...]:
    if len(found) != n_axes:
        raise SaveFormatError(f"{file} must have {name} with {n_axes} axes, found {list(found) or 'none'}")
    return found


def _kind(fields: Fields, *, several: bool, skip: bool, widths: tuple[int, int]) -> str:
    """Give our kind; a crosscoder of this family is weakly causal, which is what "clt" computes."""
    known = ("clt", "crosscoder") if several else ("sae", "transcoder")
    writes_elsewhere = not several and (skip or widths[0] != widths[1])
    said = fields.one_of("type", known, "transcoder" if writes_elsewhere else known[0])
    kind = "sae" if said == "sae" else "clt" if several else "transcoder"
    if kind == "sae" and skip:
        raise SaveFormatError(f"{fields.file} must say type 'transcoder' of what has {_SKIP}, found 'sae'")
    return f"skip_{kind}" if skip else kind


def _sites(fields: Fields, kind: str, n_layers: int) -> tuple[tuple[str, ...], str, list[str]]:
    """Give our hook names; or none, with what the file says of them, and what is odd about that."""
    read = fields.text("hf_hook_point_in", None)
    written = fields.text("hf_hook_point_out", read)
    said = "" if read is None else read if kind == "sae" else f"{read} -> {written}"
    hooks = [_hooks(point, n_layers) for point in ((read,) if kind == "sae" else (read, written))]
    if any(not each for each in hooks):
        return (), said, [f"no hook name of TransformerLens is known for {said!r}" if said else "no word on its site"]
    if kind == "sae" and read != written:
        return (), f"{read} -> {written}", ["config.json names two places for an SAE, which writes what it reads"]
    return tuple(hook for each in hooks for hook in each), "", []


def _hooks(point: str | None, n_layers: int) -> list[str]:
    match = _POINT.fullmatch(point or "")
    if match is None or match[2] not in POINTS:
        return []
    listed = match[1].strip("{}")
    layers = list(range(n_layers)) if listed == "all" else [int(layer) for layer in listed.split(",")]
    return [POINTS[match[2]].format(layer=layer) for layer in layers] if len(layers) == n_layers else []


def _model(name: str | None) -> str | None:
    """Write a model's name as the hub does; some files have another version of it (as SAELens found)."""
    if not name:
        return None
    full = name if "/" in name else f"google/{name}"
    full = full.replace("gemma-v3", "gemma-3")
    return full.removesuffix("-pt") if full.startswith("google/gemma-3-270m") else full


def _layer(sites: tuple[str, ...]) -> str:
    parts = sites[0].split(".") if sites else []
    return parts[1] if len(parts) > 1 else ""


def _pieces(cfg: SAEConfig, file: str, widths: tuple[int, int, int], *, skip: bool) -> list[Piece]:
    d_in, d_sae, d_out = widths
    several = cfg.kind in CROSS_LAYER
    pieces = [
        Piece("w_enc", (d_in, d_sae), "encoder", transposed=True, file=file),
        Piece("b_enc", (d_sae,), "b_enc", file=file),
        Piece("w_dec", (d_sae, cfg.n_sites, d_out) if several else (d_sae, d_out), "W_dec", file=file),
        Piece("b_dec", (d_out,), "b_dec", file=file),
        Piece("threshold", (d_sae,), "exact_threshold", file=file),
    ]
    return pieces + ([Piece(_SKIP, (d_in, d_out), "W_skip", transposed=True, file=file)] if skip else [])


def _conventions(kind: str, *, skip: bool, named: bool) -> tuple[Convention, ...]:
    said = [
        Convention("model and site", "in config.json" if named else "not said", STORED if named else DEFAULT),
        Convention("b_dec on the input", "not subtracted", DEFAULT),
        Convention("activation", "relu(pre) where pre > threshold", DEFAULT),
        Convention("decoder rows", "whatever norm", DEFAULT),
    ]
    if skip:
        said.append(Convention("skip connection", "acts @ affine_skip_connection is added", STORED))
    if kind in CROSS_LAYER:
        said.append(Convention("layers written", "a latent's own and later ones; earlier ones are left out", DEFAULT))
    return tuple(said)


def _type(sae: SAE) -> str:
    if sae.cfg.kind not in CROSS_LAYER:
        return sae.cfg.kind.removeprefix("skip_")
    half = len(sae.cfg.sites) // 2
    return "crosscoder" if half and sae.cfg.sites[:half] == sae.cfg.sites[half:] else "clt"


def _points(sae: SAE) -> tuple[str | None, str | None]:
    """Give the model's names of the places that are read and written; of unknown places what the file had said.

    Raises:
        ConfigError: they are places that Gemma 3's module tree has no name for here, or of another model.
    """
    cfg = sae.cfg
    stored = sae.provenance.get("format", {}).get("metadata", {})
    if not cfg.sites:
        kept = [stored.get(name) for name in ("hf_hook_point_in", "hf_hook_point_out")]
        return tuple(point if isinstance(point, str) else None for point in kept)  # type: ignore[return-value]
    half = len(cfg.sites) if cfg.kind == "sae" else len(cfg.sites) // 2
    read, written = _point(cfg.sites[:half]), _point(cfg.sites[-half:])
    if read is None or written is None or (cfg.model is not None and not _MODEL.fullmatch(cfg.model)):
        refuse(
            GemmaScope2.name, f"an SAE of model {cfg.model!r} at {' -> '.join(cfg.sites)}: their config.json names "
            "modules of Gemma 3 (google/gemma-3-1b-pt) alone", _INSTEAD,
        )  # fmt: skip
    return read, written


def _point(sites: tuple[str, ...]) -> str | None:
    """Give one name for the same place in one layer or several."""
    layers = [_layer((site,)) for site in sites]
    for point, form in POINTS.items():
        if tuple(form.format(layer=layer) for layer in layers) == sites:
            every = layers == [str(layer) for layer in range(len(layers))]
            shown = layers[0] if len(layers) == 1 else "{all}" if every else "{" + ",".join(layers) + "}"
            return f"model.layers.{shown}.{point}"
    return None


def _stored(held: JumpReLUWeights) -> dict[str, Tensor]:
    skip = {} if held.W_skip is None else {_SKIP: held.W_skip.T}
    return {
        "w_enc": held.encoder.T, "w_dec": held.W_dec, "b_enc": held.b_enc, "b_dec": held.b_dec,
        "threshold": held.threshold,
    } | skip  # fmt: skip


def _layers(held: JumpReLUWeights, n_layers: int) -> list[JumpReLUWeights]:
    """Divide a cross-layer transcoder's weights into its layers'."""
    skips = [None] * n_layers if held.W_skip is None else list(held.W_skip)
    parts = zip(
        held.encoder.chunk(n_layers), held.b_enc.chunk(n_layers),
        held.W_dec.reshape(len(held.W_dec), n_layers, -1).chunk(n_layers), held.b_dec.chunk(n_layers),
        held.threshold.chunk(n_layers), skips, strict=True,
    )  # fmt: skip
    return [JumpReLUWeights(*part) for part in parts]
