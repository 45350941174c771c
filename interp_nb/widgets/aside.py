"""Requests that take long, answered beside the thread that brings messages, so that Stop is heard meanwhile."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from interp_nb._cancel import cancelled_by
from interp_nb.widgets.requests import Message, Router

Send = Callable[[dict[str, Any], list[bytes]], object]


class Aside:
    """Answer requests one after the other in a thread of its own, which ends when there are none.

    Args:
        router: Answers them; nobody else may use it.
        send: Takes each reply and its buffers.
        newest_only: Methods of which only the latest request counts: an older one that still waits is cancelled.
    """

    def __init__(self, router: Router, send: Send, *, newest_only: tuple[str, ...] = ()) -> None:
        self._router, self._send, self._newest_only = router, send, newest_only
        self._waiting: deque[Message] = deque()
        self._answering: tuple[str, threading.Event] | None = None
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a request waits or is being answered."""
        return self._thread is not None

    def put(self, message: Message) -> None:
        """Take a request; the reply is sent when it is there."""
        with self._guard:
            late = [each for each in self._waiting if each.method == message.method in self._newest_only]
            for each in late:
                self._waiting.remove(each)
            self._waiting.append(message)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="interp_nb aside", daemon=True)
                self._thread.start()
        for each in late:
            self._refuse(each)

    def cancel(self, identity: str) -> bool:
        """Give a request up, waiting or being answered; say whether it was here.

        One that is being answered ends before its next forward. Where there is none any more it is answered all the
        same: what it changed is changed, and the front end must hear of that.
        """
        with self._guard:
            found = [each for each in self._waiting if each.id == identity]
            for each in found:
                self._waiting.remove(each)
            answering = self._answering
        for each in found:
            self._refuse(each)
        if answering is None or answering[0] != identity:
            return bool(found)
        answering[1].set()
        return True

    def _refuse(self, message: Message) -> None:
        error = {"type": "CancelledError", "message": f"The request {message.method!r} was cancelled."}
        self._send({"v": 1, "kind": "reply", "id": message.id, "ok": False, "error": error}, [])

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._thread = self._answering = None
                    return
                message, given_up = self._waiting.popleft(), threading.Event()
                self._answering = message.id, given_up
            with cancelled_by(given_up):
                self._send(*self._router.reply(message))
