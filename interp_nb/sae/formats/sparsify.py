"""SAEs and transcoders of sparsify: `<run>/<hookpoint>/{cfg.json, sae.safetensors}`, of several seeds in `seed{N}/`.

latents = relu((x - b_dec) W_enc^T + b_enc), the k largest of each token ("topk"), or the largest of each of k groups
("groupmax"); b_dec is subtracted unless it transcodes, whatever `normalize_decoder` says.

Source: EleutherAI/sparsify 1.3, sparse_coder.py, https://github.com/EleutherAI/sparsify.
"""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.kept_facts import kept_facts, read_kept
from interp_nb.sae.formats.module_names import hook_of_module
from interp_nb.sae.formats.plan import DEFAULT, NAMED, STORED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import Fields, is_file, read_json
from interp_nb.sae.formats.writing import Write, as_json, as_safetensors, in_precision, plain_weights, refuse

CONFIG: Final = "cfg.json"
WEIGHTS: Final = "sae.safetensors"
RUN: Final = "config.json"
_ACTIVATIONS: Final = {"topk": "topk", "groupmax": "group_max"}
_SEED: Final = re.compile(r"seed\d+")


class Sparsify(Format):
    """SAEs and transcoders of sparsify, as SparseCoder.save_to_disk writes them."""

    name: ClassVar[str] = "sparsify"
    looks_like: ClassVar[str] = f"{CONFIG} with {WEIGHTS}"
    holds: ClassVar[str] = "topk and group_max; SAEs, and transcoders of one width"

    def find(self, folder: Path) -> list[str]:
        """Find the two files; SAELens has a cfg.json too, but other weights beside it."""
        return [""] if is_file(folder / CONFIG) and is_file(folder / WEIGHTS) else []

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read cfg.json, and the run's config.json above it, which names the model."""
        fields = Fields(read_json(folder / CONFIG), folder / CONFIG)
        d_in, k = fields.count("d_in"), fields.count("k", 32)
        # 0 means that the factor counts; it is the default, and so most files have it.
        given = fields.count("num_latents", 0, least=0)
        d_sae = given or d_in * fields.count("expansion_factor", 32)
        activation = fields.one_of("activation", tuple(_ACTIVATIONS), "topk")
        transcodes, skips = fields.flag("transcode", False), fields.flag("skip_connection", False)
        hookpoint, run = _hookpoint(folder), _run(folder)
        kept = read_kept(fields, 2 if transcodes or skips else 1)
        model = kept.model or (run.text("model", None) if run is not None else None)
        sites = kept.sites or _sites(hookpoint, model, transcodes=transcodes, skips=skips)
        cfg = SAEConfig(
            d_in, d_sae, _ACTIVATIONS[activation], k=k, sites=sites, model=model, decoder_norm="any",
            kind="skip_transcoder" if skips else "transcoder" if transcodes else "sae",
        )  # fmt: skip
        said = {
            "encoder input": ("x, b_dec is not subtracted" if transcodes else "x - b_dec", fields.known("transcode")),
            "latents": (f"{k} largest of each token" if activation == "topk" else f"largest of each of {k} groups of "
                        f"{d_sae // k}", fields.known("activation")),
            "d_sae": (str(d_sae) if given else f"d_in * expansion_factor = {d_sae}",
                      fields.known("num_latents" if given else "expansion_factor")),
            "decoder rows": ("any norm", DEFAULT),
            "skip connection": ("y + x W_skip^T, of x as it comes" if skips else "none",
                                fields.known("skip_connection")),
            "multi_topk": ("a loss of training; sparsify's forward() then returns what 4 k latents give, here k do"
                           if fields.flag("multi_topk", False) else "no", fields.known("multi_topk")),
            "site": (" -> ".join(kept.sites), STORED) if kept.sites else (
                f"module {hookpoint}, {'input and output' if transcodes else 'output'}", _known(hookpoint, run)),
        }  # fmt: skip
        return Plan(
            cfg, _pieces(d_in, d_sae, skips=skips), (WEIGHTS,), activation, "",
            tuple(Convention(name, *value) for name, value in said.items()),
            {"cfg": fields.values, "run": {} if run is None else run.values, "hookpoint": hookpoint},
            (CONFIG,), "" if sites else _as_said(hookpoint, model), kept.fold,
        )  # fmt: skip

    def convert(self, plan: Plan, tensors: dict[str, Any]) -> dict[str, Any]:
        """Rename; where b_dec is subtracted from the input of a skip connection's latents, put that into the bias."""
        state = super().convert(plan, tensors)
        if plan.cfg.kind == "skip_transcoder" and not plan.metadata["cfg"].get("transcode"):
            state["b_enc"] = state["b_enc"] - state["encoder"] @ state["b_dec"]
        return state

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write both files.

        Raises:
            ConfigError: latents that are no top-k or group-max ones, or widths that differ.
        """
        cfg = sae.cfg
        activation = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}.get(cfg.architecture)
        if activation is None:
            refuse(self.name, f"{cfg.architecture} latents, only topk and group_max ones", "save as 'sae_lens'")
        if cfg.kind not in ("sae", "transcoder", "skip_transcoder"):
            refuse(self.name, f"a {cfg.kind}", "save as 'interp_nb' or 'circuit_tracer'")
        if cfg.output_width != cfg.d_in:
            refuse(self.name, f"d_in={cfg.d_in} with d_out={cfg.d_out}", "save as 'sae_lens'")
        transcodes = cfg.kind != "sae"
        weights = plain_weights(sae, self.name, subtract_b_dec=not transcodes)
        tensors = {"encoder.weight": weights["encoder"], "encoder.bias": weights["b_enc"], "W_dec": weights["W_dec"],
                   "b_dec": weights["b_dec"]}  # fmt: skip
        tensors |= {"W_skip": weights["W_skip"]} if cfg.kind == "skip_transcoder" else {}
        config = {
            "activation": activation, "expansion_factor": max(1, cfg.d_sae // cfg.d_in),
            "normalize_decoder": cfg.decoder_norm == "unit", "num_latents": cfg.d_sae, "k": cfg.k, "multi_topk": False,
            "skip_connection": cfg.kind == "skip_transcoder", "transcode": transcodes, "d_in": cfg.d_in,
            **kept_facts(sae),
        }  # fmt: skip
        return {WEIGHTS: as_safetensors(in_precision(tensors, dtype)), CONFIG: as_json(config, None)}


def _pieces(d_in: int, d_sae: int, *, skips: bool) -> tuple[Piece, ...]:
    pieces = (
        Piece("encoder.weight", (d_sae, d_in), "encoder"),
        Piece("encoder.bias", (d_sae,), "b_enc"),
        Piece("W_dec", (d_sae, d_in), "W_dec"),
        Piece("b_dec", (d_in,), "b_dec"),
    )
    return (*pieces, Piece("W_skip", (d_in, d_in), "W_skip")) if skips else pieces


def _hookpoint(folder: Path) -> str:
    """Name the module by the folder's name, or by that of the folder above it, of one of several seeds."""
    place = folder.resolve()
    return place.parent.name if _SEED.fullmatch(place.name) else place.name


