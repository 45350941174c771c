"""Tensors in the files of strangers: safetensors, `.npz` and `.pt`, none of which runs code or takes memory unasked.

- safetensors: as it is; the library checks the header against the file.
- `.npz`: the arrays' headers and bytes are read here; an array of objects, which would be a pickle, is refused.
- `.pt`: `torch.load(weights_only=True)`, which builds tensors and plain values and nothing else.
"""

import math
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from interp_nb._errors import InterpError, SaveFormatError
from interp_nb._preflight import budget, refuse_beyond
from interp_nb.sae.formats.small_files import is_file

SUFFIXES: Final = (".safetensors", ".npz", ".pt")
_MOST_TENSORS: Final = 10_000
_MOST_HEADER: Final = 4096
_MOST_PICKLE: Final = 4 * 2**20
"""Bytes of a `.pt` file's own pickle, which names its tensors: some hundred each."""
_SMALL: Final = 4096
"""Numbers that a tensor may have to be looked at before the weights are read."""
_SAFETENSORS_TYPES: Final = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
                             "I32": "int32", "BOOL": "bool"}  # fmt: skip
_NUMPY_TYPES: Final = {"f2": "float16", "f4": "float32", "f8": "float64", "i4": "int32", "i8": "int64", "b1": "bool"}


class Header(NamedTuple):
    """What a file says of a tensor before it is read."""

    shape: tuple[int, ...]
    dtype: str


Contents = tuple[dict[str, Header], dict[str, Tensor]]
Wanted = Callable[[str, Header], bool]


def read_headers(file: Path) -> dict[str, Header]:
    """List the tensors of a file, without their contents.

    Raises:
        SaveFormatError: it is not there, damaged, or holds something else than tensors by name.
    """
    return _read(file, lambda name, header: False)[0]


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, on the CPU, as they are.

    Raises:
        SaveFormatError: it is not there, damaged, or holds something else than tensors by name.
        MemoryBudgetError: they do not fit into memory.
    """
    if is_file(file):
        _check_fits(file.stat().st_size, file)
    return _read(file, lambda name, header: True)[1]


def read_small(file: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Read those of some tensors that are there and small.

    Raises:
        SaveFormatError: the file is not there, or damaged.
    """
    return _read(file, lambda name, header: name in names and math.prod(header.shape) <= _SMALL)[1]


def read_tensor(file: Path, name: str) -> Tensor:
    """Read one tensor of a file, as it is.

    Raises:
        SaveFormatError: the file is not there or damaged, or has no such tensor.
    """
    found = _read(file, lambda each, header: each == name)[1]
    if name not in found:
        raise SaveFormatError(f"{file} must have {name}, found no tensor of that name")
    return found[name]


