"""Exported pages: one HTML file on which widgets stay interactive with no kernel and no network.

1. Every widget's state becomes JSON in a script tag that is not run; its bytes base64; every bundle is there once.
2. Requests are answered from replies recorded now; what is not among them says that it needs a kernel.
3. `export_host.js` gives the widgets models, as a notebook would, and links their selections.

The picture of each result is there too, for readers without scripts.
"""

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from interp_nb._errors import ConfigError, InterpError
from interp_nb._show import Showable, static_bundle
from interp_nb.widgets.base import ResultWidget
from interp_nb.widgets.links import shared_keys

MAX_RECORDED_BYTES: Final = 4_000_000
"""Replies kept per widget; more would make a page that mail programs refuse."""

HOST: Final = (Path(__file__).parent / "export_host.js").read_text(encoding="utf-8")

# The variables that JupyterLab sets and widgets read, for both schemes.
STYLE: Final = """
:root { color-scheme: light dark; --jp-layout-color0: #ffffff; --jp-layout-color1: #ffffff; --jp-layout-color2: #f1f2f4;
  --jp-content-font-color0: #16181b; --jp-content-font-color1: #3a3e44; --jp-border-color1: #c9ccd1; }
@media (prefers-color-scheme: dark) { :root { --jp-layout-color0: #17181a; --jp-layout-color1: #222428;
  --jp-layout-color2: #2a2c30; --jp-content-font-color0: #f0f1f3; --jp-content-font-color1: #c9ccd1;
  --jp-border-color1: #55585e; } }
body { max-width: 1200px; margin: 0 auto; padding: 20px 16px 40px; background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1); font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
[data-inb-widget] { margin: 12px 0 28px; }
noscript figure { margin: 12px 0; } noscript img { background: #ffffff; }
"""


def page(
    parts: Sequence[Showable | ResultWidget | str], links: Sequence[tuple[int, int]] = (), title: str = "interp_nb"
) -> str:
    """Write one self-contained page of results, widgets and HTML, in order.

    Args:
        parts: Strings are HTML and are put in as they are, so escape what a user wrote.
        links: Pairs of indices into `parts` whose selections follow each other, as with `link`.

    Raises:
        ConfigError: a part is none of these, or a link does not join two widgets that share a key.

    Cost: one forward pass per cell of a patch grid whose model is still there, to record what each cell predicts.
    """
    widgets: dict[int, ResultWidget] = {}
    body: list[str] = []
    for index, part in enumerate(parts):
        if isinstance(part, str):
            body.append(part)
            continue
        if isinstance(part, Showable) and part._picture:
            body.append(static_bundle(part.wait())["text/html"])
            continue
        widgets[index] = widget = _widget(part)
        fallback = static_bundle(widget.result)["text/html"]
        body.append(f"<div data-inb-widget></div><noscript>{fallback}</noscript>")
    bundles = {_bundle(widget): str(widget._esm) for widget in widgets.values()}
    state = {
        "bundles": dict(sorted(bundles.items())),
        "widgets": [_state(widget) for widget in widgets.values()],
        "links": [entry for pair in links for entry in _linked(pair, widgets)],
    }
    return _document(title, "\n".join(body), state)


def _widget(part: Any) -> ResultWidget:
    widget = part.wait().show() if isinstance(part, Showable) else part
    if not isinstance(widget, ResultWidget):
        raise ConfigError(f"a page takes results, widgets and HTML strings, got a {type(part).__name__}.")
    return widget


def _document(title: str, body: str, state: dict[str, Any]) -> str:
    digest = base64.b64encode(hashlib.sha256(HOST.encode()).digest()).decode()
    # Only the host may run and nothing may be fetched: a second wall behind the escaping.
    policy = (
        f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'sha256-{digest}' blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
<script type="application/json" data-inb-state>{_script_json(state)}</script>
<script type="module">{HOST}</script>
</body>
</html>
"""
    # Half of a surrogate pair, which a byte-level token can be, has no UTF-8 form.
    return text.encode("utf-8", "replace").decode("utf-8")


def _script_json(value: Any) -> str:
    """Write JSON that cannot end its script tag or open a comment in it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _bundle(widget: ResultWidget) -> str:
    return type(widget).__module__.rpartition(".")[2]


def _state(widget: ResultWidget) -> dict[str, Any]:
    """Collect what a page needs of one widget."""
    limits = widget._limits()
    return {
        "bundle": _bundle(widget),
        "traits": {
            "_meta": widget._meta,
            "selected": widget.selected,
            "state": widget.state,
            "progress": widget.progress,
            "error": "",
            "kernel": False,
            **{name: getattr(widget, name) for name in widget._page_traits},
        },
        "data": base64.b64encode(widget._data).decode("ascii"),
        "replies": recorded_replies(widget),
        "allowed": {key: list(values) for key, values in limits.items()},
        "first": {key: min(limits[key]) if needed else None for key, needed in widget._axes.items()},
    }


def recorded_replies(widget: ResultWidget) -> dict[str, dict[str, Any] | str]:
    """Answer the requests that a page may make, as many as fit in `MAX_RECORDED_BYTES`.

    A widget with a large page has all of them, each deflated: `export_host.js` inflates one when it is asked for.
    """
    replies: dict[str, dict[str, Any] | str] = {}
    size = 0
    for method, params in widget._recorded_requests():
        try:
            result, buffers = widget.answer(method, params)
        except InterpError:
            continue
        reply = {"result": result, "buffers": [base64.b64encode(each).decode("ascii") for each in buffers]}
        key = f"{method} {json.dumps(_as_page(params), ensure_ascii=False, sort_keys=True, separators=(',', ':'))}"
        if widget._large_page:
            replies[key] = _deflated(reply)
            continue
        size += len(json.dumps(reply))
        if size > MAX_RECORDED_BYTES:
            break
        replies[key] = reply
    return replies


def _as_page(value: Any) -> Any:
    """Turn whole floats into ints: the page's JSON.stringify writes 1.0 as 1, and the keys must match."""
    if isinstance(value, dict):
        return {key: _as_page(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_page(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _deflated(reply: dict[str, Any]) -> str:
    text = json.dumps(reply, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # The zlib container is what DecompressionStream("deflate") reads.
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii")


def _linked(pair: tuple[int, int], widgets: dict[int, ResultWidget]) -> list[dict[str, Any]]:
    places = list(widgets)
    if len(pair) != 2 or any(index not in widgets for index in pair) or pair[0] == pair[1]:
        raise ConfigError(f"a link joins the indices of two widgets among {places}, got {pair}")
    a, b = pair
    there, back = shared_keys(widgets[a], widgets[b]), shared_keys(widgets[b], widgets[a])
    if not there:
        raise ConfigError(f"parts {a} and {b} select different things: there is nothing to link")
    return [
        {"from": places.index(a), "to": places.index(b), "keys": [list(keys) for keys in there]},
        {"from": places.index(b), "to": places.index(a), "keys": [list(keys) for keys in back]},
    ]
