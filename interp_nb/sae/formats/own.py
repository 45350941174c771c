"""Our own format: a folder with one file that is all of an SAE, and a card for people to read.

    folder/sae.safetensors   weights and buffers by name; in its header configuration, provenance, content hash
    folder/card.json         the header again, with what people ask first: model, site, data, versions, metrics
    folder/report.html       the page of the report it was saved with, if it was

The first is written in one piece and is all that loading reads, so a folder is never half old and half new. Nothing in
it is executed.
"""

import hashlib
import json
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from interp_nb._errors import ConfigError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.formats.base import Format, encoder_width, file_hash, filled, shapes_of
from interp_nb.sae.formats.plan import STORED, Convention, Piece, Plan
from interp_nb.sae.formats.small_files import is_file, read_json
from interp_nb.sae.formats.tensor_files import read_headers, read_metadata, read_tensors
from interp_nb.sae.formats.writing import DTYPES, Write, as_json, as_safetensors, write_folder

SCHEMA: Final = 1
WEIGHTS: Final = "sae.safetensors"
CARD: Final = "card.json"
REPORT: Final = "report.html"
HEADER: Final = "interp_nb"
_NEEDED: Final = frozenset({"class", "schema", "version", "config", "dtype", "provenance", "sha256"})


class InterpNb(Format):
    """SAEs of interp_nb, as sae.save writes them unless told otherwise."""

    name: ClassVar[str] = "interp_nb"
    looks_like: ClassVar[str] = WEIGHTS
    holds: ClassVar[str] = "every SAE, with provenance, card and report"

    def find(self, folder: Path) -> list[str]:
        """Find the one file; sparsify's has the same name, another header and a cfg.json beside it."""
        file = folder / WEIGHTS
        ours = is_file(file) and (not is_file(folder / "cfg.json") or HEADER in read_metadata(file))
        return [""] if ours else []

    def plan(self, folder: Path, sae_id: str) -> Plan:
        """Read the header."""
        header = read_header(folder / WEIGHTS)
        cfg = _config(header, folder / WEIGHTS)
        _check_widths(cfg, folder / WEIGHTS)
        shapes = {name: tuple(value.shape) for name, value in shapes_of(cfg).state_dict().items()}
        return Plan(
            cfg, tuple(Piece(name, shape, name) for name, shape in shapes.items()), (WEIGHTS,), cfg.architecture,
            str(header["version"]), _conventions(cfg), header["provenance"],
        )  # fmt: skip

    def load(self, folder: Path, sae_id: str = "") -> SAE:
        """Load an SAE, in the precision it had, and check that nothing in its file changed since."""
        file = folder / WEIGHTS
        header = read_header(file)
        cfg = _config(header, file)
        _check_widths(cfg, file)
        tensors = read_tensors(file)
        if header["dtype"] not in DTYPES or content_hash_of(header["config"], tensors) != header["sha256"]:
            raise SaveFormatError(f"{file} is damaged: its content does not have the hash it was saved with")
        sae = shapes_of(cfg)
        expected = {name: value.shape for name, value in sae.state_dict().items()}
        found = {name: value.shape for name, value in tensors.items()}
        if expected != found:
            odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise SaveFormatError(
                f"{file} does not hold the weights of its configuration (differing: {', '.join(odd)})"
            )
        sae = filled(sae.to(DTYPES[header["dtype"]]), tensors)
        sae.provenance = header["provenance"]
        return sae

    def save(self, sae: SAE, folder: Path, dtype: str | None = None, report: Any = None) -> Path:
        """Write the file and its card; with a report, its page too, and its metrics into both."""
        tensors = stored(sae, dtype)
        metrics = _metrics(sae, report)
        provenance = {name: value for name, value in sae.provenance.items() if name != "metrics"}
        header = {
            "class": "SAE",
            "schema": SCHEMA,
            "version": str(import_module("interp_nb").__version__),
            "config": sae.cfg.to_json(),
            "dtype": str(sae.encoder.dtype).removeprefix("torch."),
            "provenance": provenance | ({} if metrics is None else {"metrics": metrics}),
            "sha256": content_hash_of(sae.cfg.to_json(), tensors),
        }
        try:
            text = json.dumps(header, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SaveFormatError(f"the SAE's provenance must be plain JSON, got {error}: take that out") from error
        contents: dict[str, Write] = {WEIGHTS: as_safetensors(tensors, {HEADER: text})}
        held = card(sae, header)
        earlier = _own_report(folder)
        if report is not None:
            page = report.to_html().encode()
            held["report"] = {"file": REPORT, "sha256": hashlib.sha256(page).hexdigest()}
            contents[REPORT] = lambda part: part.write_bytes(page)
        contents[CARD] = as_json(held, sort_keys=True)
        self.refuse_strangers(folder, contents)
        written = write_folder(folder, contents)
        if report is None and earlier is not None:
            earlier.unlink(missing_ok=True)  # it was of what was here before
        return written

    def replaces(self, folder: Path) -> set[str]:
        """List what an earlier SAE of ours left; a report.html may be anybody's."""
        report = _own_report(folder)
        return ({WEIGHTS, CARD} if self.find(folder) else set()) | (set() if report is None else {report.name})


def versions() -> dict[str, str]:
    """Give the versions that an SAE is made with, for its provenance."""
    found = {"interp_nb": str(import_module("interp_nb").__version__), "torch": str(torch.__version__)}
    try:
        return found | {"transformer_lens": version("transformer-lens")}
    except PackageNotFoundError:
        return found


def card(sae: SAE, header: dict[str, Any]) -> dict[str, Any]:
    """Write the header for people: what they ask first, in their order of asking."""
    provenance = header["provenance"]
    source = provenance.get("source") or {}
    return header | {
        "model": provenance.get("model") or {"name": sae.cfg.model},
        "sites": list(sae.cfg.sites),
        "data": provenance.get("data")
        or source.get("data")
        or {"settings": source.get("settings"), "text": provenance.get("text")},
        "versions": provenance.get("versions") or {"interp_nb": header["version"]},
        "metrics": provenance.get("metrics"),
        "norm_scale": sae.norm_scale.tolist(),
        "target_scale": sae.target_scale.tolist() if sae.has_own_targets else None,
        "n_parameters": sum(parameter.numel() for parameter in sae.parameters()),
    }


def content_hash(sae: SAE) -> str:
    """Hash an SAE's configuration and weights: the hash it is saved with."""
    return content_hash_of(sae.cfg.to_json(), stored(sae, None))


def stored(sae: SAE, dtype: str | None) -> dict[str, Tensor]:
    """Copy weights to the CPU; parameters in the file's precision, running state as it is.

    Raises:
        ConfigError: a weight is not finite in that precision.
    """
    parameters = {name for name, _ in sae.named_parameters()}
    tensors = {}
    for name, value in sae.state_dict().items():
        kept = value.detach().to("cpu", DTYPES[dtype] if dtype and name in parameters else value.dtype)
        if name in parameters and not bool(kept.isfinite().all()):
            raise ConfigError(f"{name} is not finite in {kept.dtype}: {'save in float32' if dtype else 'train again'}")
        tensors[name] = kept.contiguous().clone()
    return tensors


def content_hash_of(config: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """Hash a configuration, as it stands in a file, and every tensor: name, type, shape, bytes."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_header(file: Path) -> dict[str, Any]:
    """Read what a file says of itself.

    Raises:
        SaveFormatError: it is damaged, not one of ours, or of a newer version.
    """
    read_headers(file)  # a damaged file says so here
    text = read_metadata(file).get(HEADER)
    try:
        header = None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SaveFormatError(f"{file} must have a header in JSON, found what is none ({error})") from error
    if not isinstance(header, dict) or not header.keys() >= _NEEDED or header["class"] != "SAE":
        raise SaveFormatError(f"{file} was not written by sae.save of interp_nb: it has no header of ours")
    if header["schema"] != SCHEMA:
        raise SaveFormatError(
            f"{file} has schema {header['schema']} (written by interp_nb {header['version']}), this version reads "
            f"schema {SCHEMA}: install the version that wrote it"
        )
    if not isinstance(header["config"], dict) or not isinstance(header["provenance"], dict):
        raise SaveFormatError(f"{file} must have a configuration and provenance by name, found others")
    return header


def _config(header: dict[str, Any], file: Path) -> SAEConfig:
    try:
        return SAEConfig.from_json(header["config"])
    except Exception as error:  # a stranger's values fail in any way
        raise SaveFormatError(f"{file} has a configuration that makes no sense here: {error}") from error


def _own_report(folder: Path) -> Path | None:
    """Give the page that an earlier SAE of this folder was saved with: the card knows its hash, so it is ours."""
    if not is_file(folder / CARD) or not is_file(folder / REPORT):
        return None
    try:
        known = read_json(folder / CARD).get("report")
    except SaveFormatError:
        return None
    ours = isinstance(known, dict) and known.get("sha256") == file_hash(folder / REPORT)
    return folder / REPORT if ours else None


def _check_widths(cfg: SAEConfig, file: Path) -> None:
    """Refuse a configuration of other widths than the weights, before anything of those widths is made."""
    found = read_headers(file)
    for name, shape in (("encoder", (cfg.d_sae, encoder_width(cfg))), ("W_dec", (cfg.d_sae, cfg.output_width))):
        there = list(found[name].shape) if name in found else "missing"
        if there != list(shape):
            raise SaveFormatError(
                f"{file} does not hold the weights of its configuration (differing: {name} {there}, not {list(shape)})"
            )


def _metrics(sae: SAE, report: Any) -> dict[str, Any] | None:
    """Give the metrics of a report, or those it was loaded with, with the hash of the SAE they are of."""
    of = content_hash(sae)
    if report is None:
        held = sae.provenance.get("metrics")
        return held if isinstance(held, dict) and held.get("of") == of else None
    measured = getattr(report, "sae", {}).get("sha256", of)
    if measured != of:
        raise ConfigError(
            f"the report is of another SAE (content {measured[:12]}..., this one has {of[:12]}...): evaluate this one"
        )
    return {"of": of, "values": report.card_metrics()}


def _conventions(cfg: SAEConfig) -> tuple[Convention, ...]:
    """State what a configuration means, in words."""
    said = {
        "encoder input": "acts * norm_scale" + (" - b_dec" if cfg.subtract_b_dec else ", b_dec is not subtracted"),
        "decoder norm": {"unit": "1", "free": "learned, and weighs latents", "any": "any, weighs nothing"}[
            str(cfg.decoder_norm)
        ],
        "input norm": cfg.input_norm,
    }
    if cfg.architecture in ("batch_topk", "matryoshka"):
        said["inference"] = "every latent above the threshold learned in training"
    elif cfg.architecture == "jumprelu":
        said["threshold"] = "as numbers" if cfg.exact_threshold else "as logarithms"
    return tuple(Convention(name, value, STORED) for name, value in said.items())
