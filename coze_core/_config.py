"""What a client is told."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from coze_core._capabilities import ServerSetting
from coze_core._desk import ConversationLock
from coze_core._environment import from_environment
from coze_core._retry import RetryPolicy
from coze_core._timeouts import SomeTimeout, Timeouts
from coze_core._version import __version__

Region = Literal["com", "cn"]
# The version of the chat API: v3, or the old v2 where a deployment still has it.
ProtocolName: TypeAlias = Literal["v3", "v2"]
REGIONS: Final[dict[str, str]] = {
    "com": "https://api.coze.com",
    "cn": "https://api.coze.cn",
}


@dataclass(frozen=True)
class Tracing:
    """How a client's work is traced with OpenTelemetry.

    Attributes:
        tracer_provider: The provider of the tracers; the global one if None.
        capture_content: Whether spans hold messages, answers, arguments and outputs; if None, what
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says, and by default they do not.

    Raises:
        TypeError: If the provider is none.

    Example:
        >>> client = CozeClient(tracing=Tracing(capture_content=True))  # doctest: +SKIP
    """

    tracer_provider: Any = field(default=None, repr=False)
    capture_content: bool | None = None

    def __post_init__(self) -> None:
        provider = self.tracer_provider
        if provider is not None and not callable(getattr(provider, "get_tracer", None)):
            given = type(provider).__name__
            raise TypeError(f"tracer_provider must have get_tracer(), which {given} has not")

    def __getstate__(self) -> dict[str, Any]:
        if self.tracer_provider is not None:
            raise TypeError(
                "tracing with a tracer_provider of its own cannot be pickled: make that the global "
                "one with opentelemetry.trace.set_tracer_provider, and leave it out here"
            )
        return dict(vars(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracing:
        return self  # it never changes, and a provider is nobody's to copy


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Everything that shapes a client's requests, without the credential.

    Attributes:
        base_url: Scheme, host and an optional path prefix, no slash at the end.
        timeouts: Bounds on waiting.
        retry: When to send again.
        headers: Sent with every request.
        proxy: A proxy URL; None uses the usual proxy variables of the environment.
        conversation_lock: Keeps other workers out of a conversation, or None.
        server: Whether it is the cloud or Coze Studio, or `auto` to find out.
        protocol: The version of the chat API.
        tracing: Whether and how work is traced; None where OpenTelemetry is in use already.

    Raises:
        ValueError: A version that does not exist.
        TypeError: A `tracing` that says nothing.
    """

    base_url: str
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)  # may hold a password
    conversation_lock: ConversationLock | None = field(default=None, repr=False)
    server: ServerSetting = "auto"
    protocol: ProtocolName = "v3"
    tracing: bool | Tracing | None = None

    def __post_init__(self) -> None:
        check_protocol(self.protocol)
        check_tracing(self.tracing)

    def changed(
        self,
        *,
        timeout: float | Timeouts | SomeTimeout | None,
        max_retries: int | None,
        headers: Mapping[str, str] | None,
    ) -> ClientConfig:
        """Return a copy with these options changed."""
        config = self
        if timeout is not None:
            config = replace(config, timeouts=Timeouts.of(timeout))
        if max_retries is not None:
            config = replace(config, retry=replace(config.retry, max_retries=max_retries))
        if headers is not None:
            config = replace(config, headers=check_headers({**config.headers, **headers}))
        return config


def check_protocol(protocol: str) -> None:
    """Refuse a version of the chat API that does not exist.

    Raises:
        ValueError: If it is none of the two.
    """
    if protocol not in {"v3", "v2"}:
        raise ValueError(f"protocol must be 'v3' or 'v2', not {protocol!r}")


def check_tracing(tracing: object) -> None:
    """Refuse a setting that does not say whether to trace.

    Raises:
        TypeError: If it is none of those that there are.
    """
    if not isinstance(tracing, bool | Tracing | None):
        given = type(tracing).__name__
        raise TypeError(f"tracing must be True, False, Tracing(...) or None, not {given}")


def resolve_base_url(base_url: str | None, region: str | None) -> str:
    """Return the API host: from the arguments, then the environment, then the global one.

    Raises:
        ValueError: If both arguments are given, or one is not usable.
    """
    if base_url and region:
        raise ValueError("give base_url or region, not both")
    if region is not None:
        if region not in REGIONS:
            raise ValueError(f"region must be one of {sorted(REGIONS)}, not {region!r}")
        return REGIONS[region]
    url = (base_url or from_environment("base_url") or REGIONS["com"]).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # it may hold a password: the error shows neither it nor its cause
        raise ValueError("base_url has a host or a port that cannot be") from None
    if "@" in parts.netloc:
        raise ValueError("base_url must not have a user name or a password")
    if parts.query or parts.fragment or " " in url or not url.isprintable():
        raise ValueError("base_url must not have a query, a fragment or white space")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(
            f"base_url must begin with https:// or http:// and name a host, not {url!r}"
        )
    # Written in one way only, so that nobody has to ask again what `HTTPS://` means.
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse headers that cannot be sent, or that a client sets itself.

    Raises:
        ValueError: Naming the header, never its value.
    """
    for name, value in headers.items():
        if name.lower() == "authorization":
            raise ValueError("pass the credential as token= or auth=, not as a header")
        if not name.isascii() or not value.isascii() or not value.isprintable():
            raise ValueError(f"the header {name!r} has characters that cannot be sent")
    return dict(headers)


def user_agent() -> str:
    """Return what we call ourselves."""
    python = ".".join(map(str, sys.version_info[:3]))
    return f"coze-bridge/{__version__} python/{python} {platform.system().lower() or 'unknown'}"
