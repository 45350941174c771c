"""Entry `attention`: what the attention view sends and costs, against CircuitsVis, and how soon it is on screen."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from tests.bench.measure import Row, Times, kept, timed

LAYERS = HEADS = 12
# The exported page makes the widget by importing its bundle from a blob: that is where its life begins.
PAINTED = """() => {
  const makeUrl = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    window.constructed ??= performance.now();
    return makeUrl.call(URL, blob);
  };
  const done = () => {
    const canvas = document.querySelector('.inb-attention canvas');
    if (!canvas || !canvas.width || !canvas.height) return false;
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return data.some((value, i) => i % 4 === 3 && value > 0);
  };
  const stamp = () => { window.painted = performance.now(); };
  const look = () => requestAnimationFrame(done() ? stamp : look);
  look();
}"""


def run(full: bool) -> Iterator[Row]:
    """Yield bytes and Python time at three lengths, then the first paint at 512 tokens."""
    for n_tokens in (32, 128, 512):
        yield from _payload(n_tokens, full)
    yield from _first_paint(512)


def _result(n_tokens: int) -> Any:
    from interp_nb.heads.patterns import AttentionPatterns

    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(LAYERS, HEADS, n_tokens, n_tokens, generator=generator) * 2
    future = torch.ones(n_tokens, n_tokens).triu(1).bool()
    return AttentionPatterns(
        patterns=scores.masked_fill(future, -torch.inf).softmax(-1),
        layers=list(range(LAYERS)),
        tokens=[f" tok{i}" for i in range(n_tokens)],
        token_ids=list(range(n_tokens)),
        prompt="".join(f" tok{i}" for i in range(n_tokens)),
        pairs={},
        model_name="random",
        provenance={},
    )


def _payload(n_tokens: int, full: bool) -> Iterator[Row]:
    from interp_nb.widgets.attention import AttentionWidget

    result = _result(n_tokens)
    widgets: list[Any] = []

    def make() -> None:
        widgets.append(AttentionWidget(result))

    make()
    times = kept([timed(make) for _ in range(5)])
    widget = widgets[-1]
    sent = len(widget._data) + len(json.dumps(widget._meta)) + len(widget._esm)
    peer_bytes, peer_seconds, against = _circuitsvis(result, whole=full or n_tokens <= 128)
    ratio = peer_bytes / sent
    name = f"attention, {n_tokens} tokens x 144 heads"
    goal = "bytes <= 1/50" if n_tokens >= 128 else ""
    yield Row(f"{name}: bytes", sent / 1e6, "MB", ratio, against, goal, ratio >= 50 if goal else None)
    speed = peer_seconds / times.median
    yield Row(
        f"{name}: Python", times.median, "s", speed, against, "time <= 1/20", speed >= 20, times.spread, len(times.kept)
    )


def _circuitsvis(result: Any, *, whole: bool) -> tuple[float, float, str]:
    """Return bytes and seconds of CircuitsVis for all heads; one layer times 12 where all would take gigabytes."""
    from circuitsvis.attention import attention_heads

    patterns = result.patterns.flatten(0, 1) if whole else result.patterns[0]
    began = time.perf_counter()
    shown = attention_heads(tokens=result.tokens, attention=patterns)
    seconds = time.perf_counter() - began
    factor = 1 if whole else LAYERS
    against = "circuitsvis attention_heads" + ("" if whole else " (one layer x 12)")
    return len(shown.cdn_src) * factor, seconds * factor, against


def _first_paint(n_tokens: int, n: int = 7) -> Iterator[Row]:
    """Time from the widget's construction, and from the load of its page, to the thumbnails, in real Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.browser import jupyter

    path = jupyter.chromium_path()
    if path is None:
        raise SystemExit(jupyter.NEEDS_BROWSER)
    painted, built = [], []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "page.html"
        file.write_text(_result(n_tokens).to_html(), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=path, headless=True, args=jupyter.CHROME_ARGS)
        for _ in range(n):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(f"({PAINTED})()")
            page.goto(file.as_uri())
            page.wait_for_function("() => window.painted")
            at, since = page.evaluate("() => [window.painted, window.constructed]")
            painted.append(at / 1000)
            built.append((at - since) / 1000)
            page.close()
        browser.close()
    name = f"attention, {n_tokens} tokens x 144 heads"
    widget, whole = Times(built), Times(painted)
    good = widget.median < 0.3
    yield Row(f"{name}: widget to first paint", widget.median, "s", None, "", "< 0.3 s", good, widget.spread, n)
    yield Row(f"{name}: exported page to first paint", whole.median, "s", spread=whole.spread, n=n)
