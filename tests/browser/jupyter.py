"""A real JupyterLab on loopback and one page of it, for the browser tests and the benchmarks.

Everything that JupyterLab would write to the user's home goes to a temporary folder, so that a run neither sees nor
touches the settings of whoever runs it. The waits are the ones that proved reliable: `app.restored`, the opened
widget's own promises, and `notebook:run-all-cells`, which resolves when every cell has ended; menus and the status
indicator are not (the indicator says idle before a session exists).
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from tests.needs import browser_path

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "t0ken"
PATIENCE_MS = 120_000
NEEDS_BROWSER = "browser tests need chromium on PATH: apt-get install chromium fonts-dejavu-core, or set INB_CHROMIUM"
CHROME_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Seeded as user settings, so that no dialog, toast or autosave ever covers the page.
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/notebook-extension:tracker": {
        "autoStartDefaultKernel": True,
        "windowingMode": "none",
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
OPEN = """async ([path, kernel]) => {
  const app = window.jupyterapp; await app.restored;
  const w = await app.commands.execute('docmanager:open', {path, factory: 'Notebook', kernel: {name: kernel}});
  window.nbw = w; await w.context.ready; await w.sessionContext.ready; await w.revealed;
  await w.sessionContext.session.kernel.info; }"""
ASK = """async (code) => {
  const future = window.nbw.sessionContext.session.kernel.requestExecute({code, store_history: false});
  let out = '', error = null;
  future.onIOPub = (m) => {
    if (m.header.msg_type === 'stream' && m.content.name === 'stdout') out += m.content.text;
    if (m.header.msg_type === 'error') error = m.content.ename + ': ' + m.content.evalue;
  };
  await future.done;
  return {out, error}; }"""


class Lab(NamedTuple):
    """A running server: where it answers and the folder it shows."""

    url: str
    root: Path


class NotebookError(AssertionError):
    """Python code asked of the kernel raised there."""


class NotebookPage:
    """One notebook, open in one page of the browser.

    `errors` collects what the page threw or logged as an error, `dialogs` the alerts it opened, `external` the
    requests that left this machine: every test ends by requiring all three to be empty (`check_clean`).
    """

    def __init__(self, page: Page, url: str, path: Path) -> None:
        self.page = page
        self.path = path
        self.themed = False
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.external: list[str] = []
        self.listeners = watch(self, url)

    def run_all(self) -> None:
        """Run every cell and return when the last one has ended."""
        assert self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')"), self.problems()

    def start_all(self) -> None:
        """Set every cell running and return at once; `wait_idle` waits for the end."""
        self.page.evaluate("() => { window.running = window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def wait_idle(self) -> bool:
        """Wait for what `start_all` began; True when every cell ended without an error."""
        return bool(self.page.evaluate("() => window.running"))

    def ask(self, expression: str) -> Any:
        """Return what a Python expression is in the kernel, through JSON."""
        # A record separator marks the answer: a job's thread may print into this request's output.
        code = f"import json as _json; print('\\x1e' + _json.dumps({expression}))"
        answer = self.page.evaluate(ASK, code)
        if answer["error"] is not None:
            raise NotebookError(f"{expression}: {answer['error']}")
        return json.loads(answer["out"].split("\x1e")[-1])

    def execute(self, code: str) -> None:
        """Run Python statements in the kernel, outside any cell."""
        answer = self.page.evaluate(ASK, code)
        if answer["error"] is not None:
            raise NotebookError(f"{code}: {answer['error']}")

    def until(self, expression: str, expected: Any, seconds: float = 60.0) -> None:
        """Ask the kernel until the expression is as expected; what the page does reaches it a moment later."""
        deadline = time.monotonic() + seconds
        while (answer := self.ask(expression)) != expected:
            assert time.monotonic() < deadline, f"{expression} is {answer!r}, expected {expected!r}"
            self.page.wait_for_timeout(100)

    def interrupt(self) -> None:
        """Interrupt the kernel, as the square in the toolbar does."""
        self.page.evaluate("() => window.nbw.sessionContext.session.kernel.interrupt()")

    def output(self, cell: int) -> Locator:
        """Return the output area of a code cell, counted from 0."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea")

    def close(self) -> None:
        """Leave page and kernel as if this notebook had never been: nothing running, no widget, no names."""
        self.interrupt()
        self.execute("import ipywidgets; ipywidgets.Widget.close_all(); get_ipython().reset(new_session=False)")
        if self.themed:
            self.theme("JupyterLab Light")
        self.page.evaluate("() => { window.nbw.dispose(); delete window.nbw; }")
        for event, listener in self.listeners.items():
            self.page.remove_listener(event, listener)

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme and wait until its colors are there."""
        self.themed = True
        self.page.evaluate(
            "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            name,
        )
        self.page.wait_for_function("(name) => document.body.dataset.jpThemeName === name", arg=name)
        self.page.wait_for_function("() => !document.getElementById('jupyterlab-splash')")

    def save(self) -> None:
        """Save the notebook to its file."""
        self.page.evaluate("() => window.nbw.context.save()")

    def problems(self) -> str:
        """Return the error outputs of the cells and what the page logged, for a failed assertion."""
        shown = self.page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
        return "\n".join(shown + self.errors)

    def check_clean(self) -> None:
        """Require that the page threw nothing, opened no dialog and asked nobody else for anything."""
        assert self.errors == []
        assert self.dialogs == []
        assert self.external == []


class PlainPage:
    """A page with no JupyterLab around it: an exported file, watched in the same way."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.external: list[str] = []
        watch(self, "file://")

    check_clean = NotebookPage.check_clean


