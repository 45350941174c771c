"""Steering vectors on disk: one safetensors file with everything else as JSON in its header, and a checksum over both.

Nothing in a file is executed. Files of repeng (.gguf) are read and written by `gguf`.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb import _save
from interp_nb._atomic import write_atomically
from interp_nb._errors import InterpError, SaveFormatError
from interp_nb.steering.gguf import GGUF, read_gguf, write_gguf
from interp_nb.steering.records import PairRead, VectorQuality
from interp_nb.steering.vectors import SteeringVector

CHECKSUM: Final = "sha256"
WITHOUT_SAE: Final = "read from a file, without its SAE: a direction to add, ablate or clamp along, no latent to set"


def save_vector(vector: SteeringVector, path: Path) -> Path:
    """Write a vector, whole or not at all; repeng's format where the name ends in .gguf."""
    if path.suffix == GGUF:
        write_atomically(path, lambda part: part.write_bytes(write_gguf(vector)))
        return path
    from safetensors.torch import save_file

    tensors, header = _save.packed(vector)
    # Within the one entry there is: safetensors writes several in any order, and the file would not be the same twice.
    sealed = json.dumps(json.loads(header) | {CHECKSUM: _checksum(tensors, header)})
    write_atomically(path, lambda part: save_file(tensors, part, metadata={_save.HEADER: sealed}))
    return path


def load_vector(path: str | Path) -> SteeringVector:
    """Read a steering vector that `save`, or repeng, wrote.

    The model it is for is checked when it is used.

    Raises:
        FileNotFoundError: there is no such file.
        SaveFormatError: the file is damaged, or no steering vector; what is wrong is said.

    Example:
        >>> vector = load_vector("sentiment.safetensors")  # doctest: +SKIP
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"No file {file}: expected one that SteeringVector.save or repeng wrote.")
    if file.suffix == GGUF:
        return read_gguf(file)
    try:
        _check_checksum(file)
        fields = _save.load_fields(SteeringVector, file)
        _check_fields(fields)
        vector = SteeringVector(**fields)
    except InterpError:
        raise
    except Exception as error:  # a damaged header can fail in any way while it is decoded
        raise SaveFormatError(f"{file} is damaged ({type(error).__name__}: {error}): save it again.") from error
    if vector.latent_idx is None:
        return vector
    return dataclasses.replace(vector, note=vector.note if WITHOUT_SAE in vector.note else WITHOUT_SAE)


def _checksum(tensors: dict[str, Tensor], header: str) -> str:
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {list(tensors[name].shape)} {tensors[name].dtype}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _check_checksum(file: Path) -> None:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        metadata: dict[str, str] = opened.metadata() or {}
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    if _save.HEADER not in metadata:
        raise SaveFormatError(f"{file} was not written by SteeringVector.save: it has no interp_nb header.")
    header = json.loads(metadata[_save.HEADER])
    if header.pop(CHECKSUM, None) != _checksum(tensors, json.dumps(header)):
        raise SaveFormatError(f"{file} is not what was written: its checksum differs. Save it again.")


def _check_fields(fields: dict[str, Any]) -> None:
    """Refuse fields that fit each other in no vector: a file may be made by anyone, checksum and all."""
    layers, vectors = fields["layers"], fields["vectors"]
    n = len(layers)
    quality, tensors = fields["quality"], [fields["midpoint"], fields["stream_norm"]]
    if isinstance(quality, VectorQuality):
        tensors += list(quality[:6])
    sound = (
        n > 0
        and all(type(layer) is int and layer >= 0 for layer in layers)
        and len(set(layers)) == n
        and fields["layer"] in layers
        and vectors.dtype == torch.float32
        and vectors.ndim == 2
        and len(vectors) == n
        and bool(vectors.isfinite().all())
        and all(isinstance(each, Tensor) and each.shape == (n,) and each.is_floating_point() for each in tensors)
        and (quality is None or isinstance(quality, VectorQuality))
        and all(isinstance(each, PairRead) for each in fields["pairs_read"])
        and all(isinstance(fields[name], str) for name in ("site", "method", "read_at", "name", "note", "model_name"))
        and all(type(fields[name]) in kinds for name, kinds in _KINDS.items())
    )
    if not sound:
        raise ValueError("its fields do not make a vector")


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "layers": (list,),
    "layer": (int,),
    "n_pairs": (int,),
    "latent_idx": (int, type(None)),
    "pairs_read": (list,),
    "provenance": (dict,),
}
