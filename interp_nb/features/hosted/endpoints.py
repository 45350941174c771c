"""The two kinds of endpoint: where requests go, what they say, and how their replies are read.

OpenAI-compatible chat completions (https://platform.openai.com/docs/api-reference/chat) and Anthropic messages
(https://docs.anthropic.com/en/api/messages). What comes back is untrusted: every field is looked at before it is used.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from interp_nb._errors import ConfigError, nearest
from interp_nb.features.hosted.records import Finish, Prompt

Provider = Literal["openai", "anthropic"]
OWN_ADDRESS: Final[dict[str, str]] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
}
OWN_KEY: Final[dict[str, str]] = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_ANTHROPIC_VERSION: Final = "2023-06-01"
_FINISH: Final[dict[str, Finish]] = {
    "stop": "stop", "length": "length", "content_filter": "filter",
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "refusal": "filter",
}  # fmt: skip


class MalformedReplyError(ValueError):
    """A reply is JSON, but not the JSON that the endpoint documents."""


@dataclass(frozen=True)
class Reply:
    """What a reply says, before anybody believes its token counts."""

    text: str
    finish: Finish
    input_tokens: Any
    output_tokens: Any


@dataclass(frozen=True)
class Endpoint:
    """An address that speaks one of the two protocols."""

    provider: Provider
    """Whose protocol it speaks."""
    base_url: str
    """Where, up to and with the version."""

    @property
    def url(self) -> str:
        """Where requests are sent."""
        return self.base_url + ("/chat/completions" if self.provider == "openai" else "/messages")

    @property
    def is_own(self) -> bool:
        """Whether this is the provider's own address, where its list prices hold."""
        return self.base_url == OWN_ADDRESS[self.provider]

    @property
    def key_header(self) -> tuple[str, str]:
        """The header that carries the key, and what stands before the key in it."""
        return ("Authorization", "Bearer ") if self.provider == "openai" else ("x-api-key", "")

    @property
    def headers(self) -> dict[str, str]:
        """Everything a request's head says beside the key."""
        common = {"content-type": "application/json", "accept": "application/json"}
        return common if self.provider == "openai" else {**common, "anthropic-version": _ANTHROPIC_VERSION}

    def body(self, model: str, prompt: Prompt, max_tokens: int, temperature: float | int | None) -> dict[str, Any]:
        """Write a request as the endpoint documents it; a temperature of None is left to the model."""
        user = {"role": "user", "content": prompt.text}
        body: dict[str, Any] = {"model": model}
        if self.provider == "anthropic":
            body |= {"max_tokens": max_tokens} | ({"system": prompt.system} if prompt.system else {})
            body["messages"] = [user]
        else:
            # OpenAI's newer models refuse `max_tokens`; many compatible servers know nothing else.
            body["max_completion_tokens" if self.is_own else "max_tokens"] = max_tokens
            body["messages"] = [*([{"role": "system", "content": prompt.system}] if prompt.system else []), user]
        return body if temperature is None else body | {"temperature": temperature}

    def read(self, payload: Any) -> Reply:
        """Read a reply.

        Raises:
            MalformedReplyError: it has not the documented shape; the message quotes nothing of it.
        """
        if not isinstance(payload, Mapping):
            raise MalformedReplyError("it is no JSON object")
        return _openai_reply(payload) if self.provider == "openai" else _anthropic_reply(payload)


def endpoint(provider: str, base_url: str | None, *, allow_http: bool) -> Endpoint:
    """Check an address and return the endpoint.

    Raises:
        ConfigError: the provider is none we know, or the address would give the key away.
    """
    if provider not in OWN_ADDRESS:
        raise ConfigError(f"provider must be one of {sorted(OWN_ADDRESS)}, got {provider!r}: "
                          f"{nearest(provider, OWN_ADDRESS)}")  # fmt: skip
    known: Provider = "openai" if provider == "openai" else "anthropic"
    if base_url is None:
        return Endpoint(known, OWN_ADDRESS[known])
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # Such an address ends up in logs and reprs, so it is not shown here either.
        raise ConfigError("base_url must be a bare address, with no user, password, query or fragment: keys come from "
                          "the environment (api_key_env)")  # fmt: skip
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"base_url must begin with https:// and name a host, got {base_url!r}")
    if parts.scheme == "http" and not (allow_http or is_local(parts.hostname)):
        raise ConfigError(f"base_url {base_url!r} would send the key and the text unencrypted; use https://, or say "
                          "allow_http=True for a network that is yours")  # fmt: skip
    plain = base_url.rstrip("/")
    # Anthropic's own tools name the address without its version.
    return Endpoint(known, plain if known == "openai" or plain.endswith("/v1") else f"{plain}/v1")


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def error_text(payload: Any) -> tuple[str, str]:
    """Find the message and the code of an error body of either provider; empty where there is none."""
    error = payload.get("error") if isinstance(payload, Mapping) else None
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, Mapping):
        return "", ""
    code = error.get("code") or error.get("type")
    message = error.get("message")
    return message if isinstance(message, str) else "", code if isinstance(code, str) else ""


def _openai_reply(payload: Mapping[str, Any]) -> Reply:
    choices = payload.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise MalformedReplyError("it has no `choices`")
    message = choices[0].get("message")
    if not isinstance(message, Mapping) or "content" not in message:
        raise MalformedReplyError("its first choice has no `message` with `content`")
    content = message["content"]
    # Some compatible servers answer in parts, as prompts may be written.
    text = _joined(content) if isinstance(content, list) else content
    if not isinstance(text, str | None):
        raise MalformedReplyError("its `content` is no text")
    counts = payload.get("usage")
    usage = counts if isinstance(counts, Mapping) else {}
    return Reply(
        _clean(text or ""), _finish(choices[0].get("finish_reason")), usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
    )  # fmt: skip


def _anthropic_reply(payload: Mapping[str, Any]) -> Reply:
    content = payload.get("content")
    if not isinstance(content, list):
        raise MalformedReplyError("it has no `content` list")
    counts = payload.get("usage")
    usage = counts if isinstance(counts, Mapping) else {}
    # What was read from or written to a cache is counted beside `input_tokens`, and costs too.
    cached = [usage.get(name) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens")]
    read = [usage.get("input_tokens"), *cached]
    counts_all = [n for n in read if type(n) is int]
    whole = sum(counts_all) if len(counts_all) == len(read) else None
    return Reply(_clean(_joined(content)), _finish(payload.get("stop_reason")), whole, usage.get("output_tokens"))


def _joined(parts: list[Any]) -> str:
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise MalformedReplyError("a part of its `content` is no text")
    return "".join(text for text in texts if isinstance(text, str))


def _finish(said: Any) -> Finish:
    return _FINISH.get(said, "other") if isinstance(said, str) else "other"


def _clean(text: str) -> str:
    """Replace lone surrogates, which JSON can write and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
