"""Run notebook cells in this process and catch what they show, as objects where they are ours.

The shell is IPython's own, so magics, `display` and top-level `await` work; it leaves no trace: no profile folder, no
history, `__main__` and the global shell put back.
"""

import atexit
import base64
import contextlib
import html
import io
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from interp_nb._errors import InterpError


class CellError(InterpError):
    """A cell of a notebook failed; the message says which and why."""


class Shown(NamedTuple):
    """One thing a cell showed: an object kept whole (`value`), or the HTML of anything else."""

    value: Any
    html: str


class _Hook(DisplayHook):
    """Takes the value of a cell's last line."""

    catcher: "Headless"

    def __call__(self, result: Any = None) -> None:
        if result is not None and not self.catcher.silent:
            self.fill_exec_result(result)
            self.catcher.take(result)


class _Publisher(DisplayPublisher):
    """Takes what `display` publishes."""

    catcher: "Headless"

    def publish(self, data: dict[str, Any], *_: Any, **__: Any) -> None:
        self.catcher.shown.append(Shown(None, as_html(data)))


class _Formatter(DisplayFormatter):
    """Keeps our own objects whole: `display(x)` formats first, and publishes nothing when the format is empty."""

    catcher: "Headless"

    def format(self, obj: Any, *rest: Any, **named: Any) -> Any:
        if self.catcher.keep(obj):
            self.catcher.shown.append(Shown(obj, ""))
            return {}, {}
        return super().format(obj, *rest, **named)


class _Shell(InteractiveShell):
    displayhook_class = _Hook
    display_pub_class = _Publisher

    def init_display_formatter(self) -> None:
        self.display_formatter = _Formatter(parent=self)
        self.configurables.append(self.display_formatter)  # type: ignore[arg-type]  # as IPython itself does


class _Printed(io.TextIOBase):
    """Standard output of a cell, kept in order with the other things it shows."""

    def __init__(self, shown: list[Shown]) -> None:
        self.shown = shown
        self.text = ""
        self.block: Shown | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        # Consecutive prints are one block, as in a notebook; anything shown in between starts another.
        if self.block is not None and self.shown and self.shown[-1] is self.block:
            self.shown.pop()
        else:
            self.text = ""
        self.text += text
        self.block = Shown(None, preformatted(self.text))
        self.shown.append(self.block)
        return len(text)


class Headless:
    """A shell that runs cells and returns what each showed."""

    def __init__(self, shell: _Shell, keep: Callable[[Any], bool]) -> None:
        self.keep = keep
        self.shown: list[Shown] = []
        self.silent = False
        self._shell = shell
        # IPython declares them as their base classes, or absent.
        self._formatter: Any = shell.display_formatter
        parts: tuple[Any, ...] = (shell.displayhook, shell.display_pub, self._formatter)
        for part in parts:
            part.catcher = self

    def take(self, value: Any) -> None:
        """Keep a cell's last value, whole or as HTML."""
        data, _ = self._formatter.format(value)
        if data:
            self.shown.append(Shown(None, as_html(data)))

    def run(self, source: str, where: str) -> list[Shown]:
        """Run one cell; raise `CellError`, naming `where`, when it fails."""
        self.shown = []
        self.silent = DisplayHook.semicolon_at_end_of_expression(source) if source.rstrip().endswith(";") else False
        # Warnings and progress on stderr are not part of the lesson.
        with contextlib.redirect_stdout(_Printed(self.shown)), contextlib.redirect_stderr(io.StringIO()):
            done = self._shell.run_cell(source, store_history=False)
        error = done.error_before_exec or done.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise error
        if error is not None:
            raise CellError(f"{where} failed with {type(error).__name__}: {error}") from error
        return self.shown


@contextlib.contextmanager
def quiet_shell(keep: Callable[[Any], bool]) -> Iterator[Headless]:
    """Open a shell whose cells' shown objects are kept whole where `keep` says so."""
    config = Config()
    config.HistoryManager.enabled = False
    before = InteractiveShell._instance
    with tempfile.TemporaryDirectory() as folder:
        shell = _Shell(ipython_dir=folder, config=config)
        # `display` asks for the global shell; ours is it for as long as this lasts.
        InteractiveShell._instance = shell  # type: ignore[assignment]  # traitlets declares only None
        try:
            yield Headless(shell, keep)
        finally:
            InteractiveShell._instance = before
            shell.restore_sys_module_state()
            atexit.unregister(shell.atexit_operations)
            shell.atexit_operations()


def as_html(data: dict[str, Any]) -> str:
    """Return the richest static form in a mimebundle as HTML."""
    if "text/html" in data:
        return str(data["text/html"])
    if "image/png" in data:
        png = data["image/png"]
        encoded = base64.b64encode(png).decode() if isinstance(png, bytes) else str(png).strip()
        return f'<img alt="" src="data:image/png;base64,{html.escape(encoded)}">'
    return preformatted(str(data.get("text/plain", "")))


def preformatted(text: str) -> str:
    """Return text as it would print, escaped."""
    return f"<pre>{html.escape(text)}</pre>"
