"""What goes over a connection, joined below the HTTP library: chunks read, and a request written.

A server that streams sends each token in an HTTP chunk of its own. The library takes about ten
microseconds for a chunk and one for a further kilobyte, so of many chunks that come together one
is made. The bytes of the body and their order stay as they were. Whatever is not understood here
goes on as it came: the library judges it, and what it refuses it refuses as soon as without this.

A request is written in one go. The library writes its head by itself, which is another packet (with
TLS another record) and costs fifty microseconds.

Blocking and awaiting side by side; what there is to know of HTTP is in `Joiner`, which does no I/O.
"""

from __future__ import annotations

import re
from typing import Any, Final

import httpcore

from coze_core._asyncio_wire import AsyncioBackend
from coze_core._loops import on_asyncio

_MAX_HEAD: Final = 64 * 1024  # bytes that are looked through for the end of a head
_MAX_SIZE: Final = 15  # digits; no chunk and no body is that long
_NO_BODY: Final = frozenset({204, 304})
_END: Final = b"\r\n\r\n"
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")  # as the library takes it, which is less strict
_MAX_COPY: Final = 64 * 1024  # a body that is larger is not copied for the sake of one write


class Joiner:
    r"""Reads the framing of HTTP/1.1 replies, one after the other, and joins their chunks.

    Example:
        >>> joiner = Joiner()
        >>> head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        >>> joiner.feed(head) == head
        True
        >>> joiner.feed(b"1\r\na\r\n2\r\nbc\r\n")
        b'3\r\nabc\r\n'
    """

    __slots__ = ("_held", "_in_chunks", "_left", "_plain")

    def __init__(self) -> None:
        self._plain = False  # something was not understood: all goes on as it comes
        self._in_chunks = False
        self._held = b""  # of a head, or of the line between two chunks
        self._left = 0  # bytes to come of the chunk that is being read, or of a body

    def feed(self, data: bytes) -> bytes:
        """Take what a read has brought; return what the library is to see.

        Nothing is held back but the few bytes of a line between two chunks: the result is empty
        if there was nothing else.
        """
        if self._in_chunks:
            if not self._left and not self._held and _whole_chunk(data):
                return data  # as it came: the library judges it
            return self._chunks(data)
        if self._plain:
            return data
        if self._left:
            return self._known(data)
        return self._head(data)

    def _give_up(self, data: bytes) -> bytes:
        self._plain, self._in_chunks = True, False
        self._held = b""
        return data

    def _known(self, data: bytes) -> bytes:
        """Pass a body whose length is known."""
        self._left -= len(data)
        return data if self._left >= 0 else self._give_up(data)

    def _head(self, data: bytes) -> bytes:
        # All of a head goes on at once; what is held of it is a copy.
        rest = data
        while rest and not self._in_chunks and not self._left:  # interim replies come before one
            held = self._held + rest
            end = held.find(_END)
            if end < 0:
                self._held = held
                return data if len(held) <= _MAX_HEAD else self._give_up(data)
            self._held = b""
            framing = _framing(held[:end])
            if framing is None:
                return self._give_up(data)
            self._in_chunks, self._left = framing
            rest = held[end + len(_END) :]
        return data[: len(data) - len(rest)] + self.feed(rest) if rest else data

    def _chunks(self, data: bytes) -> bytes:
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        at, size = 0, len(data)
        if left := self._left:  # of the chunk that the last read began, with its line end
            if left > 2:
                pieces.append(data[: left - 2])
            if left > size:
                return self._to_come(pieces, data, left)
            if data[left - 2 : left] != b"\r\n":
                return self._broken(pieces, data[left - 2 :])
            at, self._left = left, 0
        while at < size:
            line = data.find(b"\r\n", at)
            length = _length(data[at:line]) if line >= 0 else None
            if length is None:
                if line >= 0 or size - at > _MAX_SIZE + 1:
                    return _chunk(pieces) + self._give_up(data[at:])
                self._held = data[at:]
                break
            if length == 0:
                return _chunk(pieces) + self._last(data[at:])
            start = line + 2
            end = start + length + 2
            if end > size:
                pieces.append(data[start : end - 2])
                return self._to_come(pieces, data, end)
            if data[end - 2 : end] != b"\r\n":
                return self._broken([*pieces, data[start : end - 2]], data[end - 2 :])
            pieces.append(data[start : end - 2])
            at = end
        return _chunk(pieces)

    def _to_come(self, pieces: list[bytes], data: bytes, end: int) -> bytes:
        """Go on with a chunk whose line end, at least, is still to come."""
        begun = data[end - 2 :]  # of its line end
        if begun not in {b"", b"\r"}:
            return self._broken(pieces, begun)
        self._left, self._held = max(end - len(data), 2), begun
        return _chunk(pieces)

    def _broken(self, pieces: list[bytes], rest: bytes) -> bytes:
        """Go on after a chunk that is longer than it said.

        The library stands behind a whole chunk here, and what follows could look like another:
        the line before it is one that cannot begin a chunk.
        """
        return _chunk(pieces) + self._give_up(b"?\r\n" + rest)

    def _last(self, data: bytes) -> bytes:
        """Take the end of a chunked body: an empty chunk, and headers that may follow it."""
        blank = _BLANK_LINE.search(data)
        if blank is None:
            if len(data) > _MAX_HEAD:
                return self._give_up(data)
            self._held = data
            return b""
        self._in_chunks = False
        clean = blank.end() == len(data) and data.endswith(_END)
        return data if clean else self._give_up(data)


