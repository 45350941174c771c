"""The base of every live widget: traits, requests with replies, following a job, selection, export.

1. A result is encoded into `_meta` and `_data` (by the subclass) and sent in one message.
2. Requests of the front end go to the handlers that the subclass names, and always get a reply (`requests`).
3. While a job fills the result, what is there is sent again, at most four times a second, and once at the end.

What the arrays mean is the subclass's business; bytes are `codec`'s.
"""

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from interp_nb._errors import ConfigError, InterpError
from interp_nb._jobs import Job
from interp_nb._show import Live, Showable, no_waiting, static_bundle
from interp_nb.widgets.requests import Answer, Handler, Router, read_message
from interp_nb.widgets.selection import Limits, SelectionError, checked_selection

STATIC: Final = Path(__file__).parent.parent / "static"
PUSH_SECONDS: Final = 0.25
"""Least time between two updates while a job runs; front ends far away fall behind with more than four a second."""

Payload = tuple[dict[str, Any], bytes]


def bundle(name: str) -> str | Path:
    """Return a widget's front end, built by `poe front`.

    The text, because anywidget connects every widget of a class to the class's file and never lets go of one; the path
    when the file is to be watched for changes.
    """
    path = STATIC / f"{name}.js"
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


def unpin_comm(widget: Any) -> None:
    """Let the front end's messages run beside a busy cell, on ipykernel 7.4 too.

    ipykernel 7.4 sends them to the shell that last published on the comm; a cell that publishes progress would so
    block the widget's own Stop. The attribute is private to ipykernel, hence the guard.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


class ResultWidget(anywidget.AnyWidget):
    """Show a result, and compute for it what its view asks for.

    Args:
        result: What to show; the widget holds it, it holds the widget weakly.
    """

    _meta = traitlets.Dict(help="What the arrays are: dtypes, shapes, offsets, ticks, labels, units.").tag(sync=True)
    _data = traitlets.Bytes(b"", help="The arrays, as `codec.pack` lays them out.").tag(sync=True)
    selected = traitlets.Any(None, help="Dict of indices, {'layer': 0, 'pos': 3}; None = nothing.").tag(sync=True)
    state = traitlets.Unicode("done", help="State of the job that fills the result; 'done' when idle.").tag(sync=True)
    progress = traitlets.Float(1.0, help="Share of the result that is there, 0 to 1.").tag(sync=True)
    error = traitlets.Unicode("", help="What went wrong last, for the error strip; '' = nothing.").tag(sync=True)
    kernel = traitlets.Bool(True, help="False in an exported page, where nothing new can be computed.").tag(sync=True)

    _axes: Mapping[str, bool] = {}
    """Keys of `selected`, in the order of a tuple; False = may be None."""
    _page_traits: tuple[str, ...] = ()
    """Traits of its own that an exported page starts with."""
    _push_seconds: float = PUSH_SECONDS
    """Least time between two updates of this widget while a job runs."""
    _large_page: bool = False
    """Whether an exported page keeps all recorded replies, deflated; else those that fit, as they are."""

    def __init__(self, result: Showable, **traits: Any) -> None:
        self.result = result
        self._push_lock = threading.RLock()
        self._last_push = 0.0
        self._waits = False
        self._forget_job: Callable[[], None] = lambda: None
        self._job_request: str | None = None
        self._router = Router(type(self).__name__, self._routes, self._tell)
        with no_waiting():
            meta, data = self._encode(result)
        super().__init__(_meta=meta, _data=data, **traits)
        unpin_comm(self)
        self.on_msg(self._on_message)
        self._follow(result)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.result!r})"

    @property
    def closed(self) -> bool:
        """Whether the widget was closed and can show nothing any more."""
        return self.comm is None

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, **static_bundle(self.result)}, metadata

    # What a subclass gives.

    def _encode(self, result: Any) -> Payload:
        """Return `_meta` and `_data` of a result as it is now."""
        raise NotImplementedError

    def _routes(self) -> dict[str, Handler]:
        """Return the requests this widget answers, by method; parameters come as keywords."""
        return {"control": self._answer_control, "tokenize": self._answer_tokenize}

    def _recorded_requests(self) -> list[tuple[str, dict[str, Any]]]:
        """List the requests whose replies an exported page carries, the most wanted first."""
        return []

    def _limits(self) -> Limits:
        """Return the values that each key of `selected` may have."""
        return {}

    def _links_changed(self) -> None:
        """Take note that a link of this widget began or ended."""

    def _fraction(self, result: Any) -> float:
        """Return how much of a result that a job fills is there, 0 to 1."""
        return 0.0

    # Selection.

    @traitlets.validate("selected")
    def _check_selected(self, proposal: Any) -> dict[str, int | None] | None:
        value = proposal["value"]
        return None if value is None else self.checked_selection(value)

    def checked_selection(self, value: Any) -> dict[str, int | None]:
        """Return a selection as a complete dict.

        Args:
            value: A dict, or a tuple in the order of its keys; what may be None may be left out.

        Raises:
            SelectionError: a key is missing or unknown, or a value lies outside of the result.
        """
        return checked_selection(value, self._axes, self._limits())

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take trait changes of the front end; one that is refused goes back with the reason."""
        try:
            super().set_state(sync_data)
        except InterpError as refusal:
            self.error = str(refusal)
            self.send_state("selected")

    # Requests and replies.

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        message = read_message(content)
        if message is None:
            return
        if message.kind == "cancel":
            self._cancel(message.id)
            return
        reply, buffers = self._router.reply(message)
        unpin_comm(self)
        self.send(reply, buffers or None)

    def _cancel(self, identity: str) -> None:
        job = self.result._job()
        if identity == self._job_request and job is not None:
            job.stop()
        else:
            self._router.cancel(identity)

    def answer(self, method: str, params: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Answer one request of the front end: a JSON-able result and buffers.

        Raises:
            ConfigError: there is no such method, or the parameters do not fit it.
        """
        return self._router.answer(method, params)

    def _tell(self, text: str) -> None:
        self.error = text

    @property
    def _live(self) -> Live:
        live = getattr(self.result, "_live", None)
        if not isinstance(live, Live):
            raise ConfigError("This result was loaded without its model: call the function again to compute more.")
        return live

    def _recompute(self, **params: Any) -> Answer:
        """Start over with other parameters; what is wrong with them is raised, and the old result stays."""
        old = self.result._job()
        was_running = old is not None and old.state == "running"
        if old is not None:
            old.pause()
        try:
            new = self._live.recompute(**params)
        except BaseException:
            if old is not None and was_running:
                old.resume()
            raise
        if old is not None:
            old.stop()
        self._job_request = self._router.current
        self.error = ""
        self.replace_result(new)
        return {}

    def _answer_control(self, *, action: Any) -> Answer:
        if action not in ("stop", "pause", "resume"):
            raise ConfigError(f"control takes stop, pause or resume, got {action!r}")
        job = self.result._job()
        if job is not None:
            {"stop": job.stop, "pause": job.pause, "resume": job.resume}[action]()
        return {}

    def _answer_tokenize(self, *, text: Any) -> Answer:
        if not isinstance(text, str):
            raise ConfigError(f"tokenize needs a text, got {type(text).__name__}")
        if not text:
            return {"tokens": []}
        return {"tokens": [str(token) for token in self._live.model().to_str_tokens(text)]}

    # Results and their jobs.

    def replace_result(self, result: Showable) -> None:
        """Show another result; a selection that does not fit it is dropped."""
        self._forget_job()
        with self._push_lock, self.hold_sync():
            self.result = result
            object.__setattr__(result, "_shown_ref", weakref.ref(self))
            self._push()
            try:
                self.selected = self.selected
            except SelectionError:
                self.selected = None
        self._follow(result)

    def _follow(self, result: Showable) -> None:
        job = result._job()
        if job is None:
            return
        self._forget_job = job.observe(self._on_job, each_step=True)
        if job.state == "pending":
            job.start()
        # It may have ended before it was observed.
        self._on_job(job)

    def _on_job(self, job: Job[Any]) -> None:
        now = time.monotonic()
        wait = self._last_push + self._push_seconds - now
        if job.state == self.state and not job.ended and wait > 0:
            self._push_later(job, wait)
            return
        with self._push_lock:
            if job is not self.result._job():
                return
            unpin_comm(self)
            self._last_push = now
            self._push()
            if job.error is not None:
                self.error = f"{type(job.error).__name__}: {job.error}"

    def _push_later(self, job: Job[Any], seconds: float) -> None:
        """Send what came too soon after the last update when its time has come: the next step may be a long one."""
        if not self._waits:
            self._waits = True
            later = threading.Timer(seconds, self._on_time, [job])
            later.daemon = True
            later.start()

    def _on_time(self, job: Job[Any]) -> None:
        # First, so that a step which comes while this one is being sent is waited for again.
        self._waits = False
        self._on_job(job)

    def _push(self) -> None:
        """Send the result as it is now."""
        job = self.result._job()
        with no_waiting():
            meta, data = self._encode(self.result)
            done = job is None or job.state == "done"
            progress = 1.0 if done else self._fraction(self.result)
        # A new layout must not meet old bytes, so both go in one message; while cells fill in, only bytes change.
        with self.hold_sync() if meta != self._meta else contextlib.nullcontext():
            self._meta, self._data, self.progress = meta, data, progress
            self.state = "done" if job is None else job.state
