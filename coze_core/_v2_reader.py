"""Server-sent events of the old version 2 in, the same chat events out.

Protocol notes, section 9.3. The frames have no name: each one's JSON says what it is. Messages are
numbered by `index` and have no ids. Whatever the form on the wire, from here on there is one way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import from_json

from coze_core import _events as events
from coze_core._errors import ProtocolError
from coze_core._mending import v2_piece
from coze_core._reader import AnyChatEvent, message_class
from coze_core._sse import ServerSentEvent

_ANSWERS: Final = frozenset({"answer", ""})


class V2EventReader:
    """Turns the server-sent events of one v2 chat stream into chat events.

    Attributes:
        piece_of: Finds the pieces of messages in them.

    Raises:
        ProtocolError: from `read`, when an event does not hold what it must.
    """

    __slots__ = ("_begun", "_conversation_id", "_frame", "_index", "_parts", "piece_of")

    def __init__(self) -> None:
        self.piece_of = v2_piece
        self._begun = False
        self._conversation_id: object = None
        # Of the answer in progress: its number, its last frame and its text so far.
        self._index: object = None
        self._frame: events.DeltaFrame | None = None
        self._parts: list[str] = []

    def read_run(self, block: bytes) -> tuple[list[events.MessageDelta], int]:  # noqa: ARG002
        """Read nothing: there is no short cut in this version."""
        return [], 0

    def read(self, frames: Iterable[ServerSentEvent]) -> list[AnyChatEvent]:
        """Return the chat events of these frames; some have two of them, or three."""
        read: list[AnyChatEvent] = []
        self.read_into(read, frames)
        return read

    def read_into(self, read: list[AnyChatEvent], frames: Iterable[ServerSentEvent]) -> None:
        """Add the chat events of these frames; those before one that cannot be read stay added."""
        for sse in frames:
            read += self._events(sse)

    def _events(self, sse: ServerSentEvent) -> list[AnyChatEvent]:
        data = sse.data_bytes
        if not data.strip():
            return [events.Ping(sse.event, data, {})]
        fields = _object(data)
        name = str(fields.get("event") or sse.event).lower()
        if name == "message":
            return self._message(data, fields)
        if name == "done":
            # That the chat has completed and that the stream is over are one event here.
            state = {"status": "completed", "conversation_id": self._conversation_id}
            return [
                *self._ended(data),
                events.ChatCompleted(name, data, state),
                events.StreamDone(name, data, fields),
            ]
        if name == "ping":
            return [events.Ping(name, data, fields)]
        if name == "error" or (not name and fields.get("code") not in (None, 0, "0")):
            return [events.ErrorEvent(name, data, _failure(fields))]
        return [events.UnknownEvent(name, data, fields)]

    def _message(self, data: bytes, fields: Mapping[str, Any]) -> list[AnyChatEvent]:
        message = fields.get("message")
        if not isinstance(message, Mapping):
            raise _bad_data(data)
        conversation_id = fields.get("conversation_id")
        message = {**message, "conversation_id": conversation_id}
        found: list[AnyChatEvent] = []
        if not self._begun:
            self._begun, self._conversation_id = True, conversation_id
            state = {"status": "in_progress", "conversation_id": conversation_id}
            found.append(events.ChatInProgress("message", data, state))
        kind = str(message.get("type") or "")
        if kind not in _ANSWERS:
            return [*found, message_class(kind)("message", data, message)]
        index = fields.get("index")
        if index != self._index:
            found += self._ended(data)
            self._index = index
        return [*found, self._answer(data, message, ended=fields.get("is_finish") is True)]

    def _answer(self, data: bytes, message: dict[str, Any], *, ended: bool) -> AnyChatEvent:
        """Return the next piece of the answer in progress; with its last one, all of it."""
        content = message.pop("content", None)
        text = content if isinstance(content, str) else ""
        self._parts.append(text)
        if self._frame is None or self._frame.fields != message:
            self._frame = events.DeltaFrame(message)
        return self._whole(data) if ended else events.MessageDelta(text, "", self._frame)

    def _ended(self, data: bytes) -> list[AnyChatEvent]:
        """Return the answer in progress as a whole, if the server has not ended it itself."""
        return [self._whole(data)] if self._parts else []

    def _whole(self, data: bytes) -> AnyChatEvent:
        text, self._parts = "".join(self._parts), []
        frame, self._frame = self._frame, None
        fields = {**(frame.fields if frame is not None else {}), "content": text}
        return events.AnswerCompleted("message", data, fields)


def _failure(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return code and text of a failure; the text has one of two names."""
    told = fields.get("error_information")
    found = {**fields, **told} if isinstance(told, Mapping) else dict(fields)
    if not found.get("msg") and found.get("err_msg"):
        found["msg"] = found["err_msg"]
    return found


def _object(data: bytes) -> dict[str, Any]:
    try:
        fields = from_json(data)
    except ValueError as error:
        raise _bad_data(data) from error
    if not isinstance(fields, dict):
        raise _bad_data(data)
    return fields


def _bad_data(data: bytes) -> ProtocolError:
    return ProtocolError(
        f"an event is not one of API version 2: {data[:200].decode('utf-8', 'replace')!r}",
        hint_en="Does this server speak v2? Most speak v3: leave protocol= out.",
        hint_zh="请确认该服务使用 v2 协议；通常应为 v3，可不设置 protocol=。",
    )
