"""Typed chat events: what each server-sent event of a v3 chat means.

Protocol notes, sections 3.2 to 3.8. Every event keeps its name and its data; events and message
types nobody has heard of are kept too. Message deltas, which are nearly all of a stream, are
parsed straight from bytes; everything else becomes a wire model when it is asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from pydantic import ValidationError

from coze_core._characters import json_of
from coze_core._errors import ProtocolError
from coze_core._models import Chat, Message, WireModel
from coze_core._values import whole_number

M = TypeVar("M", bound=WireModel)


class ChatEvent:
    """One thing the server said.

    Attributes:
        name: The event's name on the wire.
        fields: The decoded data when it is a JSON object, else an empty mapping.
        raw: The data as text.
    """

    def __init__(self, name: str, data: bytes, fields: Mapping[str, Any]) -> None:
        self.name = name
        self.fields = fields
        self._data = data

    @property
    def raw(self) -> str:
        """The data as the server sent it."""
        return self._data.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.raw[:120]!r})"


class ChatStatusEvent(ChatEvent):
    """An event that carries the chat itself."""

    @cached_property
    def chat(self) -> Chat:
        """The chat as it stands at this event."""
        return _as_model(Chat, self.fields)


class ChatCreated(ChatStatusEvent):
    """The chat exists; its ids are known."""


class ChatInProgress(ChatStatusEvent):
    """The bot is working."""


class ChatCompleted(ChatStatusEvent):
    """The chat ended well; carries the usage on the cloud."""


class ChatRequiresAction(ChatStatusEvent):
    """The chat waits for tool outputs, or for the user's answer to a question."""


class ChatCanceled(ChatStatusEvent):
    """The chat was cancelled."""


class ChatFailed(ChatStatusEvent):
    """The chat failed.

    Two shapes exist (section 3.5): a chat with `last_error`, or a bare `code` and `msg`.
    """

    @property
    def code(self) -> int | None:
        """Coze's error code, or None."""
        error = self.fields.get("last_error")
        return _code(error.get("code") if isinstance(error, Mapping) else None) or _code(
            self.fields.get("code")
        )

    @property
    def message(self) -> str:
        """What went wrong, in the server's words."""
        error = self.fields.get("last_error")
        text = error.get("msg") if isinstance(error, Mapping) else error
        text = None if isinstance(text, Mapping | list) else text
        return str(text or self.fields.get("msg") or "")


class ErrorEvent(ChatEvent):
    """The stream reports an error: JSON, an empty object, or plain text (section 3.5)."""

    @property
    def code(self) -> int | None:
        """Coze's error code, or None."""
        return _code(self.fields.get("code")) or _code(self.fields.get("error_code"))

    @property
    def message(self) -> str:
        """What went wrong, in the server's words."""
        for key in ("msg", "error_message", "message"):
            if self.fields.get(key):
                return str(self.fields[key])
        return "" if self.fields or self.raw.strip() in {"", "{}"} else self.raw


class MessageDelta:
    """A new piece of a message.

    Attributes:
        content: The piece of text.
        reasoning_content: The piece of reasoning.
        message_id: The message it belongs to.
        type: The message's type, such as `answer`.
        content_type: `text` for text.
        is_answer: Whether the content is text of the answer.
        frame: All but the text; one object for the deltas of a message, where that can be.
    """

    __slots__ = ("content", "frame", "reasoning_content")

    name = "conversation.message.delta"

    def __init__(self, content: str, reasoning_content: str, frame: DeltaFrame) -> None:
        self.content = content
        self.reasoning_content = reasoning_content
        self.frame = frame

    @property
    def message_id(self) -> str:
        """The message this belongs to."""
        return self.frame.message_id

    @property
    def type(self) -> str:
        """The message's type."""
        return self.frame.type

    @property
    def content_type(self) -> str:
        """The content's type."""
        return self.frame.content_type

    @property
    def is_answer(self) -> bool:
        """Whether the content is text of the answer."""
        return self.frame.is_answer

    @property
    def fields(self) -> Mapping[str, Any]:
        """The decoded data."""
        fields = {**self.frame.fields, "content": self.content}
        if self.reasoning_content or "reasoning_content" in fields:
            fields["reasoning_content"] = self.reasoning_content
        return fields

    @property
    def message(self) -> Message:
        """The piece as a message."""
        return _as_model(Message, self.fields)

    @property
    def raw(self) -> str:
        """The data as JSON text, re-encoded."""
        return json.dumps(self.fields, ensure_ascii=False)

    def __repr__(self) -> str:
        return f"MessageDelta({self.content!r}, type={self.type!r})"


