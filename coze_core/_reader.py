"""Server-sent events in, chat events out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from pydantic_core import from_json

from coze_core import _events as events
from coze_core._characters import json_of
from coze_core._errors import ProtocolError
from coze_core._mending import chat_piece
from coze_core._sse import ServerSentEvent
from coze_core._templates import Template

AnyChatEvent: TypeAlias = events.ChatEvent | events.MessageDelta

_DELTA: Final = "conversation.message.delta"
_MAX_MISSES: Final = 16  # a stream whose deltas differ elsewhere gets no more templates
_MIN_HITS: Final = 3  # from which on a template has paid for its making

_CHAT_EVENTS: Final[dict[str, type[events.ChatEvent]]] = {
    "conversation.chat.created": events.ChatCreated,
    "conversation.chat.in_progress": events.ChatInProgress,
    "conversation.chat.completed": events.ChatCompleted,
    "conversation.chat.requires_action": events.ChatRequiresAction,
    "conversation.chat.required_action": events.ChatRequiresAction,
    "conversation.chat.canceled": events.ChatCanceled,
    "conversation.chat.cancelled": events.ChatCanceled,
}
_FAILURES: Final[dict[str, type[events.ChatEvent]]] = {
    "conversation.chat.failed": events.ChatFailed,
    "conversation.chat.expired": events.ChatFailed,
    "conversation.error": events.ErrorEvent,
    "error": events.ErrorEvent,
    "Error": events.ErrorEvent,
}
_MESSAGES: Final[dict[str, type[events.MessageCompleted]]] = {
    "answer": events.AnswerCompleted,
    "": events.AnswerCompleted,
    "function_call": events.FunctionCallCompleted,
    "tool_response": events.ToolResponseCompleted,
    "tool_output": events.ToolResponseCompleted,
    "verbose": events.VerboseCompleted,
    "knowledge": events.KnowledgeCompleted,
    "follow_up": events.FollowUpCompleted,
}
_DONE_NAMES: Final = frozenset({"done", "conversation.stream.done"})
_DONE_DATA: Final = frozenset({b"[DONE]", b'"[DONE]"'})


class ChatEventReader:
    """Turns the server-sent events of one v3 chat stream into chat events.

    Attributes:
        piece_of: Finds the pieces of messages in them.

    Raises:
        ProtocolError: from `read`, when an event that matters does not hold what it must.
    """

    __slots__ = ("_misses", "_template", "piece_of")

    def __init__(self) -> None:
        self.piece_of = chat_piece
        self._template: Template | None = None
        self._misses = 0

    def read_run(self, block: bytes) -> tuple[list[events.MessageDelta], int]:
        """Read a block that is nothing but further deltas of the message in progress.

        Args:
            block: Bytes that begin with an event, lines ending with LF.

        Returns:
            The deltas and how many bytes they took; `[], 0` if the block holds anything else.
        """
        template = self._template
        return ([], 0) if template is None else template.read_run(block)

    def read(self, frames: Iterable[ServerSentEvent]) -> list[AnyChatEvent]:
        """Return the chat events of these frames, one for each."""
        read: list[AnyChatEvent] = []
        self.read_into(read, frames)
        return read

    def read_into(self, read: list[AnyChatEvent], frames: Iterable[ServerSentEvent]) -> None:
        """Add the chat events of these frames; those before one that cannot be read stay added."""
        for sse in frames:
            name = sse.event
            read.append(self._delta(sse) if name == _DELTA else _OTHERS.get(name, _other)(sse))

    def _delta(self, sse: ServerSentEvent) -> events.MessageDelta:
        template = self._template
        if template is not None:
            delta = template.read(sse.data_bytes)
            if delta is not None:
                return delta
        fields = _object(sse)
        if self._misses < _MAX_MISSES:
            self._learn(sse.data_bytes, fields)
        return _delta(fields)

    def _learn(self, data: bytes, fields: dict[str, Any]) -> None:
        """Make a template of this delta, unless that has been in vain too often."""
        paid = self._template is not None and self._template.hits >= _MIN_HITS
        self._misses = misses = 0 if paid else self._misses + 1
        if misses >= _MAX_MISSES:
            self._template = None
        elif not misses & (misses - 1):  # 1, 2, 4, 8: it takes as long as reading five deltas
            self._template = Template.of(data, fields)


def _delta(fields: dict[str, Any]) -> events.MessageDelta:
    content = fields.get("content")
    reasoning = fields.get("reasoning_content")
    return events.MessageDelta(
        content if isinstance(content, str) else "",
        reasoning if isinstance(reasoning, str) else "",
        events.DeltaFrame(fields),
    )


def _object(sse: ServerSentEvent) -> dict[str, Any]:
    try:
        fields = from_json(sse.data_bytes)
    except ValueError as error:
        raise _bad_data(sse) from error
    if not isinstance(fields, dict):
        raise _bad_data(sse)
    return fields


def _bad_data(sse: ServerSentEvent) -> ProtocolError:
    return ProtocolError(
        f"the event {sse.event!r} does not hold a JSON object: {sse.data[:200]!r}",
        hint_en="Is base_url a Coze server? A proxy may have changed the stream.",
        hint_zh="请确认 base_url 指向扣子服务；中间代理可能改写了数据流。",
    )


def _tolerant(sse: ServerSentEvent) -> Mapping[str, Any]:
    try:
        fields = json_of(sse.data_bytes)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _completed(sse: ServerSentEvent) -> events.ChatEvent:
    fields = _object(sse)
    return message_class(str(fields.get("type") or ""))(sse.event, sse.data_bytes, fields)


def message_class(kind: str) -> type[events.MessageCompleted]:
    """Return the event class of a whole message of this type."""
    return _MESSAGES.get(kind, events.MessageCompleted)


def _audio(sse: ServerSentEvent) -> events.ChatEvent:
    return events.AudioDelta(sse.event, sse.data_bytes, _object(sse))


def _strict(sse: ServerSentEvent) -> events.ChatEvent:
    return _CHAT_EVENTS[sse.event](sse.event, sse.data_bytes, _object(sse))


def _failure(sse: ServerSentEvent) -> events.ChatEvent:
    return _FAILURES[sse.event](sse.event, sse.data_bytes, _tolerant(sse))


def _other(sse: ServerSentEvent) -> events.ChatEvent:
    data = sse.data_bytes
    name = sse.event
    if name.lower() in _DONE_NAMES or data.strip() in _DONE_DATA:
        return events.StreamDone(name, data, {})
    if name.lower() == "ping":
        return events.Ping(name, data, {})
    fields = _tolerant(sse)
    # A frame without a name that holds an error envelope is an error all the same.
    if not name and ("code" in fields or "error" in fields) and fields.get("code") != 0:
        return events.ErrorEvent(name, data, fields)
    return events.UnknownEvent(name, data, fields)


_OTHERS: Final[dict[str, Callable[[ServerSentEvent], events.ChatEvent]]] = {
    "conversation.message.completed": _completed,
    "conversation.audio.delta": _audio,
    **dict.fromkeys(_CHAT_EVENTS, _strict),
    **dict.fromkeys(_FAILURES, _failure),
}
