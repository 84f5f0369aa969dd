"""What is known of workflows and their runs (protocol notes, section 6.6)."""

from __future__ import annotations

from typing import Literal, TypeAlias

from coze_core._call import Call
from coze_core._endpoints._checks import check_id
from coze_core._endpoints.conversations import path_id
from coze_core._errors import AuthenticationError, CozeError, NotFoundError, UnsupportedError
from coze_core._flow import Flow, send
from coze_core._paging import Pages
from coze_core._workflow_models import (
    NodeOutput,
    WorkflowExecution,
    WorkflowInfo,
    WorkflowSummary,
    WorkflowVersion,
)

PublishStatus: TypeAlias = Literal[
    "all", "published_online", "published_draft", "unpublished_draft"
]


def execution(*, workflow_id: str, execute_id: str) -> Flow[WorkflowExecution]:
    """Return how an asynchronous run stands.

    Args:
        workflow_id: The workflow.
        execute_id: The run.

    Raises:
        NotFoundError: There is no such run.
        CozeError: The server refused.

    Example:
        >>> client.workflows.execution(workflow_id="7389", execute_id="7431")  # doctest: +SKIP

    Protocol: section 6.6.
    """
    run = path_id("execute_id", execute_id)
    path = f"/v1/workflows/{path_id('workflow_id', workflow_id)}/run_histories/{run}"
    try:
        reply = yield from send(Call("GET", path, repeatable=True))
    except (NotFoundError, AuthenticationError, UnsupportedError) as error:
        if not _is_studio(error):
            raise
        query = {"workflow_id": workflow_id, "execute_id": execute_id}
        other = Call("GET", "/v1/workflow/get_run_history", query=query, repeatable=True)
        reply = yield from send(other)
    found = reply.read_list(WorkflowExecution)
    if not found:
        raise NotFoundError(
            f"there is no run {execute_id}",
            log_id=reply.log_id,
            hint_en="Check execute_id; runs are kept for some days only.",
            hint_zh="请检查 execute_id；执行记录仅保留数日。",
        )
    return found[0]


def node_output(*, workflow_id: str, execute_id: str, node_execute_uuid: str) -> Flow[NodeOutput]:
    """Return what one node of an asynchronous run gave; kept for a day.

    Args:
        workflow_id: The workflow.
        execute_id: The run.
        node_execute_uuid: The node's, from `execution(...).node_execute_status`.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.workflows.node_output(
        ...     workflow_id="7389", execute_id="7431", node_execute_uuid="1b4e"
        ... )  # doctest: +SKIP

    Protocol: section 6.6.
    """
    workflow, run = path_id("workflow_id", workflow_id), path_id("execute_id", execute_id)
    node = path_id("node_execute_uuid", node_execute_uuid)
    path = f"/v1/workflows/{workflow}/run_histories/{run}/execute_nodes/{node}"
    return (yield from send(Call("GET", path, repeatable=True))).read(NodeOutput)


def retrieve(*, workflow_id: str, include_input_output: bool = True) -> Flow[WorkflowInfo]:
    """Return a workflow: its name, and what it takes and gives.

    Args:
        workflow_id: The workflow.
        include_input_output: Whether to ask for its inputs and outputs as well.

    Raises:
        CozeError: The server refused.

    Example:
        >>> client.workflows.retrieve(workflow_id="7389").inputs  # doctest: +SKIP

    Protocol: section 6.6.
    """
    path = f"/v1/workflows/{path_id('workflow_id', workflow_id)}"
    query = {"include_input_output": "true"} if include_input_output else {}
    return (yield from send(Call("GET", path, query=query, repeatable=True))).read(WorkflowInfo)


def list(
    *,
    workspace_id: str,
    workflow_mode: Literal["workflow", "chatflow"] | None = None,
    app_id: str | None = None,
    publish_status: PublishStatus | None = None,
    page_size: int = 30,
) -> Pages[WorkflowSummary]:
    """Iterate over the workflows of a workspace.

    Args:
        workspace_id: The workspace.
        workflow_mode: Workflows or chatflows; both if None.
        app_id: Those of an app only.
        publish_status: Which; those published if None.
        page_size: Workflows a request; 30 at most.

    Raises:
        CozeError: While iterating: the server refused.

    Example:
        >>> for each in client.workflows.list(workspace_id="7348"):  # doctest: +SKIP
        ...     print(each.workflow_id, each.workflow_name)

    Protocol: section 6.6.
    """
    query = {
        "workspace_id": check_id("workspace_id", workspace_id),
        "workflow_mode": workflow_mode,
        "app_id": app_id,
        "publish_status": publish_status,
    }
    call = Call("GET", "/v1/workflows", query=query, repeatable=True)
    return Pages(call, WorkflowSummary, "items", "page_num", page_size)


def versions(
    *, workflow_id: str, publish_status: PublishStatus | None = None, page_size: int = 30
) -> Pages[WorkflowVersion]:
    """Iterate over the versions of a workflow, the newest first.

    Args:
        workflow_id: The workflow.
        publish_status: Which versions.
        page_size: Versions a request; 30 at most.

    Raises:
        CozeError: While iterating: the server refused.

    Example:
        >>> [v.version for v in client.workflows.versions(workflow_id="7389")]  # doctest: +SKIP

    Protocol: section 6.6.
    """
    path = f"/v1/workflows/{path_id('workflow_id', workflow_id)}/versions"
    call = Call("GET", path, query={"publish_status": publish_status}, repeatable=True)
    return Pages(call, WorkflowVersion, "items", "page_token", page_size)


def _is_studio(error: CozeError) -> bool:
    """Whether a refusal tells of a path that only the cloud has (section 10.2)."""
    if isinstance(error, UnsupportedError):
        return True
    return "session_key in cookie" in error.message or error.status_code == 404
