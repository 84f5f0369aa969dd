"""Open bodies of streamed replies, blocking and awaiting, side by side."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Final

import anyio
import httpx

from coze_core._call import is_event_stream, is_file
from coze_core._config import ClientConfig
from coze_core._http import connection_error, is_plain
from coze_core._loops import Pool
from coze_core._watchdog import Hold

_FINISH_SECONDS: Final = 0.5  # for a closed body to be noticed; it takes no time but by mistake
_MAX_ERROR_BODY: Final = 1 << 20  # bytes; an error page is never that large


class _Held(httpx.SyncByteStream):
    """A body that lets go of its connection just before the connection is given back."""

    def __init__(self, body: httpx.SyncByteStream, hold: Hold) -> None:
        self._body = body
        self._hold = hold

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        self._hold.let_go()
        self._body.close()


class Body:
    """The open body of a streamed reply.

    Attributes:
        hold: Its connection, as long as that is not given back.
    """

    def __init__(self, response: httpx.Response, config: ClientConfig) -> None:
        self.hold = Hold(_socket_of(response))
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Held(response.stream, self.hold)
        self._response = response
        self._config = config
        self._blocks = response.iter_raw() if is_plain(response) else response.iter_bytes()
        self._head: list[bytes] = []
        self._reading = threading.RLock()

    def is_stream(self, *, binary: bool = False) -> bool:
        """Whether this is an event stream, or a file: by its type, then by its first bytes."""
        told = is_file if binary else is_event_stream
        content_type = self._response.headers.get("content-type", "")
        if self._response.status_code >= 300:
            return False
        for block in self._blocks:
            self._head.append(block)
            verdict = told(content_type, b"".join(self._head))
            if verdict is not None:
                return verdict
        return "text/event-stream" in content_type

    def read(self) -> bytes:
        """Read what is left, up to a bound."""
        body = b"".join(self._head)
        for block in self._blocks:
            body += block
            if len(body) > _MAX_ERROR_BODY:
                break
        return body

    def blocks(self) -> Iterator[bytes]:
        """Iterate over the blocks as the network brings them.

        Raises:
            CozeError: If the connection breaks.
        """
        yield from self._head
        self._head = []
        while (block := self._next()) is not None:
            yield block

    def _next(self) -> bytes | None:
        try:
            with self._reading:
                return next(self._blocks, None)
        except httpx.HTTPError as error:
            raise connection_error(error, self._config) from error

    def close(self) -> None:
        """Close the connection, or give it back if the body was read to its end."""
        # A read that is under way in another thread has been ended by then. Were its socket closed
        # beforehand, the next connection could get the same number, and the read would go on there.
        alone = self._reading.acquire(timeout=_FINISH_SECONDS)
        try:
            self._response.close()
        finally:
            if alone:
                self._reading.release()


def _socket_of(response: httpx.Response) -> Any:
    """Return the socket underneath, or None where there is none of its own."""
    stream = response.extensions.get("network_stream")
    if stream is None or response.http_version == "HTTP/2":
        return None
    return stream.get_extra_info("socket")


class _AsyncHeld(httpx.AsyncByteStream):
    """A body that lets go of its connection just before the connection is given back."""

    def __init__(self, body: httpx.AsyncByteStream, hold: Hold) -> None:
        self._body = body
        self._hold = hold

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._body)

    async def aclose(self) -> None:
        self._hold.let_go()
        await self._body.aclose()


class AsyncBody:
    """The open body of a streamed reply.

    Attributes:
        hold: Its connection, as long as that is not given back.
    """

    def __init__(self, response: httpx.Response, config: ClientConfig, pool: Pool) -> None:
        self.hold = Hold(_socket_of(response))
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _AsyncHeld(response.stream, self.hold)
        self._response = response
        self._config = config
        self._blocks = response.aiter_raw() if is_plain(response) else response.aiter_bytes()
        self._head: list[bytes] = []
        self._pool: Pool | None = pool
        self._closed = False

    async def is_stream(self, *, binary: bool = False) -> bool:
        """Whether this is an event stream, or a file: by its type, then by its first bytes."""
        told = is_file if binary else is_event_stream
        content_type = self._response.headers.get("content-type", "")
        if self._response.status_code >= 300:
            return False
        async for block in self._blocks:
            self._head.append(block)
            verdict = told(content_type, b"".join(self._head))
            if verdict is not None:
                return verdict
        return "text/event-stream" in content_type

    async def read(self) -> bytes:
        """Read what is left, up to a bound."""
        body = b"".join(self._head)
        async for block in self._blocks:
            body += block
            if len(body) > _MAX_ERROR_BODY:
                break
        return body

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the blocks as the network brings them.

        Raises:
            CozeError: If the connection breaks.
        """
        try:
            for block in self._head:
                yield block
            self._head = []
            async for block in self._blocks:
                yield block
        except httpx.HTTPError as error:
            raise connection_error(error, self._config) from error

    async def aclose(self) -> None:
        """Close the connection, or give it back if the body was read to its end.

        A task that does this may be cancelled half-way; then it is to be called again.
        """
        if self._closed:
            return
        try:
            with anyio.CancelScope(shield=True):
                await self._response.aclose()
                await self._finish_reading()
            self._closed = True
        finally:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.streams -= 1

    async def _finish_reading(self) -> None:
        """Let the HTTP library's generators, one inside the other, see that the body is closed.

        Left to the garbage collector they would be finalized later, in another task.
        """
        with (
            anyio.move_on_after(_FINISH_SECONDS),
            # RuntimeError: another task is reading just now; its read ends by itself.
            contextlib.suppress(httpx.HTTPError, httpx.StreamError, RuntimeError),
        ):
            async for _ in self._blocks:
                continue
