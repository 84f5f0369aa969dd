"""A workflow of Coze as a LlamaIndex tool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from llama_index.core.tools import ToolMetadata, ToolOutput
from llama_index.core.workflow import Context
from pydantic import BaseModel

from coze_core import ModelClients, WorkflowInfo
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
from llamaindex_coze._kept_run import KeptRun
from llamaindex_coze._tool import CozeTool, no_positions
from llamaindex_coze.events import CozeQuestionEvent


class CozeWorkflowTool(CozeTool):
    """A workflow of Coze as a tool; `CozeToolSpec` makes it.

    In an agent, what its nodes give out is written to the event stream as `CozeProgressEvent`, and
    its questions as `CozeQuestionEvent`, for which the agent waits. Elsewhere `on_question` is
    asked. `raw_output` has the run as data: `value`, `usage`, `execute_id`, `debug_url`.
    """

    def __init__(
        self,
        clients: ModelClients,
        info: WorkflowInfo,
        call: WorkflowCall,
        *,
        name: str | None = None,
        description: str | None = None,
        on_question: Callable[[WorkflowQuestion], Any] | None = None,
    ) -> None:
        self._inputs = tool_inputs(info, call.parameters)
        self._call = call
        self._on_question = on_question
        called = name or tool_name(info.detail.workflow_name, f"workflow_{call.workflow_id}")
        told = description or info.detail.description or f"Runs the workflow {called}."
        about = ToolMetadata(name=called, description=told)
        super().__init__(clients, about)
        about.fn_schema = self._schema()

    def _schema(self) -> type[BaseModel]:
        return arguments_model(self.metadata.get_name(), self._inputs)

    def _filled(self, arguments: Mapping[str, Any]) -> WorkflowCall:
        checked = self._checked(arguments)
        given = {name: getattr(checked, name) for name in type(checked).model_fields}
        filled = parameters_of(given, self._inputs)
        own = self._call
        parameters = {**filled, **own.parameters}
        return WorkflowCall(own.workflow_id, parameters, own.options, own.max_seconds)

    def call(self, *args: Any, ctx: Context | None = None, **kwargs: Any) -> ToolOutput:
        """Run the workflow.

        Args:
            *args: None are taken.
            ctx: An agent's context; it cannot wait here: use `acall`.
            **kwargs: The workflow's inputs.

        Raises:
            ValueError: Inputs that are missing or of another type, or an unanswered question.
            CozeError: The run failed, or the server refused.
        """
        no_positions(args)
        call = self._filled(kwargs)
        after: tuple[RunRecord, object] | None = None
        while True:
            record = stretch(
                self._from.client,
                call,
                after=after,
                on_progress=lambda news: self._tell(ctx, news["text"], news["node"]),
            )
            if record["interrupt"] is None:
                return self._output(kwargs, record["text"], record)
            answer = self._answer(question_of(record))
            if asyncio.iscoroutine(answer):
                answer.close()
                raise TypeError("on_question is asynchronous: use acall, or give a blocking one")
            after = record, answer

    async def acall(self, *args: Any, ctx: Context | None = None, **kwargs: Any) -> ToolOutput:
        """Run the workflow; see `call`. An agent waits for the answers to its questions."""
        no_positions(args)
        call = self._filled(kwargs)

        async def tell(news: dict[str, Any]) -> None:
            self._tell(ctx, news["text"], news["node"])

        # An agent that waits begins this call anew when the answer has come: what was done until
        # then is kept, and not done again.
        name = self.metadata.get_name()
        kept = None if ctx is None or self._on_question else KeptRun(ctx, name, kwargs)

        async def begin() -> RunRecord:
            return await stretch_async(self._from.async_client, call, on_progress=tell)

        record = await (kept.begin(begin) if kept else begin())
        while record["interrupt"] is not None:
            question, asked = question_of(record), record
            if kept is not None:
                answer = await kept.ask(_question_event(question), question["id"])
            else:
                answer = self._answer(question)
                answer = await answer if isinstance(answer, Awaitable) else answer

            async def go_on(after: tuple[RunRecord, object] = (asked, answer)) -> RunRecord:
                client = self._from.async_client
                return await stretch_async(client, call, after=after, on_progress=tell)

            record = await (kept.once(asked, go_on) if kept else go_on())
        return self._output(kwargs, record["text"], record)

    def _answer(self, question: WorkflowQuestion) -> Any:
        if self._on_question is None:
            raise ValueError(
                f"the workflow asks: {question['text'] or question['required']}. Run the tool in "
                f"an agent, awaiting, or give on_question= / 工作流需要用户回答，请在 Agent 中"
                f"异步运行，或传入 on_question="
            )
        return self._on_question(question)


def _question_event(question: WorkflowQuestion) -> Callable[[str], CozeQuestionEvent]:
    def make(waiter_id: str) -> CozeQuestionEvent:
        return CozeQuestionEvent(
            prefix=question["text"], question=dict(question), waiter_id=waiter_id
        )

    return make
