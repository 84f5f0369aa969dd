"""Requests over aiohttp, for event loops of asyncio that carry many streams.

The pool of httpcore costs more for each request the more connections it has; aiohttp's does not,
and it parses in C. Errors and timeouts are those of the HTTP library, so all else stays as it is.
Nothing here is imported unless it is chosen (`_engine.py`), because aiohttp is an extra.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any, Final

import aiohttp
import httpx
from aiohttp.connector import Connection
from multidict import istr
from yarl import URL

from coze_core._call import Call
from coze_core._config import ClientConfig
from coze_core._http import tls_settings
from coze_core._multipart import AsyncForm
from coze_core._requests import Request, Requests
from coze_core._senders import AsyncOpened, aunpacked, lower_headers

_LOG: Final = logging.getLogger("coze_core")
_url = functools.lru_cache(maxsize=256)(functools.partial(URL, encoded=True))
# Of any other name aiohttp keeps two further copies for as long as the response is open.
_name = functools.lru_cache(maxsize=256)(istr)
_KEEPALIVE_SECONDS: Final = 30.0
_PIECE: Final = 65536  # bytes of a request body that are handed over at once
# aiohttp would add these where they are missing; a request says by itself what it wants.
_NOT_BY_ITSELF: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

# aiohttp's errors in the words of the HTTP library; the first that fits counts.
_ERRORS: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (asyncio.TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
)
_TOLD: Final[dict[type[Exception], str]] = {
    aiohttp.ServerDisconnectedError: "the server closed the connection without an answer",
    aiohttp.ClientPayloadError: "the server closed the connection before the end of its answer",
}


@contextlib.contextmanager
def _in_their_words() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:  # a timeout is an OSError
        raise _translated(error) from None


def _translated(error: Exception) -> httpx.TransportError:
    """Return the error as the HTTP library would raise it, not `from` the one that it is.

    What a server sent that is not HTTP may hold the token, so nothing of it is told.
    """
    made = next(made for kind, made in _ERRORS if isinstance(error, kind))
    if made is httpx.RemoteProtocolError:
        return made(_TOLD.get(type(error), "the answer is not HTTP"))
    return made(str(error) or type(error).__name__)


# The transports of the request that is being sent here, if somebody wants to know.
_TRANSPORTS: Final[ContextVar[list[asyncio.BaseTransport] | None]] = ContextVar(
    "coze_transports", default=None
)


class _Connector(aiohttp.TCPConnector):
    async def connect(self, *args: Any, **options: Any) -> Connection:
        """Return a connection."""
        connection = await super().connect(*args, **options)
        told = _TRANSPORTS.get()
        if told is not None and connection.transport is not None:
            told.append(connection.transport)
        return connection

    def __del__(self) -> None:  # type: ignore[override]
        """Say nothing of connections that are still open."""


class OverAiohttp:
    """Sends with aiohttp, on the event loop that it is first used on.

    Args:
        config: The settings of the client.

    Raises:
        httpx.TransportError: From `open`, as the HTTP library's own transports do.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._tls = tls_settings(config)
        self._requests = Requests(config)
        self._session: aiohttp.ClientSession | None = None
        self._bodies: weakref.WeakSet[AiohttpBody] = weakref.WeakSet()

    async def open(self, call: Call, form: AsyncForm | None) -> AsyncOpened:
        """Send a request."""
        request = self._requests.make(call, form)
        large = _in_pieces(request.content)
        if large is None:
            with _in_their_words():
                response = await self._send(request, request.content or None)
        else:
            response = await self._send_large(request, large)
        _LOG.debug("%s %s: %d", call.method, call.path, response.status)
        body = AiohttpBody(response, request.timeouts.get("read"))
        self._bodies.add(body)
        headers = lower_headers(response.headers.items())
        blocks = aunpacked(headers, body)
        return AsyncOpened(response.status, headers, blocks, body.aclose, _Line(response))

    async def _send(self, request: Request, content: Any) -> aiohttp.ClientResponse:
        connect, read = request.timeouts.get("connect"), request.timeouts.get("read")
        return await self._begin().request(
            request.method,
            _url(request.url),
            headers=[(_name(name), value) for name, value in request.headers],
            data=content,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=connect, sock_read=read),
        )

    async def _send_large(
        self, request: Request, pieces: AsyncIterator[bytes]
    ) -> aiohttp.ClientResponse:
        """Send a body of many pieces, of which the server takes each in time.

        aiohttp would wait for ever, and a connection that it closes stays until all is sent.
        """
        transports: list[asyncio.BaseTransport] = []
        _TRANSPORTS.set(transports)
        failures: list[Exception] = []
        try:
            with _in_their_words():
                async with asyncio.timeout(None) as writing:
                    timed = _timed(pieces, writing, request.timeouts.get("write"), failures)
                    return await self._send(request, timed)
        except BaseException as error:
            for transport in transports:
                if isinstance(transport, asyncio.WriteTransport):
                    transport.abort()
            for failure in failures:  # of the file, which aiohttp takes for one of the connection
                raise failure from None
            if isinstance(error, httpx.ReadTimeout) and writing.expired():
                raise httpx.WriteTimeout("the request was not taken in time") from None
            raise
        finally:
            _TRANSPORTS.set(None)

    def _begin(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = _Connector(
                limit=0,  # as many as there are streams
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ssl=self._tls,
                resolver=aiohttp.ThreadedResolver(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),  # the HTTP library has its own
                auto_decompress=False,
                skip_auto_headers=_NOT_BY_ITSELF,
            )
            # Like the HTTP library's own: what nobody closes goes without a word.
            weakref.finalize(self, self._session.detach)
        return self._session

    async def aclose(self) -> None:
        """Close all connections; whoever is reading gets an error."""
        for body in tuple(self._bodies):
            body.end()
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Line:
    """The connection of a response, in the one respect that others use a socket for.

    aiohttp gives a connection back by itself as the end of a body arrives, and it may serve others
    before that end is read. Only on its own loop can one know whose it is.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()

    def shutdown(self, how: int) -> None:  # noqa: ARG002 - as a socket's
        """End the read that is under way, from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError as error:
            raise OSError("the event loop has ended, and its connections with it") from error

    def _end(self) -> None:
        connection = self._response.connection
        if connection is None:
            return
        # Closing alone does not wake whoever is reading.
        self._response.content.set_exception(aiohttp.ServerDisconnectedError())
        connection.close()


def _in_pieces(content: object) -> AsyncIterator[bytes] | None:
    """Return the body piece by piece, or None if it is small enough to be sent at once."""
    if isinstance(content, httpx.AsyncByteStream):
        return aiter(content)
    if isinstance(content, bytes) and len(content) > _PIECE:
        return _pieces(content)
    return None


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


async def _timed(
    pieces: AsyncIterator[bytes],
    writing: asyncio.Timeout,
    seconds: float | None,
    failures: list[Exception],
) -> AsyncIterator[bytes]:
    """Hand the pieces over; the server may take this long for each.

    Args:
        pieces: The pieces.
        writing: Runs while a piece is being taken.
        seconds: How long.
        failures: Takes the error that the pieces end with.
    """
    loop = asyncio.get_running_loop()
    try:
        async for piece in pieces:
            if seconds is not None:
                writing.reschedule(loop.time() + seconds)
            yield piece
            if seconds is not None:
                writing.reschedule(None)  # a slow disk is not the server's
    except Exception as error:
        failures.append(error)
        raise


class AiohttpBody:
    """The body of a response, block by block as the network brings it.

    aiohttp's own timeout runs while nobody reads as well, and what has arrived is lost with it. So
    there is one timer for all of the body, which looks whether a read has been waiting too long.
    """

    def __init__(self, response: aiohttp.ClientResponse, seconds: float | None) -> None:
        self._response = response
        self._content = response.content
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._waiting_since: float | None = None
        self._seen = 0  # bytes that had come when the wait began
        self._failure: httpx.TransportError | None = None
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        connection = response.connection
        if seconds is not None and connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None
            connection.protocol.start_timeout()  # none: this ends the one that is running
            self._timer = self._loop.call_later(seconds, self._look)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if self._ended:
            raise StopAsyncIteration
        self._seen = self._content.total_bytes
        self._waiting_since = self._loop.time()
        try:
            block = await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            block = self._rest(error)
        finally:
            self._waiting_since = None
        if not block:
            self.end()
            raise StopAsyncIteration
        return block

    def _rest(self, error: Exception) -> bytes:
        """Return what came before the error, which is raised by the next read."""
        failure = _translated(error)
        if self._ended:
            raise failure from None
        self._content.set_exception(None)  # type: ignore[arg-type]  # else it gives out nothing
        rest = self._content.read_nowait()
        self.end()
        if not rest:
            raise failure from None
        self._failure = failure
        return rest

    def _look(self) -> None:
        """End a read that has been waiting for too long; look again when another one may have."""
        seconds = self._seconds or 0.0
        since, now = self._waiting_since, self._loop.time()
        if since is None or self._content.total_bytes != self._seen:
            since = now
        if now - since >= seconds:
            self._content.set_exception(aiohttp.SocketTimeoutError("nothing came in time"))
        else:
            self._timer = self._loop.call_later(since + seconds - now, self._look)

    def end(self) -> None:
        """Close the connection, unless the body has been read to its end."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._response.close()

    async def aclose(self) -> None:
        """Close the connection, unless the body has been read to its end."""
        self.end()
