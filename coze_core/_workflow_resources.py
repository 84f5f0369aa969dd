"""The binding tables of workflows: which operation is which method, on each client."""

from __future__ import annotations

from coze_core._binding import (
    AsyncResource,
    Resource,
    async_paging,
    async_running,
    async_streaming,
    async_workflow_streaming,
    awaiting,
    blocking,
    paging,
    running,
    streaming,
    workflow_streaming,
)
from coze_core._endpoints import chatflows, workflow_info, workflows


class Workflows(Resource):
    """Workflows: run them, follow them, answer what they ask."""

    run = running(workflows.run)
    resume = running(workflows.resume)
    stream = workflow_streaming(workflows.stream)
    stream_resume = workflow_streaming(workflows.stream_resume)
    start = blocking(workflows.start)
    wait = blocking(workflows.wait)
    chat = streaming(chatflows.chat)
    execution = blocking(workflow_info.execution)
    node_output = blocking(workflow_info.node_output)
    retrieve = blocking(workflow_info.retrieve)
    list = paging(workflow_info.list)
    versions = paging(workflow_info.versions)


class AsyncWorkflows(AsyncResource):
    """Workflows: run them, follow them, answer what they ask."""

    run = async_running(workflows.run)
    resume = async_running(workflows.resume)
    stream = async_workflow_streaming(workflows.stream)
    stream_resume = async_workflow_streaming(workflows.stream_resume)
    start = awaiting(workflows.start)
    wait = awaiting(workflows.wait)
    chat = async_streaming(chatflows.chat)
    execution = awaiting(workflow_info.execution)
    node_output = awaiting(workflow_info.node_output)
    retrieve = awaiting(workflow_info.retrieve)
    list = async_paging(workflow_info.list)
    versions = async_paging(workflow_info.versions)
