"""How a folder is written, all of its files or none, and what the writers of all families need."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import torch
from torch import Tensor

from interp_nb._atomic import begin, flush, part_of
from interp_nb._errors import ConfigError, DiskError, SaveFormatError
from interp_nb.sae.coder import SAE
from interp_nb.sae.config import TAKES_K
from interp_nb.sae.records import check_one_of

DTYPES: Final = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
Write: TypeAlias = Callable[[Path], object]


def write_folder(folder: Path, contents: dict[str, Write]) -> Path:
    """Write files beside where they belong, and move them there when all are whole.

    Args:
        contents: What writes each file, by its path in the folder.

    Raises:
        DiskError: the disk is full or the folder cannot be written; what was there is untouched.
        SaveFormatError: the path is a file.
    """
    if folder.is_file():
        raise SaveFormatError(f"{folder} is a file; an SAE is a folder: give another path")
    parts = {folder / name: part_of(folder / name) for name in contents}
    try:
        for (file, part), write in zip(parts.items(), contents.values(), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            mode = begin(part)
            write(part)
            part.chmod(mode)  # safetensors makes files that nobody else may read, whatever the user's umask says
            flush(part)
        for file, part in parts.items():
            os.replace(part, file)
        flush(folder)
    except BaseException as error:
        for part in parts.values():
            part.unlink(missing_ok=True)
        # safetensors reports a full disk as its own error, which is no OSError; torch as a RuntimeError.
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise DiskError(
                f"{folder} could not be written ({error}); what was there before is untouched: make room, or write to "
                "another folder"
            ) from error
        raise
    return folder


def as_json(values: dict[str, Any], indent: int | None = 2, *, sort_keys: bool = False) -> Write:
    """Write values as JSON."""
    text = json.dumps(values, indent=indent, sort_keys=sort_keys, allow_nan=False) + "\n"
    return lambda part: part.write_text(text, encoding="utf-8")


def as_safetensors(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Write:
    """Write tensors as safetensors."""
    from safetensors.torch import save_file

    # safetensors refuses tensors that share memory, as a transposed view does.
    held = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return lambda part: save_file(held, part, metadata=metadata)


def as_torch(tensors: dict[str, Tensor]) -> Write:
    """Write tensors as a state dict in a `.pt` file, which `torch.load(weights_only=True)` reads."""
    held = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return lambda part: torch.save(held, part)


def plain_weights(sae: SAE, family: str, *, subtract_b_dec: bool) -> dict[str, Tensor]:
    """Give an SAE's state without our scales, with b_dec taken off the input or not as a family has it.

    Raises:
        ConfigError: what only our own format says: latents ranked by their norms, a norm of each row, heads.
    """
    cfg = sae.cfg
    if cfg.architecture in TAKES_K and cfg.decoder_norm == "free":
        refuse(family, "latents that are ranked by their decoder norms", "save as 'interp_nb'")
    if cfg.input_norm != "none":
        refuse(family, f"input_norm={cfg.input_norm!r}", "save as 'sae_lens' or 'interp_nb'")
    with torch.no_grad():
        state = {name: value.detach().clone() for name, value in sae.folded().state_dict().items()}
        if bool(cfg.subtract_b_dec) != subtract_b_dec:
            moved = state["encoder"] @ state["b_dec"]
            moved = moved if subtract_b_dec else -moved
            state["b_enc"] += moved
            if cfg.architecture == "gated":
                state["b_mag"] += state["r_mag"].exp() * moved
    return state


def check_dtype(dtype: str | None) -> None:
    """Refuse a precision that there is none of.

    Raises:
        ConfigError: the message gives the nearest.
    """
    if dtype is not None:
        check_one_of("dtype", dtype, tuple(DTYPES))


def in_precision(tensors: dict[str, Tensor], dtype: str | None) -> dict[str, Tensor]:
    """Convert weights to the file's precision.

    Raises:
        ConfigError: no such precision, or a weight is not finite in it.
    """
    check_dtype(dtype)
    made = {name: value.to(DTYPES[dtype]) if dtype else value for name, value in tensors.items()}
    for name, value in made.items():
        if not bool(value.isfinite().all()):
            raise ConfigError(f"{name} is not finite in {value.dtype}: {'save in float32' if dtype else 'train again'}")
    return made


def refuse(family: str, what: str, instead: str) -> NoReturn:
    """Refuse to write what a family's files cannot hold.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(f"the files of {family} cannot hold {what}; {instead}")
