"""What an emulated bot is: an async function from messages to parts of an answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from coze_core.emulator._faults import Fault


@dataclass(frozen=True, slots=True)
class Delta:
    """Answer text that is sent as exactly one delta; plain `str` is split like a model's."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Text that the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a local plugin: the chat pauses until its output is submitted."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict)

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text, or the text that was given."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Question:
    """A workflow's question to the user: the chat pauses until it is answered."""

    text: str


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A call of one of the bot's own plugins, made and answered on the server."""

    name: str
    arguments: Mapping[str, object]
    response: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Knowledge that was recalled."""

    text: str


@dataclass(frozen=True, slots=True)
class Verbose:
    """Other news of the run."""

    msg_type: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question the user might ask next."""

    text: str


@dataclass(frozen=True, slots=True)
class NextAnswer:
    """Ends the present answer; what follows is another one."""


@dataclass(frozen=True, slots=True)
class Card:
    """An answer that is a card; the content is JSON text."""

    content: str


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of spoken answer: samples, sent after the chat has completed."""

    samples: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens spent; counted from the words if no bot says it."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Fail:
    """Ends the chat with a failure, in one of the shapes that failures have."""

    code: int = 5000
    message: str = "event interval error"
    form: Literal["chat_failed", "bare", "error_event", "empty_error"] = "chat_failed"


@dataclass(frozen=True, slots=True)
class Pause:
    """Waits."""

    seconds: float


Part: TypeAlias = (
    str
    | Delta
    | Reasoning
    | ToolCall
    | Question
    | ServerTool
    | Knowledge
    | Verbose
    | FollowUp
    | NextAnswer
    | Card
    | Audio
    | Usage
    | Fail
    | Pause
)


@dataclass(frozen=True, slots=True)
class BotMessage:
    """One message that a bot sees."""

    role: str
    type: str
    content: str
    content_type: str = "text"

    @property
    def text(self) -> str:
        """The text of it; of a mixed message, its text item."""
        if self.content_type != "object_string":
            return self.content
        items = json.loads(self.content)
        return "".join(str(item.get("text") or "") for item in items)

    @property
    def items(self) -> list[dict[str, str]]:
        """The items of a mixed message; empty for plain text."""
        if self.content_type != "object_string":
            return []
        return [dict(item) for item in json.loads(self.content)]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """One answered call of this chat."""

    name: str
    arguments: str
    output: str


@dataclass(frozen=True, slots=True)
class BotContext:
    """What else a bot knows.

    Attributes:
        tool_results: The calls of this chat that have been answered, in order.
    """

    bot_id: str
    user_id: str
    conversation_id: str
    chat_id: str
    custom_variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    meta_data: Mapping[str, str] = field(default_factory=dict)
    tool_results: Sequence[ToolResult] = ()


Answer: TypeAlias = Part | Sequence[Part]
Run: TypeAlias = Callable[[list[BotMessage], BotContext], AsyncIterator[Part] | Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot of the emulator.

    Args:
        name: Its name, unique in the emulator.
        run: An async function of (messages, context): an async generator of parts, or a coroutine
            that returns one part or a list of them.
        id: Its id; made from the name if None.
        published: Whether it is published to the API channel.
        tools: The names of its local plugins.
        fault: What goes wrong with every chat of it.
        variables: What it keeps of each user: names and default values.

    Example:
        >>> async def shout(messages, context):
        ...     yield messages[-1].text.upper()
        >>> Bot("shout", shout).name
        'shout'
    """

    name: str
    run: Run
    id: str = ""
    description: str = ""
    published: bool = True
    tools: Sequence[str] = ()
    prologue: str = ""
    suggested_questions: Sequence[str] = ()
    fault: Fault | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a bot needs a name")
        if not self.id:
            number = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:6], "big")
            object.__setattr__(self, "id", str(7_350_000_000_000_000_000 + number))


_TOKENS = re.compile(r"\s*[\u3000-\u9fff\uff00-\uffef]|\s*[^\W_]{1,6}|\s*[^\w\s]|\s*_|\s+")


def tokens(text: str) -> list[str]:
    """Split text into pieces of the size that models send; a Chinese character is one."""
    pieces = _TOKENS.findall(text)
    return pieces if "".join(pieces) == text else [text]
