"""Hashes that say whether a disk cache still is what would be computed: of a model, and of the code that reads it."""

import hashlib
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb.models.info import model_info

_SAMPLED: Final = 4096
_CODE: Final = (
    "../models/edit.py",
    "batches.py",
    "documents.py",
    "vocabulary.py",
    "windows.py",
    "reading.py",
    "harvesting.py",
    "rows.py",
    "cache.py",
)


def model_identity(model: Any) -> dict[str, Any]:
    """Say which model this is: its name and treatment, its sizes, and a hash of its weights.

    The hash has every weight in it by an exact sum of bits, and their places by a sample.

    Cost: reads all weights once.
    """
    below = getattr(model, "original_model", model)
    digest = hashlib.blake2b(digest_size=16)
    parameters = getattr(below, "named_parameters", None)
    for name, value in sorted(parameters()) if callable(parameters) else ():
        digest.update(f"{name} {list(value.shape)} {value.dtype}".encode())
        digest.update(_digest(value.detach()))
    info = model_info(model)._asdict()
    del info["device"]  # the same weights elsewhere give the same rows, to rounding
    sizes = {name: getattr(model.cfg, name, None) for name in ("n_layers", "d_model", "n_heads", "d_vocab")}
    return info | sizes | {"weights": digest.hexdigest()}


def code_identity() -> dict[str, Any]:
    """Say which version of the package reads the model, with a hash of the modules that determine the rows."""
    from interp_nb import __version__

    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    for name in _CODE:
        digest.update((here / name).read_bytes())
    return {"version": __version__, "hash": digest.hexdigest()}


def _digest(value: Tensor) -> bytes:
    flat = value.contiguous().flatten()
    kinds = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    bits = flat.view(kinds[flat.element_size()])
    # A sum of integers does not depend on the order in which threads add, as one of floats does.
    total = int(bits.sum(dtype=torch.int64))
    places = torch.linspace(0, max(0, len(bits) - 1), min(_SAMPLED, len(bits)), dtype=torch.float64).long()
    sample = bits[places.to(bits.device)].long().cpu().numpy().tobytes()
    return total.to_bytes(8, "little", signed=True) + sample
