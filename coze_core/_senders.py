"""How requests go out, blocking and awaiting: here through a client of the HTTP library.

Only a client or a transport that the user gave, and proxies, need the whole of it; for all others
see `_pools` and `_aiohttp`.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from coze_core._call import Call
from coze_core._config import ClientConfig
from coze_core._http import request_options
from coze_core._multipart import AsyncForm, Form

_ENCODING: Final = "content-encoding"


@dataclass(slots=True)
class Opened:
    """A reply whose body is still to be read.

    Attributes:
        status_code: The HTTP status.
        headers: The headers, names in lower case.
        blocks: The body, block by block as the network brings it, decompressed.
        close: Closes the connection, or gives it back if the body was read to its end.
        socket: The socket underneath, or None where there is none of its own.
    """

    status_code: int
    headers: dict[str, str]
    blocks: Iterator[bytes]
    close: Callable[[], None]
    socket: Any = None


@dataclass(slots=True)
class AsyncOpened:
    """The same, for those who await."""

    status_code: int
    headers: dict[str, str]
    blocks: AsyncIterator[bytes]
    aclose: Callable[[], Awaitable[None]]
    socket: Any = None


class Sender(Protocol):
    """What sends requests by blocking."""

    def open(self, call: Call, form: Form | None) -> Opened:
        """Send a request."""

    def close(self) -> None:
        """Close all connections."""


class AsyncSender(Protocol):
    """What sends requests by awaiting."""

    async def open(self, call: Call, form: AsyncForm | None) -> AsyncOpened:
        """Send a request."""

    async def aclose(self) -> None:
        """Close all connections."""


# -- through a client of the HTTP library


class Through:
    """Sends through a client of the HTTP library."""

    def __init__(self, client: httpx.Client, config: ClientConfig) -> None:
        self._client = client
        self._config = config

    def open(self, call: Call, form: Form | None) -> Opened:
        """Send a request."""
        request = self._client.build_request(**request_options(call, self._config, form))
        response = self._client.send(request, stream=True, follow_redirects=False)
        headers = lower_headers(response.headers.multi_items())
        blocks = _blocks_of(response)
        return Opened(
            response.status_code, headers, blocks, response.close, socket_of(response.extensions)
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class AsyncThrough:
    """Sends through a client of the HTTP library."""

    def __init__(self, client: httpx.AsyncClient, config: ClientConfig) -> None:
        self._client = client
        self._config = config

    async def open(self, call: Call, form: AsyncForm | None) -> AsyncOpened:
        """Send a request."""
        request = self._client.build_request(**request_options(call, self._config, form))
        response = await self._client.send(request, stream=True, follow_redirects=False)
        headers = lower_headers(response.headers.multi_items())
        blocks, sock = _ablocks_of(response), socket_of(response.extensions)
        return AsyncOpened(response.status_code, headers, blocks, response.aclose, sock)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _blocks_of(response: httpx.Response) -> Iterator[bytes]:
    stream = response.stream
    if response.is_stream_consumed or not isinstance(stream, httpx.SyncByteStream):
        return response.iter_bytes()  # of a transport that answers from memory
    return unpacked(response.headers, stream)


def _ablocks_of(response: httpx.Response) -> AsyncIterator[bytes]:
    stream = response.stream
    if response.is_stream_consumed or not isinstance(stream, httpx.AsyncByteStream):
        return response.aiter_bytes()
    return aunpacked(response.headers, stream)


# -- what came back


def unpacked(headers: Mapping[str, str], stream: Iterable[bytes]) -> Iterator[bytes]:
    """Return the blocks of a body, decompressed."""
    packed = headers.get(_ENCODING)
    if packed is None:
        return iter(stream)
    return httpx.Response(200, headers={_ENCODING: packed}, stream=_Body(stream)).iter_bytes()


def aunpacked(headers: Mapping[str, str], stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Return the blocks of a body, decompressed."""
    packed = headers.get(_ENCODING)
    if packed is None:
        return aiter(stream)
    return httpx.Response(200, headers={_ENCODING: packed}, stream=_AsyncBody(stream)).aiter_bytes()


class _Body(httpx.SyncByteStream):
    """A body that its response does not close."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)


class _AsyncBody(httpx.AsyncByteStream):
    """A body that its response does not close."""

    def __init__(self, blocks: AsyncIterable[bytes]) -> None:
        self._blocks = blocks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._blocks)


def lower_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers with their names in lower case; what stands twice is joined."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def raw_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers as text, with their names in lower case."""
    return lower_headers((_text(name), _text(value)) for name, value in headers)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def socket_of(extensions: Mapping[str, Any]) -> Any:
    """Return the socket under a reply, or None if it has none of its own."""
    stream = extensions.get("network_stream")
    if stream is None or extensions.get("http_version") == b"HTTP/2":
        return None
    return stream.get_extra_info("socket")
