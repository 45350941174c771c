"""Saving results, and comparing their values: one safetensors file holds tensors, and JSON for everything else.

The JSON sits in the file's header under "interp_nb". Nothing in it is executed: the only objects it can name are
dataclasses of this package.
"""

import dataclasses
import json
import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from interp_nb._errors import SaveFormatError

HEADER: Final = "interp_nb"
_TAG: Final = "__interp_nb__"


def equal_values(a: Any, b: Any) -> bool:
    """Compare two field values: arrays by shape, dtype and content, NaN equal to NaN, containers item by item."""
    if _is_tensor(a) or _is_tensor(b):
        return _is_tensor(a) and _is_tensor(b) and _equal_tensors(a, b)
    if _is_array(a) or _is_array(b):
        return _is_array(a) and _is_array(b) and _equal_arrays(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal_values(value, b[key]) for key, value in a.items())
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(equal_values(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return bool(a == b)


def save_result(shown: Any, path: Path) -> Path:
    """Write the public fields of a result to one safetensors file."""
    from safetensors.torch import save_file

    tensors, header = packed(shown)
    save_file(tensors, path, metadata={HEADER: header})
    return path


def packed(shown: Any) -> tuple[dict[str, Any], str]:
    """Return what a result's file holds: its tensors by name, and everything else as JSON."""
    tensors: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for field in _public_fields(type(shown)):
        value = getattr(shown, field.name)
        if _is_tensor(value):
            tensors[field.name] = value.detach().cpu().contiguous().clone()
        else:
            values[field.name] = _encode(value, f"{type(shown).__name__}.{field.name}")
    header = {"class": type(shown).__name__, "schema": shown._schema, "version": _version(), "fields": values}
    return tensors, json.dumps(header, allow_nan=False)


def load_fields(cls: Any, path: Path) -> dict[str, Any]:
    """Read what `save_result` wrote, as arguments for the class."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"No file {path}: expected one that {cls.__name__}.save wrote.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        header = None if text is None else json.loads(text)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise SaveFormatError(
            f"{path} is not a whole safetensors file of interp_nb ({error}): save it again."
        ) from error
    _check_header(header, cls, path)
    assert header is not None
    fields = tensors | {name: _decode(value, path) for name, value in header["fields"].items()}
    known = {field.name for field in _public_fields(cls)}
    if fields.keys() != known:
        odd = ", ".join(sorted(fields.keys() ^ known))
        raise SaveFormatError(f"{path} does not hold the fields of {cls.__name__} (differing: {odd}): save it again.")
    return fields


def _check_header(header: Any, cls: Any, path: Path) -> None:
    if not isinstance(header, dict) or not {"class", "schema", "version", "fields"} <= header.keys():
        raise SaveFormatError(f"{path} was not written by {cls.__name__}.save: it has no interp_nb header.")
    if header["class"] != cls.__name__:
        raise SaveFormatError(
            f"{path} holds a {header['class']}, not a {cls.__name__}: load it with {header['class']}.load(path)."
        )
    if header["schema"] != cls._schema:
        raise SaveFormatError(
            f"{path} has schema {header['schema']} (written by interp_nb {header['version']}), this version reads "
            f"schema {cls._schema}: install the version that wrote it, or compute the result again."
        )


def _public_fields(cls: Any) -> list[Any]:
    return [field for field in dataclasses.fields(cls) if not field.name.startswith("_")]


def _encode(value: Any, where: str) -> Any:
    """Turn a value into JSON that `_decode` turns back into an equal one."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_TAG: "float", "value": str(value)}
    if isinstance(value, list):
        return [_encode(item, where) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value) and _TAG not in value:
        return {key: _encode(item, f"{where}[{key!r}]") for key, item in value.items()}
    if _is_array(value) and value.dtype.kind in "biuf":
        return {
            _TAG: "array",
            "dtype": value.dtype.str,
            "shape": list(value.shape),
            "value": _encode(value.ravel().tolist(), where),
        }
    if _is_tensor(value):
        return {_TAG: "tensor", "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape),
                "value": _encode(value.detach().flatten().tolist(), where)}  # fmt: skip
    own = type(value).__module__.partition(".")[0] == "interp_nb"
    if (own and dataclasses.is_dataclass(value)) or (own and isinstance(value, tuple) and hasattr(value, "_fields")):
        names = value._fields if isinstance(value, tuple) else [field.name for field in _public_fields(type(value))]
        fields = {name: _encode(getattr(value, name), f"{where}.{name}") for name in names}
        return {_TAG: "object", "class": f"{type(value).__module__}:{type(value).__qualname__}", "value": fields}
    if isinstance(value, tuple):
        return {_TAG: "tuple", "value": [_encode(item, where) for item in value]}
    raise SaveFormatError(f"{where} holds a {type(value).__name__}, which neither a tensor nor JSON can keep.")


def _decode(value: Any, path: Path) -> Any:
    if isinstance(value, list):
        return [_decode(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(_TAG)
    if kind is None:
        return {key: _decode(item, path) for key, item in value.items()}
    inner: Any = value.get("value")
    if kind == "float":
        return float(inner)
    if kind == "tuple":
        return tuple(_decode(item, path) for item in inner)
    if kind == "array":
        import numpy as np

        return np.array(_decode(inner, path), dtype=value["dtype"]).reshape(value["shape"])
    if kind == "tensor":
        import torch

        return torch.tensor(_decode(inner, path), dtype=getattr(torch, value["dtype"])).reshape(value["shape"])
    if kind == "object":
        return _own_class(value["class"], path)(**_decode(inner, path))
    raise SaveFormatError(f"{path} holds a value of the unknown kind {kind!r}: a newer interp_nb wrote it.")


def _own_class(name: str, path: Path) -> Any:
    """Find a data class of this package by name; anything else in a file is refused, never imported."""
    module, _, attribute = name.partition(":")
    found = None
    if module.partition(".")[0] == "interp_nb" and attribute.isidentifier():
        try:
            found = getattr(import_module(module), attribute, None)
        except ModuleNotFoundError:
            found = None
    is_tuple = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
    if not isinstance(found, type) or not (dataclasses.is_dataclass(found) or is_tuple):
        raise SaveFormatError(f"{path} names the class {name!r}, which interp_nb does not have.")
    return found


def _version() -> str:
    return str(import_module("interp_nb").__version__)


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _equal_tensors(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = a.detach().cpu(), b.detach().cpu()
    return bool(((a == b) | ((a != a) & (b != b))).all())


def _equal_arrays(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())
