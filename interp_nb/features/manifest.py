"""The folder of a store: what is in it, and how one state of it takes the place of another.

    folder/store.json            which SAE, model, data and settings; which generation is current
    folder/sae/                  the SAE (of directions: directions.safetensors)
    folder/geometry.parquet      what needs no text: norms, logits, neighbors
    folder/vocabulary.parquet    the model's tokens as strings
    folder/gen-000003/           everything that was counted, as of a number of tokens; and the position in the data
    folder/labels.jsonl          labels, of people and machines

A generation is written beside the current one; then store.json, replaced in one piece, names it, and the older one is
removed. Whenever a build is killed, the folder holds a whole generation.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from interp_nb._atomic import PART, write_atomically
from interp_nb._errors import ConfigError, SaveFormatError, StoreMismatchError

MANIFEST: Final = "store.json"
GEOMETRY: Final = "geometry.parquet"
VOCABULARY: Final = "vocabulary.parquet"
LABELS: Final = "labels.jsonl"
LOCK: Final = ".lock"
"""Held by whoever builds."""
SCHEMA: Final = 2
_GENERATION: Final = "gen-{number:06d}"
_NEEDED: Final = {
    "identity", "generation", "parts", "counted", "version", "d_sae", "sites", "n_tokens", "n_docs", "edges",
    "complete", "model_name",
}  # fmt: skip
_OURS: Final = (GEOMETRY, VOCABULARY, LABELS, "sae", "directions.safetensors", LOCK)
_NAMES: Final = {"latents": "SAE", "model": "model", "reading": "reading of text", "settings": "setting"}


def new_manifest(identity: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """Make the manifest of a store with no text read yet."""
    from interp_nb import __version__

    made: dict[str, Any] = {
        "class": "FeatureStore", "schema": SCHEMA, "version": __version__, "identity": identity, "generation": 0,
        "parts": [], "counted": {}, **about,
    }  # fmt: skip
    made = plain(made)
    return made


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read what a folder holds; None where no generation was finished.

    Raises:
        SaveFormatError: it is no manifest of a store, or of a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = found["class"] == "FeatureStore"
        missing = sorted(_NEEDED - found.keys()) if found["schema"] == SCHEMA else []
        if missing:
            raise KeyError(", ".join(missing))
    except (ValueError, KeyError, TypeError) as error:
        raise SaveFormatError(f"{path} is not the manifest of a feature store ({error}): build it again") from error
    if not known:
        raise SaveFormatError(f"{path} is of a {found['class']}, not of a feature store: give another folder")
    if found["schema"] != SCHEMA:
        raise SaveFormatError(
            f"{path} has schema {found['schema']} (written by interp_nb {found['version']}), this version reads schema "
            f"{SCHEMA}: install the version that wrote it, or build the store again"
        )
    return found


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds other things than an unfinished store.

    Raises:
        ConfigError: it does, or it is a file.
    """
    if folder.is_file():
        raise ConfigError(f"{folder} is a file; a feature store is a folder: give another path")
    names = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []
    others = [name for name in names if name not in _OURS and not name.startswith("gen-") and not name.endswith(PART)]
    if others:
        raise ConfigError(
            f"{folder} is no feature store and holds other files ({', '.join(others[:3])}); give an empty folder, or a "
            "new one"
        )


def check_same(folder: Path, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
    """Refuse a store of another SAE, model or settings.

    Args:
        identity: The parts that are to be compared.

    Raises:
        StoreMismatchError: naming everything that differs, then and now.
    """
    differing = []
    for part, now in plain(identity).items():
        was = manifest["identity"].get(part)
        if isinstance(was, dict) and isinstance(now, dict):
            names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
            differing += [f"{_NAMES[part]} {name} was {was.get(name)!r}, is {now.get(name)!r}" for name in names]
        elif was != now:
            differing.append(f"{_NAMES[part]} was {_short(was)}, is {_short(now)}")
    if differing:
        what = {_NAMES[part] for part in identity if any(line.startswith(_NAMES[part]) for line in differing)}
        raise StoreMismatchError(
            f"{folder} was built with another {' and another '.join(sorted(what))}: {'; '.join(differing)}. Give those "
            "it was built with, or another path"
        )


def generation_folder(folder: Path, manifest: dict[str, Any]) -> Path:
    """Name the folder of the current generation."""
    return folder / _GENERATION.format(number=manifest["generation"])


def commit(folder: Path, manifest: dict[str, Any]) -> None:
    """Make a generation that was written the current one, and remove the others.

    Raises:
        DiskError: the disk is full; the generation before stays current.
    """
    text = json.dumps(manifest, indent=1) + "\n"
    write_atomically(folder / MANIFEST, lambda part: part.write_text(text, encoding="utf-8"))
    current = generation_folder(folder, manifest)
    for other in folder.glob("gen-*"):
        if other != current:
            shutil.rmtree(other, ignore_errors=True)


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back: tuples become lists."""
    return json.loads(json.dumps(value))


def _short(value: Any) -> str:
    return (
        "not known" if value is None else f"{value.get('name', 'given')!r}" if isinstance(value, dict) else repr(value)
    )
