"""The HTTP library, seen from one place: its requests, its clients and its errors.

Shared by both drivers; nothing here does I/O.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import re
import ssl
import sys
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Literal

import httpx

from coze_core._call import Call
from coze_core._characters import whole_characters
from coze_core._codes import PROXY_SIGN_IN, fact
from coze_core._config import ClientConfig, user_agent
from coze_core._errors import APIConnectionError, APITimeoutError, CozeError, ProtocolError
from coze_core._multipart import AnyForm

# httpx's own default of 100 connections loses streams under load (measured: 300 streams of some
# seconds lose 100 of them to pool timeouts).
LIMITS: Final = httpx.Limits(
    max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30.0
)
_LOG: Final = logging.getLogger("coze_core")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# What the network does to us, as httpx calls it; httpcore underneath has the same names.
_ERRORS: Final = "TimeoutException NetworkError ProtocolError UnsupportedProtocol ProxyError"
_NOT_SENT: Final = "ConnectError ConnectTimeout PoolTimeout ProxyError"
_NOT_FORMED: Final = "UnsupportedProtocol LocalProtocolError"
# In English and in Chinese.
_UNREACHED: Final = (
    "Check the network, the proxy and base_url.",
    "请检查网络、代理以及 base_url。",
)
_UNTRUSTED: Final = (
    (
        "The server's certificate is not trusted: check the host in base_url, or name the "
        "authority of a self-hosted server or a company's proxy with SSL_CERT_FILE=/path/to/ca.pem."
    ),
    (
        "服务端证书不受信任：请检查 base_url 的主机名；"
        "自建服务或公司代理请用 SSL_CERT_FILE 指定签发机构的证书。"
    ),
)
# How an HTTP proxy and one of SOCKS refuse whoever has not signed in.
_WANTS_SIGN_IN: Final = re.compile(
    f"^{PROXY_SIGN_IN}|username/password|no acceptable", re.IGNORECASE
)


def network_errors() -> tuple[type[Exception], ...]:
    """Return what the network does to us; asked for where something has gone wrong."""
    return (httpx.HTTPError, *_errors(_ERRORS))


def _errors(names: str) -> tuple[type[Exception], ...]:
    # Those of httpcore cannot have been raised before it is imported, which not all need.
    libraries = (httpx, sys.modules.get("httpcore"))
    return tuple(
        getattr(library, name)
        for library in libraries
        for name in names.split()
        if hasattr(library, name)
    )


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """Return the TLS settings of this process, made once: they cost about 30 ms."""
    return httpx.create_ssl_context()


def check_addresses(config: ClientConfig) -> None:
    """Refuse addresses that the HTTP library or the resolver would not take later.

    Raises:
        ValueError: Naming the setting, never its value, which may hold a password.
    """
    try:
        httpx.URL(config.base_url).host.removesuffix(".").encode("idna")
    except (httpx.InvalidURL, ValueError):
        raise ValueError("base_url names a host that cannot be") from None
    if config.proxy is None:
        return
    try:
        host = httpx.Proxy(config.proxy).url.host
    except (httpx.InvalidURL, ValueError):
        host = ""
    if not host:
        raise ValueError(
            "proxy must be a URL that begins with http://, https://, socks5:// or socks5h://"
        )


def tls_settings(config: ClientConfig) -> ssl.SSLContext | Literal[False]:
    """Return the TLS settings; making them takes long, so plain HTTP for certain has none."""
    return False if config.base_url.startswith("http://") else ssl_context()


def client_options(config: ClientConfig) -> dict[str, Any]:
    """Return what both kinds of HTTP client are made with."""
    return {
        "limits": LIMITS,
        "verify": tls_settings(config),
        "timeout": _timeout(config),
        "follow_redirects": False,  # a redirect could carry the token to another host
        "proxy": config.proxy,
        # Several accounts may use the connections: what one was told is not said by another.
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    }


def json_body(value: object) -> bytes:
    """Return what a call says, as JSON."""
    text = _JSON.encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:  # such text comes from elsewhere, cut in the middle of an emoji
        _LOG.warning("a request has halves of characters; U+FFFD stands in their place")
        return whole_characters(text).encode()


def request_options(call: Call, config: ClientConfig, form: AnyForm | None) -> dict[str, Any]:
    """Return the arguments of `build_request`."""
    options: dict[str, Any] = {
        "method": call.method,
        "url": config.base_url + call.path,
        "headers": {"User-Agent": user_agent(), **config.headers, **call.headers},
    }
    query = {name: value for name, value in call.query.items() if value is not None}
    if query:
        options["params"] = query
    if form is not None:
        options["content"] = form
        options["headers"] |= form.headers
    elif call.json is not None:
        options["content"] = json_body(call.json)
        options["headers"]["Content-Type"] = "application/json"
    options["timeout"] = call_timeout(call, config)
    return options


def call_timeout(call: Call, config: ClientConfig) -> httpx.Timeout:
    """Return how long this call may wait."""
    return _timeout(config, call.timeout, call.patience)


def _timeout(
    config: ClientConfig, most: float | None = None, patience: float | None = None
) -> httpx.Timeout:
    timeouts = config.timeouts
    read = timeouts.read if patience is None else patience
    waits = (timeouts.connect, read, timeouts.write, timeouts.pool)
    bounds = waits if most is None else [min(wait, most) for wait in waits]
    # What takes for ever has no bound: a socket does not take infinity.
    told = [None if wait == math.inf else wait for wait in bounds]
    return httpx.Timeout(connect=told[0], read=told[1], write=told[2], pool=told[3])


def connection_error(error: Exception, config: ClientConfig) -> CozeError:
    """Return our error for one of the HTTP library's, or of those beneath it."""
    host = httpx.URL(config.base_url).host
    if isinstance(error, httpx.DecodingError):
        return ProtocolError(f"{host} sent a body that cannot be decompressed")
    if isinstance(error, _errors(_NOT_FORMED)):
        return ProtocolError(f"the request to {host} could not be formed: {type(error).__name__}")
    made: APIConnectionError
    if isinstance(error, _errors("TimeoutException")):
        kind = type(error).__name__.removesuffix("Timeout").lower()
        made = APITimeoutError(
            f"{host} did not answer in time ({kind} timeout)",
            hint_en="Raise timeout= if the bot is slow; otherwise check the network or proxy.",
            hint_zh="若机器人响应较慢请调大 timeout=；否则请检查网络或代理。",
        )
    else:
        reason = _reason(error)
        hint, hint_zh = _hints(error, reason)
        made = APIConnectionError(
            f"the connection to {host} failed: {reason}", hint_en=hint, hint_zh=hint_zh
        )
    made.request_sent = not isinstance(error, _errors(_NOT_SENT))
    return made


def _hints(error: Exception, reason: str) -> tuple[str, str]:
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return _UNTRUSTED
    if isinstance(error, _errors("ProxyError")) and _WANTS_SIGN_IN.search(reason):
        known = fact(None, PROXY_SIGN_IN)
        return known.hint_en, known.hint_zh
    return _UNREACHED


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
