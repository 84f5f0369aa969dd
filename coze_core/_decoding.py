"""Bytes of one chat stream in, chat events out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Protocol

from coze_core._errors import ProtocolError
from coze_core._events import MessageDelta
from coze_core._mending import Mender, PieceOf
from coze_core._reader import AnyChatEvent, ChatEventReader
from coze_core._sse import ServerSentEvent, SSEDecoder

# A line with an id behind another line: the line end before it goes with it.
_ID_LINE: Final = re.compile(rb"\nid:[^\n]*(?=\n)")
_LINES: Final = 3  # of an event without its number, the empty one included


class Reader(Protocol):
    """What turns server-sent events of one version of the API into chat events."""

    @property
    def piece_of(self) -> PieceOf:
        """What finds the pieces of messages in them, to join characters cut between two."""

    def read_run(self, block: bytes) -> tuple[list[MessageDelta], int]:
        """Return the deltas that a block begins with, and how many bytes they took."""

    def read_into(self, read: list[AnyChatEvent], frames: Iterable[ServerSentEvent]) -> None:
        """Add the chat events of these frames, up to one that cannot be read."""


class ChatEventDecoder:
    r"""Incremental decoder of one chat stream; feed it blocks, take typed chat events.

    The client reads its own streams with it; for bytes that came another way, such as a recording.

    Args:
        reader: What reads the events; by default those of version 3 (protocol notes, section 3).

    Attributes:
        failure: Why it cannot go on, once that is so: the next `feed` or `close` raises it.

    Raises:
        ProtocolError: From `feed` and `close`, when an event cannot be read or is too large.
            What came before it is returned first.

    Example:
        >>> decoder = ChatEventDecoder()
        >>> start = b'event:conversation.message.delta\ndata:{"id":"1","type":"answer","content":"'
        >>> decoder.feed(start)
        []
        >>> [event.content for event in decoder.feed(b'Hel"}\n\n' + start + b'lo"}\n\n')]
        ['Hel', 'lo']
        >>> decoder.close()
        []
    """

    __slots__ = ("_frames", "_ids", "_mender", "_reader", "failure")

    def __init__(self, reader: Reader | None = None) -> None:
        self.failure: ProtocolError | None = None
        self._frames = SSEDecoder()
        self._ids = False  # events begin with a line that numbers them
        self._reader: Reader = ChatEventReader() if reader is None else reader
        self._mender = Mender(self._reader.piece_of)

    def feed(self, block: bytes) -> list[AnyChatEvent]:
        """Take the next bytes of the stream and return every event they complete."""
        self._check()
        read, run = self.read(block)
        if not read and not run:
            self._check()
        return [*read, *run]

    def close(self) -> list[AnyChatEvent]:
        """Say that the stream has ended and return the event that was pending, if any."""
        self._check()
        read = self._readable(self._frames.close())
        self._check()
        self._reader.read_into(read, self._mender.finish())
        return read

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def read(self, block: bytes) -> tuple[list[AnyChatEvent], list[MessageDelta]]:
        """Take the next bytes; what is wrong with them is told by `failure` only.

        Returns:
            The events they complete: first any, then deltas of one message in a row.
        """
        frames = self._frames
        block = frames.plain(block)
        if self._ids or block[:3] == b"id:":
            block = self._without_ids(block)
        begun: list[AnyChatEvent] = []
        if frames.pending:
            cut = block.find(b"\n\n") + 2
            if not 1 < cut < len(block):
                return self._events(block), []
            # The rest of an event that the last block began; what follows may be a run.
            begun = self._events(block[:cut])
            if self.failure is not None:
                return begun, []
            block = block[cut:]
        # What follows half a character is not read by itself.
        run, used = ([], 0) if self._mender.halves else self._reader.read_run(block)
        if not used:
            return begun + self._events(block), []
        if used < len(block):
            self._events(block[used:])  # none is complete
        return begun, run

    def _without_ids(self, block: bytes) -> bytes:
        """Take out the lines that number events: no chat event has a number (section 3.1).

        The deltas of one read can then be split in one pass. A line that the block cuts stays.
        """
        if not self._frames.pending and block[:3] == b"id:":
            self._ids = True
            block = block[block.find(b"\n") + 1 :]
        # One event has no second number; to count its lines is quicker than to look for one.
        if self._ids and block.count(b"\n") > _LINES:
            block = _ID_LINE.sub(b"", block)
        return block

    def _events(self, block: bytes) -> list[AnyChatEvent]:
        try:
            frames = self._frames.feed_plain(block)
        except ProtocolError as error:
            self.failure = error
            return []
        return self._readable(frames)

    def _readable(self, frames: list[ServerSentEvent]) -> list[AnyChatEvent]:
        """Read events up to one that cannot be read; what only has broken characters can be."""
        read: list[AnyChatEvent] = []
        mended = bool(self._mender.halves)
        rest = iter(self._mender.mend(frames) if mended else frames)
        try:
            self._reader.read_into(read, rest)
        except ProtocolError as error:
            self.failure = error
        if self.failure is None or mended:
            return read
        left = list(rest)  # and the one before these is at fault
        frames = self._mender.mend(frames[len(frames) - len(left) - 1 :])
        try:
            self._reader.read_into(read, frames)
        except ProtocolError as error:
            self.failure = error
        else:
            self.failure = None
        return read
