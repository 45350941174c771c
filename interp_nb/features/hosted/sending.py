"""One attempt: a request over the wire, and what every way of going wrong means for trying again and for the bill.

No exception of the HTTP library leaves this module: they carry the request, and the request carries the key.
"""

import asyncio
import json
import math
import re
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from interp_nb._errors import ConfigError
from interp_nb.features.hosted.endpoints import Endpoint, MalformedReplyError, Reply, error_text
from interp_nb.features.hosted.keys import Key
from interp_nb.features.hosted.records import Reason, Timeouts

_MOST_BYTES: Final = 8_000_000
_QUOTED: Final = 300
# What the providers' own clients send again: https://github.com/openai/openai-python#retries; 529 is Anthropic's
# "overloaded".
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
# A gateway's own word: behind it the model may have answered, and be paid.
_GATEWAY: Final = frozenset({502, 504, 520, 522, 524})
_NO_MONEY: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})


@dataclass
class AttemptError(Exception):
    """An attempt that brought no reply."""

    reason: Reason
    message: str
    retryable: bool
    """Whether sending it again may help."""
    may_be_paid: bool
    """Whether the server may have answered and charged."""
    for_all: bool = False
    """Whether every other request would meet the same."""
    status: int | None = None
    """HTTP status, if the server gave one."""
    retry_after: float | None = None
    """Seconds the server asks to wait."""

    def __str__(self) -> str:
        return self.message


def new_client(timeouts: Timeouts, endpoint: Endpoint, concurrency: int) -> Any:
    """Make the HTTP client of one run; redirects are not followed, so the key goes where it was meant to go."""
    import httpx

    encrypted = endpoint.url.startswith("https://")
    return httpx.AsyncClient(
        # Reading the authorities' certificates takes a while; a context without any trusts nobody.
        verify=httpx.create_ssl_context() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        timeout=httpx.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.read, pool=None),
        limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        follow_redirects=False,
        # A proxy of the environment would read what is sent unencrypted.
        trust_env=encrypted,
    )


def check_installed() -> None:
    """See that the libraries of the extra `api` are there.

    Raises:
        ConfigError: one is missing.
    """
    try:
        import aiolimiter  # noqa: F401
        import httpx  # noqa: F401
        import tenacity  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"Hosted models need a package more ({error}): pip install interp_nb[api]") from error


async def attempt(client: Any, endpoint: Endpoint, body: dict[str, Any], key: Key, timeouts: Timeouts) -> Reply:
    """Send one request and read its reply.

    Raises:
        AttemptError: there is no reply that can be used.
    """
    import httpx

    try:
        async with asyncio.timeout(timeouts.total):
            status, headers, data = await _exchange(client, endpoint, body, key)
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        raise AttemptError("timeout", f"No connection within {timeouts.connect:g} s", True, False) from None
    except (httpx.TimeoutException, TimeoutError):
        message = f"No whole reply within {timeouts.read:g} s of silence or {timeouts.total:g} s in all"
        raise AttemptError("timeout", message, True, True) from None
    except (httpx.ConnectError, httpx.ProxyError) as error:
        message = f"{endpoint.url} cannot be reached ({key.redact(str(error)) or type(error).__name__})"
        raise AttemptError("connection", message, True, False) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        message = f"The request could not be written ({key.redact(str(error))})"
        raise AttemptError("refused", message, False, False, for_all=True) from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        message = f"The reply broke off ({key.redact(str(error)) or type(error).__name__})"
        raise AttemptError("connection", message, True, True) from None
    if status != 200:
        raise _refusal(status, headers, data, key)
    return _reply(endpoint, headers, data, key)


async def _exchange(client: Any, endpoint: Endpoint, body: dict[str, Any], key: Key) -> tuple[int, Any, bytes]:
    header, prefix = endpoint.key_header
    data = bytearray()
    async with client.stream(
        "POST",
        endpoint.url,
        content=json.dumps(body).encode(),
        headers=endpoint.headers,
        auth=lambda request: key.sign(request, header, prefix),
    ) as response:
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > _MOST_BYTES:
                raise AttemptError("malformed", f"The reply is larger than {_MOST_BYTES // 10**6} MB", False, True)
        return response.status_code, response.headers, bytes(data)


def _reply(endpoint: Endpoint, headers: Any, data: bytes, key: Key) -> Reply:
    payload = _json(data)
    try:
        if payload is None:
            raise MalformedReplyError("it is no whole JSON")
        reply = endpoint.read(payload)
    except MalformedReplyError as error:
        kind = _plain(key.redact(headers.get("content-type", "")))[:60]
        said, _ = error_text(payload)
        quoted = f"; it says {_plain(key.redact(said))[:_QUOTED]!r}" if said else ""
        raise AttemptError(
            "malformed", f"The reply is not what {endpoint.provider} documents: {error} ({len(data)} bytes of "
            f"{kind or 'no stated type'}){quoted}", True, True, status=200,
        ) from None  # fmt: skip
    return Reply(key.redact(reply.text), reply.finish, reply.input_tokens, reply.output_tokens)


def _refusal(status: int, headers: Any, data: bytes, key: Key) -> AttemptError:
    said, code = error_text(_json(data))
    text = said or data[:4096].decode("utf-8", "replace")
    quoted = _plain(key.redact(text))[:_QUOTED]
    message = f"HTTP {status}" + (f": {quoted}" if quoted else "")
    if 300 <= status < 400:
        target = _plain(key.redact(headers.get("location", "nowhere")))[:_QUOTED]
        message = f"{message}; it points to {target}, which is not followed: set base_url if that is right"
        return AttemptError("redirect", message, False, False, for_all=True, status=status)
    if status in (401, 403):
        message = f"{message}; the key in {key.name} is not accepted here"
        return AttemptError("unauthorized", message, False, False, for_all=True, status=status)
    if status == 402 or code in _NO_MONEY:
        return AttemptError("quota", message, False, False, for_all=True, status=status)
    if status in _PASSING:
        wait = retry_after(headers)
        message += "" if wait is None else f" (asks to wait {wait:g} s)"
        passing: Reason = "rate_limited" if status == 429 else "server_error"
        return AttemptError(passing, message, True, status in _GATEWAY, status=status, retry_after=wait)
    reason: Reason = "server_error" if status >= 500 else "refused"
    # 404: no such model, or no such address.
    return AttemptError(reason, message, False, False, for_all=status == 404, status=status)


def retry_after(headers: Any) -> float | None:
    """Read how long a server asks to wait: seconds, or a date, which is measured by the server's own clock.

    Source: RFC 9110, section 10.2.3.
    """
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", said):
        return float(said)
    try:
        then = parsedate_to_datetime(said).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        now = time.time()
    return max(0.0, then - now) if math.isfinite(then - now) else None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _plain(text: str) -> str:
    """Make one line of printable characters: a server's words end up in terminals and pages."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
