"""What spans say: names and attributes, from calls, results and errors. No OpenTelemetry here.

The names are those of the semantic conventions for generative AI, and `coze.*` for what they lack.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from coze_core._call import Call, Reply
from coze_core._endpoints import chat, workflows
from coze_core._errors import CozeError
from coze_core._models import Chat, ToolCall, Usage, WireModel
from coze_core._turn import Turn
from coze_core._v2 import PATH as V2_CHAT
from coze_core._workflow_run import WorkflowRun

Value: TypeAlias = str | bool | int | float | Sequence[str]
Facts: TypeAlias = dict[str, Value]

TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
_CHATS: Final = frozenset({chat.CREATE, chat.SUBMIT, V2_CHAT})
_WORKFLOWS: Final = frozenset(
    {
        *(workflows.RUN, workflows.RESUME, workflows.STREAM),
        *(workflows.STREAM_RESUME, workflows.CHAT),
    }
)
_PROVIDER: Final[Facts] = {"gen_ai.provider.name": "coze", "gen_ai.system": "coze"}
_FINISH: Final = {
    "completed": "stop",
    "requires_action": "tool_calls",
    "canceled": "cancelled",
    "failed": "error",
}
# What no id looks like: `v3`, `oauth2`, `submit_tool_outputs`.
_WORD: Final = re.compile(r"v[0-9]|oauth2|[a-z_]*")


def is_operation(call: Call) -> bool:
    """Whether a call is part of a chat or of a workflow's run, not a mere request."""
    return call.path in _CHATS or call.path in _WORKFLOWS


def span_name(call: Call, bot_id: str | None = None) -> str:
    """Return the name of the span that begins with this call; there are few different ones."""
    body = call.json or {}
    if call.path in _CHATS:
        return f"chat {bot_id or body.get('bot_id') or ''}".rstrip()
    if call.path in _WORKFLOWS:
        return f"invoke_workflow {body.get('workflow_id') or ''}".rstrip()
    return f"coze {call.method} {_template(call.path)}"


def _template(path: str) -> str:
    """Return a path without the ids that are in it."""
    return "/".join(part if _WORD.fullmatch(part) else "{id}" for part in path.split("/"))


def of_call(call: Call) -> Facts:
    """Return what a call says of itself."""
    if not is_operation(call):
        path = _template(call.path)
        return {"http.request.method": call.method, "url.template": path}
    body = call.json or {}
    bot_id = _text(body.get("bot_id"))
    asked = _given(
        {
            "gen_ai.agent.id": bot_id,
            "coze.bot_id": bot_id,
            "coze.workflow_id": _text(body.get("workflow_id")),
            "coze.chat.id": _text(call.query.get("chat_id")),
            "gen_ai.conversation.id": _text(
                call.query.get("conversation_id") or body.get("conversation_id")
            ),
        }
    )
    name = "chat" if call.path in _CHATS else "invoke_workflow"
    return {
        "gen_ai.operation.name": name,
        **_PROVIDER,
        "gen_ai.request.stream": call.stream,
        **asked,
    }


def of_result(value: object) -> Facts:
    """Return what came of the work, but for its content."""
    if isinstance(value, Turn):
        return _of_chat(value, value.chat_id)
    if isinstance(value, Chat):
        return _of_chat(value, value.id)
    if isinstance(value, WorkflowRun):
        return _of_run(value)
    return _given({"coze.log_id": value.log_id}) if isinstance(value, WireModel | Reply) else {}


def _of_chat(told: Turn | Chat, chat_id: str | None) -> Facts:
    return {
        **_given(
            {
                "coze.log_id": told.log_id,
                "coze.chat.id": chat_id,
                "gen_ai.response.id": chat_id,
                "gen_ai.conversation.id": told.conversation_id,
                "gen_ai.agent.id": told.bot_id,
                "coze.bot_id": told.bot_id,
                "coze.chat.status": told.status,
            }
        ),
        **_finished(told.status),
        **_spent(told.usage),
    }


def _of_run(run: WorkflowRun) -> Facts:
    return {
        **_given(
            {
                "coze.log_id": run.log_id,
                "coze.execute_id": run.execute_id,
                "coze.workflow.status": run.status,
            }
        ),
        **_finished(run.status),
        **_spent(run.usage),
    }


def _finished(status: str) -> Facts:
    reason = _FINISH.get(status)
    return {"gen_ai.response.finish_reasons": (reason,)} if reason else {}


def _spent(usage: Usage | None) -> Facts:
    if usage is None:
        return {}
    counts = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "coze.usage.total_tokens": usage.total_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def of_error(error: BaseException) -> Facts:
    """Return what kind of error it is; not its message, which may quote what was said."""
    found: Facts = {"error.type": type(error).__qualname__}
    if isinstance(error, CozeError):
        numbers = {"coze.error.code": error.code, "http.response.status_code": error.status_code}
        found |= {name: number for name, number in numbers.items() if number is not None}
        found |= _given(
            {
                "coze.log_id": error.log_id,
                "coze.chat.id": error.chat_id,
                "gen_ai.conversation.id": error.conversation_id,
            }
        )
    return found


def of_pending(call: ToolCall) -> Facts:
    """Return what a tool call that waits for its output says."""
    return _given({TOOL_NAME: call.name, TOOL_CALL_ID: call.id, "coze.tool.type": call.type})


# -- content, where it is wanted


def said(call: Call) -> Facts:
    """Return the content of a request."""
    if not is_operation(call):
        return {}
    messages = list(_said(call.json or {}))
    found: Facts = {"gen_ai.input.messages": _json(messages)} if messages else {}
    parameters = (call.json or {}).get("parameters")
    return {**found, "coze.workflow.parameters": _json(parameters)} if parameters else found


def _said(body: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    for message in [*(body.get("chat_history") or ()), *(body.get("additional_messages") or ())]:
        yield _message(message["role"], [_part(message.get("content") or "")])
    if body.get("query"):  # version 2
        yield _message("user", [_part(body["query"])])
    outputs = [
        {"type": "tool_call_response", "id": each["tool_call_id"], "response": each["output"]}
        for each in body.get("tool_outputs") or ()
    ]
    if outputs:
        yield _message("tool", outputs)
    if body.get("resume_data"):
        yield _message("user", [_part(body["resume_data"])])


def answered(value: object) -> Facts:
    """Return the content of what came of the work."""
    if isinstance(value, Turn):
        parts: list[dict[str, object]] = []
        if value.reasoning:
            parts.append({"type": "reasoning", "content": value.reasoning})
        parts += [_part(answer) for answer in value.answers]
        parts += [
            {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
            for call in value.tool_calls
        ]
        finish = _FINISH.get(value.status, value.status)
    elif isinstance(value, WorkflowRun):
        parts, finish = [_part(value.output)] if value.output else [], value.status
    else:
        return {}
    if not parts:
        return {}
    message = {**_message("assistant", parts), "finish_reason": finish}
    return {"gen_ai.output.messages": _json([message])}


def _message(role: str, parts: list[dict[str, object]]) -> dict[str, object]:
    return {"role": role, "parts": parts}


def _part(text: str) -> dict[str, object]:
    return {"type": "text", "content": text}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _given(facts: Mapping[str, str | None]) -> Facts:
    return {name: value for name, value in facts.items() if value}
