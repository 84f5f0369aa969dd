"""A message history, as no framework calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

EntryRole: TypeAlias = Literal["user", "assistant", "tool", "system"]


@dataclass(frozen=True, slots=True)
class CallEntry:
    """A tool call within a history.

    Attributes:
        id: The call's id.
        name: The tool's name.
        arguments: JSON text.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a history.

    Attributes:
        role: Who speaks.
        text: What is said.
        marker: Where this answer stands in Coze (`conversation_id`, `chat_id`, `bot_id`), if it
            came from there.
        tool_calls: The calls that an assistant made.
        tool_call_id: The call that a tool answers.
    """

    role: EntryRole
    text: str
    marker: Mapping[str, object] | None = None
    tool_calls: tuple[CallEntry, ...] = ()
    tool_call_id: str = ""
