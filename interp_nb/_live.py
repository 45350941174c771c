"""Results and the work behind them: the handle to the model, and fields that a job fills.

Reading such a field waits for the job; showing a result, and the widget that draws it, read it as it is.
"""

import contextlib
import contextvars
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from interp_nb._errors import ConfigError
from interp_nb._jobs import Job

# Inside of it nobody waits: a cell that shows a running result must come back at once.
_no_waiting: contextvars.ContextVar[bool] = contextvars.ContextVar("interp_nb_no_waiting", default=False)


class Live:
    """The private handle of a result: its model (weakly), and how to compute it again.

    Args:
        model: The model, or a weak reference to it.
        recompute: Called as `recompute(model, **params)` with what the widget's editor sends; checks the parameters,
            raises an `InterpError` when they are wrong, and returns a new result, complete or with its job started. It
            must not hold the model itself, or the model would live as long as the result.
        job: The job that fills the result, when it is not complete yet.
    """

    def __init__(
        self,
        model: Any,
        recompute: Callable[..., Any] | None = None,
        job: Job[Any] | None = None,
    ) -> None:
        self._model: weakref.ref[Any] | None
        if model is None or isinstance(model, weakref.ref):
            self._model = model
        else:
            self._model = weakref.ref(model)
        self._recompute = recompute
        self.job = job

    @property
    def alive(self) -> bool:
        """Whether the model is still there."""
        return self._model is not None and self._model() is not None

    def model(self) -> Any:
        """Return the model.

        Raises:
            ConfigError: nobody holds the model any more.
        """
        model = None if self._model is None else self._model()
        if model is None:
            raise ConfigError(
                "This needs the model the result was computed with, and it is gone (deleted, or another kernel): "
                "load the model and compute the result again."
            )
        return model

    def recompute(self, **params: Any) -> Any:
        """Compute the result again with other parameters.

        Raises:
            ConfigError: the model is gone, or this result cannot be recomputed.
        """
        model = self.model()
        if self._recompute is None:
            raise ConfigError("This result cannot be computed again from its widget: call the function again.")
        return self._recompute(model, **params)


class Awaited:
    """A field that a job fills: reading it from outside waits for that job."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            raise AttributeError(self._name)  # as for any field without a default
        values = vars(instance)
        live = values.get("_live")
        # A job that was not started is not waited for: it may be the caller who is about to start it.
        if live is not None and live.job is not None and live.job.state != "pending" and not _no_waiting.get():
            live.job.wait()
        try:
            return values[self._name]
        except KeyError:
            raise AttributeError(f"{type(instance).__name__!r} object has no attribute {self._name!r}") from None

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value


@contextlib.contextmanager
def no_waiting() -> Iterator[None]:
    """Read results as they are, whatever their job is doing."""
    token = _no_waiting.set(True)
    try:
        yield
    finally:
        _no_waiting.reset(token)


def peek(shown: Any, name: str) -> Any:
    """Read an attribute as it is now, without waiting for the job that fills it."""
    with no_waiting():
        return getattr(shown, name)
