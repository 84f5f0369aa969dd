"""What an emulated workflow is: typed inputs, and an async function that speaks and asks."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coze_core.emulator._bots import Bot, Pause, Run
from coze_core.emulator._faults import Fault

QUESTION, INPUT, LOCAL_PLUGIN, OAUTH = 2, 5, 1, 7


@dataclass(frozen=True, slots=True)
class Parameter:
    """The type of an input or an output.

    Args:
        type: `string`, `integer`, `number`, `boolean`, `time`, `object`, `array` or a kind of file.
        required: Whether it has to be given.
        items: The type of a list's items.
        properties: The types of an object's fields.
    """

    type: str = "string"
    required: bool = False
    description: str = ""
    default_value: str = ""
    items: Parameter | None = None
    properties: Mapping[str, Parameter] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        """Return it as the server spells it."""
        found: dict[str, Any] = {"type": self.type, "required": self.required}
        for name in ("description", "default_value"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        if self.items is not None:
            found["items"] = self.items.wire()
        if self.properties:
            found["properties"] = {name: each.wire() for name, each in self.properties.items()}
        return found


@dataclass(frozen=True, slots=True)
class Say:
    """What a message node gives out, in pieces like a model's."""

    text: str
    title: str = "Message"


@dataclass(frozen=True, slots=True)
class Ask:
    """Stops the run until somebody answers: `answer = yield Ask("Which city?")`.

    Args:
        text: The question; `""` for none.
        type: 2 for a question, 5 for inputs, 1 for a local plugin, 7 for an OAuth plugin.
        required: What an input node asks for, by name.
        title: The node's name.
        data: What else the server tells of it.
    """

    text: str
    type: int = QUESTION
    required: Mapping[str, Parameter] = field(default_factory=dict)
    title: str = "Question"
    data: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What the End node gives: values by name, or text."""

    value: Mapping[str, object] | str


@dataclass(frozen=True, slots=True)
class WorkflowFail:
    """Ends the run with a failure."""

    code: int = 5000
    message: str = "Workflow execution failed"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A PING in the stream."""


WorkflowPart: TypeAlias = Say | Ask | Output | WorkflowFail | Heartbeat | Pause


@dataclass(frozen=True, slots=True)
class WorkflowContext:
    """What else a workflow knows."""

    workflow_id: str
    execute_id: str
    user_id: str = ""
    bot_id: str = ""
    app_id: str = ""
    ext: Mapping[str, str] = field(default_factory=dict)


WorkflowFunction: TypeAlias = Callable[
    [dict[str, Any], WorkflowContext], AsyncGenerator[WorkflowPart, Any]
]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the emulator.

    Args:
        name: Its name, unique in the emulator.
        run: An async generator function of (parameters, context) that yields parts.
        inputs: What it takes, by name.
        outputs: What it gives, by name.
        chat: For a chatflow, in place of run: a bot's function of (messages, context).
        id: Its id; made from the name if None.
        published: Whether it is published.
        app_id: The app it belongs to.
        versions: Its versions, the newest first.
        fault: What goes wrong with every run of it.

    Example:
        >>> async def shout(parameters, context):
        ...     yield Output({"output": parameters["text"].upper()})
        >>> Workflow("shout", shout, inputs={"text": Parameter(required=True)}).name
        'shout'
    """

    name: str
    run: WorkflowFunction | None = None
    inputs: Mapping[str, Parameter] = field(default_factory=dict)
    outputs: Mapping[str, Parameter] = field(default_factory=dict)
    chat: Run | None = None
    id: str = ""
    description: str = ""
    published: bool = True
    app_id: str = ""
    versions: Sequence[str] = ("v0.0.1",)
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a workflow needs a name")
        if (self.run is None) == (self.chat is None):
            raise ValueError("a workflow has run=, a chatflow has chat=; not both")
        if not self.id:
            number = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:6], "big")
            object.__setattr__(self, "id", str(7_380_000_000_000_000_000 + number))

    def as_bot(self) -> Bot:
        """Return a chatflow as what answers its chats."""
        if self.chat is None:
            raise ValueError(f"{self.name!r} is not a chatflow")
        return Bot(self.name, self.chat, id=self.id, fault=self.fault)