OpenNotebook = Callable[..., NotebookPage]
OpenFile = Callable[..., PlainPage]


def watch(sink: NotebookPage | PlainPage, url: str) -> dict[str, Callable[[Any], None]]:
    """Collect a page's errors, dialogs and foreign requests in `sink`; return the listeners by event."""

    def on_console(message: Any) -> None:
        if message.type == "error":
            sink.errors.append(message.text)

    def on_dialog(dialog: Any) -> None:
        sink.dialogs.append(dialog.message)
        dialog.dismiss()

    def on_request(request: Any) -> None:
        if request.url.startswith(("http", "ws")) and not request.url.startswith(url):
            sink.external.append(request.url)

    listeners: dict[str, Callable[[Any], None]] = {
        "pageerror": lambda error: sink.errors.append(str(error)),
        "console": on_console,
        "dialog": on_dialog,
        "request": on_request,
    }
    for event, listener in listeners.items():
        sink.page.on(event, listener)  # type: ignore[call-overload]  # one overload an event
    return listeners


def chromium_path() -> str | None:
    """Return the browser to drive, as `poe needs` finds it."""
    return browser_path()


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab on a free loopback port, everything it writes under `folder`."""
    root = folder / "root"
    root.mkdir(parents=True)
    for key, value in SETTINGS.items():
        package, plugin = key.split(":")
        file = folder / "settings" / package / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "lab.log"
    with log.open("w", encoding="utf-8") as sink:
        server = subprocess.Popen(_command(port, root), stdout=sink, stderr=subprocess.STDOUT, env=_environment(folder))
        try:
            _await_server(server, f"http://127.0.0.1:{port}", log)
            yield Lab(f"http://127.0.0.1:{port}", root)
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def _command(port: int, root: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--expose-app-in-browser",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def _environment(folder: Path) -> dict[str, str]:
    paths = {
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_DATA_DIR": folder / "data",
        "JUPYTER_RUNTIME_DIR": folder / "run",
        "IPYTHONDIR": folder / "ipython",
        "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
        # The kernels must import this checkout, also where it is not installed.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")])),
    }
    return {**os.environ, **{name: str(value) for name, value in paths.items()}}


def _await_server(server: subprocess.Popen[bytes], url: str, log: Path, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=2):
                return
        except OSError:
            assert server.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"JupyterLab did not start in {seconds:.0f} s, see {log}"
            time.sleep(0.2)


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells (a cell that starts with `%%markdown` is text) for the python3 kernel."""
    made = [
        nbformat.v4.new_markdown_cell(cell.removeprefix("%%markdown\n"))
        if cell.startswith("%%markdown\n")
        else nbformat.v4.new_code_cell(cell)
        for cell in cells
    ]
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def call_server(lab: Lab, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call the server's REST interface."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{lab.url}/api/{path}", data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        read = answer.read()
    return json.loads(read) if read else None


def start_kernel(lab: Lab) -> str:
    """Start a kernel and return its id."""
    return str(call_server(lab, "POST", "kernels", {"name": "python3"})["id"])


def attach(lab: Lab, name: str, kernel: str) -> None:
    """Make a notebook of the lab's folder run in a kernel that is already there."""
    session = {"path": name, "name": name, "type": "notebook", "kernel": {"id": kernel}}
    call_server(lab, "POST", "sessions", session)


def open_notebook(lab: Lab, page: Page, name: str) -> NotebookPage:
    """Open a notebook of the lab's folder in a page, loading JupyterLab if it is not there, and wait for its kernel."""
    opened = NotebookPage(page, lab.url, lab.root / name)
    if not page.url.startswith(lab.url):
        page.goto(f"{lab.url}/lab?token={TOKEN}&reset")
        page.wait_for_function("() => window.jupyterapp && window.jupyterapp.restored")
        # The file browser leaves too little room for a widget.
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.evaluate(OPEN, [name, "python3"])
    return opened


def new_context(browser: Browser, width: int = 1280, height: int = 900) -> BrowserContext:
    """Return a fresh browser context (its own storage) with a window of this size, patient on a loaded machine."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    return context
