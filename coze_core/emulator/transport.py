"""The emulator without a socket: an httpx transport of both kinds that truly streams."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import anyio
import httpx

from coze_core.emulator._faults import ConnectionCut
from coze_core.emulator._http import Request, Response

T = TypeVar("T")
Submit = Callable[[Coroutine[Any, Any, T]], "concurrent.futures.Future[T]"]


class EmulatorTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries requests to an emulator in the same process, for blocking and awaiting clients.

    Args:
        submit: Runs a coroutine on the emulator's event loop.
        handle: Answers one request, on that loop.

    Example:
        >>> with Emulator() as emulator:
        ...     client = CozeClient(emulator.token, transport=emulator.transport())
    """

    def __init__(
        self,
        submit: Callable[[Coroutine[Any, Any, Any]], concurrent.futures.Future[Any]],
        handle: Callable[[Request], Coroutine[Any, Any, Response]],
    ) -> None:
        self._submit = submit
        self._handle = handle

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a blocking client."""
        asked = _request(request, request.read())
        return self._response(self._submit(self._handle(asked)).result())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an awaiting client."""
        asked = _request(request, await request.aread())
        return self._response(await _outcome(self._submit(self._handle(asked))))

    def _response(self, response: Response) -> httpx.Response:
        if response.blocks is None:
            return httpx.Response(
                response.status, headers=dict(response.headers), content=response.body
            )
        stream = _Body(self._submit, response.blocks)
        return httpx.Response(response.status, headers=dict(response.headers), stream=stream)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose blocks are made on the emulator's loop and taken here."""

    def __init__(
        self,
        submit: Callable[[Coroutine[Any, Any, Any]], concurrent.futures.Future[Any]],
        blocks: AsyncIterator[bytes],
    ) -> None:
        self._submit = submit
        self._blocks = blocks

    async def _next(self) -> bytes | None:
        return await anext(self._blocks, None)

    async def _close(self) -> None:
        close = getattr(self._blocks, "aclose", None)
        if close is not None:
            await close()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                block = self._submit(self._next()).result()
            except ConnectionCut as cut:
                raise _broken(cut) from None
            if block is None:
                return
            yield block

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                block = await _outcome(self._submit(self._next()))
            except ConnectionCut as cut:
                raise _broken(cut) from None
            if block is None:
                return
            yield block

    def close(self) -> None:
        """Go away, as a client that closes its connection."""
        self._submit(self._close()).result()

    async def aclose(self) -> None:
        """Go away, as a client that closes its connection."""
        with anyio.CancelScope(shield=True):
            await _outcome(self._submit(self._close()))


def _broken(cut: ConnectionCut) -> httpx.TransportError:
    if cut.reset:
        return httpx.ReadError("connection reset")
    return httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def _request(request: httpx.Request, body: bytes) -> Request:
    return Request(
        method=request.method,
        path=request.url.path,
        query=dict(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
    )


async def _outcome(future: concurrent.futures.Future[T]) -> T:
    """Await a future of another thread, under asyncio or trio."""
    done = anyio.Event()
    wake = _waker(done)

    def finished(_: concurrent.futures.Future[T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop that waited has ended
            wake()

    future.add_done_callback(finished)
    try:
        await done.wait()
    except BaseException:
        future.cancel()
        raise
    return future.result()


def _waker(done: anyio.Event) -> Callable[[], object]:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        token = sys.modules["trio"].lowlevel.current_trio_token()
        return lambda: token.run_sync_soon(done.set)
    return lambda: loop.call_soon_threadsafe(done.set)
