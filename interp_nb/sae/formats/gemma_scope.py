"""Gemma Scope 1: JumpReLU SAEs and transcoders of Gemma 2, one `params.npz` each, and a path that says what they are.

    gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71/params.npz
    gemma-scope-2b-pt-res/embedding/width_4k/average_l0_21/params.npz

There is no configuration: repository and layer are the only word on model and site. They are read where the path has
exactly this form (or that of the hub's cache); else the site is unknown. b_dec is not subtracted from the input. SAEs
of embeddings were trained on rows without the factor sqrt(d_model) that the model multiplies them by; it is folded in.

Source: Lieberum et al. 2024, https://arxiv.org/abs/2408.05147; SAELens, loading/pretrained_sae_loaders.py.
"""

import re
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from torch import Tensor

from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.jump_relu import jump_relu_weights
from interp_nb.sae.formats.plan import DEFAULT, NAMED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import is_file
from interp_nb.sae.formats.tensor_files import Header, read_headers
from interp_nb.sae.formats.writing import Write, in_precision, refuse, write_folder

PARAMS: Final = "params.npz"
SITES: Final[dict[str, tuple[str, ...]]] = {
    "res": ("blocks.{layer}.hook_resid_post",),
    "mlp": ("blocks.{layer}.hook_mlp_out",),
    "att": ("blocks.{layer}.attn.hook_z",),
    "transcoders": ("blocks.{layer}.ln2.hook_normalized", "blocks.{layer}.hook_mlp_out"),
}
"""What a repository's last word says of where its SAEs read, and write."""
HEADS: Final = {"2b": (8, 256), "9b": (16, 256), "27b": (32, 128)}
"""Heads of Gemma 2 and their widths (the models' own configurations)."""
_EMBEDDING: Final = ("hook_embed",)
_REPOSITORY: Final = re.compile(r"(?:models--google--)?gemma-scope-(2b|9b|27b)-(pt|it)-(res|mlp|att|transcoders)")
_LAYER: Final = re.compile(r"layer_(\d{1,3})")
_WORD: Final = re.compile(r"[A-Za-z0-9_]{1,40}")
_UNSAID: Final = (
    "the path does not say model and site: expected .../gemma-scope-2b-pt-res/layer_0/width_16k/average_l0_71"
)
_INSTEAD: Final = "save it as 'interp_nb', or as 'sae_lens' if that can hold it"


class Place(NamedTuple):
    """What a path says."""

    model: str | None
    sites: tuple[str, ...]
    size: str
    """Of the model: "2b"; empty where the path does not say."""
    metadata: dict[str, Any]


class GemmaScope(Format):
    """SAEs and transcoders of Gemma Scope (Gemma 2); input and output of one width."""

    name: ClassVar[str] = "gemma_scope"
    looks_like: ClassVar[str] = PARAMS
    holds: ClassVar[str] = "SAEs and transcoders of Gemma 2, or of no known model and site: relu, or with thresholds"

    def find(self, folder: Path) -> list[str]:
        """See whether there is the one file."""
        return [""] if is_file(folder / PARAMS) else []

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read the path, and the shapes of the arrays: there is nothing else."""
        place = read_place(folder)
        headers = {name.lower(): (name, header) for name, header in read_headers(folder / PARAMS).items()}
        d_in, d_sae = _matrix(headers, "w_enc", folder)
        kind = "transcoder" if len(place.sites) == 2 else "sae"
        d_out = d_in if kind == "sae" else _matrix(headers, "w_dec", folder)[1]
        n_heads, width = HEADS.get(place.size, (0, 0))
        cfg = SAEConfig(
            d_in, d_sae, "jumprelu", d_out=d_out, kind=kind, decoder_norm="any", subtract_b_dec=False,
            exact_threshold=True, sites=place.sites, model=place.model,
            n_heads=n_heads if place.metadata.get("what") == "att" and d_in == n_heads * width else None,
        )  # fmt: skip
        shapes = {"w_enc": (d_in, d_sae), "b_enc": (d_sae,), "w_dec": (d_sae, d_out), "b_dec": (d_out,),
                  "threshold": (d_sae,)}  # fmt: skip
        names = {"w_enc": "encoder", "w_dec": "W_dec", "threshold": "exact_threshold"}
        return Plan(
            cfg,
            tuple(
                Piece(headers.get(name, (name,))[0], shape, names.get(name, name), transposed=name == "w_enc")
                for name, shape in shapes.items()
            ),
            (PARAMS,), "jump_relu", conventions=_conventions(place), metadata=place.metadata,
            site="" if place.sites or not place.metadata else f"layer {place.metadata['layer']}",
            problems=() if place.sites else (_UNSAID,),
        )  # fmt: skip

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fold the embeddings' factor in; the rest is as it is."""
        state = super().convert(plan, tensors)
        if plan.cfg.sites == _EMBEDDING:
            factor = plan.cfg.d_in**0.5
            state["encoder"], state["W_dec"] = state["encoder"] / factor, state["W_dec"] * factor
        return state

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write the one file."""
        held = jump_relu_weights(sae, self.name, ("sae", "transcoder"), _INSTEAD)
        if sae.cfg.d_in != sae.cfg.output_width:
            refuse(self.name, f"different widths, {sae.cfg.d_in} and {sae.cfg.d_out}", _INSTEAD)
        if dtype == "bfloat16":
            refuse(self.name, "bfloat16, which NumPy does not have", "save it in float16 or float32")
        factor = sae.cfg.d_in**0.5 if sae.cfg.sites == _EMBEDDING else 1.0
        weights = in_precision(
            {
                "W_enc": held.encoder.T * factor,
                "W_dec": held.W_dec / factor,
                "b_enc": held.b_enc,
                "b_dec": held.b_dec,
                "threshold": held.threshold,
            },
            dtype,
        )
        return {PARAMS: lambda part: _write(part, weights)}

    def save(self, sae: SAE, folder: Path, dtype: str | None = None) -> Path:
        """Write an SAE to a folder below which the path says what it is; where the folder's own path does, to that.

        Raises:
            ConfigError: what the family cannot hold, with an alternative.
            DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        cfg, contents = sae.cfg, self.contents(sae, dtype)
        if (cfg.model, cfg.sites) == (None, ()):
            return write_folder(folder, contents)
        for below in ("", _path(sae)):
            said = read_place(folder / below)
            if (said.model, said.sites) == (cfg.model, cfg.sites):
                return write_folder(folder, {f"{below}/{PARAMS}".lstrip("/"): write for write in contents.values()})
        refuse(
            self.name, f"an SAE of model {cfg.model!r} at {' -> '.join(cfg.sites) or 'no known site'}: only their path "
            "says model and site, and it has words for those of Gemma 2 (google/gemma-2-2b) alone", _INSTEAD,
        )  # fmt: skip


