"""A workflow as a tool: its name, what it takes, and what comes out.

Adapters only translate: what a model fills in becomes parameters (see `_workflow_arguments`), and a
run becomes plain data that a framework may keep (a checkpoint, an artifact).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict, cast

from coze_core._workflow_events import WorkflowEvent, WorkflowMessage
from coze_core._workflow_models import Interrupt, WorkflowInfo, WorkflowParameter
from coze_core._workflow_run import WorkflowRun

_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")
# Filled in by the platform, whatever a caller sends (protocol notes, section 6.6).
_NOT_FOR_MODELS: Final = frozenset({"USER_INPUT", "CONVERSATION_NAME"})
_QUESTION: Final = "coze:"  # before the ids of questions: no input node asks for such a value


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
        id: Tells it from all other questions; an answer may be addressed by it, see `addressed`.
        kind: `question`, `input`, `local_plugin`, `oauth` or `other`.
        text: What it says.
        required: The JSON schema of what an input node asks for, or None: then text will do.
    """

    id: str
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
        id=f"{_QUESTION}{interrupt.event_id}",
        workflow_id=record["workflow_id"],
        kind=interrupt.kind,
        text=interrupt.question or interrupt.data,
        node=interrupt.node_title,
        required=object_schema(required) if required else None,
    )


def addressed(given: object) -> Mapping[str, object] | None:
    """Return answers by the ids of their questions; None if an answer is not addressed.

    Args:
        given: What somebody answered.

    Example:
        >>> addressed({"coze:1/2": "Rome"})
        {'coze:1/2': 'Rome'}
        >>> addressed("Rome"), addressed({"city": "Rome"})
        (None, None)
    """
    if not isinstance(given, Mapping) or not given:
        return None
    ids = all(isinstance(key, str) and key.startswith(_QUESTION) for key in given)
    return cast("Mapping[str, object]", given) if ids else None


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
