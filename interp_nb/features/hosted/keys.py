"""Keys: read from the environment when a request is signed, kept nowhere, and cut out of whatever a server echoes."""

import base64
import json
import logging
import os
from typing import Any, Final
from urllib.parse import quote

from interp_nb._errors import ConfigError

_MASK: Final = "[key]"
# A piece of a key this long is taken out too: bodies are cut in the middle of what they echo.
_PIECE: Final = 8
# These log the headers of replies when someone asks for DEBUG, and a header may echo what was sent.
_CHATTY: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


class Key:
    """The name of an environment variable that holds a key; the value is looked up at every use and never kept.

    Args:
        name: None = the endpoint wants no key.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Key({self.name})"

    def check(self) -> None:
        """See that the key is there and can stand in a header, without showing it.

        Raises:
            ConfigError: it is not.
        """
        if self.name is None:
            return
        if not self._value():
            raise ConfigError(
                f"The environment variable {self.name} holds no key. Set it before Jupyter is started (export "
                f"{self.name}=...), or in the notebook without showing it: "
                f"os.environ[{self.name!r}] = getpass.getpass(). A server that wants no key: api_key_env=None"
            )
        # Shorter ones could not be told from ordinary words in what comes back.
        if len(self._value()) < _PIECE:
            raise ConfigError(
                f"The environment variable {self.name} holds fewer than {_PIECE} characters, which is no key. A server "
                "that wants no key: api_key_env=None"
            )
        if not (self._value().isascii() and self._value().isprintable()) or " " in self._value():
            raise ConfigError(f"The environment variable {self.name} holds characters that no key has; set it again")

    def sign(self, request: Any, header: str, prefix: str) -> Any:
        """Put the key into a request's header; its value never becomes a local variable that a traceback shows."""
        if self.name is not None:
            request.headers[header] = prefix + self._value()
        return request

    def redact(self, text: str) -> str:
        """Take the key out of a text, whole or in pieces, as it is or as URLs, JSON and base64 write it."""
        if self.name is None or not self._value():
            return text
        for form in _forms(self._value()):
            text = text.replace(form, _MASK)
        return _without_pieces(text, self._value())

    def _value(self) -> str:
        return os.environ.get(self.name or "", "").strip()


def _forms(value: str) -> list[str]:
    coded = base64.b64encode(value.encode()).decode()
    forms = {value, quote(value, safe=""), json.dumps(value)[1:-1], coded, coded.rstrip("=")}
    return sorted(forms, key=len, reverse=True)


def _without_pieces(text: str, value: str) -> str:
    hidden = bytearray(len(text))
    for start in range(len(value) - _PIECE + 1):
        piece = value[start : start + _PIECE]
        at = text.find(piece)
        while at >= 0:
            hidden[at : at + _PIECE] = b"\1" * _PIECE
            at = text.find(piece, at + 1)
    if not any(hidden):
        return text
    parts, masked = [], False
    for character, hide in zip(text, hidden, strict=True):
        if not hide:
            parts.append(character)
        elif not masked:
            parts.append(_MASK)
        masked = bool(hide)
    return "".join(parts)


class _Redacting(logging.Filter):
    """Rewrites a record that holds a key; passes every record."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, Key] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        clean = said
        for key in self.keys.values():
            clean = key.redact(clean)
        if clean != said:
            record.msg, record.args = clean, None
        return True


_REDACTING: Final = _Redacting()


def keep_out_of_logs(key: Key) -> None:
    """Have the HTTP libraries' own loggers, which write headers at DEBUG, leave out this key."""
    if key.name is None:
        return
    _REDACTING.keys[key.name] = key
    for name in _CHATTY:
        logging.getLogger(name).addFilter(_REDACTING)
