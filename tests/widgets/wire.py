"""A widget without a kernel: requests go in by hand, what it sends is caught."""

import time
from collections.abc import Callable
from typing import Any


def sent_by(widget: Any) -> list[tuple[Any, list[bytes]]]:
    """Catch what a widget sends from now on, as (content, buffers)."""
    sent: list[tuple[Any, list[bytes]]] = []
    widget.send = lambda content, buffers=None: sent.append((content, buffers or []))
    return sent


def ask(widget: Any, method: str, identity: str = "r1", /, **params: Any) -> Any:
    """Send one request and return its reply; buffers are under "buffers"."""
    sent = sent_by(widget)
    widget._handle_custom_msg({"v": 1, "kind": "request", "id": identity, "method": method, "params": params}, [])
    assert len(sent) == 1, f"one reply was due, got {sent}"
    content, buffers = sent[0]
    assert (content["v"], content["kind"], content["id"]) == (1, "reply", identity)
    return content | {"buffers": buffers}


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until a job in the background made something true."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
