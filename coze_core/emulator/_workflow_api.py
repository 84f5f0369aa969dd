"""The endpoints of workflows (protocol notes, section 6.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from coze_core.emulator import _checks as check
from coze_core.emulator import _workflow_types as types
from coze_core.emulator._chatflow_runs import ChatflowRun
from coze_core.emulator._chats import conversation_of, keep_messages, new_chat
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import USER_ID, WORKSPACE_ID, Reply, State, Stream
from coze_core.emulator._store import Document
from coze_core.emulator._workflow_runs import WorkflowExecution
from coze_core.emulator._workflows import Workflow, WorkflowContext

_CREATED: Final = "1718289297"
_EXT: Final = {"latitude", "longitude", "user_id"}


async def run(state: State, request: Request) -> Mapping[str, Any]:
    """Run a workflow and tell what came of it, or that it has begun."""
    body = request.json
    asynchronous = check.flag(body, "is_async", default=False)
    made = _begin(state, body, mode=2 if asynchronous else 0)
    made.start()
    if asynchronous:
        # This reply has no code (section 6.6).
        return {"debug_url": made.debug_url, "execute_id": made.context.execute_id, "msg": ""}
    await made.stretch()
    return _told(state, made)


def stream_run(state: State, request: Request) -> Reply:
    """Run a workflow and stream what it says."""
    made = _begin(state, request.json, mode=1)
    return Stream(made.events(made.start()), made.workflow.fault)


def stream_resume(state: State, request: Request) -> Reply:
    """Answer a run that waits, and stream the rest."""
    made, answer = _answered(state, request.json)
    return Stream(made.events(made.start(answer)), made.workflow.fault)


async def resume(state: State, request: Request) -> Mapping[str, Any]:
    """Answer a run that waits, and tell what came of it."""
    made, answer = _answered(state, request.json)
    made.start(answer)
    if made.mode == 2:  # it goes on as it began
        return {"code": 0, "msg": "", "execute_id": made.context.execute_id}
    await made.stretch()
    return _told(state, made)


def chat(state: State, request: Request) -> Reply:
    """Talk to a chatflow."""
    body = request.json
    workflow = _workflow(state, body)
    if workflow.chat is None:
        raise ApiError(4000, "The workflow is not a chatflow")
    bot_id, app_id = check.text(body, "bot_id"), check.text(body, "app_id")
    if bool(bot_id) == bool(app_id):
        raise ApiError(4000, "One of bot_id and app_id is required, and only one")
    messages = check.messages(
        body.get("additional_messages"), saved=True, studio=state.profile.is_studio, limit=50
    )
    if not messages or messages[-1]["role"] != "user":
        raise ApiError(4000, "The last of additional_messages must be the user's")
    parameters = types.checked(state, workflow, check.mapping(body, "parameters"))
    bot = workflow.as_bot()
    conversation = conversation_of(state, check.text(body, "conversation_id"), bot)
    user_id = str(_ext(body).get("user_id") or USER_ID)
    options = {"custom_variables": {}, "parameters": parameters, "meta_data": {}}
    made = new_chat(state, bot, user_id, conversation, saved=True, options=options)
    keep_messages(state, made, messages)
    talk = ChatflowRun(made, bot, [], store=state.store, clock=state.clock, profile=state.profile)
    state.runs[made["id"]] = talk
    return Stream(talk.events(talk.start()), workflow.fault)


def history(
    state: State,
    request: Request,  # noqa: ARG001 - every endpoint is given both
    workflow_id: str,
    execute_id: str,
) -> Reply:
    """Return a run."""
    return {"code": 0, "msg": "", "data": [_execution(state, workflow_id, execute_id).record()]}


def studio_history(state: State, request: Request) -> Reply:
    """Return a run, where Studio keeps it."""
    if not state.profile.is_studio:
        raise ApiError(4000, "not found", status=404, plain=True)
    query = request.query
    return history(state, request, query.get("workflow_id", ""), query.get("execute_id", ""))


def node_output(
    state: State,
    request: Request,  # noqa: ARG001 - every endpoint is given both
    workflow_id: str,
    execute_id: str,
    uuid: str,
) -> Reply:
    """Return what one node of a run gave."""
    made = _execution(state, workflow_id, execute_id)
    node = next((n for n in made.nodes.values() if n["node_execute_uuid"] == uuid), None)
    if node is None:
        raise ApiError(4200, f"Requested resource node_execute_uuid={uuid} does not exist.")
    data = {"is_finish": node["is_finish"], "node_output": json.dumps({"Output": node["output"]})}
    return {"code": 0, "msg": "", "data": data}


def list_(state: State, request: Request) -> Reply:
    """Return the workflows of a workspace, a page at a time."""
    query = request.query
    if not query.get("workspace_id"):
        raise ApiError(4000, "The field workspace_id is required")
    if query["workspace_id"] != WORKSPACE_ID:
        raise ApiError(4200, f"Requested resource workspace_id={query['workspace_id']} not found")
    mode, app = query.get("workflow_mode") or "", query.get("app_id") or ""
    found = [
        each
        for each in state.workflows.values()
        if each.published
        and mode in {"", "chatflow" if each.chat else "workflow"}
        and app in {"", each.app_id}
    ]
    number = check.number(query.get("page_num"), "page_num", 1, 1, 10**9)
    # The Python SDK asks for 100 at a time.
    size = check.number(query.get("page_size"), "page_size", 10, 1, 100)
    page = found[(number - 1) * size : number * size]
    data = {"items": [_summary(each) for each in page], "has_more": number * size < len(found)}
    return {"code": 0, "msg": "", "data": data}


def retrieve(state: State, request: Request, workflow_id: str) -> Reply:
    """Return a workflow, and what it takes and gives if that is asked for."""
    workflow = _workflow(state, {"workflow_id": workflow_id})
    data: Document = {"workflow_detail": _summary(workflow)}
    if (request.query.get("include_input_output") or "").lower() == "true":
        data["input"] = {"parameters": {n: p.wire() for n, p in workflow.inputs.items()}}
        data["output"] = {"parameters": {n: p.wire() for n, p in workflow.outputs.items()}}
    if state.profile.is_studio:  # a shape of its own
        data = {**data.pop("workflow_detail"), **data}
    return {"code": 0, "msg": "", "data": data}


def versions(state: State, request: Request, workflow_id: str) -> Reply:
    """Return the versions of a workflow, a page at a time."""
    workflow = _workflow(state, {"workflow_id": workflow_id})
    size = check.number(request.query.get("page_size"), "page_size", 10, 1, 100)
    token = request.query.get("page_token") or "0"
    if not token.isdigit():
        raise ApiError(4000, "Invalid page_token")
    start, end = int(token), int(token) + size
    items = [
        {
            "workflow_id": workflow.id,
            "version": version,
            "description": "",
            "created_at": _CREATED,
            "updated_at": _CREATED,
            "creator": {"id": USER_ID, "name": "emulated"},
        }
        for version in workflow.versions[start:end]
    ]
    more = end < len(workflow.versions)
    data = {"items": items, "has_more": more, "next_page_token": str(end) if more else ""}
    return {"code": 0, "msg": "", "data": data}


# -- inside


def _workflow(state: State, body: Mapping[str, Any]) -> Workflow:
    id = check.text(body, "workflow_id", required=True)
    workflow = state.workflows.get(id)
    if workflow is None or not workflow.published:
        if state.profile.is_studio:
            raise ApiError(720702011, "workflow not published or not found")
        raise ApiError(4200, f"Requested resource workflow_id={id} does not exist.")
    version = check.text(body, "workflow_version")
    if version and version not in workflow.versions:
        raise ApiError(4200, f"Requested resource workflow_version={version} does not exist.")
    return workflow


def _ext(body: Mapping[str, Any]) -> dict[str, Any]:
    ext = check.mapping(body, "ext")
    if set(ext) - _EXT or not all(isinstance(value, str) for value in ext.values()):
        raise ApiError(4000, "Invalid ext: latitude, longitude and user_id, as text")
    return ext


def _begin(state: State, body: Mapping[str, Any], *, mode: int) -> WorkflowExecution:
    workflow = _workflow(state, body)
    if workflow.run is None:
        raise ApiError(4000, "A chatflow is run through /v1/workflows/chat")
    bot_id, app_id = check.text(body, "bot_id"), check.text(body, "app_id")
    if bot_id and app_id:
        raise ApiError(4000, "bot_id and app_id cannot be used together")
    ext = _ext(body)
    parameters = types.checked(state, workflow, check.mapping(body, "parameters"))
    context = WorkflowContext(
        workflow_id=workflow.id,
        execute_id=state.clock.new_id(),
        user_id=str(ext.get("user_id") or USER_ID),
        bot_id=bot_id,
        app_id=app_id,
        ext=ext,
    )
    made = WorkflowExecution(
        workflow, parameters, context, mode=mode, clock=state.clock, profile=state.profile
    )
    state.executions[context.execute_id] = made
    return made


def _answered(state: State, body: Mapping[str, Any]) -> tuple[WorkflowExecution, str]:
    workflow = _workflow(state, body)
    event_id = check.text(body, "event_id", required=True)
    answer = check.text(body, "resume_data")
    kind = body.get("interrupt_type")
    if not isinstance(kind, int) or isinstance(kind, bool):
        raise ApiError(4000, "The field interrupt_type is required")
    made = state.executions.get(event_id.partition("/")[0])
    if made is None or made.workflow.id != workflow.id or made.asked is None:
        raise ApiError(4000, "Invalid event_id: nothing waits for it")
    if made.asked["event_id"] != event_id or made.asked["type"] != kind:
        raise ApiError(4000, "Invalid event_id or interrupt_type")
    return made, answer


def _told(state: State, made: WorkflowExecution) -> dict[str, Any]:
    if made.error is not None:
        raise ApiError(made.error.code, made.error.message)
    if made.asked is not None and state.profile.is_studio:
        raise ApiError(6039, "Interrupts are not supported in a blocking run")
    return made.reply()


def _execution(state: State, workflow_id: str, execute_id: str) -> WorkflowExecution:
    made = state.executions.get(execute_id)
    if made is None or made.workflow.id != workflow_id:
        raise ApiError(4314, f"The execution {execute_id} does not exist")
    return made


def _summary(workflow: Workflow) -> Document:
    return {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "description": workflow.description,
        "icon_url": f"https://example.com/{workflow.name}.png",
        "app_id": workflow.app_id,
        "created_at": _CREATED,
        "updated_at": _CREATED,
        "creator": {"id": USER_ID, "name": "emulated"},
    }
