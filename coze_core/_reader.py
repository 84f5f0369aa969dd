"""Server-sent events in, chat events out.

The reader has one trick (about half the cost of a stream): the deltas of one message differ in
one text only, so once two agree on the bytes around it, further ones are read by comparing those
bytes instead of parsing JSON. A template is used only after a full parse has proved what it means,
and any quote or backslash in the text falls back to the full parse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from pydantic_core import from_json

from coze_core import _events as events
from coze_core._characters import json_of
from coze_core._errors import ProtocolError
from coze_core._sse import ServerSentEvent

AnyChatEvent: TypeAlias = events.ChatEvent | events.MessageDelta

_DELTA: Final = "conversation.message.delta"
_HEAD: Final = b"event:conversation.message.delta\ndata:"
_KEY: Final = b'"content":"'
_MAX_MISSES: Final = 16  # a stream whose deltas differ elsewhere gets no more templates

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

    Raises:
        ProtocolError: from `read`, when an event that matters does not hold what it must.
    """

    __slots__ = ("_between", "_frame", "_head", "_misses", "_prefix", "_suffix", "_tail")

    def __init__(self) -> None:
        self._head: bytes | None = None  # of a whole event, up to its text
        self._tail = b""
        self._between = ""
        self._prefix: bytes | None = None
        self._suffix = b""
        self._frame: events.DeltaFrame | None = None
        self._misses = 0

    def read_run(self, block: bytes) -> tuple[list[events.MessageDelta], int]:
        """Read a block that is nothing but further deltas of the message in progress.

        The same outcome as decoding it frame by frame, in one pass over the bytes.

        Args:
            block: Bytes that begin with an event.

        Returns:
            The deltas and how many bytes they took; `[], 0` if the block holds anything else.
        """
        head, tail, frame = self._head, self._tail, self._frame
        if head is None or frame is None or not block.startswith(head):
            return [], 0
        end = block.rfind(b"\n\n") + 2
        last = end - len(tail)
        if last < len(head) or not block.startswith(tail, last):
            return [], 0
        try:
            plain = run = block[len(head) : last].decode()
        except UnicodeDecodeError:
            return [], 0  # the slow way says which event it was
        make = events.MessageDelta
        if '"' not in run:  # one event alone: in what stands between two there are quotes
            found = [make(run, "", frame)]
        else:
            # What stands between two texts is always the same; what is left are the texts.
            texts = run.split(self._between)
            plain = "".join(texts)
            if '"' in plain:
                return [], 0
            found = [make(text, "", frame) for text in texts]
        if "\\" in plain or "\n" in plain or "\r" in plain:
            return [], 0
        return found, end

    def read(self, frames: Iterable[ServerSentEvent]) -> list[AnyChatEvent]:
        """Return the chat events of these frames, one for each."""
        read: list[AnyChatEvent] = []
        append, make = read.append, events.MessageDelta
        prefix, suffix, frame = self._prefix, self._suffix, self._frame
        start, tail = len(prefix or b""), len(suffix)
        for sse in frames:
            if sse.event == _DELTA:
                data = sse.data_bytes
                end = len(data) - tail
                if (
                    prefix is not None
                    and frame is not None
                    and end >= start
                    and data.startswith(prefix)
                    and data.endswith(suffix)
                ):
                    text = data[start:end]
                    if b'"' not in text and b"\\" not in text:
                        try:
                            append(make(text.decode(), "", frame))
                        except UnicodeDecodeError as error:
                            raise _bad_data(sse) from error
                    else:
                        append(_delta(_object(sse)))
                    continue
                fields = _object(sse)
                append(_delta(fields))
                self._learn(data, fields)
                prefix, suffix, frame = self._prefix, self._suffix, self._frame
                start, tail = len(prefix or b""), len(suffix)
            else:
                append(_OTHERS.get(sse.event, _other)(sse))
        return read

    def _learn(self, data: bytes, fields: dict[str, Any]) -> None:
        """Make a template of this delta, if the proof succeeds."""
        self._prefix = self._head = None
        if self._misses >= _MAX_MISSES or fields.get("reasoning_content"):
            return
        self._misses += 1
        start = data.find(_KEY) + len(_KEY)
        content = fields.get("content")
        if start < len(_KEY) or not isinstance(content, str):
            return
        end = data.find(b'"', start)
        prefix, suffix = data[:start], data[end:]
        # The proof: other text put there comes out as `content`, and nothing else changes. It has
        # to be other text: the same would prove any place that happens to hold it.
        other = "?" if content != "?" else "!"
        try:
            proof = from_json(prefix + other.encode() + suffix)
        except ValueError:
            return
        if proof == {**fields, "content": other}:
            self._prefix, self._suffix = prefix, suffix
            self._frame = events.DeltaFrame(fields)
            self._head, self._tail = _HEAD + prefix, suffix + b"\n\n"
            self._between = (self._tail + self._head).decode()


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
