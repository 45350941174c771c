"""Files that are whole or not there: write beside, flush to the disk, rename; and who may write, one at a time.

Whenever the process is killed or the disk fills up, the file under its name is the old one or the new one.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from interp_nb._errors import ConfigError, DiskError

try:
    import fcntl
except ImportError:  # Windows has none: processes are not kept apart there
    fcntl = None  # type: ignore[assignment]

PART = ".part"
"""Ending of a file that is being written; what a killed process leaves has it."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file that appears under its name only when it is complete and on the disk.

    Args:
        write: Is given the path to write to, in the same folder; the folder is made.

    Raises:
        DiskError: the disk is full, or the folder cannot be written; a file of that name is untouched.
    """
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = begin(part)
        write(part)
        part.chmod(mode)  # safetensors makes files that nobody else may read, whatever the user's umask says
        flush(part)
        os.replace(part, path)
        flush(path.parent)
    except BaseException as error:
        _drop(part)
        # safetensors reports a full disk as its own error, which is no OSError.
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise DiskError(
                f"{path} could not be written ({error}); what was there before is untouched: make room, or write to "
                "another folder"
            ) from error
        raise


def part_of(path: Path) -> Path:
    """Give a name beside a file for what is being written: one that nobody can have laid a link at beforehand."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}{PART}")


def begin(part: Path) -> int:
    """Make an empty file that was not there; return its mode, as the user's umask has it.

    Raises:
        FileExistsError: something of that name is there; a link is not followed.
    """
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        return os.fstat(handle).st_mode
    finally:
        os.close(handle)


@contextmanager
def alone(path: Path, *, busy: str | None = None) -> Iterator[int]:
    """Keep other processes and threads away from what a file stands for; give the file, open for appending.

    Args:
        path: The file, made if need be. The lock goes with the handle, also of a process that is killed.
        busy: Do not wait for whoever has it, but refuse with this message.

    Raises:
        ConfigError: somebody has it, and `busy` was given.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX if busy is None else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(str(busy)) from error
        yield handle
    finally:
        os.close(handle)


def flush(path: Path) -> None:
    """Wait until the disk has a file, or a folder's list of names."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        if path.is_dir() and os.name == "nt":
            return  # Windows opens no folders; it writes their entries itself
        raise
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _drop(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return  # the error that is on its way says more
