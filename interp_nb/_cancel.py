"""Work that whoever asked for it may give up: a signal that is looked at before every forward.

It is a context variable, so that nothing has to be handed down to where the forwards are. A `Job` has its own Stop.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from interp_nb._errors import InterpError

_signal: ContextVar[threading.Event | None] = ContextVar("interp_nb_cancel_signal", default=None)


class CancelledError(InterpError):
    """Whoever asked for this no longer wants it."""


@contextmanager
def cancelled_by(signal: threading.Event) -> Iterator[None]:
    """End what runs in this `with` block before its next forward, once the signal is set.

    Acts in this context only. The work ends by raising CancelledError, and may do so at any `check_cancelled`.
    """
    before = _signal.set(signal)
    try:
        yield
    finally:
        _signal.reset(before)


def check_cancelled() -> None:
    """End what runs here if it was given up; call it where nothing is half done.

    Raises:
        CancelledError: it was given up.
    """
    signal = _signal.get()
    if signal is not None and signal.is_set():
        raise CancelledError("This was cancelled before it was done; nothing has changed.")
