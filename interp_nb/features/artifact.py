"""Versions of a feature dictionary on the disk: whole or not there, and known by what is in them.

    folder/dictionary.json    whose features these are, the versions, what was done when, and which version is current
    folder/v0001/             one version, complete in itself
        version.json          its files with their hashes
        features.json         which latents are in it, and the gate they passed
        scores.json           what was measured of them
        store/                the feature store: tables, sae/, labels.jsonl

1. A version is written beside (`.v0002.part`), every file flushed to the disk, and then takes its name.
2. Only then `dictionary.json` is replaced in one step. Whoever is killed leaves the old one or the new one.
3. The content hash of a version is over the names and hashes of its files; `dictionary.json` keeps it.

Versions share files that are equal by hard links. What the parts mean is in `versions`.
"""

import hashlib
import json
import os
import shutil
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from interp_nb._atomic import flush, write_atomically
from interp_nb._errors import DiskError, ModelNotFoundError, SaveFormatError, nearest

SCHEMA: Final = 1
JOURNAL: Final = "dictionary.json"
MANIFEST: Final = "version.json"
FEATURES: Final = "features.json"
SCORES: Final = "scores.json"
STORE: Final = "store"
LABELS: Final = "labels.jsonl"
PARTS: Final = ("SAE", "store", "labels", "scores", "features")
_LOCK: Final = ".lock"
_CHUNK: Final = 2**20


class Content(NamedTuple):
    """What goes into a version."""

    folder: Path
    """Folder that files are copied from."""
    files: tuple[Path, ...]
    """Files of it, relative."""
    made: dict[str, bytes]
    """Files that are made for the version, by name in it."""


def part_of(name: str) -> str:
    """Say which part of a version a file is: SAE, store, labels, scores or features."""
    if name in (FEATURES, SCORES):
        return "features" if name == FEATURES else "scores"
    inside = PurePosixPath(name).relative_to(STORE)
    if inside.name == LABELS:
        return "labels"
    return "SAE" if inside.parts[0] == "sae" else "store"


def content_hash(hashes: dict[str, str]) -> str:
    """Hash what a version holds, from the hashes of its files."""
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def write_version(folder: Path, version: str, content: Content, before: str | None) -> dict[str, str]:
    """Write a version's folder; return the hashes of its files by name.

    Args:
        before: Version whose files are shared where they are equal.

    Raises:
        DiskError: it could not be written, or the store's files are not there; other versions are untouched.
    """
    part = folder / f".{version}.part"
    shared = _shareable(folder, before)
    try:
        remove(part)
        hashes = {}
        for file in content.files:
            name = (PurePosixPath(STORE) / file.as_posix()).as_posix()
            hashes[name] = _copy(content.folder / file, part / name)
            if before is not None and shared.get(name) == hashes[name]:
                _share(folder / before / name, part / name)
        for name, held in content.made.items():
            write_atomically(part / name, lambda file, held=held: file.write_bytes(held))  # type: ignore[misc]
            hashes[name] = hashlib.sha256(held).hexdigest()
        text = json.dumps({"schema": SCHEMA, "files": hashes}, indent=1, sort_keys=True) + "\n"
        write_atomically(part / MANIFEST, lambda file: file.write_text(text, encoding="utf-8"))
        for inner in sorted(path for path in part.rglob("*") if path.is_dir()):
            flush(inner)
        remove(folder / version)  # what a process left that was killed before the version counted
        part.rename(folder / version)
        flush(folder)
    except OSError as error:
        remove(part)
        raise DiskError(
            f"{folder / version} could not be written ({error}); the versions before it are untouched: make room, or "
            "check that the store is whole"
        ) from error
    return hashes


def check_version(folder: Path, version: str, expected: str) -> dict[str, str]:
    """Read all of a version, and refuse one that is not what was written.

    Raises:
        SaveFormatError: naming the parts and files that changed.
    """
    hashes = read_manifest(folder, version)
    odd: dict[str, list[str]] = {}
    for name, was in sorted(hashes.items()):
        file = folder / version / name
        if not file.is_file():
            odd.setdefault(part_of(name), []).append(f"{name} is missing")
        elif sha256(file) != was:
            odd.setdefault(part_of(name), []).append(f"{name} has other content")
    if not odd and content_hash(hashes) != expected:
        odd["list of files"] = [f"{MANIFEST} has other content"]
    if odd:
        said = "; ".join(f"its {part} changed ({', '.join(files)})" for part, files in odd.items())
        raise SaveFormatError(
            f"{folder / version} is not what was written: {said}. Open another version with "
            "FeatureDictionary.open(path, version=...), or go back with "
            "FeatureDictionary.open(path, verify=False).rollback()"
        )
    return hashes


