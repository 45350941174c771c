"""SAEs of dictionary_learning: `trainer_{i}/{ae.pt, config.json}`, and `trainer_{i}/checkpoints/ae_{step}.pt`.

`config.json` names the class, and the class says everything else: which tensors there are, whether the decoder's bias
is taken off the input, and what is done in use. `AutoEncoderTopK` and `BatchTopKSAE` have the same tensors and another
rule.

Source: saprmarks/dictionary_learning 0.1, dictionary.py and trainers, https://github.com/saprmarks/dictionary_learning.
"""

import re
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import torch
from torch import Tensor

from interp_nb._errors import SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.base import Format
from interp_nb.sae.formats.kept_facts import KEY, kept_facts, read_kept
from interp_nb.sae.formats.plan import DEFAULT, MEASURED, STORED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import Fields, is_file, read_json
from interp_nb.sae.formats.tensor_files import read_small
from interp_nb.sae.formats.writing import Write, as_json, as_torch, in_precision, plain_weights, refuse

CONFIG: Final = "config.json"
WEIGHTS: Final = "ae.pt"
CHECKPOINTS: Final = "checkpoints"
_CHECKPOINT: Final = re.compile(r"(ae_\d+)\.pt")
_RESIDUAL: Final = re.compile(r"resid_post_layer_(\d{1,4})")
"""The one name of a site that the library's own scripts give; all others are anybody's."""


class Class(NamedTuple):
    """A class of the library: what its file holds and how it computes."""

    architecture: str
    trainer: str
    """Class that trains it, for a config.json of ours."""
    subtracts: bool
    """Whether the decoder's bias is taken off the input."""
    tensors: dict[str, str]
    """Ours by theirs; "T" after the name = transposed."""
    in_use: str


_LINEAR: Final = {"encoder.weight": "encoder", "encoder.bias": "b_enc", "decoder.weight": "W_dec T"}
_MATRICES: Final = {"W_enc": "encoder T", "b_enc": "b_enc", "W_dec": "W_dec", "b_dec": "b_dec"}
_ABOVE: Final = "every latent above the threshold learned in training, not the k largest of a batch"
CLASSES: Final[dict[str, Class]] = {
    "AutoEncoder": Class("relu", "StandardTrainer", True, _LINEAR | {"bias": "b_dec"}, "relu"),
    "AutoEncoderNew": Class("relu", "StandardTrainerAprilUpdate", False, _LINEAR | {"decoder.bias": "b_dec"}, "relu"),
    "GatedAutoEncoder": Class(
        "gated", "GatedSAETrainer", True,
        {"encoder.weight": "encoder", "gate_bias": "b_enc", "r_mag": "r_mag", "mag_bias": "b_mag",
         "decoder.weight": "W_dec T", "decoder_bias": "b_dec"}, "gate and magnitude",
    ),
    "JumpReluAutoEncoder": Class(
        "jumprelu", "JumpReluTrainer", False, _MATRICES | {"threshold": "exact_threshold"},
        "a threshold a latent",
    ),
    "AutoEncoderTopK": Class("topk", "TopKTrainer", True, _LINEAR | {"b_dec": "b_dec"}, "the k largest of each token"),
    "BatchTopKSAE": Class("batch_topk", "BatchTopKTrainer", True, _LINEAR | {"b_dec": "b_dec"}, _ABOVE),
    "MatryoshkaBatchTopKSAE": Class("matryoshka", "MatryoshkaBatchTopKTrainer", True, _MATRICES, _ABOVE),
}  # fmt: skip
_K_CLASSES: Final = ("AutoEncoderTopK", "BatchTopKSAE", "MatryoshkaBatchTopKSAE")


