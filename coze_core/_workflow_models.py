"""The wire models of workflows (protocol notes, sections 3.9 and 6.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from coze_core._models import Id, OptionalNumber, Text, Usage, WireModel

# What a parameter may be besides plain data: something that is sent as a file.
FILE_TYPES: Final = frozenset(
    {
        *("file", "default", "image", "svg", "audio", "video", "voice"),
        *("doc", "ppt", "excel", "txt", "code", "zip"),
    }
)
_JSON_TYPES: Final = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}
InterruptKind: TypeAlias = Literal["question", "input", "local_plugin", "oauth", "other"]
# The cloud's documents say 6 for a local plugin, its examples and Studio 1.
_KINDS: Final[dict[int, InterruptKind]] = {
    1: "local_plugin",
    2: "question",
    5: "input",
    6: "local_plugin",
    7: "oauth",
}


class WorkflowParameter(WireModel):
    """One input or output of a workflow, with its type.

    Attributes:
        type: `string`, `integer`, `number`, `boolean`, `time`, `object`, `array` or a kind of file.
        required: Whether it has to be given.
        items: The type of a list's items.
        properties: The types of an object's fields.
    """

    type: str = "string"
    required: bool = False
    description: str = ""
    default_value: Text = ""
    items: WorkflowParameter | None = None
    properties: dict[str, WorkflowParameter] = Field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it takes a file: an address, or the id of an upload."""
        return self.type in FILE_TYPES

    def json_schema(self) -> dict[str, Any]:
        """Return the type as a JSON schema."""
        schema: dict[str, Any] = {"type": _JSON_TYPES.get(self.type, "string")}
        notes = [self.description] if self.description else []
        if self.is_file:
            kind = "file" if self.type in {"file", "default"} else f"{self.type} file"
            notes.append(f"(the https:// address of a {kind}, or the id of an uploaded one)")
        if self.type == "time":
            notes.append("(a time such as 2026-01-31 09:30:00)")
        if notes:
            schema["description"] = " ".join(notes)
        if self.type == "array":
            schema["items"] = self.items.json_schema() if self.items else {}
        if self.type == "object" and self.properties:
            schema |= object_schema(self.properties)
        if self.default_value:
            schema["default"] = self._default()
        return schema

    def _default(self) -> object:
        if schema_type := _JSON_TYPES.get(self.type):
            try:
                value: object = json.loads(self.default_value)
            except ValueError:
                return self.default_value
            return value if schema_type else self.default_value
        return self.default_value


def object_schema(parameters: Mapping[str, WorkflowParameter]) -> dict[str, Any]:
    """Return the JSON schema of an object with these fields."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: each.json_schema() for name, each in parameters.items()},
    }
    required = [name for name, each in parameters.items() if each.required]
    if required:
        schema["required"] = required
    return schema


class WorkflowSummary(WireModel):
    """A workflow in a list."""

    workflow_id: Id = ""
    workflow_name: str = ""
    description: str = ""
    icon_url: str = ""
    app_id: Id = ""
    created_at: OptionalNumber = None
    updated_at: OptionalNumber = None
    creator: dict[str, Any] = Field(default_factory=dict)


class WorkflowInfo(WireModel):
    """A workflow, and what it takes and gives.

    Attributes:
        detail: Its name and description.
        inputs: What it takes, by name; None if the server was not asked.
        outputs: What it gives, by name; None if the server was not asked.
        answers_with_text: Whether it gives text rather than values.
    """

    detail: WorkflowSummary = Field(default_factory=WorkflowSummary)
    inputs: dict[str, WorkflowParameter] | None = None
    outputs: dict[str, WorkflowParameter] | None = None
    answers_with_text: bool = False

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        taken, given = value.get("input"), value.get("output")
        # Studio puts the details beside each other where the cloud has them in one field.
        found: dict[str, Any] = {"detail": value.get("workflow_detail") or value}
        if isinstance(taken, Mapping):
            found["inputs"] = taken.get("parameters") or {}
        if isinstance(given, Mapping):
            found["outputs"] = given.get("parameters") or {}
            found["answers_with_text"] = bool(given.get("content"))
        return found

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON schema of the inputs."""
        return object_schema(self.inputs or {})


class WorkflowVersion(WireModel):
    """A published version of a workflow."""

    workflow_id: Id = ""
    version: str = ""
    description: str = ""
    created_at: OptionalNumber = None
    updated_at: OptionalNumber = None
    creator: dict[str, Any] = Field(default_factory=dict)


class Interrupt(WireModel):
    """Why a run waits, and what it takes to go on.

    Attributes:
        event_id: Goes back with the answer; it serves once.
        type: The server's number for the reason; goes back too.
        data: What the server says of it, as text.
        required_parameters: What an input node asks for, by name.
        node_title: The node that asks.
        question: The text that the node has shown, if any.
    """

    event_id: Id = ""
    type: OptionalNumber = None
    data: Text = ""
    required_parameters: dict[str, WorkflowParameter] = Field(default_factory=dict)
    node_title: str = ""
    question: str = ""

    @property
    def kind(self) -> InterruptKind:
        """Why it waits: `question`, `input`, `local_plugin`, `oauth` or `other`."""
        return _KINDS.get(self.type or 0, "other")


class NodeExecution(WireModel):
    """How one node of an asynchronous run stands."""

    node_id: Id = ""
    node_execute_uuid: str = ""
    is_finish: bool = False
    sub_execute_id: Id = ""


class WorkflowExecution(WireModel):
    """An asynchronous run as the server keeps it.

    Attributes:
        execute_status: `Success`, `Running` or `Fail`.
        output: What it gave, as text; `Output` in it holds the End node's.
        interrupt: Why it waits, or None.
    """

    execute_id: Id = ""
    execute_status: str = ""
    bot_id: Id = ""
    connector_id: Id = ""
    connector_uid: Id = ""
    run_mode: OptionalNumber = None
    output: Text = ""
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None
    node_execute_status: dict[str, NodeExecution] = Field(default_factory=dict)
    error_code: Text = ""
    error_message: Text = ""
    debug_url: str = ""
    usage: Usage | None = None
    is_output_trimmed: bool = False
    logid: str = ""
    interrupt: Interrupt | None = Field(default=None, alias="interrupt_data")

    @model_validator(mode="before")
    @classmethod
    def _studio_names(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        renamed = {"error_msg": "error_message", "log_id": "logid"}
        return {renamed.get(key, key): item for key, item in value.items()}

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.interrupt is not None or self.execute_status.lower() in {"success", "fail"}


class NodeOutput(WireModel):
    """What one node of an asynchronous run gave."""

    is_finish: bool = False
    node_output: Text = ""