def read_metadata(file: Path) -> dict[str, str]:
    """Read the strings in the header of a safetensors file; none where it is no such file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            return dict(opened.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def _read(file: Path, wanted: Wanted) -> Contents:
    readers: dict[str, Callable[[Path, Wanted], Contents]] = {
        ".safetensors": _safetensors, ".npz": _npz, ".pt": _torch,
    }  # fmt: skip
    if not is_file(file):
        raise SaveFormatError(f"expected a file {file}, found none")
    reader = readers.get(file.suffix)
    if reader is None:
        raise SaveFormatError(f"{file} must end in one of {', '.join(SUFFIXES)} to be read for tensors")
    try:
        return reader(file, wanted)
    except InterpError:
        raise
    except Exception as error:  # a damaged file makes these libraries raise nearly anything
        said = (str(error) or type(error).__name__).splitlines()[0][:160]
        raise SaveFormatError(f"{file} must be a whole {file.suffix} file, found a damaged one ({said})") from error


def _safetensors(file: Path, wanted: Wanted) -> Contents:
    from safetensors import safe_open

    headers, tensors = {}, {}
    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118 - not a mapping
            part = opened.get_slice(name)
            kind = part.get_dtype()
            headers[name] = Header(tuple(part.get_shape()), _SAFETENSORS_TYPES.get(kind, kind))
            if wanted(name, headers[name]):
                tensors[name] = opened.get_tensor(name)
    return headers, tensors


def _npz(file: Path, wanted: Wanted) -> Contents:
    headers, tensors = {}, {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > _MOST_TENSORS or not all(member.filename.endswith(".npy") for member in members):
            raise SaveFormatError(f"{file} must hold arrays (.npy) and nothing else")
        for member in members:
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as opened:
                header, kind, fortran, start = _npy_header(opened, f"{name} in {file}")
                expected = kind.itemsize * math.prod(header.shape)
                if member.file_size - start != expected:
                    raise SaveFormatError(
                        f"{name} in {file} must have {expected} bytes for shape {list(header.shape)}, found "
                        f"{member.file_size - start}"
                    )
                headers[name] = header
                if wanted(name, header):
                    _check_fits(expected, file)  # a small archive may unpack to anything
                    tensors[name] = _array(opened.read(expected), kind, header.shape, fortran=fortran)
    return headers, tensors


def _npy_header(opened: Any, where: str) -> tuple[Header, Any, bool, int]:
    """Read the header of an array: shape and type, memory order, and where its bytes begin."""
    import numpy as np

    start = opened.read(12)
    version = np.lib.format.read_magic(BytesIO(start))
    length = 2 if version == (1, 0) else 4
    size = int.from_bytes(start[8 : 8 + length], "little")
    if version not in ((1, 0), (2, 0)) or not 16 <= size <= _MOST_HEADER:
        raise SaveFormatError(f"{where} must be an array of a known version, found {version} with {size} header bytes")
    # Versions differ in the width of the header's length alone; the second has no bytes of the header among these 12.
    text = start[8 + length :] + opened.read(size - (4 - length))
    header = BytesIO(size.to_bytes(2, "little") + text)
    shape, fortran, kind = np.lib.format.read_array_header_1_0(header)
    if kind.str[1:] not in _NUMPY_TYPES or kind.byteorder == ">":
        raise SaveFormatError(f"{where} must be an array of numbers, found {kind}: objects are pickles, never read")
    return Header(tuple(int(each) for each in shape), _NUMPY_TYPES[kind.str[1:]]), kind, fortran, 8 + length + size


def _array(data: bytes, kind: Any, shape: tuple[int, ...], *, fortran: bool) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C").copy(order="C"))


def _torch(file: Path, wanted: Wanted) -> Contents:
    # Mapped files give shapes without reading the contents; those older than PyTorch 1.6 are no archives.
    archive = zipfile.is_zipfile(file)
    if archive:
        _check_archive(file)
    try:
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=archive)
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":
            raise
        # Its own words advise to switch the safety off.
        raise SaveFormatError(
            f"{file} must hold tensors by name, found Python objects beside them or a damaged file: such objects could "
            "run code, and are never read; where you trust its maker, load it there and save the tensors alone"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found) or len(found) > _MOST_TENSORS:
        raise SaveFormatError(f"{file} must hold tensors by name (a state dict), found {type(found).__name__}")
    headers, tensors, claimed = {}, {}, 0
    for name, value in found.items():
        if not isinstance(value, Tensor | int | float):
            raise SaveFormatError(f"{file} must hold tensors by name, found {type(value).__name__} as {name!r}")
        held = torch.as_tensor(value).detach()
        if held.layout != torch.strided or held.is_meta or held.is_quantized:
            raise SaveFormatError(f"{file} must hold dense tensors, found {name!r} as another kind")
        headers[name] = Header(tuple(held.shape), str(held.dtype).removeprefix("torch."))
        # A tensor may say that its rows are one row, over and over: a small file would fill the memory.
        claimed += held.numel() * held.element_size()
        if claimed > 4 * file.stat().st_size:
            raise SaveFormatError(f"{file} must hold what its tensors say, {claimed} bytes, found a file of fewer")
        if wanted(name, headers[name]):
            tensors[name] = held.clone(memory_format=torch.contiguous_format)
    return headers, tensors


def _check_archive(file: Path) -> None:
    """Refuse an archive that unpacks to more than it is: `torch.save` compresses nothing, and its pickle is small."""
    with zipfile.ZipFile(file) as opened:
        members = opened.infolist()
    packed = [each.filename for each in members if each.compress_type != zipfile.ZIP_STORED]
    held, size = sum(each.file_size for each in members), file.stat().st_size
    if packed or held > size:
        raise SaveFormatError(
            f"{file} must hold its parts as they are, as torch.save writes them, found "
            + (f"{packed[0][:80]!r} compressed" if packed else f"{held} bytes of them in a file of {size}")
        )
    large = [each.filename for each in members if each.filename.endswith(".pkl") and each.file_size > _MOST_PICKLE]
    if large or len(members) > 2 * _MOST_TENSORS:
        what = f"more than {_MOST_PICKLE} bytes in {large[0][:80]!r}" if large else f"{len(members)} parts"
        raise SaveFormatError(f"{file} must hold tensors by name and nothing else, found {what}")


def _check_fits(n_bytes: int, file: Path) -> None:
    refuse_beyond(n_bytes, budget(torch.device("cpu"), None), f"reading {file}", "use a machine with more memory")
