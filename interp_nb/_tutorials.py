"""Where the tutorial notebooks are, and how they are copied without touching what a learner changed.

A copied folder carries a small record of what was copied (name -> hash). A file that still has its recorded hash is
ours to bring up to date; any other file is the learner's, and a newer tutorial is put beside it under another name.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from interp_nb._errors import ConfigError

FIRST = "00_quickstart.ipynb"
RECORD = ".interp_nb.json"


class Copied(NamedTuple):
    """What `copy_tutorials` did, as file names; `beside` pairs a learner's file with the new copy next to it."""

    new: list[str]
    updated: list[str]
    kept: list[str]
    beside: list[tuple[str, str]]


def find_notebooks() -> Path:
    """Return the folder of the tutorials: in the package (a wheel) or at the root of a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise ConfigError(
        f"expected the tutorials ({FIRST} and others) in {package / 'notebooks'} or {package.parent / 'notebooks'}, "
        "found neither: this install is incomplete. Install interp_nb again, or run from a whole checkout."
    )


def copy_tutorials(source: Path, target: Path) -> Copied:
    """Copy the tutorials into `target`, leaving every file that the learner changed as it is."""
    if target.exists() and not target.is_dir():
        raise ConfigError(f"expected a folder for the tutorials, {target} is a file: choose another with --to FOLDER.")
    target.mkdir(parents=True, exist_ok=True)
    record = _read_record(target)
    done = Copied([], [], [], [])
    for notebook in sorted(source.glob("*.ipynb")):
        ours, name = _digest(notebook), notebook.name
        own = target / name
        if not own.exists():
            done.new.append(name)
        elif _digest(own) == ours:
            pass
        elif _digest(own) == record.get(name):
            done.updated.append(name)
        else:
            done.kept.append(name)
            if record.get(name) != ours:
                done.beside.append((name, _copy_beside(notebook, target)))
            record[name] = ours
            continue
        # copyfile, not copy: a checkout's read-only bit would make the learner's file read-only.
        shutil.copyfile(notebook, own)
        record[name] = ours
    (target / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return done


def _copy_beside(notebook: Path, target: Path) -> str:
    number = 1
    while True:
        beside = target / f"{notebook.stem}_new{'' if number == 1 else number}.ipynb"
        if not beside.exists():
            shutil.copyfile(notebook, beside)
            return beside.name
        if _digest(beside) == _digest(notebook):
            return beside.name
        number += 1


def _read_record(target: Path) -> dict[str, str]:
    try:
        read = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # No record or a damaged one: every differing file counts as the learner's, which is the safe side.
        return {}
    return {str(name): str(digest) for name, digest in read.items()} if isinstance(read, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
