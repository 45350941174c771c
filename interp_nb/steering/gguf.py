"""repeng's control vectors: the .gguf files that repeng and llama.cpp read and write.

Architecture "controlvector"; `controlvector.model_hint` is the model's type and `controlvector.layer_count` the number
of vectors; tensor `direction.{layer}` is added to the output of block `layer`, counted from 0: our `resid_post`.
llama.cpp takes none for layer 0, and refuses the file that has one.

Read here and not with the `gguf` package: that loops as often as a damaged file says, for hours. Here everything is
measured against the length of the file first.

Source: repeng 0.4 (`ControlVector.export_gguf`, `import_gguf`, `batched_get_hiddens`); the layout is GGUF 3,
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from interp_nb._errors import ConfigError, InterpError, SaveFormatError
from interp_nb.steering.vectors import SteeringVector

GGUF: Final = ".gguf"
"""How the names of these files end."""
MAGIC: Final = b"GGUF"
VERSION: Final = 3
ARCHITECTURE: Final = "controlvector"
SITE: Final = "resid_post"
_ALIGNMENT: Final = 32
_STRING, _ARRAY, _UINT32 = 8, 9, 4
# Value types by number: unsigned and signed integers, floats, truth values.
_SCALARS: Final = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_TENSORS: Final[dict[int, np.dtype[Any]]] = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 28: np.dtype("<f8")}
"""Tensor types by number that a vector can have: not the quantized ones."""
_MOST_DIMENSIONS: Final = 4


def write_gguf(vector: SteeringVector) -> bytes:
    """Give a vector as the bytes of a .gguf file; repeng knows directions and layers, and nothing else of it.

    Raises:
        ConfigError: it is not of the residual stream after a block.
    """
    if vector.site != SITE:
        raise ConfigError(
            f"repeng's format holds vectors of {SITE} alone, this one is of {vector.site}; save it as .safetensors"
        )
    hint = str(vector.provenance.get("model_type") or vector.model_name)
    header = MAGIC + struct.pack("<IQQ", VERSION, len(vector.layers), 3)
    header += _text("general.architecture") + struct.pack("<I", _STRING) + _text(ARCHITECTURE)
    header += _text(f"{ARCHITECTURE}.model_hint") + struct.pack("<I", _STRING) + _text(hint)
    header += _text(f"{ARCHITECTURE}.layer_count") + struct.pack("<II", _UINT32, len(vector.layers))
    rows = [_padded(row.numpy().astype("<f4").tobytes()) for row in vector.vectors]
    offset = 0
    for layer, row in zip(vector.layers, rows, strict=True):
        header += _text(f"direction.{layer}") + struct.pack("<IQIQ", 1, vector.d_model, 0, offset)
        offset += len(row)
    return _padded(header) + b"".join(rows)


def read_gguf(path: Path) -> SteeringVector:
    """Read a control vector of repeng or llama.cpp.

    Raises:
        SaveFormatError: the file is damaged or no control vector.
    """
    try:
        values, rows = _parse(path.read_bytes())
        if values.get("general.architecture") != ARCHITECTURE:
            raise ValueError(f"its architecture is {values.get('general.architecture')!r}, not {ARCHITECTURE!r}")
        layers = sorted(rows)
        if not layers or len({len(row) for row in rows.values()}) > 1:
            raise ValueError("it must have directions, all of one width")
        hint = str(values.get(f"{ARCHITECTURE}.model_hint", ""))
        return SteeringVector.of(
            torch.stack([rows[layer] for layer in layers]), layers, layer=layers[len(layers) // 2], method="file",
            name=path.stem, provenance={"function": "load_vector", "model_type": hint},
            note="from a .gguf file: how strong 1 is, its maker chose; no layer is known to be the best",
        )  # fmt: skip
    except (ValueError, struct.error, InterpError) as error:
        raise SaveFormatError(f"{path} cannot be read as a control vector: {error}") from error


def _parse(data: bytes) -> tuple[dict[str, Any], dict[int, Tensor]]:
    """Read values and directions by layer."""
    cursor = _Cursor(data)
    if cursor.take(4) != MAGIC:
        raise ValueError("it does not begin as a .gguf file")
    version, n_tensors, n_values = cursor.unpack("IQQ")
    if version not in (2, VERSION):
        raise ValueError(f"it has version {version}; 2 and 3, written on common machines, can be read")
    values: dict[str, Any] = {}
    for _ in range(cursor.count(n_values, 13)):
        key = cursor.text()
        values[key] = cursor.value(cursor.unpack("I")[0])
    places = [_place(cursor) for _ in range(cursor.count(n_tensors, 24))]
    alignment = values.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or not 0 < alignment <= 2**16:
        raise ValueError(f"its alignment is {alignment!r}")
    start = -(-cursor.at // alignment) * alignment
    rows: dict[int, Tensor] = {}
    for name, kind, size, offset in places:
        prefix, _, number = name.partition(".")
        if prefix != "direction":
            continue
        if not number.isascii() or not number.isdigit() or len(number) > 6 or int(number) in rows:
            raise ValueError(f"it has a direction for the layer {number!r}, or two")
        if kind not in _TENSORS:
            raise ValueError(f"{name} has the type {kind}; float16, float32 and float64 can be read")
        part = _Cursor(data, start + offset).take(size * _TENSORS[kind].itemsize)
        rows[int(number)] = torch.from_numpy(np.frombuffer(part, _TENSORS[kind]).astype(np.float32))
    return values, rows


def _place(cursor: "_Cursor") -> tuple[str, int, int, int]:
    """Read where one tensor is: name, type, number of values, offset."""
    name, n_dimensions = cursor.text(), cursor.unpack("I")[0]
    if n_dimensions > _MOST_DIMENSIONS:
        raise ValueError(f"{name!r} has {n_dimensions} dimensions")
    size = 1
    for length in cursor.unpack("Q" * n_dimensions):
        size *= length
    kind, offset = cursor.unpack("IQ")
    return name, kind, size, offset


class _Cursor:
    """Reads bytes in order, and never more than there are."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        if n > len(self.data) - self.at:
            raise ValueError(f"it ends too early: {n} bytes are missing or cut at byte {self.at}")
        self.at += n
        return self.data[self.at - n : self.at]

    def unpack(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def count(self, n: int, smallest: int) -> int:
        """Refuse a number of things that the rest of the file could not hold."""
        if n * smallest > len(self.data) - self.at:
            raise ValueError(f"it promises {n} entries and is too short for them")
        return n

    def text(self) -> str:
        return self.take(self.unpack("Q")[0]).decode("utf-8")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.text()
        if kind in _SCALARS:
            return self.unpack(_SCALARS[kind])[0]
        if kind != _ARRAY or depth > 2:
            raise ValueError(f"it has a value of the unknown type {kind}")
        inner, n = self.unpack("IQ")
        return [self.value(inner, depth + 1) for _ in range(self.count(n, 1))]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