class DictionaryLearning(Format):
    """SAEs of dictionary_learning, as trainSAE writes them."""

    name: ClassVar[str] = "dictionary_learning"
    looks_like: ClassVar[str] = f"{CONFIG} with {WEIGHTS}"
    holds: ClassVar[str] = "SAEs of all architectures that are trained here; no transcoders"

    def find(self, folder: Path) -> list[str]:
        """Find a trainer's final weights, or, in its folder of checkpoints, those."""
        if is_file(folder / WEIGHTS):
            return [""]
        if folder.name != CHECKPOINTS or not is_file(folder.parent / CONFIG):
            return []
        found = [match[1] for file in folder.iterdir() if (match := _CHECKPOINT.fullmatch(file.name))]
        return sorted(found, key=lambda name: int(name.removeprefix("ae_")))

    def id_of(self, folder: Path, file: str) -> str:
        """Name a checkpoint by its file."""
        match = _CHECKPOINT.fullmatch(file)
        return match[1] if match else ""

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read config.json, and the few numbers that only the weights' file has."""
        config = f"../{CONFIG}" if sae_id else CONFIG
        fields = Fields(read_json(folder / config), folder / config)
        trainer = fields.inner("trainer")
        name = trainer.one_of("dict_class", tuple(CLASSES))
        made, weights = CLASSES[name], f"{sae_id}.pt" if sae_id else WEIGHTS
        d_in, d_sae = trainer.count("activation_dim"), trainer.count("dict_size")
        small = read_small(folder / weights, ("k", "threshold", "group_sizes"))
        k = _k(trainer, small, folder / weights) if name in _K_CLASSES else None
        widths = _widths(small, d_sae, folder / weights) if made.architecture == "matryoshka" else None
        model, site = trainer.text("lm_name", None), trainer.text("submodule_name", None)
        kept = read_kept(fields, 1)
        cfg = SAEConfig(
            d_in, d_sae, made.architecture, k=k, matryoshka_widths=widths, decoder_norm="any",
            subtract_b_dec=made.subtracts, exact_threshold=made.architecture == "jumprelu", model=model,
            sites=_sites(site, trainer, fields.inner("buffer")) or kept.sites,
        )  # fmt: skip
        n_groups = 0 if widths is None else len(widths)
        return Plan(
            cfg, _pieces(name, d_in, d_sae, n_groups), (weights,), name, "", _conventions(name, fields, cfg, small),
            fields.values, (config,), "" if cfg.sites else site or _said(fields), kept.fold,
        )  # fmt: skip

    def convert(self, plan: Plan, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rename; the learned threshold counts where the class uses it."""
        state = {becomes: value for becomes, value in super().convert(plan, tensors).items() if " " not in becomes}
        if plan.architecture in ("BatchTopKSAE", "MatryoshkaBatchTopKSAE"):
            state["running_threshold"] = tensors["threshold"].reshape(())
        return state

    def contents(self, sae: SAE, dtype: str | None) -> dict[str, Write]:
        """Write both files, as the class that computes the same.

        Raises:
            ConfigError: there is no such class.
        """
        cfg = sae.cfg
        name = _class_for(cfg)
        if name is None or cfg.kind != "sae":
            what = f"a {cfg.kind}" if cfg.kind != "sae" else f"{cfg.architecture} latents"
            refuse(self.name, what, "save as 'sae_lens' or 'interp_nb'")
        made = CLASSES[name]
        state = plain_weights(sae, self.name, subtract_b_dec=made.subtracts)
        if made.architecture == "jumprelu":
            assert sae.threshold is not None
            state["exact_threshold"] = sae.folded().threshold.detach()  # type: ignore[union-attr]
        tensors = {}
        for theirs, ours in made.tensors.items():
            own, _, turned = ours.partition(" ")
            tensors[theirs] = state[own].T if turned else state[own]
        tensors = in_precision(tensors, dtype)
        if name in _K_CLASSES:
            threshold = state.get("running_threshold", torch.tensor(float("nan"))).float()
            tensors |= {"k": torch.tensor(cfg.k, dtype=torch.int32), "threshold": threshold.nan_to_num(-1.0).cpu()}
        if made.architecture == "matryoshka":
            assert cfg.matryoshka_widths is not None
            sizes = [
                after - before
                for before, after in zip((0, *cfg.matryoshka_widths), cfg.matryoshka_widths, strict=False)
            ]
            tensors["group_sizes"] = torch.tensor(sizes)
        return {WEIGHTS: as_torch(tensors), CONFIG: as_json(_config(sae, name), 4)}


def _class_for(cfg: SAEConfig) -> str | None:
    if cfg.architecture == "relu":
        return "AutoEncoder" if cfg.subtract_b_dec else "AutoEncoderNew"
    return next((name for name, made in CLASSES.items() if made.architecture == cfg.architecture), None)


def _config(sae: SAE, name: str) -> dict[str, Any]:
    """Write config.json: what the files said that it came from, else what we know."""
    cfg, came_from = sae.cfg, sae.provenance.get("format") or {}
    said = came_from.get("metadata", {}) if came_from.get("family") == "dictionary_learning" else {}
    site = cfg.sites[0] if cfg.sites else None
    layer = None if site is None else re.fullmatch(r"blocks\.(\d+)\.hook_resid_post", site)
    known = {
        "trainer_class": CLASSES[name].trainer, "dict_class": name, "activation_dim": cfg.d_in, "dict_size": cfg.d_sae,
        **({} if cfg.k is None else {"k": cfg.k}), "layer": None if layer is None else int(layer[1]),
        "lm_name": cfg.model, "submodule_name": site if layer is None else f"resid_post_layer_{layer[1]}",
    }  # fmt: skip
    trainer = said.get("trainer", {})
    kept = ("layer", "lm_name", "submodule_name", "trainer_class")
    own = kept_facts(sae, besides=("model",) if layer is None else ("model", "sites"))
    said = {key: value for key, value in said.items() if key != KEY}
    return said | own | {"trainer": trainer | {key: trainer[key] if key in trainer and key in kept else value
                                         for key, value in known.items()}}  # fmt: skip


def _pieces(name: str, d_in: int, d_sae: int, n_groups: int) -> tuple[Piece, ...]:
    shapes = {"encoder": (d_sae, d_in), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}
    found = []
    for theirs, ours in CLASSES[name].tensors.items():
        own, _, turned = ours.partition(" ")
        shape = shapes.get(own, (d_sae,))
        found.append(Piece(theirs, shape[::-1] if turned else shape, own, bool(turned)))
    if name in _K_CLASSES:
        used = (
            "running_threshold, every latent above which fires" if name != "AutoEncoderTopK" else "not used: k counts"
        )
        # Files older than the threshold have none, and then the class cannot load them either.
        found += [Piece("k", (), "k, compared with config.json"), Piece("threshold", (), used)]
    return (
        (*found, Piece("group_sizes", (n_groups,), "widths of the nested dictionaries")) if n_groups else tuple(found)
    )


def _k(trainer: Fields, small: dict[str, Tensor], file: Path) -> int:
    """Read k, which both files have."""
    if "k" not in small:
        return int(trainer.count("k"))
    held = int(small["k"])
    if trainer.count("k", held) != held:
        raise SaveFormatError(f"{trainer.file} and {file} must have the same k, found {trainer.values['k']} and {held}")
    return held


def _widths(small: dict[str, Tensor], d_sae: int, file: Path) -> tuple[int, ...]:
    """Add up the sizes of groups: a nested dictionary has all latents before its end."""
    sizes = small["group_sizes"].flatten().tolist() if "group_sizes" in small else []
    if not sizes or sum(sizes) != d_sae or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise SaveFormatError(f"{file} must have group_sizes that add up to dict_size={d_sae}, found {sizes[:12]}")
    return tuple(accumulate(sizes))


def _sites(site: str | None, trainer: Fields, buffer: Fields) -> tuple[str, ...]:
    """Translate the library's own name of a residual stream, where all that was stored agrees with it."""
    found = _RESIDUAL.fullmatch(site or "")
    agrees = found is not None and trainer.values.get("layer") in (None, int(found[1]))
    return (
        (f"blocks.{found[1]}.hook_resid_post",) if found and agrees and buffer.values.get("io") in (None, "out") else ()
    )


def _said(fields: Fields) -> str:
    """Put into words what the files say of the site, when nobody gave it a name."""
    layer, io = fields.inner("trainer").values.get("layer"), fields.inner("buffer").values.get("io")
    return f"layer {layer}{f', {io}' if isinstance(io, str) else ''}" if isinstance(layer, int) else ""


def _conventions(name: str, fields: Fields, cfg: SAEConfig, small: dict[str, Tensor]) -> tuple[Convention, ...]:
    made = CLASSES[name]
    trainer = fields.inner("trainer")
    found = [
        Convention("class", name, STORED),
        Convention("encoder input", "x - decoder bias" if made.subtracts else "x, no bias is subtracted", DEFAULT),
        Convention("latents in use", made.in_use, DEFAULT),
        Convention(
            "activation scale", "folded into the biases when it was saved; the factor is stored nowhere", DEFAULT
        ),
    ]
    if cfg.k is not None:
        found.append(Convention("k", str(cfg.k), trainer.known("k")))
    if name in _K_CLASSES and "threshold" in small:
        value = float(small["threshold"])
        used = "" if name != "AutoEncoderTopK" else ", not used: k counts"
        found.append(Convention("threshold", f"{value:.6g}{' (never set)' if value < 0 else ''}{used}", MEASURED))
    if name == "AutoEncoder":
        words = "as stored; the library's from_pretrained(normalize_decoder=True) multiplies latents by them"
        found.append(Convention("decoder norms", words, DEFAULT))
    return tuple(found)
