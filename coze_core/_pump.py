"""What both kinds of stream have in common: blocks in, increments out, and when it is over.

No I/O here; the streams read blocks and ask this what they mean.
"""

from __future__ import annotations

import abc
import logging
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from coze_core import _events as events
from coze_core._call import Reply
from coze_core._decoding import ChatEventDecoder
from coze_core._errors import (
    APIConnectionError,
    APITimeoutError,
    ChatSupersededError,
    CozeError,
    IncompleteStreamError,
    ProtocolError,
)
from coze_core._flow import Flow
from coze_core._reader import AnyChatEvent
from coze_core._stream_request import StreamRequest
from coze_core._turn import Turn
from coze_core._turn_parts import Increment

Item = TypeVar("Item")  # what a stream is made of

_LOG: Final = logging.getLogger("coze_core")

# How long to wait for the end of a body whose last event has come, so that its connection can be
# used again, in seconds.
DRAIN_SECONDS: Final = 0.25
# How much is read behind that event, in bytes; the last words of a workflow are far shorter. Events
# take some times as much memory as their bytes.
_DRAIN_BYTES: Final = 1 << 20
# How long telling the server to cancel may take, in seconds.
CANCEL_SECONDS: Final = 2.0


class StreamPump(abc.ABC, Generic[Item]):
    """What a stream asks about its blocks, whatever it is made of.

    Attributes:
        over: Whether nothing more will be read.
        failure: To be raised once what came before it is handed out; or None.
        secret: The token the stream was opened with, to be kept out of errors.
    """

    def __init__(self, idle: float, clock: Callable[[], float]) -> None:
        self.over = False
        self.failure: CozeError | None = None
        self.secret = ""
        self._idle = idle
        self._clock = clock
        self._quiet_since: float | None = None
        self._late_bytes = 0

    @property
    @abc.abstractmethod
    def log_id(self) -> str | None:
        """Coze's request id, or None before the stream is open."""

    @log_id.setter
    @abc.abstractmethod
    def log_id(self, value: str | None) -> None: ...

    @property
    @abc.abstractmethod
    def error(self) -> CozeError | None:
        """Why the work has failed, by the server's word; or None."""

    def opening(self, flow: Flow[Reply]) -> Flow[Reply]:
        """Return the flow that opens the stream, as it is to be run."""
        return flow

    def left(self) -> None:
        """Be told that an open stream has been closed, read to its end or not."""

    @abc.abstractmethod
    def feed(self, block: bytes) -> list[Item]:
        """Take a block."""

    @abc.abstractmethod
    def finish(self) -> list[Item]:
        """Say that the body has ended."""

    def late(self, block: bytes | None) -> list[Item]:
        """Take a block that comes behind the event that ends the stream; None for the body's end.

        Some servers end a stream before its last words: they belong to it all the same.
        """
        taken: list[Item] = []
        if block is not None:
            self._late_bytes += len(block)
        try:
            taken = self.finish() if block is None else self.feed(block)
        except CozeError as error:
            self.failure = error
        self.excuse()
        return taken

    def flooded(self) -> bool:
        """Whether so much has come behind the end that the rest is not read."""
        if self._late_bytes < _DRAIN_BYTES:
            return False
        _LOG.warning("over %d bytes came behind the end of a stream; no more is read", _DRAIN_BYTES)
        return True

    def excuse(self) -> None:
        """Let go of what is wrong behind the end: it takes nothing back of what came before."""
        self.over = True
        if self.failure is not None:
            self.failure.hide(self.secret)
            _LOG.warning("what came behind the end of a stream is not read: %s", self.failure)
            self.failure = None

    @abc.abstractmethod
    def broken(self, error: CozeError, *, closed: bool = False) -> CozeError | None:
        """Return what to raise for an error that ended the reading; None if nothing was lost."""

    @abc.abstractmethod
    def identify(self, error: CozeError) -> None:
        """Give an error the ids of this stream, and take the token out of it."""

    @abc.abstractmethod
    def incomplete(self, cause: str = "") -> IncompleteStreamError:
        """Return the error for a stream that was cut."""

    @abc.abstractmethod
    def too_slow(self, seconds: float) -> APITimeoutError:
        """Return the error for a stream that took longer than its deadline."""

    def _no_news(self) -> None:
        """Count the silence.

        Raises:
            APITimeoutError: If there have been only heartbeats for too long.
        """
        now = self._clock()
        if self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since > self._idle:
            raise APITimeoutError(
                f"nothing but heartbeats for {self._idle:g} seconds",
                hint_en="The bot seems stuck; raise Timeouts.idle if it really takes that long.",
                hint_zh="机器人似乎已卡住；若确需更久请调大 Timeouts.idle。",
            )


