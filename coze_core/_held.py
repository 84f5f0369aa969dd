"""Bodies that let go of their connection just before it is given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from coze_core._watchdog import Hold


def socket_of(response: httpx.Response) -> Any:
    """Return the socket underneath, or None where there is none of its own."""
    stream = response.extensions.get("network_stream")
    if stream is None or response.http_version == "HTTP/2":
        return None
    return stream.get_extra_info("socket")


class Held(httpx.SyncByteStream):
    """A body that lets go of its connection just before the connection is given back."""

    def __init__(self, body: httpx.SyncByteStream, hold: Hold) -> None:
        self._body = body
        self._hold = hold

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        self._hold.let_go()
        self._body.close()


class AsyncHeld(httpx.AsyncByteStream):
    """A body that lets go of its connection just before the connection is given back."""

    def __init__(self, body: httpx.AsyncByteStream, hold: Hold) -> None:
        self._body = body
        self._hold = hold

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    async def aclose(self) -> None:
        self._hold.let_go()
        await self._body.aclose()
