"""Server-sent events: bytes in, events out, and back.

The decoder follows the WHATWG event stream rules with two additions that Coze needs
(protocol notes, section 3.1): an event that is pending when the stream ends is dispatched, and
one event has a size limit. It works on bytes, so a network block may end anywhere, also inside a
UTF-8 character, and lines end at LF, CRLF or CR only, never at U+2028, U+2029, U+0085, VT or FF.
"""

from __future__ import annotations

from typing import Final

from coze_core._errors import ProtocolError

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
_MOST_DIGITS: Final = 19  # Python refuses to read numbers that are far longer
_CR: Final = 13  # a number is found in bytes three times as fast as bytes are
_LINE_ENDS: Final = b"\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_DELTA_NAME: Final = "conversation.message.delta"
_DELTA: Final = b"event:conversation.message.delta\ndata:"
_DELTA_LENGTH: Final = len(_DELTA)


class ServerSentEvent:
    """One decoded frame of an event stream.

    Attributes:
        event: The event name; `""` when the frame has none.
        data_bytes: The data lines joined with LF, still UTF-8 encoded.
        id: The last event id seen so far in the stream, or None.
        retry: The reconnection time in milliseconds of this frame, or None.
    """

    __slots__ = ("data_bytes", "event", "id", "retry")

    def __init__(
        self, event: str, data_bytes: bytes, id: str | None = None, retry: int | None = None
    ) -> None:
        self.event = event
        self.data_bytes = data_bytes
        self.id = id
        self.retry = retry

    @property
    def data(self) -> str:
        """The data as text; bytes that are not UTF-8 become U+FFFD."""
        return self.data_bytes.decode("utf-8", "replace")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServerSentEvent):
            return NotImplemented
        return (self.event, self.data_bytes, self.id, self.retry) == (
            other.event,
            other.data_bytes,
            other.id,
            other.retry,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable value, like a list

    def __repr__(self) -> str:
        return (
            f"ServerSentEvent(event={self.event!r}, data={self.data!r}, "
            f"id={self.id!r}, retry={self.retry!r})"
        )


class SSEDecoder:
    r"""Incremental decoder of one event stream; feed it blocks, take events.

    Args:
        max_event_bytes: The largest single event accepted, in bytes.

    Attributes:
        pending: Blocks of the event that is not complete yet.

    Raises:
        ProtocolError: from `feed` and `close`, when one event grows past `max_event_bytes`. The
            events before it are returned first, and the next call raises it then.

    Example:
        >>> decoder = SSEDecoder()
        >>> decoder.feed(b"event:done")
        []
        >>> [event.event for event in decoder.feed(b"\ndata:x\n\n")]
        ['done']
    """

    __slots__ = ("_after_cr", "_fault", "_head", "_id", "_limit", "_size", "pending")

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        if max_event_bytes < 1:
            raise ValueError("max_event_bytes must be at least 1")
        self._limit = max_event_bytes
        self.pending: list[bytes] = []
        self._size = 0
        self._head: bytes | None = (
            b""  # first bytes of the stream, until the BOM question is settled
        )
        self._after_cr = False  # the last block ended with CR: a leading LF belongs to it
        self._id: str | None = None
        self._fault: ProtocolError | None = None

    def feed(self, block: bytes) -> list[ServerSentEvent]:
        """Take the next bytes of the stream and return every event they complete."""
        return self.feed_plain(self.plain(block))

    def plain(self, block: bytes) -> bytes:
        """Return the next bytes of the stream with LF for every line end, and without a BOM."""
        if self._head is not None:
            block = self._strip_bom(block)
        if self._after_cr or _CR in block:
            block = self._normalize_newlines(block)
        return block

    def feed_plain(self, block: bytes) -> list[ServerSentEvent]:
        """Take what `plain` has returned and return every event it completes."""
        if not block:
            return self._found([])
        pending = self.pending
        if pending:
            joint = pending[-1][-1:] == b"\n" and block[:1] == b"\n"
            if not joint and b"\n\n" not in block:
                self._hold(block)
                return self._found([])
            pending.append(block)
            block = b"".join(pending)
            pending.clear()
        frames = block.split(b"\n\n")
        rest = frames.pop().lstrip(b"\n")  # no event begins with an empty line
        self._size = 0
        found = self._decode(frames) if frames and self._fault is None else []
        if rest:
            self._hold(rest)
        return self._found(found)

    def _found(self, events: list[ServerSentEvent]) -> list[ServerSentEvent]:
        if self._fault is not None and not events:
            raise self._fault
        return events

    def close(self) -> list[ServerSentEvent]:
        """Say that the stream has ended and return the event that was pending, if any.

        Protocol notes, section 3.1: Coze's last event often ends without a blank line.
        """
        block = (self._head or b"") + b"".join(self.pending)
        self._head = None
        self.pending.clear()
        self._size = 0
        return self._found(self._decode([block]) if block else [])

    def _strip_bom(self, block: bytes) -> bytes:
        head = (self._head or b"") + block
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _normalize_newlines(self, block: bytes) -> bytes:
        if not block:
            return block
        if self._after_cr and block[:1] == b"\n":
            block = block[1:]
        if not block:  # that was all of it
            self._after_cr = False
            return block
        last = block[-1]
        self._after_cr = last == _CR
        # Bytes have lines at LF, CRLF and CR only; this takes half the time of two replacements.
        lines = b"\n".join(block.splitlines())
        return lines + b"\n" if last in _LINE_ENDS else lines

    def _hold(self, block: bytes) -> None:
        self._size += len(block)
        if self._size > self._limit:
            self._too_large(self._size)
        elif self._fault is None:
            self.pending.append(block)

    def _too_large(self, size: int) -> None:
        self.pending.clear()  # half of an event is none
        self._fault = self._fault or ProtocolError(
            f"one server-sent event is larger than {self._limit} bytes ({size} so far); "
            "raise max_event_bytes if the bot really sends such events"
        )

    def _decode(self, frames: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        append = events.append
        last_id = self._id
        limit = self._limit
        for frame in frames:
            if len(frame) > limit:
                self._too_large(len(frame))
                break
            # The form of a delta on the cloud and in Studio, which is nearly every event.
            if (
                frame.startswith(_DELTA)
                and frame.find(b"\n", _DELTA_LENGTH) < 0
                and frame[_DELTA_LENGTH : _DELTA_LENGTH + 1] != b" "
            ):
                append(ServerSentEvent(_DELTA_NAME, frame[_DELTA_LENGTH:], last_id))
                continue
            # The form of nearly every other event: one `event` line, one `data` line.
            if frame[:6] == b"event:":
                end = frame.find(b"\n")
                if frame[end + 1 : end + 6] == b"data:" and frame.find(b"\n", end + 1) < 0 < end:
                    name = frame[6:end]
                    data = frame[end + 6 :]
                    events.append(
                        ServerSentEvent(
                            _NAMES.get(name) or _field(name).decode("utf-8", "replace"),
                            data[1:] if data[:1] == b" " else data,
                            last_id,
                        )
                    )
                    continue
            event = self._decode_lines(frame)
            last_id = self._id
            if event is not None:
                events.append(event)
        return events

    def _decode_lines(self, frame: bytes) -> ServerSentEvent | None:
        name = b""
        data: list[bytes] = []
        retry: int | None = None
        for line in frame.split(b"\n"):
            field, colon, value = line.partition(b":")
            if not field and colon:
                continue  # a comment
            value = _field(value)
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value
            elif field == b"id":
                if b"\0" not in value:
                    self._id = value.decode("utf-8", "replace")
            elif field == b"retry" and value.isdigit() and len(value) < _MOST_DIGITS:
                retry = int(value)
        if not data:
            return None
        return ServerSentEvent(name.decode("utf-8", "replace"), b"\n".join(data), self._id, retry)


def _field(value: bytes) -> bytes:
    return value[1:] if value[:1] == b" " else value


# Decoded once: the names that make up nearly all of a stream.
_NAMES: Final[dict[bytes, str]] = {
    prefix + name.encode(): name
    for prefix in (b"", b" ")
    for name in ("conversation.message.delta", "conversation.message.completed", "done")
}


def encode_event(
    event: str | None,
    data: str | None,
    *,
    id: str | None = None,
    space: bool = False,
    newline: str = "\n",
) -> bytes:
    r"""Encode one server-sent event, blank line included.

    Args:
        event: The event name, or None for no `event` line.
        data: The data; every LF starts a further `data` line. None for no `data` line.
        id: The event id, or None for no `id` line. It stands first, as Coze's workflows send it.
        space: Whether one space follows each colon.
        newline: The line end: LF, CRLF or CR.

    Example:
        >>> encode_event("done", '"[DONE]"')
        b'event:done\ndata:"[DONE]"\n\n'
    """
    colon = ": " if space else ":"
    lines = []
    if id is not None:
        lines.append(f"id{colon}{id}")
    if event is not None:
        lines.append(f"event{colon}{event}")
    if data is not None:
        lines.extend(f"data{colon}{line}" for line in data.split("\n"))
    return (newline.join(lines) + newline * 2).encode()
