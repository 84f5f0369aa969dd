"""Requests over pools of our own, blocking and awaiting, side by side.

The HTTP library's client costs a third of a small request: cookies, redirects, event hooks, and
defaults that are merged anew each time. What we send needs none of it, so our own connections are
pools of httpcore, which that client stands on. Imported with the first of them.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterable, Iterable
from typing import Any, Final, cast

import httpcore
import httpx

from coze_core._call import Call
from coze_core._config import ClientConfig
from coze_core._http import LIMITS, tls_settings
from coze_core._joining import AsyncJoiningBackend, JoiningBackend
from coze_core._multipart import AsyncForm, Form
from coze_core._requests import Request, Requests
from coze_core._senders import AsyncOpened, Opened, aunpacked, raw_headers, socket_of, unpacked

_LOG: Final = logging.getLogger("coze_core")


class Straight:
    """Sends over a pool of httpcore."""

    def __init__(self, config: ClientConfig) -> None:
        self._pool = httpcore.ConnectionPool(
            **_pool_options(config), network_backend=JoiningBackend()
        )
        self._requests = Requests(config)

    def open(self, call: Call, form: Form | None) -> Opened:
        """Send a request."""
        response = self._pool.handle_request(_core_request(self._requests.make(call, form)))
        _LOG.debug("%s %s: %d", call.method, call.path, response.status)
        headers = raw_headers(response.headers)
        stream = cast("Iterable[bytes]", response.stream)  # of a blocking pool
        return Opened(
            response.status,
            headers,
            unpacked(headers, stream),
            response.close,
            socket_of(response.extensions),
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class AsyncStraight:
    """Sends over a pool of httpcore."""

    def __init__(self, config: ClientConfig) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            **_pool_options(config), network_backend=AsyncJoiningBackend()
        )
        self._requests = Requests(config)

    async def open(self, call: Call, form: AsyncForm | None) -> AsyncOpened:
        """Send a request."""
        request = _core_request(self._requests.make(call, form))
        response = await self._pool.handle_async_request(request)
        _LOG.debug("%s %s: %d", call.method, call.path, response.status)
        headers = raw_headers(response.headers)
        stream = cast("AsyncIterable[bytes]", response.stream)  # of an awaiting pool
        blocks, sock = aunpacked(headers, stream), socket_of(response.extensions)
        return AsyncOpened(response.status, headers, blocks, response.aclose, sock)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def _pool_options(config: ClientConfig) -> dict[str, Any]:
    return {
        "ssl_context": tls_settings(config) or None,
        "max_connections": LIMITS.max_connections,
        "max_keepalive_connections": LIMITS.max_keepalive_connections,
        "keepalive_expiry": LIMITS.keepalive_expiry,
    }


@functools.lru_cache(maxsize=256)
def _core_url(address: str) -> httpcore.URL:
    url = httpx.URL(address)
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _core_request(request: Request) -> httpcore.Request:
    made = httpcore.Request(
        request.method,
        _core_url(request.url),
        content=request.content,
        extensions={"timeout": request.timeouts},
    )
    # Given to the constructor they would be looked at one by one, which takes longer than all else.
    made.headers = [
        (name.encode("ascii"), value.encode("ascii")) for name, value in request.headers
    ]
    return made
