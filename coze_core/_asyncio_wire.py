"""Connections of asyncio for the HTTP library's pools, where aiohttp is not installed.

The library stands on anyio, whose streams wake a task several times for one read: that is a third
of the cost of a slow stream. This is the same over a protocol of asyncio's own. Bytes that nobody
has asked for wait here up to a bound; beyond it the server has to wait.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import sys
from collections.abc import Iterable
from typing import Any, Final, cast

import httpcore

_ENOUGH: Final = 64 * 1024  # bytes that nobody has asked for yet


class _Bell:
    """What one task waits for."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, seconds: float | None, error: type[Exception]) -> None:
        """Wait for it; cheaper than asyncio's own timeouts, which cancel the task.

        Args:
            seconds: For how long; None for no bound.
            error: What is raised after that.
        """
        if self._waiting is not None:
            raise httpcore.LocalProtocolError("another task is at this connection")
        loop = asyncio.get_running_loop()
        waiting = self._waiting = loop.create_future()

        def expire() -> None:
            if not waiting.done():
                waiting.set_exception(error())

        timer = None if seconds is None else loop.call_later(seconds, expire)
        try:
            await waiting
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()


class _Wire(asyncio.Protocol):
    """What has come over a connection, and who waits for it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.ended = False
        self.size = 0
        self._error: Exception | None = None
        self._parts: list[bytes] = []
        self._news = _Bell()
        self._room = _Bell()
        self._full = False  # the other side takes nothing more for now
        self._stopped = False  # enough has come

    # -- told by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self.size += len(data)
        if self.size >= _ENOUGH and not self._stopped:
            self._stopped = True
            self.transport.pause_reading()
        self._news.ring()

    def eof_received(self) -> bool:
        self.ended = True
        self._news.ring()
        # What is still to be written is written, but for TLS, which has no half of an end.
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._error = self._error or exc
        self._full = False
        self._news.ring()
        self._room.ring()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._room.ring()

    # -- asked by a task

    async def read(self, most: int, seconds: float | None) -> bytes:
        if not self.size and not self.ended:
            await self._news.wait(seconds, httpcore.ReadTimeout)
        if self.size:
            return self._take(most)
        if self._error is not None:
            raise httpcore.ReadError(str(self._error)) from self._error
        return b""

    def _take(self, most: int) -> bytes:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = [data[most:]] if len(data) > most else []
        data = data[:most]
        self.size -= len(data)
        if self._stopped and self.size < _ENOUGH:
            self._stopped = False
            if not self.transport.is_closing():
                self.transport.resume_reading()
        return data

    async def write(self, data: bytes, seconds: float | None) -> None:
        self._check_open()
        self.transport.write(data)
        if self._full:
            await self._room.wait(seconds, httpcore.WriteTimeout)
            self._check_open()

    def _check_open(self) -> None:
        if self.transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed"))


async def _connected(
    loop: asyncio.AbstractEventLoop, host: str, port: int, seconds: float | None, local: str | None
) -> socket.socket:
    """Return a socket that is connected to one of a host's addresses, tried in turn.

    Each has its time, as for those who block. asyncio can try the next one beside the first, but
    leaves sockets open if it is cancelled meanwhile.
    """
    failed: Exception = httpcore.ConnectError(f"{host} has no address")
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    for family, kind, protocol, _, address in found:
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine has not
            failed = httpcore.ConnectError(str(error))
            continue
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if local is not None:
                sock.bind((local, 0))
            async with asyncio.timeout(seconds):
                await loop.sock_connect(sock, address)
        except TimeoutError as error:
            sock.close()
            failed = httpcore.ConnectTimeout(str(error))
        except OSError as error:
            sock.close()
            failed = httpcore.ConnectError(str(error))
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failed


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, wire: _Wire, transport: asyncio.Transport) -> None:
        self._wire = wire
        self._transport = transport

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._wire.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer:
            await self._wire.write(buffer, timeout)

    async def aclose(self) -> None:
        self._transport.abort()
        await asyncio.sleep(0)  # the loop closes the socket then

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        loop, wire = asyncio.get_running_loop(), self._wire
        try:
            async with asyncio.timeout(timeout):
                found = await loop.start_tls(
                    self._transport, wire, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:  # those of TLS are among them
            self._transport.abort()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            self._transport.abort()
            raise
        if found is None:
            raise httpcore.ConnectError("the connection was closed")
        wire.transport = found
        return _Stream(wire, found)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._is_readable()
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))

    def _is_readable(self) -> bool:
        """Whether something has come, the end of the connection above all."""
        sock = self._transport.get_extra_info("socket")
        if self._wire.ended or self._wire.size or sock is None or sock.fileno() < 0:
            return True
        found: list[Any]
        if sys.platform == "win32":
            found = select.select([sock], [], [], 0)[0]
        else:
            poll = select.poll()  # which takes numbers of files beyond 1,024
            poll.register(sock, select.POLLIN)
            found = poll.poll(0)
        return bool(found)


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """Makes such connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host."""
        loop = asyncio.get_running_loop()
        sock = await _connected(loop, host, port, timeout, local_address)
        try:
            transport, wire = await loop.create_connection(_Wire, sock=sock)
        except BaseException:
            sock.close()
            raise
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return _Stream(wire, transport)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
