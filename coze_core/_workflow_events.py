"""Typed workflow events: what each server-sent event of a run means (protocol notes, 3.9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from coze_core._errors import ProtocolError
from coze_core._models import Usage
from coze_core._sse import ServerSentEvent
from coze_core._values import whole_number
from coze_core._workflow_models import Interrupt

_END_TITLES: Final = frozenset({"", "End", "结束"})


class WorkflowEvent:
    """One thing that a run said.

    Attributes:
        name: The event's name on the wire.
        id: Its number in the stream, as text, or None.
        fields: The decoded data when it is a JSON object, else an empty mapping.
        raw: The data as text.
    """

    def __init__(self, name: str, id: str | None, raw: str, fields: Mapping[str, Any]) -> None:
        self.name = name
        self.id = id
        self.raw = raw
        self.fields = fields

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw[:120]!r})"


class WorkflowMessage(WorkflowEvent):
    """A piece of what a node gives out."""

    @property
    def content(self) -> str:
        """The piece."""
        return _text(self.fields.get("content"))

    @property
    def node_title(self) -> str:
        """The node's name; whatever its maker called it."""
        return _text(self.fields.get("node_title"))

    @property
    def node_id(self) -> str:
        """The node's id, or `""`."""
        return _text(self.fields.get("node_id"))

    @property
    def node_type(self) -> str:
        """The node's type, or `""`."""
        return _text(self.fields.get("node_type"))

    @property
    def node_execute_uuid(self) -> str:
        """The id of this execution of the node, or `""`."""
        return _text(self.fields.get("node_execute_uuid"))

    @property
    def position(self) -> int | None:
        """The number of this piece within the node's output, or None."""
        return whole_number(_text(self.fields.get("node_seq_id")))

    @property
    def finished(self) -> bool:
        """Whether the node has said everything."""
        return self.fields.get("node_is_finish") is True

    @property
    def is_end(self) -> bool:
        """Whether the End node speaks: its content is the run's output."""
        if self.node_type:
            return self.node_type.lower() == "end"
        return self.finished and self.position in {0, None} and self.node_title in _END_TITLES

    @cached_property
    def usage(self) -> Usage | None:
        """Tokens spent, or None if the server does not say."""
        given = self.fields.get("usage")
        try:
            return Usage.model_validate(given) if isinstance(given, Mapping) and given else None
        except ValidationError:
            return None


class WorkflowInterrupted(WorkflowEvent):
    """The run waits for somebody."""

    @cached_property
    def interrupt(self) -> Interrupt:
        """Why, and what it takes to go on.

        Raises:
            ProtocolError: If the event does not say it.
        """
        data = self.fields.get("interrupt_data")
        if not isinstance(data, Mapping) or not data.get("event_id"):
            raise ProtocolError(f"an interrupt without an event_id: {self.raw[:200]}")
        try:
            return Interrupt.model_validate(
                {**data, "node_title": _text(self.fields.get("node_title"))}
            )
        except ValidationError:
            raise ProtocolError(f"an interrupt that cannot be read: {self.raw[:200]}") from None


class WorkflowErrorEvent(WorkflowEvent):
    """The run has failed."""

    @property
    def code(self) -> int | None:
        """Coze's error code, or None."""
        return whole_number(_text(self.fields.get("error_code") or self.fields.get("code")))

    @property
    def message(self) -> str:
        """What went wrong."""
        return _text(
            self.fields.get("error_message") or self.fields.get("msg") or self.raw or "no reason"
        )


class WorkflowDone(WorkflowEvent):
    """The run is over."""


class WorkflowPing(WorkflowEvent):
    """A sign of life with nothing in it."""


class UnknownWorkflowEvent(WorkflowEvent):
    """An event that this version does not know."""


# Studio's older releases write the names in small letters.
_KINDS: Final[dict[str, type[WorkflowEvent]]] = {
    "message": WorkflowMessage,
    "interrupt": WorkflowInterrupted,
    "error": WorkflowErrorEvent,
    "done": WorkflowDone,
    "ping": WorkflowPing,
}


def read_workflow_events(frames: Iterable[ServerSentEvent]) -> list[WorkflowEvent]:
    """Return the workflow events of these frames, one for each.

    Raises:
        ProtocolError: If an event that matters does not hold what it must.
    """
    return [_read(frame) for frame in frames]


def _read(frame: ServerSentEvent) -> WorkflowEvent:
    kind = _KINDS.get(frame.event.lower(), UnknownWorkflowEvent)
    fields = _object(frame.data)
    if fields is None and kind in {WorkflowMessage, WorkflowInterrupted}:
        raise ProtocolError(f"the event {frame.event!r} holds no JSON object: {frame.data[:200]!r}")
    return kind(frame.event, frame.id, frame.data, fields or {})


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None


def _text(value: object) -> str:
    if value is None or isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
