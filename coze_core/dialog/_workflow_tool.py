"""A workflow as a tool: its name, what it takes, and what goes in and comes out.

Adapters only translate: what a model may fill in is a pydantic model made of the workflow's typed
inputs, what it has filled in becomes parameters, and a run becomes plain data that a framework may
keep (a checkpoint, an artifact).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from coze_core._workflow_events import WorkflowEvent, WorkflowMessage
from coze_core._workflow_inputs import file_parameter
from coze_core._workflow_models import Interrupt, WorkflowInfo, WorkflowParameter
from coze_core._workflow_run import WorkflowRun

_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
_DATA_URL: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,")
_TYPES: Final[dict[str, Any]] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, Any],
}
# Filled in by the platform, whatever a caller sends (protocol notes, section 6.6).
_NOT_FOR_MODELS: Final = frozenset({"USER_INPUT", "CONVERSATION_NAME"})


class RunRecord(TypedDict):
    """A run as plain data.

    Attributes:
        status: `completed` or `interrupted`.
        text: The output for people and models.
        value: The output as data.
        interrupt: What it waits for, or None.
    """

    status: str
    text: str
    value: Any
    interrupt: dict[str, Any] | None
    workflow_id: str
    execute_id: str
    debug_url: str
    usage: dict[str, int | None] | None
    log_id: str | None


class WorkflowQuestion(TypedDict):
    """What a workflow wants to know before it goes on.

    Attributes:
        kind: `question`, `input`, `local_plugin`, `oauth` or `other`.
        text: What it says.
        required: The JSON schema of what an input node asks for, or None: then text will do.
    """

    workflow_id: str
    kind: str
    text: str
    node: str
    required: dict[str, Any] | None


def tool_name(name: str, otherwise: str) -> str:
    """Return a name in the characters that models' tools may have.

    Args:
        name: A workflow's or a bot's own name.
        otherwise: What to take if nothing of it is left.

    Example:
        >>> tool_name("Weather report!", "workflow_7389")
        'Weather_report'
    """
    return _NAME.sub("_", name).strip("_")[:64] or otherwise


def tool_inputs(info: WorkflowInfo, given: Mapping[str, object]) -> dict[str, WorkflowParameter]:
    """Return what is left for a model to fill in.

    Args:
        info: The workflow, with its inputs.
        given: Inputs that are fixed.

    Raises:
        ValueError: If something is fixed that the workflow does not take, or its inputs are not
            known.
    """
    if info.inputs is None:
        raise ValueError(
            "the server does not tell the workflow's inputs: pass args_schema= yourself / "
            "服务器未返回工作流的输入参数，请自行传入 args_schema="
        )
    unknown = set(given) - set(info.inputs)
    if unknown:
        raise ValueError(
            f"the workflow takes no {', '.join(sorted(unknown))}; it takes "
            f"{', '.join(info.inputs) or 'nothing'}"
        )
    return {
        name: parameter
        for name, parameter in info.inputs.items()
        if name not in given and name not in _NOT_FOR_MODELS
    }


def arguments_model(name: str, inputs: Mapping[str, WorkflowParameter]) -> type[BaseModel]:
    """Return a pydantic model of these inputs.

    Args:
        name: The tool's name.
        inputs: The inputs, by name.

    Example:
        >>> model = arguments_model("weather", {"city": WorkflowParameter(required=True)})
        >>> model.model_validate({"city": "Paris"}).city
        'Paris'
    """
    fields: dict[str, Any] = {}
    for each, parameter in inputs.items():
        kind = _type(f"{name}_{each}", parameter)
        schema = parameter.json_schema()
        about = {"description": schema["description"]} if "description" in schema else {}
        if parameter.required and not parameter.default_value:
            fields[each] = (kind, Field(**about))
        else:
            # What is left out stays out: the workflow has its own default.
            fields[each] = (kind | None, Field(default=None, **about))
    config = ConfigDict(extra="forbid", protected_namespaces=())
    return create_model(f"{name}_arguments", __config__=config, **fields)


def _type(name: str, parameter: WorkflowParameter) -> Any:
    if parameter.type == "array":
        item = _type(f"{name}_item", parameter.items) if parameter.items else Any
        return list[item]  # type: ignore[valid-type]  # made at run time
    if parameter.type == "object" and parameter.properties:
        return arguments_model(name, parameter.properties)
    return _TYPES.get(parameter.type, str)


def parameters_of(
    arguments: Mapping[str, Any], inputs: Mapping[str, WorkflowParameter]
) -> dict[str, Any]:
    """Return a model's arguments as the workflow takes them; files in them are made ready.

    A file may be an address, a `data:` URL (which is uploaded) or the id of an upload; text is
    never taken for a path, for a model could name any file of this machine.

    Args:
        arguments: What the model has filled in.
        inputs: The types.

    Raises:
        ValueError: If a file is none of these.
    """
    found = {}
    for name, value in arguments.items():
        if value is not None:
            found[name] = _ready(name, _plain(value), inputs.get(name, WorkflowParameter()))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _ready(name: str, value: Any, parameter: WorkflowParameter) -> Any:
    if parameter.is_file and isinstance(value, str):
        return _file(name, value)
    if parameter.type == "array" and parameter.items and isinstance(value, list):
        return [_ready(name, item, parameter.items) for item in value]
    if parameter.type == "object" and isinstance(value, Mapping):
        inner = parameter.properties
        return {
            key: _ready(f"{name}.{key}", item, inner.get(key, WorkflowParameter()))
            for key, item in value.items()
        }
    return value


def _file(name: str, value: str) -> Any:
    if value.startswith(("http://", "https://")):
        return value
    if value.isascii() and value.isdigit():
        return file_parameter(value)
    if value.lstrip().startswith("{") and "file_id" in value:
        return value
    head = _DATA_URL.match(value)
    if head is not None:
        try:
            content = base64.b64decode(value[head.end() :], validate=True)
        except binascii.Error:
            raise ValueError(f"{name} is a data: URL whose base64 cannot be read") from None
        media_type = head["type"] or "application/octet-stream"
        return (f"{name}.{media_type.partition('/')[2] or 'bin'}", content, media_type)
    raise ValueError(
        f"{name} must be the https:// address of a file, a data: URL or the id of an uploaded file"
    )


# -- what comes out


def run_record(run: WorkflowRun) -> RunRecord:
    """Return a run as plain data."""
    usage = run.usage
    return RunRecord(
        status=run.status,
        text=run.text,
        value=run.value,
        interrupt=run.interrupt.model_dump(exclude_none=True) if run.interrupt else None,
        workflow_id=run.workflow_id,
        execute_id=run.execute_id,
        debug_url=run.debug_url,
        usage=None
        if usage is None
        else {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
        log_id=run.log_id,
    )


def interrupt_of(record: RunRecord) -> Interrupt | None:
    """Return what a run waits for, or None."""
    waiting = record["interrupt"]
    return None if waiting is None else Interrupt.model_validate(waiting)


def question_of(record: RunRecord) -> WorkflowQuestion:
    """Return what a run wants to know, for somebody who can answer."""
    from coze_core._workflow_models import object_schema

    interrupt = cast("Interrupt", interrupt_of(record))
    required = interrupt.required_parameters
    return WorkflowQuestion(
        workflow_id=record["workflow_id"],
        kind=interrupt.kind,
        text=interrupt.question or interrupt.data,
        node=interrupt.node_title,
        required=object_schema(required) if required else None,
    )


def progress_of(workflow_id: str, event: WorkflowEvent) -> dict[str, Any] | None:
    """Return what an event tells those who wait, or None if it tells them nothing."""
    if not isinstance(event, WorkflowMessage) or event.is_end or not event.content:
        return None
    return {
        "workflow_id": workflow_id,
        "node": event.node_title,
        "text": event.content,
        "finished": event.finished,
    }
