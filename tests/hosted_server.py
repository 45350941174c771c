"""A real HTTP server on loopback that speaks both providers' protocols, goes wrong as planned, and keeps count.

with Service(lambda ask: Answer(429) if ask.nth == 1 else None) as service:
    ...
service.counts(), service.most_at_once, service.bill(Price(1.0, 2.0))
"""

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789abcdefghijklmnop-VERY/secret+key"
KEY_ENV = "INTERP_NB_TEST_KEY"


@dataclass
class Ask:
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    text: str
    """What the user says."""
    nth: int
    """How often this text was asked, from 1."""
    time: float
    """When it arrived, by the server's clock."""
    answered: bool = False
    """Whether the server made a reply, which it charges for, whatever became of it on the way."""


@dataclass
class Answer:
    """What to send back: by default a good reply."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    """Seconds before the first byte."""
    drip: float = 0.0
    """Seconds between the bytes of the body."""
    cut: int | None = None
    """Bytes of the body after which the connection ends."""
    reset: bool = False
    """Whether the connection is reset instead of any answer."""


Plan = Callable[[Ask], Answer | None]


def openai_reply(text: str, usage: Any = None, **changes: Any) -> bytes:
    """A chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                       "usage": usage, **changes}).encode()  # fmt: skip


def anthropic_reply(text: str, usage: Any = None, **changes: Any) -> bytes:
    """A message."""
    return json.dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                       "stop_sequence": None, "content": [{"type": "text", "text": text}], "usage": usage,
                       **changes}).encode()  # fmt: skip


def n_tokens(text: str) -> int:
    """Tokens by the server's tokenizer: four bytes each, and ten for the chat around them."""
    return len(text.encode()) // 4 + 10


def good(ask: Ask, text: str | None = None) -> bytes:
    """The reply to a request, in its protocol, with the true count."""
    said = f"answer to {ask.text}" if text is None else text
    read, written = n_tokens(ask.text), n_tokens(said)
    if ask.path.endswith("/messages"):
        return anthropic_reply(said, {"input_tokens": read, "output_tokens": written})
    return openai_reply(said, {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written})


class Service:
    """The server; runs inside `with`.

    Args:
        plan: What to do with each request; None = answer it well.
    """

    def __init__(self, plan: Plan = lambda ask: None) -> None:
        self.plan = plan
        self.asks: list[Ask] = []
        self.most_at_once = 0
        self.closing = threading.Event()
        self._at_once = 0
        self._guard = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def counts(self) -> Counter[str]:
        """How often each text was asked."""
        return Counter(ask.text for ask in self.asks)

    def bill(self, price: tuple[float, float], max_tokens: int | None = None) -> float:
        """US dollars for every reply that was made, whether or not it arrived.

        Args:
            max_tokens: Charge every reply as if it were so long; None = as long as it is.
        """
        cost = 0.0
        for ask in self.asks:
            if ask.answered:
                written = n_tokens(f"answer to {ask.text}") if max_tokens is None else max_tokens
                cost += (n_tokens(ask.text) * price[0] + written * price[1]) / 1e6
        return cost

    def begin(self, ask: Ask) -> None:
        with self._guard:
            ask.nth = 1 + sum(other.text == ask.text for other in self.asks)
            self.asks.append(ask)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def end(self) -> None:
        with self._guard:
            self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *unused: Any) -> None:
        """Clients that hang up are part of the plan."""


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *unused: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            ask = Ask(self.path, headers, body, body["messages"][-1]["content"], 0, time.monotonic())
            service.begin(ask)
            try:
                answer = service.plan(ask) or Answer()
                ask.answered = answer.status == 200
                self.close_connection = answer.cut is not None
                service.closing.wait(answer.wait)
            finally:
                # Before the answer leaves: the client may send its next request while this thread still cleans up.
                service.end()
            self._send(ask, answer)

        def _send(self, ask: Ask, answer: Answer) -> None:
            if answer.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                # The socket closes with the last that holds it.
                for held in (self.rfile, self.wfile, self.connection):
                    held.close()
                return
            data = answer.body if answer.body is not None else good(ask) if answer.status == 200 else b""
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            data = data if answer.cut is None else data[: answer.cut]
            if not answer.drip:
                self.wfile.write(data)
                return
            for byte in data:
                self.wfile.write(bytes([byte]))
                if service.closing.wait(answer.drip):
                    return

        def send_response(self, code: int, message: str | None = None) -> None:
            """As the base class, without its Date: a plan may set its own."""
            self.send_response_only(code, message)

    return Handler
