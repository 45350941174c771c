"""Requests of a widget's front end: looked up in an explicit dict, and always replied to.

1. `read_message` picks requests and cancellations out of whatever arrives on the comm.
2. `Router.reply` calls the handler and turns what comes back, or what it raises, into the reply message.

What is answered is the widget's business, and so is sending the reply.
"""

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from interp_nb._cancel import CancelledError
from interp_nb._errors import ConfigError, InterpError, nearest
from interp_nb._show import no_waiting
from interp_nb.widgets.prints import caught_prints

Answer = dict[str, Any] | tuple[dict[str, Any], list[bytes]]
"""A JSON-able result, or one with buffers."""
Handler = Callable[..., Answer]


class Message(NamedTuple):
    """What the front end asks."""

    kind: str
    """"request" or "cancel"."""
    id: str
    """Chosen by the front end; the reply carries it."""
    method: str
    """Name of the request."""
    params: Any
    """Its parameters as they came."""


def read_message(content: Any) -> Message | None:
    """Read a request or a cancellation; None for anything else."""
    if not isinstance(content, Mapping) or content.get("v") != 1 or not isinstance(content.get("id"), str):
        return None
    if content.get("kind") not in ("request", "cancel"):
        return None
    return Message(content["kind"], content["id"], str(content.get("method")), content.get("params") or {})


class Router:
    """Answer the requests of one widget.

    Args:
        name: What errors call the widget.
        routes: Returns the handlers by method; parameters come as keywords.
        tell: Shows a text in the widget's error strip.
    """

    def __init__(self, name: str, routes: Callable[[], Mapping[str, Handler]], tell: Callable[[str], None]) -> None:
        self._name = name
        self._routes = routes
        self._tell = tell
        self._cancelled: set[str] = set()
        self.current: str | None = None

    def cancel(self, identity: str) -> None:
        """Have the request that is being answered replied to with an error; one that is not is forgotten."""
        if identity == self.current:
            self._cancelled.add(identity)

    def reply(self, message: Message) -> tuple[dict[str, Any], list[bytes]]:
        """Answer one request: the reply message and its buffers, an error reply if need be."""
        self.current = message.id
        reply: dict[str, Any] = {"v": 1, "kind": "reply", "id": message.id}
        buffers: list[bytes] = []
        try:
            result, buffers = self.answer(message.method, message.params)
            if message.id in self._cancelled:
                raise CancelledError(f"The request {message.method!r} was cancelled.")
            reply |= {"ok": True, "result": result}
        except Exception as error:  # noqa: BLE001 - whatever it is, the view must hear of it
            reply |= {"ok": False, "error": {"type": type(error).__name__, "message": str(error)}}
            # A refusal is shown where it was asked for; only what nobody expected goes to the strip too.
            if not isinstance(error, InterpError):
                self._tell(f"{type(error).__name__}: {error}")
        finally:
            self.current = None
            self._cancelled.discard(message.id)
        return reply, buffers

    def answer(self, method: str, params: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Answer one request: a JSON-able result and buffers.

        Raises:
            ConfigError: there is no such method, or the parameters do not fit it.
        """
        routes = self._routes()
        if method not in routes:
            raise ConfigError(f"{self._name} does not answer {method!r}; {nearest(method, routes)}")
        if not isinstance(params, Mapping) or not all(isinstance(key, str) for key in params):
            raise ConfigError(f"the parameters of {method!r} must be a dict, got {type(params).__name__}")
        handler = routes[method]
        try:
            inspect.signature(handler).bind(**params)
        except TypeError as error:
            raise ConfigError(
                f"{method!r} does not take these parameters ({', '.join(params) or 'none'}): {error}"
            ) from None
        # A click must not wait for the job whose cells it looks at.
        with caught_prints() as printed, _no_grad(), no_waiting():
            reply = handler(**params)
        if printed.getvalue().strip():
            self._tell(printed.getvalue().strip())
        return reply if isinstance(reply, tuple) else (reply, [])


def _no_grad() -> contextlib.AbstractContextManager[Any]:
    """Turn gradients off where torch is in use: its grad mode is per thread, and handlers have their own."""
    torch = sys.modules.get("torch")
    return contextlib.nullcontext() if torch is None else torch.no_grad()
