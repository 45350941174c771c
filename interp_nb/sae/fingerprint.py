"""Hashes that say whether a disk cache still is what would be computed: of a model, and of the code that reads it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from interp_nb._cancel import check_cancelled
from interp_nb.models.info import model_info

_Named = Iterable[tuple[str, Tensor]]

_SAMPLED: Final = 4096
_CODE: Final = (
    "../models/edit.py",
    "../models/modules.py",
    "../models/skipping.py",
    "batches.py",
    "documents.py",
    "vocabulary.py",
    "windows.py",
    "reading.py",
    "harvesting.py",
    "rows.py",
    "cache.py",
)

_remembered: WeakKeyDictionary[torch.nn.Module, tuple[bytes, str]] = WeakKeyDictionary()
"""What told a model's weights from others when they were hashed, and their hash."""


def model_identity(model: Any) -> dict[str, Any]:
    """Say which model this is: its name and treatment, its sizes, and a hash of its weights.

    The hash has every weight in it by an exact sum of bits, and their places by a sample.

    Cost: reads all weights once.
    """
    return _facts(model) | {"weights": _hash(_parameters(_below(model)))}


def remembered_identity(model: Any) -> dict[str, Any]:
    """Return `model_identity`, reading all weights only if they may have changed since they were last hashed.

    What would show it, in every parameter: its storage, PyTorch's count of changes, and the sample that the hash has of
    it. A write which PyTorch does not count (through `.data` or NumPy) and which misses the sample goes unseen: caches
    on disk, which would keep serving what is wrong, are checked with `model_identity`.

    Cost: reads all weights once per model object, and again after a change; else a few thousand of each parameter.
    """
    below = _below(model)
    named = _parameters(below)
    if not isinstance(below, torch.nn.Module) or any(value.is_inference() for _, value in named):
        return model_identity(model)  # no changes are counted there
    marks = _marks(named)
    known = _remembered.get(below)
    if known is None or known[0] != marks:
        # The marks are older than the hash: a change between them is seen the next time.
        known = _remembered[below] = marks, _hash(named)
    return _facts(model) | {"weights": known[1]}


def code_identity() -> dict[str, Any]:
    """Say which version of the package reads the model, with a hash of the modules that determine the rows."""
    from interp_nb import __version__

    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    for name in _CODE:
        digest.update((here / name).read_bytes())
    return {"version": __version__, "hash": digest.hexdigest()}


def _below(model: Any) -> Any:
    return getattr(model, "original_model", model)


def _parameters(below: Any) -> list[tuple[str, Tensor]]:
    parameters = getattr(below, "named_parameters", None)
    return sorted(parameters()) if callable(parameters) else []


def _facts(model: Any) -> dict[str, Any]:
    """Everything of an identity but the weights."""
    info = model_info(model)._asdict()
    del info["device"]  # the same weights elsewhere give the same rows, to rounding
    return info | {name: getattr(model.cfg, name, None) for name in ("n_layers", "d_model", "n_heads", "d_vocab")}


def _hash(named: _Named) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in named:
        check_cancelled()
        bits = _bits(value)
        digest.update(f"{name} {list(value.shape)} {value.dtype}".encode())
        # A sum of integers does not depend on the order in which threads add, as one of floats does.
        digest.update(int(bits.sum(dtype=torch.int64)).to_bytes(8, "little", signed=True))
        digest.update(_sample(bits))
    return digest.hexdigest()


def _marks(named: _Named) -> bytes:
    """Hash what changes when weights do, at no more than a sample's cost."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in named:
        kept = f"{name} {list(value.shape)} {value.dtype} {value.device} {value.data_ptr()} {value._version}"
        digest.update(kept.encode())
        digest.update(_sample(_bits(value)))
    return digest.digest()


def _bits(value: Tensor) -> Tensor:
    flat = value.detach().contiguous().flatten()
    kinds = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return flat.view(kinds[flat.element_size()])


def _sample(bits: Tensor) -> bytes:
    places = torch.linspace(0, max(0, len(bits) - 1), min(_SAMPLED, len(bits)), dtype=torch.float64).long()
    return bytes(bits[places.to(bits.device)].long().cpu().numpy().tobytes())