def _whole_chunk(data: bytes) -> bool:
    """Whether this is one chunk, as nearly every read brings it where tokens come slowly."""
    line = data.find(b"\r\n")
    try:
        return int(data[:line], 16) == len(data) - line - 4 > 0
    except ValueError:
        return False


def _chunk(pieces: list[bytes]) -> bytes:
    payload = b"".join(pieces)
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""


def _length(text: bytes) -> int | None:
    """Return the length that begins a chunk; None where the library has to look at it."""
    if not text.isalnum() or len(text) > _MAX_SIZE or text[1:2] in {b"x", b"X"}:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None


def _framing(head: bytes) -> tuple[bool, int] | None:
    """Return whether a reply comes in chunks, and how long it is otherwise; None if unknown."""
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    status = rest[:3]
    if version != b"HTTP/1.1" or not status.isdigit() or b"\n" in head.replace(b"\r\n", b""):
        return None
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or (name in headers and name in {b"transfer-encoding", b"content-length"}):
            return None
        headers[name] = value.strip()
    code = int(status)
    coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
    if code == 101:
        return None
    if code < 200 or code in _NO_BODY:
        return False, 0
    if coding is not None:
        return (True, 0) if coding.lower() == b"chunked" else None
    if length is None or not length.isdigit() or len(length) > _MAX_SIZE:
        return None
    return False, int(length)


class Writer:
    r"""Holds what ends like a head until more is written or a reply is read.

    Attributes:
        held: The head.

    Example:
        >>> writer = Writer()
        >>> writer.feed(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
        ()
        >>> writer.feed(b"hi")
        (b'POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi',)
    """

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = b""

    def feed(self, data: bytes = b"") -> tuple[bytes, ...]:
        """Take what is to be written; return what is to be written now.

        Args:
            data: The bytes; nothing means that all of a request has been given.
        """
        held = self.held
        if held:
            self.held = b""
            return (held + data,) if len(data) <= _MAX_COPY else (held, data)
        if data.endswith(_END):
            self.held = data
            return ()
        return (data,) if data else ()


class _Joined(httpcore.NetworkStream):
    """A connection that writes a request in one go, and whose replies have their chunks joined."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._feed = Joiner().feed
        self._writer = Writer()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._writer.held:
            for ready in self._writer.feed():
                self._stream.write(ready, timeout)
        while data := self._stream.read(max_bytes, timeout):
            if joined := self._feed(data):
                return joined
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for ready in self._writer.feed(buffer):
            self._stream.write(ready, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Joined(self._stream.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class JoiningBackend(httpcore.NetworkBackend):
    """Makes such connections."""

    def __init__(self, backend: httpcore.NetworkBackend | None = None) -> None:
        self._backend = backend or httpcore.SyncBackend()

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """Connect to a host."""
        return _Joined(self._backend.connect_tcp(*args, **options))


class _AsyncJoined(httpcore.AsyncNetworkStream):
    """The same, for those who await."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._feed = Joiner().feed
        self._writer = Writer()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._writer.held:
            for ready in self._writer.feed():
                await self._stream.write(ready, timeout)
        while data := await self._stream.read(max_bytes, timeout):
            if joined := self._feed(data):
                return joined
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        for ready in self._writer.feed(buffer):
            await self._stream.write(ready, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _AsyncJoined(await self._stream.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class AsyncJoiningBackend(httpcore.AsyncNetworkBackend):
    """Makes such connections, on whatever loop is running."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._given = backend

    @property
    def _backend(self) -> httpcore.AsyncNetworkBackend:
        if self._given is not None:
            return self._given
        return AsyncioBackend() if on_asyncio() else httpcore.AnyIOBackend()

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        """Connect to a host."""
        return _AsyncJoined(await self._backend.connect_tcp(*args, **options))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)
