"""SAEs on disk: a folder with one file that is all of it, and a card for people to read.

    folder/sae.safetensors   weights and buffers by name; in its header configuration, provenance, content hash
    folder/card.json         the header again, with the norm scales and the number of weights

The first is written in one piece and is all that loading reads, so a folder is never half old and half new. Nothing in
it is executed.
"""

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb._atomic import write_atomically
from interp_nb._errors import ConfigError, ModelNotFoundError, SaveFormatError, nearest
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import SAEConfig
from interp_nb.sae.records import check_one_of

SCHEMA: Final = 1
WEIGHTS: Final = "sae.safetensors"
CARD: Final = "card.json"
HEADER: Final = "interp_nb"
FORMATS: Final = ("interp_nb",)
DTYPES: Final = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
EMBEDDED: Final = ("pocket", "pocket_transcoder")
"""SAEs that come with the package, each in its folder of `interp_nb/sae/embedded`."""


def save_sae(
    sae: SAE,
    path: str | Path,
    *,
    format: str = "interp_nb",
    dtype: str | None = None,
) -> Path:
    """Write an SAE to a folder, whole or not at all; return the folder.

    Args:
        dtype: Precision in the file, "float16" for half the size; None = as it is. It is loaded in its own again.

    Raises:
        DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        SaveFormatError: the path is a file, or its provenance is not plain JSON.
        ConfigError: an unknown format or precision, or a weight that is not finite in it.
    """
    from safetensors.torch import save_file

    folder = Path(path)
    check_one_of("format", format, FORMATS)
    if folder.is_file():
        raise SaveFormatError(f"{folder} is a file; an SAE is a folder: give another path")
    tensors = _stored(sae, dtype)
    header = {
        "class": "SAE",
        "schema": SCHEMA,
        "version": str(import_module("interp_nb").__version__),
        "config": sae.cfg.to_json(),
        "dtype": str(sae.encoder.dtype).removeprefix("torch."),
        "provenance": sae.provenance,
        "sha256": _content_hash(sae.cfg, tensors),
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SaveFormatError(f"the SAE's provenance must be plain JSON, got {error}: take that out") from error
    card = header | {
        "norm_scale": sae.norm_scale.tolist(),
        "target_scale": sae.target_scale.tolist() if sae.has_own_targets else None,
        "n_parameters": sum(parameter.numel() for parameter in sae.parameters()),
    }
    write_atomically(folder / WEIGHTS, lambda part: save_file(tensors, part, metadata={HEADER: text}))
    readable = json.dumps(card, indent=2, sort_keys=True) + "\n"
    write_atomically(folder / CARD, lambda part: part.write_text(readable, encoding="utf-8"))
    return folder


def load_sae(path: str | Path = "pocket", *, device: str | torch.device | None = None) -> SAE:
    """Load an SAE that `sae.save` wrote, or one that comes with the package.

    Args:
        path: A folder, or "pocket": a BatchTopK SAE of the pocket model's middle layer.
        device: None = the CPU.

    Raises:
        ModelNotFoundError: there is no SAE of this name or in this folder.
        SaveFormatError: the file is damaged, not one of ours, or of a newer version.
    """
    file = _find(path)
    header, tensors = _read(file)
    sae = SAE(SAEConfig.from_json(header["config"]))
    expected = {name: value.shape for name, value in sae.state_dict().items()}
    found = {name: value.shape for name, value in tensors.items()}
    if expected != found:
        odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise SaveFormatError(f"{file} does not hold the weights of its configuration (differing: {', '.join(odd)})")
    sae.to(DTYPES[header["dtype"]])
    sae.load_state_dict(tensors)
    sae.provenance = header["provenance"]
    return sae.eval().to("cpu" if device is None else device)


def content_hash(sae: SAE) -> str:
    """Hash an SAE's configuration and weights: the hash it is saved with."""
    return _content_hash(sae.cfg, _stored(sae, None))


def _find(path: str | Path) -> Path:
    """Find the file: of an embedded SAE by its name, else in the folder."""
    place = Path(path)
    if str(path) in EMBEDDED and not place.exists():
        place = Path(__file__).parent / "embedded" / str(path)
    file = place if place.name == WEIGHTS else place / WEIGHTS
    if not file.is_file():
        hint = f"; {nearest(str(path), EMBEDDED)}" if not place.exists() else f": expected {WEIGHTS} in it"
        raise ModelNotFoundError(f"no SAE at {str(path)!r}{hint}")
    return file


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read header and tensors, and check that they are ours and undamaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            text = (opened.metadata() or {}).get(HEADER)
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
        header = None if text is None else json.loads(text)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise SaveFormatError(f"{file} is not a whole safetensors file ({error}): save the SAE again") from error
    needed = {"class", "schema", "version", "config", "dtype", "provenance", "sha256"}
    if not isinstance(header, dict) or not needed <= header.keys() or header["class"] != "SAE":
        raise SaveFormatError(f"{file} was not written by sae.save of interp_nb: it has no header of ours")
    if header["schema"] != SCHEMA:
        raise SaveFormatError(
            f"{file} has schema {header['schema']} (written by interp_nb {header['version']}), this version reads "
            f"schema {SCHEMA}: install the version that wrote it"
        )
    try:
        cfg = SAEConfig.from_json(header["config"])
    except (ConfigError, TypeError) as error:
        raise SaveFormatError(f"{file} has a configuration that makes no sense here: {error}") from error
    if header["dtype"] not in DTYPES or _content_hash(cfg, tensors) != header["sha256"]:
        raise SaveFormatError(f"{file} is damaged: its content does not have the hash it was saved with")
    return header, tensors


def _stored(sae: SAE, dtype: str | None) -> dict[str, Tensor]:
    """Copy weights to the CPU; parameters in the file's precision, running state as it is."""
    if dtype is not None:
        check_one_of("dtype", dtype, tuple(DTYPES))
    parameters = {name for name, _ in sae.named_parameters()}
    tensors = {}
    for name, value in sae.state_dict().items():
        kept = value.detach().to("cpu", DTYPES[dtype] if dtype and name in parameters else value.dtype)
        if name in parameters and not bool(kept.isfinite().all()):
            raise ConfigError(f"{name} is not finite in {kept.dtype}: {'save in float32' if dtype else 'train again'}")
        tensors[name] = kept.contiguous().clone()
    return tensors


def _content_hash(cfg: SAEConfig, tensors: dict[str, Tensor]) -> str:
    """Hash the configuration and every tensor: name, type, shape, bytes."""
    digest = hashlib.sha256(json.dumps(cfg.to_json(), sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
