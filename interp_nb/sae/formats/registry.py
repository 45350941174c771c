"""Every family by its name, and which SAEs a path holds: a folder of one, a file in it, or a folder of several."""

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from interp_nb._errors import ModelNotFoundError, nearest
from interp_nb.sae.formats.base import Format
from interp_nb.sae.records import check_one_of

HOMES: Final[dict[str, str]] = {
    "interp_nb": "interp_nb.sae.formats.own:InterpNb",
    "sae_lens": "interp_nb.sae.formats.sae_lens:SAELens",
    "sae_lens_legacy": "interp_nb.sae.formats.sae_lens_legacy:SAELensLegacy",
    "sae_lens_training": "interp_nb.sae.formats.sae_lens_training:SAELensTraining",
    "gemma_scope": "interp_nb.sae.formats.gemma_scope:GemmaScope",
    "gemma_scope_2": "interp_nb.sae.formats.gemma_scope_2:GemmaScope2",
    "sparsify": "interp_nb.sae.formats.sparsify:Sparsify",
    "dictionary_learning": "interp_nb.sae.formats.dictionary_learning:DictionaryLearning",
    "circuit_tracer": "interp_nb.sae.formats.circuit_tracer:CircuitTracer",
}
"""Where each family is, in order of detection: the first that knows a folder has it."""
FORMATS: Final = tuple(HOMES)
_MOST_DEEP: Final = 6
_MOST_FOLDERS: Final = 20_000
_SHOWN: Final = 12


class Found(NamedTuple):
    """An SAE on disk."""

    family: Format
    folder: Path
    inner: str
    """Which SAE of the folder; "" = the folder is one."""
    sae_id: str
    """The same as seen from where the search began."""


@cache
def format_named(name: str) -> Format:
    """Give a family.

    Raises:
        ConfigError: there is none of this name; the message gives the nearest.
    """
    check_one_of("format", name, FORMATS)
    module, _, attribute = HOMES[name].partition(":")
    made: Format = getattr(import_module(module), attribute)()
    return made


def in_folder(folder: Path) -> tuple[Format, list[str]] | None:
    """Say which family's SAEs lie in a folder itself, and their ids; None where there are none."""
    for name in FORMATS:
        ids = format_named(name).find(folder)
        if ids:
            return format_named(name), ids
    return None


def below(folder: Path) -> Iterator[Found]:
    """Find all SAEs in a folder and the folders in it, in the order of their names.

    Linked folders are not entered, nor hidden ones, nor what is more than six folders down.
    """
    for seen, (place, folders, _) in enumerate(os.walk(folder)):
        here = Path(place)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _MOST_DEEP else []
        if seen >= _MOST_FOLDERS:
            return
        found = in_folder(here)
        for inner in () if found is None else found[1]:
            assert found is not None
            sae_id = (here / inner).relative_to(folder).as_posix()
            yield Found(found[0], here, inner, "" if sae_id == "." else sae_id)


def locate(path: Path, sae_id: str | None = None) -> Found:
    """Find the one SAE that is meant by a path: of a folder, of a file in it, or one of several in a folder.

    Raises:
        ModelNotFoundError: there is none, or there are several and nothing says which; the message lists them.
    """
    if path.is_file():
        found = in_folder(path.parent)
        if found is not None:
            inner = found[0].id_of(path.parent, path.name) if sae_id is None else sae_id
            if inner in found[1]:
                return Found(found[0], path.parent, inner, inner)
        raise ModelNotFoundError(f"{path} belongs to no SAE that is known here; give its folder, and see inspect_sae")
    if not path.is_dir():
        raise ModelNotFoundError(f"no SAE at {str(path)!r}: there is no such file or folder")
    if sae_id is not None:
        return _with_id(path, sae_id)
    found = in_folder(path)
    if found is not None and "" in found[1]:
        return Found(found[0], path, "", "")
    every = list(below(path))
    if len(every) == 1:
        return every[0]
    if not every:
        raise ModelNotFoundError(f"no SAE at {str(path)!r}: expected {', '.join(map(_expected, FORMATS))}")
    ids = [each.sae_id for each in every]
    shown = ", ".join(map(repr, ids[:_SHOWN])) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
    raise ModelNotFoundError(f"{str(path)!r} holds {len(ids)} SAEs: give sae_id=, one of {shown}")


def ids_in(path: Path) -> list[str]:
    """List the SAEs in a folder, as `sae_id` names them."""
    return [each.sae_id for each in below(path)] if path.is_dir() else []


def _with_id(path: Path, sae_id: str) -> Found:
    # The folder is asked directly: a collection may have thousands.
    parts = [part for part in sae_id.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." not in parts and not any("\0" in part for part in parts):
        for split in (len(parts), len(parts) - 1, len(parts) - 2):
            folder = path.joinpath(*parts[:split]) if split >= 0 else None
            if folder is None or not folder.is_dir():
                continue
            found, inner = in_folder(folder), "/".join(parts[split:])
            if found is not None and inner in found[1]:
                return Found(found[0], folder, inner, "/".join(parts))
    raise ModelNotFoundError(f"{str(path)!r} holds no SAE {sae_id!r}; {nearest(sae_id, ids_in(path))}")


def _expected(name: str) -> str:
    return f"{format_named(name).looks_like} ({name})"
