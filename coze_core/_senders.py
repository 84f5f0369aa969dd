"""How a request goes out: through a client of the HTTP library, or straight to its transport.

The library's client costs about a third of a small request: cookies, redirects, event hooks and
defaults that are merged anew each time. What we send needs none of them, so our own connections do
without; a client or a transport that the user gave, and proxies, go through the whole of it.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx

from coze_core._call import Call
from coze_core._config import ClientConfig, user_agent
from coze_core._http import call_timeout, request_options

_LOG: Final = logging.getLogger("coze_core")
_DEFAULTS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}
_url = functools.lru_cache(maxsize=256)(httpx.URL)


class Sender(Protocol):
    """What sends requests by blocking."""

    def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request; the response's body is still to be read, and the response closed."""

    def close(self) -> None:
        """Close all connections."""


class AsyncSender(Protocol):
    """What sends requests by awaiting."""

    async def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request; the response's body is still to be read, and the response closed."""

    async def aclose(self) -> None:
        """Close all connections."""


class Through:
    """Sends through a client of the HTTP library."""

    def __init__(self, client: httpx.Client, config: ClientConfig) -> None:
        self._client = client
        self._config = config

    def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request."""
        request = self._client.build_request(**request_options(call, self._config), **form)
        return self._client.send(request, stream=True, follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class AsyncThrough:
    """Sends through a client of the HTTP library."""

    def __init__(self, client: httpx.AsyncClient, config: ClientConfig) -> None:
        self._client = client
        self._config = config

    async def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request."""
        request = self._client.build_request(**request_options(call, self._config), **form)
        return await self._client.send(request, stream=True, follow_redirects=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class Straight:
    """Sends straight to a transport."""

    def __init__(self, transport: httpx.BaseTransport, config: ClientConfig) -> None:
        self._transport = transport
        self._forms = _Forms(config)

    def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request."""
        response = self._transport.handle_request(self._forms.request(call, form))
        _LOG.debug("%s %s: %d", call.method, call.path, response.status_code)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()


class AsyncStraight:
    """Sends straight to a transport."""

    def __init__(self, transport: httpx.AsyncBaseTransport, config: ClientConfig) -> None:
        self._transport = transport
        self._forms = _Forms(config)

    async def open(self, call: Call, form: Mapping[str, Any]) -> httpx.Response:
        """Send a request."""
        response = await self._transport.handle_async_request(self._forms.request(call, form))
        _LOG.debug("%s %s: %d", call.method, call.path, response.status_code)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class _Forms:
    """Makes requests, from what is the same in all of them and what is not."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        headers = httpx.Headers({**_DEFAULTS, "User-Agent": user_agent()})
        headers.update(dict(config.headers))
        self._headers = headers.multi_items()
        self._names = frozenset(name for name, _ in self._headers)
        self._timeout = call_timeout(Call("GET", "/"), config).as_dict()

    def request(self, call: Call, form: Mapping[str, Any]) -> httpx.Request:
        headers = self._headers
        if call.headers:
            if self._names.isdisjoint(map(str.lower, call.headers)):
                headers = [*headers, *call.headers.items()]
            else:
                merged = httpx.Headers(headers)
                merged.update(dict(call.headers))
                headers = merged.multi_items()
        content = None
        if call.json is not None:
            headers = [*headers, ("Content-Type", "application/json")]
            content = json.dumps(
                call.json, ensure_ascii=False, separators=(",", ":"), allow_nan=False
            ).encode()
        usual = call.timeout is None and call.patience is None
        return httpx.Request(
            call.method,
            self._address(call),
            headers=headers,
            content=content,
            extensions={
                "timeout": self._timeout if usual else call_timeout(call, self._config).as_dict()
            },
            **form,
        )

    def _address(self, call: Call) -> httpx.URL:
        query = {name: value for name, value in call.query.items() if value is not None}
        if query:
            return httpx.URL(self._config.base_url + call.path, params=query)
        return _url(self._config.base_url + call.path)
