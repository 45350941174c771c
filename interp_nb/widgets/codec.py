"""Arrays to bytes for the front end: the only place where tensors become bytes, and `unpack`, its inverse for tests.

Everything is little-endian and C-contiguous, in one of four dtypes, and every array starts at a multiple of 8 bytes.
What the front end does with them is `widgets/src/shared/decode.ts`.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from interp_nb._errors import ConfigError, ShapeError

Array = np.ndarray[Any, np.dtype[Any]]

ALIGNMENT: Final = 8
MAX_TRAIT_BYTES: Final = 1_000_000
"""What one widget may hold at once; more is fetched on demand."""
MAX_THUMB: Final = 48
"""Side of a head's thumbnail in cells."""
EXACT_PATTERN_POS: Final = 256
"""Patterns of up to this many positions travel in float32 (at most 132 kB), longer ones in float16."""

_WIRE: Final = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "|u1"}


class PackedPattern(NamedTuple):
    """One attention pattern, ready to send."""

    spec: dict[str, Any]
    """dtype, encoding ("raw" or "tril+deflate") and shape [dest, src]."""
    data: bytes
    """The bytes."""


def to_wire(array: Tensor | Array) -> Array:
    """Convert an array to a dtype the front end reads.

    bfloat16 and float64 become float32, other integers int32, bool uint8; float32, float16, int32 and uint8 stay.

    Raises:
        ConfigError: the dtype has no such conversion, or an integer does not fit in 32 bits.
    """
    if isinstance(array, Tensor):
        array = array.detach().cpu()
        array = (array.float() if array.dtype == torch.bfloat16 else array).numpy()
    name = array.dtype.name
    if name not in _WIRE:
        kind = array.dtype.kind
        if kind not in "fiub":
            raise ConfigError(f"arrays for a widget must be numbers, got dtype {name}; convert it to float32")
        name = {"f": "float32", "b": "uint8"}.get(kind, "int32")
        if kind in "iu" and array.size and (array.max() > 2**31 - 1 or array.min() < -(2**31)):
            raise ConfigError(f"integers for a widget must fit in 32 bits, got up to {array.max()}; send them as text")
    return np.ascontiguousarray(array, dtype=_WIRE[name]).reshape(array.shape)


def pack(arrays: Mapping[str, Tensor | Array]) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Lay arrays out in one block.

    Returns:
        The `arrays` entry of `_meta` (dtype, shape and byte offset by name), and the block.
    """
    specs: dict[str, dict[str, Any]] = {}
    block = bytearray()
    for name, array in arrays.items():
        wire = to_wire(array)
        block.extend(bytes(-len(block) % ALIGNMENT))
        specs[name] = {"dtype": wire.dtype.name, "shape": list(wire.shape), "offset": len(block)}
        block.extend(wire.tobytes())
    return specs, bytes(block)


def unpack(specs: Mapping[str, Mapping[str, Any]], data: bytes) -> dict[str, Array]:
    """Read back what `pack` wrote."""
    return {
        name: np.frombuffer(data, _WIRE[spec["dtype"]], int(np.prod(spec["shape"])), spec["offset"])
        .reshape(spec["shape"])
        .copy()
        for name, spec in specs.items()
    }


def encode_pattern(matrix: Float[Tensor, "dest_pos src_pos"], *, dtype: str | None = None) -> PackedPattern:
    """Encode one attention pattern: its lower triangle, deflated; all of it when a destination looks ahead.

    Args:
        dtype: "float32" or "float16"; chosen by size if left out.
    """
    n_pos = matrix.shape[0]
    if matrix.shape[1] != n_pos:
        raise ShapeError(f"a pattern must be square [dest_pos src_pos], got {list(matrix.shape)}")
    chosen = dtype or ("float32" if n_pos <= EXACT_PATTERN_POS else "float16")
    values = np.asarray(to_wire(matrix.float()), dtype=_WIRE[chosen])
    spec = {"dtype": chosen, "encoding": "raw", "shape": [n_pos, n_pos]}
    if np.triu(values, 1).any():
        return PackedPattern(spec, values.tobytes())
    rows, columns = np.tril_indices(n_pos)
    # Level 6 and the zlib container are what DecompressionStream("deflate") reads.
    return PackedPattern(spec | {"encoding": "tril+deflate"}, zlib.compress(values[rows, columns].tobytes(), 6))


def decode_pattern(packed: PackedPattern) -> Array:
    """Read back what `encode_pattern` wrote."""
    spec, data = packed
    n_pos = spec["shape"][0]
    if spec["encoding"] == "raw":
        return np.frombuffer(data, _WIRE[spec["dtype"]]).reshape(spec["shape"]).copy()
    full = np.zeros((n_pos, n_pos), _WIRE[spec["dtype"]])
    full[np.tril_indices(n_pos)] = np.frombuffer(zlib.decompress(data), _WIRE[spec["dtype"]])
    return full


def thumbnails(patterns: Float[Tensor, "layer head dest_pos src_pos"]) -> Array:
    """Shrink every head's pattern to a small picture: the largest attention in each cell, 255 = 1.0.

    The maximum, because a mean would fade the thin diagonals that tell heads apart.
    """
    n_layers, n_heads, n_pos, _ = patterns.shape
    fits = int((MAX_TRAIT_BYTES / max(1, n_layers * n_heads)) ** 0.5)
    side = max(1, min(MAX_THUMB, n_pos, fits))
    pooled = torch.nn.functional.adaptive_max_pool2d(patterns.flatten(0, 1).float(), side)
    scaled = (pooled.nan_to_num(0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    small: Array = scaled.reshape(n_layers, n_heads, side, side).numpy()
    return small
