"""Workflows of Coze as LangChain tools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Self

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic import Field, field_validator, model_validator

from coze_core import CozeError, WorkflowInfo, WorkflowParameter
from coze_core.dialog import (
    RunRecord,
    WorkflowCall,
    WorkflowQuestion,
    arguments_model,
    parameters_of,
    question_of,
    stretch,
    stretch_async,
    tool_inputs,
    tool_name,
)
from langchain_coze import _langgraph as graph
from langchain_coze._attempts import Call, call_in
from langchain_coze._connection import Connection
from langchain_coze._errors import CozeToolError, tool_error
from langchain_coze._kept_answers import kept, kept_async

PROGRESS: Final = "coze_workflow_progress"
_CONNECTION: Final = frozenset(Connection.model_fields) | {"token"}


class CozeWorkflowTool(Connection, BaseTool):
    """A workflow of Coze as a tool; make it with `from_workflow`.

    It runs as a stream. What its nodes give out on the way is sent as custom events named
    `coze_workflow_progress` (`astream_events`, callbacks), and in a LangGraph graph to
    `stream_mode="custom"`. The message's content is the output as text, its artifact the run as
    data: `value`, `usage`, `execute_id`, `debug_url`.

    If the workflow asks something, a graph is paused with `interrupt()`: resume it with
    `Command(resume=answer)`, in any process, and the workflow goes on where it stood. Elsewhere
    `on_question` is asked, or the call fails with the question in its error.

    Args:
        workflow_id: The workflow.
        inputs: What it takes, by name; `from_workflow` finds out.
        parameters: Inputs that are fixed, and not the model's to choose; files among them
            (`Path`, bytes, open files) are uploaded.
        bot_id: The bot whose variables and database it uses.
        app_id: The app it belongs to; not together with bot_id.
        ext: `latitude`, `longitude` and `user_id`, as text.
        workflow_version: A version such as `v0.0.5`; the newest if None.
        connector_id: The channel; 1024, the API, if None.
        max_seconds: How long it may take; more than ten minutes makes it asynchronous.
        on_question: Called with a `WorkflowQuestion`, returns the answer; may be asynchronous.
        api_key: The access token; `COZE_API_TOKEN` if None. Further ones as `ChatCoze` has them.

    Example:
        >>> tool = CozeWorkflowTool.from_workflow("7389")  # doctest: +SKIP
        >>> tool.invoke({"city": "Paris"})  # doctest: +SKIP
    """

    workflow_id: str
    name: str = ""
    description: str = ""
    inputs: dict[str, WorkflowParameter] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    bot_id: str | None = None
    app_id: str | None = None
    ext: dict[str, str] | None = None
    workflow_version: str | None = None
    connector_id: str | None = None
    max_seconds: float | None = None
    on_question: Callable[[WorkflowQuestion], Any] | None = Field(default=None, exclude=True)
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    @field_validator("workflow_id")
    @classmethod
    def _need_a_workflow(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("workflow_id must not be empty")
        return value

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        self._set_schema()
        return self

    def _set_schema(self) -> None:
        self.name = self.name or f"workflow_{self.workflow_id}"
        self.description = self.description or f"Runs the workflow {self.name}."
        if self.args_schema is None:
            left = {name: each for name, each in self.inputs.items() if name not in self.parameters}
            self.args_schema = arguments_model(self.name, left)

    @classmethod
    def from_workflow(
        cls,
        workflow_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Return a tool for a workflow, with its name, description and typed inputs.

        Args:
            workflow_id: The workflow; it has to be published.
            name: Another name than the workflow's own.
            description: Another description: what a model chooses the tool by.
            parameters: Inputs that are fixed.
            **options: What the class takes.

        Raises:
            ValueError: Something is fixed that the workflow does not take.
            CozeError: The server refused.
        """
        connection = _connection(options)
        info = connection.client.workflows.retrieve(workflow_id=workflow_id)
        return cls._of(info, connection, workflow_id, name, description, parameters, options)

    @classmethod
    async def afrom_workflow(
        cls,
        workflow_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Self:
        """Return a tool for a workflow; see `from_workflow`."""
        connection = _connection(options)
        info = await connection.async_client.workflows.retrieve(workflow_id=workflow_id)
        return cls._of(info, connection, workflow_id, name, description, parameters, options)

    @classmethod
    def _of(
        cls,
        info: WorkflowInfo,
        connection: Connection,
        workflow_id: str,
        name: str | None,
        description: str | None,
        parameters: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> Self:
        given = dict(parameters or {})
        tool = cls(
            workflow_id=workflow_id,
            name=name or tool_name(info.detail.workflow_name, f"workflow_{workflow_id}"),
            description=description or info.detail.description,
            inputs=tool_inputs(info, given),
            parameters=given,
            **options,
        )
        tool._clients = connection._clients  # noqa: SLF001 - our own base class
        return tool

    def _call(self, arguments: Mapping[str, Any]) -> WorkflowCall:
        try:
            filled = parameters_of(arguments, self.inputs)
        except ValueError as error:
            raise ToolException(str(error)) from error
        given = {
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "ext": self.ext,
            "workflow_version": self.workflow_version,
            "connector_id": self.connector_id,
        }
        options = {name: value for name, value in given.items() if value is not None}
        return WorkflowCall(
            self.workflow_id, {**filled, **self.parameters}, options, self.max_seconds
        )

    # -- blocking

    def _run(self, *, config: RunnableConfig, **arguments: Any) -> tuple[str, RunRecord]:
        wanted = self._call(arguments)
        after: tuple[RunRecord, object] | None = None
        with call_in(config, must_keep=True) as call:
            while True:
                record = self._stretch(call, wanted, after)
                if record["interrupt"] is None:
                    return record["text"], record
                question = question_of(record)
                if call is not None and graph.can_pause(config):
                    answer = call.ask(question)
                else:
                    answer = self._answer(question)
                after = record, answer

    def _stretch(
        self, call: Call | None, wanted: WorkflowCall, after: tuple[RunRecord, object] | None
    ) -> RunRecord:
        def work() -> RunRecord:
            def tell(news: dict[str, Any]) -> None:
                dispatch_custom_event(PROGRESS, news)
                if call is not None:
                    graph.tell(news)

            try:
                return stretch(self.client, wanted, after=after, on_progress=tell)
            except CozeError as error:
                raise tool_error(error) from error

        return kept(call, self.name, _about(wanted, after), work)

    def _answer(self, question: WorkflowQuestion) -> object:
        if self.on_question is None:
            raise _unanswered(question)
        answer = self.on_question(question)
        if asyncio.iscoroutine(answer):
            answer.close()
            raise TypeError("on_question is asynchronous: use ainvoke, or give a blocking one")
        return answer

    # -- awaiting

    async def _arun(self, *, config: RunnableConfig, **arguments: Any) -> tuple[str, RunRecord]:
        wanted = self._call(arguments)
        after: tuple[RunRecord, object] | None = None
        with call_in(config, must_keep=True) as call:
            while True:
                record = await self._astretch(call, wanted, after)
                if record["interrupt"] is None:
                    return record["text"], record
                question = question_of(record)
                if call is not None and graph.can_pause(config):
                    answer = await call.ask_async(question)
                else:
                    answer = await self._aanswer(question)
                after = record, answer

    async def _astretch(
        self, call: Call | None, wanted: WorkflowCall, after: tuple[RunRecord, object] | None
    ) -> RunRecord:
        async def work() -> RunRecord:
            async def tell(news: dict[str, Any]) -> None:
                await adispatch_custom_event(PROGRESS, news)
                if call is not None:
                    graph.tell(news)

            try:
                return await stretch_async(self.async_client, wanted, after=after, on_progress=tell)
            except CozeError as error:
                raise tool_error(error) from error

        return await kept_async(call, self.name, _about(wanted, after), work)

    async def _aanswer(self, question: WorkflowQuestion) -> object:
        if self.on_question is None:
            raise _unanswered(question)
        answer = self.on_question(question)
        return await answer if isinstance(answer, Awaitable) else answer

    def __getstate__(self) -> dict[Any, Any]:
        # The schema is a class made at run time, which pickles cannot find again.
        state = super().__getstate__()
        fields = dict(state["__dict__"])
        if isinstance(fields.get("args_schema"), type) and _is_made(fields["args_schema"]):
            fields["args_schema"] = None
        return {**state, "__dict__": fields}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        if self.args_schema is None:
            self._set_schema()


def _connection(options: Mapping[str, Any]) -> Connection:
    return Connection(**{name: options[name] for name in _CONNECTION & options.keys()})


def _about(call: WorkflowCall, after: tuple[RunRecord, object] | None) -> object:
    """Return what tells one stretch of one call from others."""
    asked = None if after is None else (after[0]["interrupt"] or {}).get("event_id")
    return [call.workflow_id, call.parameters, asked]


def _is_made(schema: type) -> bool:
    return schema.__module__.startswith("coze_core.")


def _unanswered(question: WorkflowQuestion) -> CozeToolError:
    return CozeToolError(
        f"the workflow asks: {question['text'] or question['required']}. Run the tool in a "
        f"LangGraph graph with a checkpointer, or give it on_question= / 工作流需要用户回答，"
        f"请在带 checkpointer 的 LangGraph 中运行，或传入 on_question="
    )