def read_manifest(folder: Path, version: str) -> dict[str, str]:
    """Read the hashes of a version's files.

    Raises:
        SaveFormatError: the version is not there, or its list of files cannot be read.
    """
    file = folder / version / MANIFEST
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        hashes: dict[str, str] = held["files"]
        for name in hashes:
            part_of(name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SaveFormatError(
            f"{file.parent} is not what was written: its list of files changed ({MANIFEST}: "
            f"{type(error).__name__}). Open another version with FeatureDictionary.open(path, version=...)"
        ) from error
    return hashes


def read_journal(folder: Path) -> dict[str, Any]:
    """Read what a dictionary is, and which version is current.

    Raises:
        ModelNotFoundError: there is no dictionary, or it was never finished.
        SaveFormatError: its journal is damaged or of a newer version.
    """
    file = folder / JOURNAL
    if not file.is_file():
        begun = any(folder.glob(".v*.part")) or any(folder.glob("v*/" + MANIFEST))
        why = "was begun and never finished; create it again" if begun else f"is none: expected {JOURNAL} in it"
        raise ModelNotFoundError(f"no feature dictionary at {str(folder)!r}: it {why}")
    try:
        journal: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        schema, whole = journal["schema"], journal["current"] in journal["versions"]
        whole &= all({"parent", "content", "note", "time"} <= entry.keys() for entry in journal["versions"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SaveFormatError(f"{file} is damaged ({type(error).__name__}: {error}); restore it from a copy") from error
    if schema != SCHEMA:
        raise SaveFormatError(
            f"{file} has schema {schema} (written by interp_nb {journal.get('interp_nb')}), this version reads schema "
            f"{SCHEMA}: install the version that wrote it"
        )
    if not whole:
        raise SaveFormatError(f"{file} is damaged: its current version is not among its versions; restore it")
    return journal


def write_journal(folder: Path, journal: dict[str, Any]) -> None:
    """Replace the journal in one step.

    Raises:
        DiskError: it could not be written; the one before is untouched.
    """
    held = {"schema": SCHEMA, "interp_nb": str(import_module("interp_nb").__version__)} | journal
    text = json.dumps(held, indent=1, sort_keys=True) + "\n"
    write_atomically(folder / JOURNAL, lambda part: part.write_text(text, encoding="utf-8"))


def entry_of(journal: dict[str, Any], version: str) -> dict[str, Any]:
    """Return what the journal says of a version.

    Raises:
        SaveFormatError: there is no such version.
    """
    if version not in journal["versions"]:
        raise SaveFormatError(
            f"this dictionary has no version {version!r}; {nearest(version, sorted(journal['versions']))}"
        )
    found: dict[str, Any] = journal["versions"][version]
    return found


def next_version(journal: dict[str, Any] | None) -> str:
    """Name the version after the last that counts."""
    numbers = [int(name[1:]) for name in (journal or {"versions": {}})["versions"]]
    return f"v{max(numbers, default=0) + 1:04d}"


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a version's JSON files.

    Raises:
        SaveFormatError: it is not there, or no JSON.
    """
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SaveFormatError(
            f"{path} cannot be read ({type(error).__name__}); open another version with "
            "FeatureDictionary.open(path, version=...)"
        ) from error
    return held


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder, file by file: what is written to the copy does not reach the original.

    Raises:
        DiskError: it could not be written; nothing is left of it.
    """
    part = target.with_name(target.name + ".part")
    try:
        remove(part)
        shutil.copytree(source, part)
        part.rename(target)
    except OSError as error:
        remove(part)
        raise DiskError(f"{target} could not be written ({error}): make room, or choose another folder") from error


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(folder: Path) -> None:
    """Remove a folder that nobody counts on, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def lock_of(folder: Path) -> Path:
    """Give the file whose lock keeps changes of a dictionary apart; makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / _LOCK


def _copy(source: Path, target: Path) -> str:
    """Copy a file to the disk; return the hash of what was copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            written.write(chunk)
        written.flush()
        os.fsync(written.fileno())
    return digest.hexdigest()


def _shareable(folder: Path, version: str | None) -> dict[str, str]:
    """Give the files of a version by hash; none where it is damaged, which must not keep anybody from a new one."""
    if version is None:
        return {}
    try:
        return read_manifest(folder, version)
    except SaveFormatError:
        return {}


def _share(old: Path, new: Path) -> None:
    """Let a file be the same one as an equal file of another version, where the disk can."""
    linked = new.with_name(new.name + ".link")
    try:
        if sha256(old) == sha256(new):  # not one that was damaged since
            os.link(old, linked)
            os.replace(linked, new)
    except OSError:
        linked.unlink(missing_ok=True)  # a disk without hard links keeps the copy
