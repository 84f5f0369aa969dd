"""The open bodies of streamed replies, blocking and awaiting.

They stand side by side, in the same order, so that a difference between them is a visible one.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from typing import Any, Final

import anyio
import httpx

from coze_core._call import is_event_stream
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
        on_close: Called when it is closed, maybe more than once.
    """

    def __init__(self, response: httpx.Response, config: ClientConfig) -> None:
        self.hold = Hold(_socket_of(response))
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Held(response.stream, self.hold)
        self._response = response
        self._config = config
        self._blocks = response.iter_raw() if is_plain(response) else response.iter_bytes()
        self._head: list[bytes] = []
        self._reading: Generator[bytes, None, None] | None = None
        self.on_close: Callable[[], None] = lambda: None

    def is_stream(self) -> bool:
        """Whether this is an event stream: by its type, then by its first bytes."""
        content_type = self._response.headers.get("content-type", "")
        if self._response.status_code >= 300:
            return False
        for block in self._blocks:
            self._head.append(block)
            verdict = is_event_stream(content_type, b"".join(self._head))
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
        self._reading = self._each_block()
        return self._reading

    def _each_block(self) -> Generator[bytes, None, None]:
        try:
            yield from self._head
            self._head = []
            yield from self._blocks
        except httpx.HTTPError as error:
            raise connection_error(error, self._config) from error

    def end(self) -> None:
        """Close the connection from any thread; one that is reading it finds it ended."""
        self.hold.end()
        # Not closed under a thread that reads: the number of the socket would be free for another
        # one, and that thread would read there. It closes the body itself.
        if not (self.hold.can_end and self._is_read()):
            self.close()

    def _is_read(self) -> bool:
        """Whether a thread is reading just now."""
        reading = self._reading
        return reading is not None and inspect.getgeneratorstate(reading) == inspect.GEN_RUNNING

    def close(self) -> None:
        """Close the connection, or give it back if the body was read to its end."""
        self._response.close()
        self.on_close()


def _socket_of(response: httpx.Response) -> Any:
    """Return the socket underneath, or None where there is none of its own."""
    stream = response.extensions.get("network_stream")
    if stream is None or response.http_version == "HTTP/2":
        return None
    return stream.get_extra_info("socket")


class AsyncBody:
    """The open body of a streamed reply."""

    def __init__(self, response: httpx.Response, config: ClientConfig, pool: Pool) -> None:
        self._response = response
        self._config = config
        self._blocks = response.aiter_raw() if is_plain(response) else response.aiter_bytes()
        self._head: list[bytes] = []
        self._pool: Pool | None = pool

    def at_loop_end(self, last_words: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Have this done if the event loop ends before the function returned here is called."""
        if self._pool is None:
            return lambda: None
        self._pool.last_words.add(last_words)
        return functools.partial(self._pool.last_words.discard, last_words)

    async def is_stream(self) -> bool:
        """Whether this is an event stream: by its type, then by its first bytes."""
        content_type = self._response.headers.get("content-type", "")
        if self._response.status_code >= 300:
            return False
        async for block in self._blocks:
            self._head.append(block)
            verdict = is_event_stream(content_type, b"".join(self._head))
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
        """Close the connection, or give it back if the body was read to its end."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            with anyio.CancelScope(shield=True):
                await self._response.aclose()
                await self._finish_reading()
        finally:
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
