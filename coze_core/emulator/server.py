"""The emulator on a socket: HTTP/1.1 with true chunked streams."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from coze_core.emulator._faults import ConnectionCut
from coze_core.emulator._http import Request, Response

Handler = Callable[[Request], Awaitable[Response]]
_READ: Final = 65536
_BACKLOG: Final = 4096
_MAX_UPLOAD: Final = 513 * 1024 * 1024
_MAX_JSON: Final = 15 * 1024 * 1024  # protocol notes, section 8.3


class _TooLarge(Exception):  # noqa: N818 - a signal within this file
    """The body of a request is larger than the server takes."""


class Server:
    """Listens on a socket and answers with a handler.

    Args:
        handle: Answers one request.
        tls: The certificate to show; None for plain HTTP.
    """

    def __init__(self, handle: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handle = handle
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(
            self._connected, host, port, backlog=_BACKLOG, ssl=self._tls
        )
        listening: tuple[str, int] = self._server.sockets[0].getsockname()
        return listening[1]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, h11.RemoteProtocolError):
            await _Connection(reader, writer, self._handle).serve()
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            await writer.wait_closed()


class _Connection:
    """One connection and its requests, one after another."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handle = handle
        self._http = h11.Connection(h11.SERVER)
        self._headers_only = False  # the request is a HEAD
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def serve(self) -> None:
        while True:
            try:
                request = await self._request()
            except h11.RemoteProtocolError:  # not HTTP, such as a TLS handshake
                headers = {"content-type": "text/plain", "connection": "close"}
                await self._send_whole(Response(400, headers, b"400 Bad Request"))
                return
            except _TooLarge:
                body = b'{"code":4000,"msg":"the request body is too large"}'
                headers = {"content-type": "application/json", "connection": "close"}
                await self._send_whole(Response(413, headers, body))
                return
            if request is None:
                return
            response = await self._handle(request)
            if response.blocks is None:
                await self._send_whole(response)
            elif not await self._send_stream(response):
                return
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _request(self) -> Request | None:
        head: h11.Request | None = None
        body: list[bytes] = []
        size = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(_READ))
            elif isinstance(event, h11.Request):
                head = event
                self._headers_only = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > _limit(head):
                    raise _TooLarge
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return None if head is None else _request(head, b"".join(body))
            else:  # the connection was closed
                return None

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def _send_whole(self, response: Response) -> None:
        headers = [*response.headers.items(), ("content-length", str(len(response.body)))]
        self._writer.write(
            (self._http.send(h11.Response(status_code=response.status, headers=headers)) or b"")
            + (b"" if self._headers_only else self._http.send(h11.Data(data=response.body)) or b"")
            + (self._http.send(h11.EndOfMessage()) or b"")
        )
        await self._writer.drain()

    async def _send_stream(self, response: Response) -> bool:
        """Send blocks as they come; return whether the connection can go on."""
        headers = [*response.headers.items(), ("transfer-encoding", "chunked")]
        await self._send(h11.Response(status_code=response.status, headers=headers))
        if response.blocks is None:
            return False
        sending = asyncio.ensure_future(self._send_blocks(response.blocks))
        # A client that goes away ends the sending, even while there is nothing to send.
        watching = asyncio.ensure_future(self._reader.read(_READ))
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                return False
            sending.result()
            if watching.done():  # the next request has come already
                self._http.receive_data(watching.result())
            return True
        except ConnectionCut as cut:
            self._cut(reset=cut.reset)
            return False
        finally:
            await _ended(sending, watching)

    async def _send_blocks(self, blocks: AsyncIterator[bytes]) -> None:
        try:
            async for block in blocks:
                if block:
                    await self._send(h11.Data(data=block))
            await self._send(h11.EndOfMessage())
        finally:
            close = getattr(blocks, "aclose", None)
            if close is not None:
                await close()

    def _cut(self, *, reset: bool) -> None:
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if reset and sock is not None:
            linger = struct.pack("ii", 1, 0)  # closing then sends RST
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if reset:
            self._writer.transport.abort()
        else:
            self._writer.close()


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _limit(head: h11.Request | None) -> int:
    kinds = [] if head is None else [v for n, v in head.headers if n == b"content-type"]
    return _MAX_UPLOAD if any(kind.startswith(b"multipart/") for kind in kinds) else _MAX_JSON


def _request(head: h11.Request, body: bytes) -> Request:
    parts = urlsplit(head.target.decode("ascii", "replace"))
    return Request(
        method=head.method.decode(),
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.decode(): value.decode("latin-1") for name, value in head.headers},
        body=body,
    )
