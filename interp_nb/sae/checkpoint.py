"""Checkpoints: all that a run needs to go on to the bit, in one file that is either whole or not there.

1. A state is a tree of dicts and lists; its leaves are tensors and plain values. `write` puts the tensors into a
   safetensors file, and the rest into it as JSON. Nothing in it is executed.
2. The file appears under its name only when it is whole (`write_atomically`): whenever the process is killed, the
   folder holds whole checkpoints only.
3. Then checkpoints beyond the last `keep` are removed, oldest first.

What is in the state is the business of `trainer`.
"""

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from interp_nb._atomic import write_atomically
from interp_nb._errors import DiskError, SaveFormatError

SCHEMA: Final = 2
_HEADER: Final = "interp_nb_run"
_TENSOR: Final = "__tensor__"
# A tensor of bytes rather than the header, which safetensors limits to 100 MB: a history may grow beyond that.
_JSON: Final = "state.json"
_NAME: Final = "step_{step:09d}.safetensors"
_PATTERN: Final = "step_" + "[0-9]" * 9 + ".safetensors"


def write(folder: Path, step: int, state: dict[str, Any], *, keep: int) -> Path:
    """Write a checkpoint; return its path.

    Args:
        keep: How many checkpoints stay, this one included.

    Raises:
        DiskError: the file could not be written (a full disk, no permission); the checkpoints before it are untouched.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_split(state, "", tensors)).encode()
    tensors[_JSON] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    path = folder / _NAME.format(step=step)
    try:
        write_atomically(path, lambda part: save_file(tensors, part, metadata={_HEADER: str(SCHEMA)}))
    except DiskError as error:
        raise DiskError(f"{error}; {_what_is_left(path)}") from error
    _remove_old(folder, path, keep)
    return path


def read(path: Path) -> dict[str, Any]:
    """Read the state that `write` put into a file.

    Raises:
        SaveFormatError: the file is no checkpoint, or of a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            schema = (file.metadata() or {}).get(_HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise SaveFormatError(f"{path} is not a whole checkpoint of train_sae ({error}).") from error
    if schema is None:
        raise SaveFormatError(f"{path} was not written by train_sae: it has no run in it.")
    if schema != str(SCHEMA):
        raise SaveFormatError(
            f"{path} has schema {schema}, this version reads schema {SCHEMA}: resume with the version that wrote it."
        )
    text = bytes(tensors.pop(_JSON).numpy())
    state: dict[str, Any] = _join(json.loads(text), tensors)
    return state


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a folder; None where there is none."""
    return max(folder.glob(_PATTERN), default=None)


def _split(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Take the tensors out of a tree, and leave their names in their places."""
    if isinstance(value, Tensor):
        here = value.detach().cpu().contiguous()
        # safetensors refuses tensors that share memory.
        shared = any(
            here.untyped_storage().data_ptr() == other.untyped_storage().data_ptr() for other in tensors.values()
        )
        tensors[name] = here.clone() if shared and here.numel() else here
        return {_TENSOR: name}
    if isinstance(value, dict):
        assert all(isinstance(key, str) and key != _TENSOR for key in value), f"{name}: keys must be strings"
        return {key: _split(item, f"{name}/{key}", tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_split(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]
    assert value is None or isinstance(value, (bool, int, float, str)), f"{name} is a {type(value).__name__}"
    return value


def _join(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_join(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    return {key: _join(item, tensors) for key, item in value.items()}


def _remove_old(folder: Path, newest: Path, keep: int) -> None:
    older = sorted(path for path in folder.glob(_PATTERN) if path != newest)
    for path in older[: len(older) - (keep - 1)] if keep > 1 else older:
        path.unlink(missing_ok=True)
    for part in folder.glob("step_*.part"):
        part.unlink(missing_ok=True)  # what a killed process left


def _what_is_left(path: Path) -> str:
    before = latest(path.parent)
    kept = f"the checkpoint before it, {before.name}, is untouched" if before else "there was no checkpoint before it"
    return f"{kept}, and the run itself is still in memory: resume() it once there is room"