class DeltaFrame:
    """What the deltas of one message have in common."""

    __slots__ = ("content_type", "fields", "is_answer", "message_id", "type")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.message_id = str(fields.get("id") or "")
        self.type = str(fields.get("type") or "")
        self.content_type = str(fields.get("content_type") or "")
        self.is_answer = is_answer_text(self.type, self.content_type, fields.get("role"))


def is_answer_text(kind: str, content_type: str, role: object) -> bool:
    """Whether a message's content belongs in the answer (section 4.3).

    A missing type counts as `answer`, since everything but an id may be missing (section 12);
    cards and audio are answers too, but not text.
    """
    return (
        kind in {"answer", ""}
        and content_type in {"text", "object_string", ""}
        and (role or "assistant") == "assistant"
    )


class MessageCompleted(ChatEvent):
    """A whole message; one of the classes below when its type is known."""

    @cached_property
    def message(self) -> Message:
        """The message."""
        return _as_model(Message, self.fields)

    @property
    def message_id(self) -> str:
        """The message's id."""
        return str(self.fields.get("id") or "")

    @cached_property
    def _content(self) -> dict[str, Any]:
        content = self.fields.get("content")
        return _json_object(content) if isinstance(content, str) else {}


class AnswerCompleted(MessageCompleted):
    """A whole answer: the truth that the deltas were a preview of (section 3.3)."""

    @property
    def is_text(self) -> bool:
        """Whether the content is text of the answer, not a card or audio."""
        message = self.message
        return is_answer_text(message.type, message.content_type, message.role)


class FunctionCallCompleted(MessageCompleted):
    """The bot calls one of its tools; a local one if `plugin_type` is 6 (section 4.5)."""

    @property
    def tool_name(self) -> str:
        """The tool's name in the form `plugin-tool`."""
        return str(self._content.get("name") or "")

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments; empty if the server's text is not JSON."""
        arguments = self._content.get("arguments")
        if isinstance(arguments, str):
            return _json_object(arguments)
        return dict(arguments) if isinstance(arguments, Mapping) else {}

    @property
    def plugin_type(self) -> int | None:
        """1 for a plugin of the bot, 6 for a local plugin."""
        return _code(self._content.get("plugin_type"))


class ToolResponseCompleted(MessageCompleted):
    """What a tool answered: of the bot's own, or the output that was submitted."""

    @property
    def output(self) -> str:
        """The tool's text."""
        return self.message.content


class VerboseCompleted(MessageCompleted):
    """News of the run itself (section 3.4)."""

    @property
    def msg_type(self) -> str:
        """What kind of news, such as `generate_answer_finish` or `knowledge_recall`."""
        return str(self._content.get("msg_type") or "")

    @property
    def data(self) -> str:
        """The news: JSON text, free text or nothing."""
        data = self._content.get("data")
        return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


class KnowledgeCompleted(MessageCompleted):
    """Knowledge that was recalled for the answer."""


class FollowUpCompleted(MessageCompleted):
    """A question the user might ask next."""

    @property
    def text(self) -> str:
        """The question."""
        return self.message.content


class AudioDelta(ChatEvent):
    """A piece of spoken answer (section 3.8); it may come after the chat has completed."""

    @cached_property
    def audio(self) -> bytes:
        """The samples, decoded: 24 kHz, 16 bit, mono PCM unless opus was sent in."""
        content = self.fields.get("content")
        try:
            return base64.b64decode(content) if isinstance(content, str) else b""
        except ValueError:
            return b""

    @property
    def message(self) -> Message:
        """The piece as a message."""
        return _as_model(Message, self.fields)


class StreamDone(ChatEvent):
    """The server says that the stream is over (section 3.1)."""


class Ping(ChatEvent):
    """A sign of life with nothing in it."""


class UnknownEvent(ChatEvent):
    """An event that this version does not know."""


def _code(value: object) -> int | None:
    """Return an error code that may have come as text; 0 is none."""
    return whole_number(value) or None


def _as_model(model: type[M], fields: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError:
        raise ProtocolError(f"an event of the stream holds no {model.__name__}") from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json_of(text)  # it refuses what is nested too deep for everything that follows
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
