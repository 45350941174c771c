"""A disk cache of harvested rows: files of rows and a manifest that says what they are.

1. `identity` is a hash of the model, of the data, of the settings and of the code. A folder with another one is
   refused, with what differs.
2. Rows are written in files of whole forwards, each under another name first, flushed and renamed; after each the
   manifest is replaced in the same way. It names whole files only, and the position in the data after the last one:
   a killed process leaves rows that can be read, and harvesting goes on from there.
"""

import json
import shutil
from itertools import count
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from interp_nb._atomic import PART, write_atomically
from interp_nb._errors import ConfigError, DataError, DiskError, StaleCacheError
from interp_nb._preflight import in_words
from interp_nb.models.edit import is_edited
from interp_nb.sae.batches import ActivationSource, Batch, concatenate
from interp_nb.sae.fingerprint import code_identity, model_identity
from interp_nb.sae.harvesting import NO_ROWS, Harvested
from interp_nb.sae.rows import stack_windows
from interp_nb.sae.shards import MANIFEST, WINDOWS, ShardSource, read_manifest
from interp_nb.sae.windows import Windows

SHARD_BYTES: Final = 256_000_000
"""Size of a file: what a killed process loses at most, and what is in memory before it is written."""
_NAME: Final = "rows-{index:05d}.safetensors"


def cached(source: Harvested, folder: Path, *, shard_bytes: int = SHARD_BYTES) -> ActivationSource:
    """Return the rows of a source from disk, after writing those that are not there yet.

    Raises:
        StaleCacheError: the folder holds other rows.
        DiskError: the disk is full; rows that were written are usable.
        ConfigError: the model is being edited, which no hash would tell; or the folder holds other files.
    """
    if is_edited(source.model):
        raise ConfigError(
            "a disk cache must hold the model's own activations, and this model is being edited; leave the edit first, "
            "or harvest without path="
        )
    identity = {
        "model": model_identity(source.model),
        "data": source.stream.documents.identity(),
        "settings": source.settings,
        "code": code_identity(),
    }
    # What comes out of JSON is compared with what went in: tuples would have become lists.
    identity = json.loads(json.dumps(identity))
    manifest = read_manifest(folder)
    if manifest is None:
        manifest = _new_manifest(source, folder, identity)
    else:
        _check_fresh(manifest, identity, folder)
    if not _is_enough(manifest, source.n_rows):
        _write_rows(source, folder, manifest, shard_bytes)
    return ShardSource(folder, n_rows=source.n_rows)


def _is_enough(manifest: dict[str, Any], n_rows: int | None) -> bool:
    return bool(manifest["ended"] or (n_rows is not None and manifest["n_rows"] >= n_rows))


def _new_manifest(source: Harvested, folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    others = [path.name for path in folder.glob("*") if not path.name.endswith(PART)] if folder.is_dir() else []
    # A file of rows without a manifest was renamed in the moment before the process was killed.
    others = [name for name in others if name != _NAME.format(index=0)]
    if others:
        raise ConfigError(
            f"{folder} is no disk cache and holds other files ({', '.join(sorted(others)[:3])}); give an empty folder, "
            "or a new one"
        )
    return {
        "schema": 1, "identity": identity, "sites": list(source.sites), "target_sites": list(source.target_sites),
        "shards": [], "n_rows": 0, "complete": False, "ended": False, "position": None,
    }  # fmt: skip


def _check_fresh(manifest: dict[str, Any], identity: dict[str, Any], folder: Path) -> None:
    """Refuse a cache of other rows."""
    differing = []
    for part, now in identity.items():
        was = manifest["identity"].get(part, {})
        names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        differing += [f"{part} {name} was {was.get(name)!r}, is {now.get(name)!r}" for name in names]
    if differing:
        raise StaleCacheError(
            f"{folder} holds other rows than those asked for: {'; '.join(differing)}. Give another path or delete the "
            "folder; to train on it as it is, give the folder as the data"
        )


def _write_rows(source: Harvested, folder: Path, manifest: dict[str, Any], shard_bytes: int) -> None:
    """Go on writing where the manifest ends, until there are enough rows or the data have ended."""
    if manifest["position"] is not None:
        source.stream.load_state(manifest["position"])
    _check_room(source, folder, manifest["n_rows"])
    for part in folder.glob(f"*{PART}"):
        part.unlink(missing_ok=True)
    for index in count(len(manifest["shards"])):
        wanted = shard_bytes // source.row_bytes
        if source.n_rows is not None:
            wanted = min(wanted, source.n_rows - manifest["n_rows"])
        found: list[tuple[Batch, Windows]] = []
        n_found, ended = 0, False
        while n_found < max(1, wanted) and not ended:
            more = source.next_windows()
            ended = more is None
            if more is not None:
                found.append(more)
                n_found += more[0].n_rows
        if not found and not manifest["n_rows"]:
            raise DataError(NO_ROWS)
        if found:
            path = folder / _NAME.format(index=index)
            _save(path, lambda part, found=found: _save_shard(part, found), manifest)
            manifest["shards"].append({"file": path.name, "n_rows": n_found})
            manifest["n_rows"] += n_found
        manifest["ended"] = ended
        manifest["complete"] = _is_enough(manifest, source.n_rows)
        manifest["position"] = source.stream.state()
        text = json.dumps(manifest)
        _save(folder / MANIFEST, lambda part, text=text: part.write_text(text, encoding="utf-8"), manifest)
        if manifest["complete"]:
            return


def _save(path: Path, write: Any, manifest: dict[str, Any]) -> None:
    try:
        write_atomically(path, write)
    except DiskError as error:
        raise DiskError(
            f"{error}. {manifest['n_rows']} rows are on the disk; the same call goes on from there"
        ) from error


def _save_shard(path: Path, found: list[tuple[Batch, Windows]]) -> None:
    from safetensors.torch import save_file

    columns = concatenate([batch for batch, _ in found]).columns()
    tensors = {name: _on_disk(value) for name, value in columns.items()}
    for name, field in zip(WINDOWS, ("tokens", "keep"), strict=True):
        tensors[name] = _on_disk(stack_windows([getattr(windows, field) for _, windows in found]))
    save_file(tensors, path)


def _on_disk(value: Tensor) -> Tensor:
    """Token ids and positions fit 32 bits, which is a third of a narrow row."""
    value = value.detach().cpu().contiguous()
    return value.int() if value.dtype == torch.int64 else value


def _check_room(source: Harvested, folder: Path, n_written: int) -> None:
    """Refuse before anything is computed what the disk cannot hold."""
    if source.n_rows is None:
        return
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    needed = (source.n_rows - n_written) * source.row_bytes
    if needed > free:
        fits = n_written + free // source.row_bytes
        raise DiskError(
            f"{source.n_rows - n_written} rows need {in_words(needed)} on the disk of {folder}, {in_words(free)} are "
            f"free; use n_rows={fits}, dtype='float16', or another disk"
        )
