"""Configuration files of strangers: JSON and YAML of bounded size, without anything that runs or grows when it is read.

`Fields` gives out their values one at a time, each checked, and remembers which were there and which are defaults.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

from interp_nb._errors import SaveFormatError, nearest
from interp_nb.sae.formats.plan import DEFAULT, STORED

MOST_BYTES: Final = 8 * 2**20
"""A configuration is some kilobytes; those with a whole run's settings are some dozens."""
_MOST_DEEP: Final = 32
_MOST_NUMBER: Final = 2**40
_ABSENT: Final = object()


def is_file(file: Path) -> bool:
    """Say whether there is a file that can be read: no folder, no pipe, no device."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def read_bytes(file: Path, most: int = MOST_BYTES) -> bytes:
    """Read a small file.

    Raises:
        SaveFormatError: it is not there, cannot be read, or is larger than such a file is.
    """
    if not is_file(file):
        raise SaveFormatError(f"expected a file {file}, found none")
    try:
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise SaveFormatError(f"{file} cannot be read ({error})") from error
    if len(data) > most:
        raise SaveFormatError(f"{file} must have at most {most} bytes to be a configuration, found more")
    return data


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object; NaN and infinity, which JSON does not have, become strings.

    Raises:
        SaveFormatError: no such file, or no JSON object in it.
    """
    try:
        found = json.loads(read_bytes(file).decode("utf-8"), parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise SaveFormatError(f"{file} must be JSON, found what is none ({_first_line(error)})") from error
    return _mapping(found, file, "JSON")


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping of plain values; aliases, by which a small file becomes a huge value, are refused.

    Raises:
        SaveFormatError: no such file, or no plain YAML mapping in it.
    """
    import yaml

    text = read_bytes(file)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            # Checked on the way: reading on would take the time that such a file is meant to take.
            if isinstance(event, yaml.AliasEvent) or depth > _MOST_DEEP:
                raise SaveFormatError(f"{file} must be plain YAML, found aliases (*name) or {_MOST_DEEP} levels")
        found = yaml.safe_load(text)
        json.dumps(found, allow_nan=False)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise SaveFormatError(f"{file} must be plain YAML, found what is none ({_first_line(error)})") from error
    return _mapping(found, file, "YAML")


def inside(folder: Path, name: str, what: str) -> Path:
    """Give a file that a configuration names, which has to lie in the folder.

    Raises:
        SaveFormatError: the name is absolute, or leads out of the folder.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name or "\0" in name or not parts.parts:
        raise SaveFormatError(f"{what} must name a file inside {folder}, found {name!r}; nothing outside is read")
    return folder.joinpath(*parts.parts)


class Fields:
    """Values of a configuration, given out one at a time and checked."""

    def __init__(self, values: Any, file: Path, path: str = "") -> None:
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
            raise SaveFormatError(f"{file} must have settings by name{path and ' in ' + path}, found {_shown(values)}")
        self.values: dict[str, Any] = values
        self.file = file
        self._path = f"{path}." if path else ""

    def known(self, name: str) -> str:
        """Say how we know a value: stored, or default of the family."""
        return STORED if self.values.get(name) is not None else DEFAULT

    def inner(self, name: str) -> "Fields":
        """Give the settings below a name; none where there is no such name."""
        return Fields(self.values.get(name) or {}, self.file, f"{self._path}{name}")

    def count(self, name: str, default: Any = _ABSENT, *, least: int = 1) -> Any:
        """Give a whole number from `least`."""
        value = self._value(name, default)
        if value is default:
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST_NUMBER:
            raise self._wrong(name, f"a whole number from {least}", value)
        return value

    def number(self, name: str, default: Any = _ABSENT) -> Any:
        """Give a finite number."""
        value = self._value(name, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise self._wrong(name, "a number", value)
        return float(value)

    def text(self, name: str, default: Any = _ABSENT) -> Any:
        """Give a string."""
        value = self._value(name, default)
        if value is not default and not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        return value

    def flag(self, name: str, default: Any = _ABSENT) -> Any:
        """Give true or false."""
        value = self._value(name, default)
        if value is not default and not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def one_of(self, name: str, known: tuple[str, ...], default: Any = _ABSENT) -> Any:
        """Give one of the known words."""
        value = self._value(name, default)
        if value is not default and value not in known:
            hint = f"; {nearest(value, known)}" if isinstance(value, str) else ""
            raise self._wrong(name, f"one of {', '.join(map(repr, known))}", value, hint)
        return value

    def _value(self, name: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None:
            if default is _ABSENT:
                raise SaveFormatError(f"{self.file} must have {self._path}{name}, found none")
            return default
        return value

    def _wrong(self, name: str, expected: str, value: Any, hint: str = "") -> SaveFormatError:
        return SaveFormatError(f"{self.file}: {self._path}{name} must be {expected}, found {_shown(value)}{hint}")


def _mapping(found: Any, file: Path, what: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise SaveFormatError(f"{file} must be a {what} object with names, found {_shown(found)}")
    return found


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
