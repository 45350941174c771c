"""`Job`: long work in a background thread that can be stopped, paused and interrupted, and keeps what it has.

The work is a generator that yields after every unit (one forward, one batch), so stop and pause take effect within one
unit. How results reach a widget, and the lock that a forward needs, live elsewhere.
"""

import contextlib
import contextvars
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Literal, TypeVar

T = TypeVar("T")
JobState = Literal["pending", "running", "paused", "done", "stopped", "interrupted", "failed"]
ENDED: Final[frozenset[str]] = frozenset({"done", "stopped", "interrupted", "failed"})

_log = logging.getLogger(__name__)
# A bare lock.wait() cannot be interrupted on every platform; waking this often costs nothing and always can be.
_POLL_SECONDS: Final = 0.05


class Job(Generic[T]):
    """Run a generator in the background, with stop, pause and partial results.

    The creator's context variables are copied, so an edit of the model that was entered when the job was made holds
    inside of it. Once it ended, a job drops the generator, so a kept result keeps no model alive.

    Args:
        steps: Makes the generator; called once, in the job's own thread.
        on_step: Called there with everything the generator yields. What it raises makes the job fail.
        name: Shown in the repr and as the name of the thread.
    """

    def __init__(
        self, steps: Callable[[], Iterator[T]], *, on_step: Callable[[T], object] | None = None, name: str = ""
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._steps: Callable[[], Iterator[T]] | None = steps
        self._on_step = on_step
        self._context: contextvars.Context | None = contextvars.copy_context()
        self._state: JobState = "pending"
        self._guard = threading.RLock()
        self._stop, self._go, self._done = threading.Event(), threading.Event(), threading.Event()
        self._go.set()
        self._interrupted = self._in_background = False
        self._thread_id: int | None = None
        self._watchers: list[tuple[Callable[[Job[Any]], object], bool]] = []

    def __repr__(self) -> str:
        return f"Job({self.name!r}, {self._state})" if self.name else f"Job({self._state})"

    @property
    def state(self) -> JobState:
        """The job's state: pending, running, paused, done, stopped, interrupted or failed."""
        return self._state

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: done, stopped, interrupted or failed."""
        return self._state in ENDED

    @property
    def busy(self) -> bool:
        """Whether it was started and has not ended."""
        return self._state in ("running", "paused")

    def is_current(self) -> bool:
        """Whether the caller runs inside this job, where waiting for it would never end."""
        return self._thread_id == threading.get_ident()

    def observe(self, watcher: Callable[["Job[Any]"], object], *, each_step: bool = False) -> Callable[[], None]:
        """Call `watcher(job)` on every change of state, and after every step if asked.

        It runs in the job's thread; what it raises is logged and does not touch the job.

        Returns:
            A function that ends the observation.
        """
        entry = (watcher, each_step)
        self._watchers.append(entry)

        def forget() -> None:
            with contextlib.suppress(ValueError):
                self._watchers.remove(entry)

        return forget

    def start(self) -> "Job[T]":
        """Start in a background thread and return at once.

        Raises:
            RuntimeError: the job was started before; a job runs once.
        """
        if self._claim():
            self._in_background = True
            threading.Thread(target=self._run_in_context, name=self.name or "interp_nb job", daemon=True).start()
        return self

    def run(self) -> "Job[T]":
        """Run here and now; a KeyboardInterrupt ends the job and keeps what was computed.

        Raises:
            RuntimeError: the job was started before; a job runs once.
        """
        if self._claim():
            self._run_in_context()
        self._raise_failure()
        return self

    def stop(self) -> None:
        """Ask the job to end after the step under way; what it computed is kept."""
        self._stop.set()
        self._go.set()
        with self._guard:
            never_started = self._state == "pending"
            if never_started:
                self._state = "stopped"
        if never_started:
            self._done.set()
            self._finish()

    def pause(self) -> None:
        """Hold after the step under way, until `resume` or `stop`."""
        if not self.ended:
            self._go.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._go.set()

    def wait(self, timeout: float | int | None = None) -> JobState:
        """Wait for the end and return the state; an interrupt keeps what was computed.

        Args:
            timeout: Seconds; None = as long as it takes. A job that was never started is not waited for, nor does a
                job wait for itself.

        Raises:
            Exception: what the job itself raised, when it failed.
        """
        if self.is_current():
            return self._state
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while self._state != "pending" and not self._done.wait(_POLL_SECONDS):
                if deadline is not None and time.monotonic() > deadline:
                    return self._state
        except KeyboardInterrupt:
            # Not Thread.join: after a KeyboardInterrupt it reports that the thread ended although it runs on.
            self._interrupted = True
            self.stop()
            self._done.wait()
        self._raise_failure()
        return self._state

    def _claim(self) -> bool:
        with self._guard:
            if self._state == "stopped" and self._thread_id is None:
                return False  # stopped before it began: nothing to do, and nothing wrong
            if self._state != "pending":
                raise RuntimeError(f"This job is {self._state}: a job runs once. Make a new one to run again.")
            self._state = "running"
        return True

    def _run_in_context(self) -> None:
        assert self._context is not None
        self._thread_id = threading.get_ident()
        self._context.run(self._loop)

    def _loop(self) -> None:
        ending: JobState = "failed"
        try:
            self._notify()
            complete = self._take_steps()
            ending = "done" if complete else "interrupted" if self._interrupted else "stopped"
        except KeyboardInterrupt:
            ending = "interrupted"
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for the result
            self.error = error
            if self._in_background:
                _forget_frames(error)
        finally:
            self._state = ending
            self._finish()

    def _take_steps(self) -> bool:
        assert self._steps is not None
        steps = self._steps()
        try:
            while not self._stop.is_set():
                try:
                    value = next(steps)
                except StopIteration:
                    return True
                if self._on_step is not None:
                    self._on_step(value)
                self._notify(step=True)
                self._hold_while_paused()
            return False
        finally:
            # Ends the generator in this thread and context, so that its hooks are removed here and now.
            close = getattr(steps, "close", None)
            if close is not None:
                close()

    def _hold_while_paused(self) -> None:
        if self._go.is_set():
            return
        self._state = "paused"
        self._notify()
        while not self._go.wait(_POLL_SECONDS):
            pass
        if not self._stop.is_set():
            self._state = "running"
            self._notify()

    def _finish(self) -> None:
        self._steps = self._on_step = self._context = None
        # The watchers come first, so that who waited finds the widget complete.
        self._notify()
        self._watchers.clear()
        self._done.set()

    def _notify(self, *, step: bool = False) -> None:
        for watcher, each_step in tuple(self._watchers):
            if step and not each_step:
                continue
            try:
                watcher(self)
            except Exception:  # noqa: BLE001 - logged, and not the job's failure
                _log.exception("a watcher of %r failed", self)

    def _raise_failure(self) -> None:
        if self.error is not None:
            raise self.error


def in_notebook() -> bool:
    """Return whether this runs in a kernel: its streams are no terminal, but watched."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _forget_frames(error: BaseException) -> None:
    """Keep the traceback of a failure as text: its frames would keep the model and its activations alive."""
    error.add_note("In the background job:\n" + "".join(traceback.format_tb(error.__traceback__)))
    chain: list[BaseException] = [error]
    for each in chain:
        each.__traceback__ = None
        chain += [other for other in (each.__cause__, each.__context__) if other is not None and other not in chain]