def read_place(folder: Path) -> Place:
    """Read a path of exactly the hub's form; what it does not say is unknown."""
    # Not resolved: in the hub's cache the files are links to others whose paths say nothing.
    parts = folder.absolute().parts
    tail = parts[-3:] if len(parts) >= 3 else ("", "", "")
    layer = _LAYER.fullmatch(tail[0])
    if (layer is None and tail[0] != "embedding") or not tail[1].startswith("width_") or not tail[2]:
        return Place(None, (), "", {})
    metadata: dict[str, Any] = {"width": tail[1].removeprefix("width_"), "folder": tail[2]}
    metadata |= {} if layer is None else {"layer": int(layer[1])}
    found = [match for part in parts[:-3] if (match := _REPOSITORY.fullmatch(part))]
    if not found:
        return Place(None, _EMBEDDING if layer is None else (), "", metadata)
    size, tuning, what = found[-1].groups()
    metadata |= {"repository": f"google/gemma-scope-{size}-{tuning}-{what}", "what": what}
    model = f"google/gemma-2-{size}" + ("-it" if tuning == "it" else "")
    if layer is None:
        return Place(model, _EMBEDDING if what == "res" else (), size, metadata)
    return Place(model, tuple(site.format(layer=int(layer[1])) for site in SITES[what]), size, metadata)


def _conventions(place: Place) -> tuple[Convention, ...]:
    said = [Convention("model and site", "in the path", NAMED)] if place.sites else []
    if place.sites == _EMBEDDING:
        said.append(Convention("factor of the embeddings", "sqrt(d_in), folded into encoder and decoder", DEFAULT))
    return (
        *said,
        Convention("b_dec on the input", "not subtracted", DEFAULT),
        Convention("activation", "relu(pre) where pre > threshold", DEFAULT),
        Convention("decoder rows", "whatever norm", DEFAULT),
    )


def _matrix(headers: dict[str, tuple[str, Header]], name: str, folder: Path) -> tuple[int, int]:
    shape = headers[name][1].shape if name in headers else ()
    if len(shape) != 2:
        raise SaveFormatError(f"{folder / PARAMS} must have a matrix {name}, found {list(shape) or 'none'}")
    return int(shape[0]), int(shape[1])


def _path(sae: SAE) -> str:
    """Give the path that says an SAE's model and site, as far as there is one."""
    cfg = sae.cfg
    said = sae.provenance.get("format", {}).get("metadata", {})
    # Provenance is whatever a file said: only what is a name, and leads nowhere else, becomes part of a path.
    width, last = (str(said.get(name, "")) if _WORD.fullmatch(str(said.get(name, ""))) else ""
                   for name in ("width", "folder"))  # fmt: skip
    width = width or (f"{cfg.d_sae // 1024}k" if cfg.d_sae % 1024 == 0 else str(cfg.d_sae))
    end = f"width_{width}/{last or 'average_l0_unknown'}"
    match = re.fullmatch(r"google/gemma-2-(2b|9b|27b)(-it)?", cfg.model or "")
    repository = "" if match is None else f"gemma-scope-{match[1]}-{'it' if match[2] else 'pt'}-"
    if cfg.sites == _EMBEDDING:
        return f"{repository}res/embedding/{end}" if repository else f"embedding/{end}"
    for what, sites in SITES.items():
        layer = _layer(cfg.sites, sites)
        if layer is not None and repository:
            return f"{repository}{what}/layer_{layer}/{end}"
    return "unknown"


def _layer(sites: tuple[str, ...], forms: tuple[str, ...]) -> int | None:
    """Give the layer for which forms become these sites."""
    layers = {part for site in sites for part in site.split(".")[1:2] if part.isdecimal()}
    made = [int(layer) for layer in layers if tuple(form.format(layer=layer) for form in forms) == sites]
    return made[0] if len(made) == 1 else None


def _write(part: Path, weights: dict[str, Tensor]) -> None:
    import numpy as np

    # By its handle: given a name, NumPy would add its own ending.
    with part.open("wb") as opened:
        arrays: dict[str, Any] = {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in weights.items()}
        np.savez(opened, **arrays)