def _run(folder: Path) -> Fields | None:
    """Read the settings of the run that a hookpoint is of, where they are."""
    place = folder.resolve()
    above = place.parent.parent if _SEED.fullmatch(place.name) else place.parent
    for root in (above, above.parent):  # best/<hookpoint> is one further down
        if is_file(root / RUN):
            try:
                fields = Fields(read_json(root / RUN), root / RUN)
            except SaveFormatError:
                return None  # anybody's config.json may lie above a folder
            return fields if "hookpoints" in fields.values or "sae" in fields.values else None
    return None


def _known(hookpoint: str, run: Fields | None) -> str:
    listed = None if run is None else run.values.get("hookpoints")
    return STORED if isinstance(listed, list) and hookpoint in listed else NAMED


def _as_said(hookpoint: str, model: str | None) -> str:
    """Say what is known of a site that is none of ours: the folder's name, and whether a model's would help."""
    of_part = model is None and hook_of_module(hookpoint, "out", "gpt2") is not None
    return f"folder {hookpoint!r}" + (", of a model that no file names" if of_part else "")


def _sites(hookpoint: str, model: str | None, *, transcodes: bool, skips: bool) -> tuple[str, ...]:
    written = hook_of_module(hookpoint, "out", model)
    if not transcodes:
        return () if written is None else (written, written) if skips else (written,)
    read = hook_of_module(hookpoint, "in", model)
    return () if read is None or written is None else (read, written)
