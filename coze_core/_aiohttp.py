"""An HTTP transport over aiohttp, for event loops of asyncio that carry many streams.

The pool of httpcore costs more for each request the more connections it has; aiohttp's does not,
and it parses in C. This is a transport as the HTTP library defines them, so all else stays as it
is. Nothing here is imported unless it is chosen (`_engine.py`), because aiohttp is an extra.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final, Literal

import aiohttp
import httpx
from yarl import URL

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


class _Connector(aiohttp.TCPConnector):
    def __del__(self) -> None:  # type: ignore[override]
        """Say nothing of connections that are still open."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends requests with aiohttp, on the event loop that it is first used on.

    Args:
        context: The TLS settings; False where nothing is encrypted.

    Raises:
        httpx.TransportError: From a request, as the HTTP library's own transports do.
    """

    def __init__(self, context: ssl.SSLContext | Literal[False]) -> None:
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._bodies: weakref.WeakSet[AiohttpBody] = weakref.WeakSet()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the body of the response is read as it comes."""
        timeouts = request.extensions.get("timeout", {})
        reading = timeouts.get("read")
        large = _in_pieces(request)
        if large is None:
            with _in_their_words():
                response = await self._send(request, timeouts, request.content or None)
        else:
            response = await self._send_large(request, timeouts, large)
        body = AiohttpBody(response, reading)
        self._bodies.add(body)
        return httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=body,
            extensions={"http_version": b"HTTP/1.1", "blocks": body},
        )

    async def _send(
        self,
        request: httpx.Request,
        timeouts: Mapping[str, float | None],
        content: bytes | AsyncIterator[bytes] | None,
    ) -> aiohttp.ClientResponse:
        waits = (timeouts.get("connect"), timeouts.get("read"))
        return await self._open().request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=request.headers.multi_items(),
            data=content,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=waits[0], sock_read=waits[1]),
        )

    async def _send_large(
        self,
        request: httpx.Request,
        timeouts: Mapping[str, float | None],
        pieces: AsyncIterator[bytes],
    ) -> aiohttp.ClientResponse:
        """Send a body of many pieces, of which the server takes each in time: aiohttp waits."""
        with _in_their_words():
            try:
                async with asyncio.timeout(None) as writing:
                    timed = _timed(pieces, writing, timeouts.get("write"))
                    return await self._send(request, timeouts, timed)
            except TimeoutError:
                if writing.expired():
                    raise httpx.WriteTimeout("the request was not taken in time") from None
                raise

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = _Connector(
                limit=0,  # as many as there are streams
                keepalive_timeout=_KEEPALIVE_SECONDS,
                ssl=self._context,
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


def _in_pieces(request: httpx.Request) -> AsyncIterator[bytes] | None:
    """Return the body piece by piece, or None if it is small enough to be sent at once."""
    try:
        content = request.content
    except httpx.RequestNotRead:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise
        return aiter(request.stream)
    return _pieces(content) if len(content) > _PIECE else None


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]


async def _timed(
    pieces: AsyncIterator[bytes], writing: asyncio.Timeout, seconds: float | None
) -> AsyncIterator[bytes]:
    """Hand the pieces over; the server may take this long for each."""
    loop = asyncio.get_running_loop()
    async for piece in pieces:
        if seconds is not None:
            writing.reschedule(loop.time() + seconds)
        yield piece
    writing.reschedule(None)


class AiohttpBody(httpx.AsyncByteStream):
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
