"""Prints of a widget's handlers, caught: in a notebook they would show up nowhere, or in some other cell."""

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

_lock = threading.Lock()
_listening: dict[int, io.StringIO] = {}


class _ByThread(io.TextIOBase):
    """A stdout that keeps what a listening thread prints and passes on everything else."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def write(self, text: str) -> int:
        target = _listening.get(threading.get_ident())
        return int((self.real if target is None else target).write(text) or 0)

    def flush(self) -> None:
        self.real.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextlib.contextmanager
def caught_prints() -> Iterator[io.StringIO]:
    """Catch what this thread prints, and only this thread: a cell may be printing at the same time."""
    thread = threading.get_ident()
    with _lock:
        outer = _listening.get(thread)
        text = _listening[thread] = io.StringIO()
        if not isinstance(sys.stdout, _ByThread):
            sys.stdout = _ByThread(sys.stdout)
    try:
        yield text
    finally:
        with _lock:
            if outer is None:
                del _listening[thread]
            else:
                _listening[thread] = outer
            if not _listening and isinstance(sys.stdout, _ByThread):
                sys.stdout = sys.stdout.real