class Pump(StreamPump[Increment]):
    """One chat stream's decoder, reader and turn."""

    def __init__(self, request: StreamRequest, idle: float, clock: Callable[[], float]) -> None:
        super().__init__(idle, clock)
        self.turn = Turn(chat_id=request.chat_id, conversation_id=request.conversation_id)
        self.superseded = False  # by a newer chat of the same conversation
        self._decoder = ChatEventDecoder(request.reader() if request.reader is not None else None)
        self._cut = False  # the connection broke, so the chat may go on without us

    @property
    def log_id(self) -> str | None:
        """Coze's request id, or None before the stream is open."""
        return self.turn.log_id

    @log_id.setter
    def log_id(self, value: str | None) -> None:
        self.turn.log_id = value

    @property
    def error(self) -> CozeError | None:
        """Why the chat has failed, by the server's word; or None."""
        turn = self.turn
        if self.superseded and turn.status not in {"completed", "requires_action", "failed"}:
            return self._superseded()
        return turn.error

    def feed(self, block: bytes) -> list[Increment]:
        """Take a block; afterwards look at `error`, `over` and `failure`, in this order.

        Raises:
            APITimeoutError: If there have been only heartbeats for too long.
            ChatSupersededError: If a newer chat has taken its place.
        """
        if self.superseded and self._displaced():
            raise self._superseded()
        taken = self._taken(block)
        # The block may be the one that told whom to cancel, and the last one for long.
        if self.superseded and self._displaced():
            self.failure = self.failure or self._superseded()
        return taken

    def _displaced(self) -> bool:
        """Whether a newer chat has ended this one: not if all of it had come, nor while unknown."""
        return bool(self.turn.chat_id) and not self.turn.finished

    def _taken(self, block: bytes) -> list[Increment]:
        events_read, run = self._decoder.read(block)
        if self._decoder.failure is not None:
            self.failure, self._decoder.failure = self._decoder.failure, None
        taken = self._take(events_read) if events_read else []
        if run:
            self._quiet_since = None
            return taken + self.turn.apply_run(run) if taken else self.turn.apply_run(run)
        # The last one tells nearly always; a PING may follow news in the same block.
        if not taken or (
            type(taken[-1][2]) is events.Ping
            and all(type(item[2]) is events.Ping for item in taken)
        ):
            if self.failure is None:
                self._no_news()
        elif self._quiet_since is not None:
            self._quiet_since = None
        return taken

    def finish(self) -> list[Increment]:
        """Say that the body has ended; if the chat had not, `failure` says so."""
        try:
            read = self._decoder.close()
        except ProtocolError as error:  # half an event: the stream was cut inside it
            self.failure = self.incomplete()
            self.failure.__cause__ = error
            return []
        taken = self._take(read)
        turn = self.turn
        if not turn.ended_by and turn.error is None:
            if not turn.finished:
                self.failure = self.incomplete()
                return taken
            turn.ended_by = "eof"
        self.over = True
        return taken

    def broken(self, error: CozeError, *, closed: bool = False) -> CozeError | None:
        """Return what to raise for an error that ended the reading; None if nothing was lost.

        Args:
            error: The error.
            closed: Whether it comes from our own closing, while the stream was being read.
        """
        self.over = True
        error.hide(self.secret)
        turn = self.turn
        if self.superseded and not turn.finished:
            return self._superseded()
        if closed:
            error = self.incomplete("it was closed")
        if isinstance(error, APIConnectionError):
            # All of the chat had come; audio may follow its end (section 10.5), so with audio
            # one cannot know.
            if turn.finished and not turn.audio:
                turn.ended_by = turn.ended_by or "eof"
                return None
            if not isinstance(error, APITimeoutError | IncompleteStreamError):
                error = self.incomplete(str(error.message))
            self._cut = isinstance(error, IncompleteStreamError) and not closed
            error.turn = turn
        self.identify(error)
        return error

    def identify(self, error: CozeError) -> None:
        """Give an error the ids of this chat, where it has none, and take the token out of it."""
        error.log_id = error.log_id or self.turn.log_id
        error.chat_id = error.chat_id or self.turn.chat_id
        error.conversation_id = error.conversation_id or self.turn.conversation_id
        error.hide(self.secret)

    def _superseded(self) -> ChatSupersededError:
        error = ChatSupersededError.of(self.turn.chat_id, self.turn.conversation_id)
        error.turn = self.turn
        self.identify(error)
        return error

    def incomplete(self, cause: str = "") -> IncompleteStreamError:
        """Return the error for a stream that was cut."""
        error = IncompleteStreamError(
            "the stream ended before the chat did" + (f": {cause}" if cause else ""),
            hint_en="What arrived is in .turn"
            + ("; retrieve the chat to see whether it went on." if self.turn.chat_id else "."),
            hint_zh="已收到的内容在 .turn 中"
            + ("；可查询该对话确认其是否继续执行。" if self.turn.chat_id else "。"),
        )
        error.turn = self.turn
        self.identify(error)
        return error

    def too_slow(self, seconds: float) -> APITimeoutError:
        """Return the error for a stream that took longer than its deadline."""
        error = APITimeoutError(
            f"the stream was not over after {seconds:g} seconds",
            hint_en="Raise deadline=, or leave it out.",
            hint_zh="请调大 deadline=，或不设置该参数。",
        )
        error.turn = self.turn
        self.identify(error)
        return error

    @property
    def should_cancel(self) -> bool:
        """Whether the chat may still be running on the server, and is known well enough.

        After a cut it may be running and its answer can still be fetched (section 2.4), so it is
        left alone: nobody has given it up.
        """
        turn = self.turn
        ended = turn.finished or turn.ended_by or turn.error is not None or self._cut
        return not ended and bool(turn.chat_id and turn.conversation_id)

    def _take(self, read: list[AnyChatEvent]) -> list[Increment]:
        turn = self.turn
        apply = turn.apply
        taken: list[Increment] = []
        append = taken.append
        for event in read:
            increment = apply(event)
            if type(event) is events.MessageDelta:  # neither an end nor an error
                append(increment)
                continue
            if turn.error is not None:
                self.over = True
                break
            append(increment)
            if turn.ended_by:  # what stands behind it in the same block is taken as well
                self.over = True
        return taken
