"""Open bodies of streamed replies, blocking and awaiting, side by side."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Final

import anyio
import httpx

from coze_core._call import is_event_stream, is_file
from coze_core._config import ClientConfig
from coze_core._http import connection_error, network_errors
from coze_core._loops import Pool
from coze_core._senders import AsyncOpened, Opened
from coze_core._watchdog import Hold

_FINISH_SECONDS: Final = 0.5  # for a closed body to be noticed; it takes no time but by mistake
_MAX_ERROR_BODY: Final = 1 << 20  # bytes; an error page is never that large


class Body:
    """The open body of a streamed reply.

    Attributes:
        hold: Its connection, as long as that is not given back.
    """

    def __init__(self, opened: Opened, config: ClientConfig) -> None:
        self.hold = Hold(opened.socket)
        self._opened = opened
        self._config = config
        self._blocks = opened.blocks
        self._head: list[bytes] = []
        self._reading = threading.RLock()

    def is_stream(self, *, binary: bool = False) -> bool:
        """Whether this is an event stream, or a file: by its type, then by its first bytes."""
        told = is_file if binary else is_event_stream
        content_type = self._opened.headers.get("content-type", "")
        if self._opened.status_code >= 300:
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
        while self._head:
            yield self._head.pop(0)
        blocks, reading = self._blocks, self._reading
        try:
            while True:
                with reading:
                    block = next(blocks, None)
                    if block is None:
                        self._give_back()
                        return
                yield block
                del block  # a generator that waits keeps what it has names for
        except network_errors() as error:
            raise connection_error(error, self._config) from error

    def _give_back(self) -> None:
        self.hold.let_go()  # before the connection can serve others
        self._opened.close()

    def close(self) -> None:
        """Close the connection, or give it back if the body was read to its end."""
        # A read that is under way in another thread has been ended by then. Were its socket closed
        # beforehand, the next connection could get the same number, and the read would go on there.
        alone = self._reading.acquire(timeout=_FINISH_SECONDS)
        try:
            self._give_back()
        finally:
            if alone:
                self._reading.release()


class AsyncBody:
    """The open body of a streamed reply.

    Attributes:
        hold: Its connection, as long as that is not given back.
    """

    def __init__(self, opened: AsyncOpened, config: ClientConfig, pool: Pool) -> None:
        self.hold = Hold(opened.socket)
        self._opened = opened
        self._config = config
        self._blocks = opened.blocks
        self._head: list[bytes] = []
        self._pool: Pool | None = pool
        self._closed = False

    async def is_stream(self, *, binary: bool = False) -> bool:
        """Whether this is an event stream, or a file: by its type, then by its first bytes."""
        told = is_file if binary else is_event_stream
        content_type = self._opened.headers.get("content-type", "")
        if self._opened.status_code >= 300:
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
            while self._head:
                yield self._head.pop(0)
            async for block in self._blocks:
                yield block
                del block  # a generator that waits keeps what it has names for
        except network_errors() as error:
            raise connection_error(error, self._config) from error

    async def aclose(self) -> None:
        """Close the connection, or give it back if the body was read to its end.

        A task that does this may be cancelled half-way; then it is to be called again.
        """
        if self._closed:
            return
        try:
            with anyio.CancelScope(shield=True):
                self.hold.let_go()  # before the connection can serve others
                await self._opened.aclose()
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
            contextlib.suppress(*network_errors(), httpx.StreamError, RuntimeError),
        ):
            async for _ in self._blocks:
                continue
