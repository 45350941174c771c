"""Fixtures of the browser tests: `lab`, `browser`, `notebook`, `exported`, and the tiny model they read.

Every test here carries the marker `browser`, which lets it use sockets on loopback and nothing else.
"""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.browser import jupyter
from tests.browser.tiny import make_tiny

expect.set_options(timeout=60_000)
_NUMBERS = itertools.count()
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let browser tests reach this machine, where all others reach nothing."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyter.Lab]:
    """One JupyterLab for all tests; each opens its own notebook and kernel in it."""
    with jupyter.running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; fails (a browser test never skips silently) when there is none."""
    path = jupyter.chromium_path()
    if path is None:
        pytest.fail(jupyter.NEEDS_BROWSER, pytrace=False)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, headless=True, args=jupyter.CHROME_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def kernel(lab: jupyter.Lab) -> str:
    """The id of one kernel that all notebooks share: importing torch anew for each would take most of the time."""
    return jupyter.start_kernel(lab)


class Window:
    """The page in which notebooks open, made anew when a test has spoiled it."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page | None = None

    def ready(self, width: int) -> Page:
        if self.page is None:
            self.page = self.context.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        return self.page

    def discard(self) -> None:
        if self.page is not None:
            self.page.close()
        self.page = None


@pytest.fixture(scope="session")
def window(browser: Browser) -> Iterator[Window]:
    """One page for all notebooks: loading JupyterLab for each would take as long as the tests."""
    context = jupyter.new_context(browser)
    yield Window(context)
    context.close()


@pytest.fixture
def notebook(lab: jupyter.Lab, kernel: str, window: Window) -> Iterator[jupyter.OpenNotebook]:
    """`notebook(cells, run=True, width=1280) -> NotebookPage`: one notebook a test, open and run to its end.

    `cells` may be the path of a notebook that is there; a copy is opened.
    """
    opened: list[jupyter.NotebookPage] = []

    def open_(cells: list[str] | Path, *, run: bool = True, width: int = 1280) -> jupyter.NotebookPage:
        assert not opened, "one notebook a test"
        name = f"notebook{next(_NUMBERS)}.ipynb"
        if isinstance(cells, Path):
            shutil.copyfile(cells, lab.root / name)
        else:
            jupyter.write_notebook(lab.root / name, cells)
        jupyter.attach(lab, name, kernel)
        opened.append(jupyter.open_notebook(lab, window.ready(width), name))
        if run:
            opened[-1].run_all()
        return opened[-1]

    yield open_
    try:
        for one in opened:
            one.close()
    except PlaywrightError:
        # The page or the kernel does not answer any more, which only a failed test leaves behind.
        jupyter.call_server(lab, "POST", f"kernels/{kernel}/restart")
        window.discard()


@pytest.fixture
def exported(browser: Browser) -> Iterator[jupyter.OpenFile]:
    """`exported(path) -> PlainPage`: a file opened from file:// with the network cut off."""
    contexts = []

    def open_(path: Path, *, width: int = 1280) -> jupyter.PlainPage:
        contexts.append(jupyter.new_context(browser, width))
        contexts[-1].set_offline(True)
        opened = jupyter.PlainPage(contexts[-1].new_page())
        opened.page.goto(path.as_uri())
        return opened

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model with its own tokenizer."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))
