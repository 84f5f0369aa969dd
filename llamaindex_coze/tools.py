"""Workflows and bots of Coze as LlamaIndex tools."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import TextBlock
from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.workflow import Context
from pydantic import BaseModel, Field, SecretStr

from coze_core import (
    ConnectedClients,
    EnterMessage,
    ModelClients,
    Timeouts,
    WorkflowInfo,
    anonymous_user_id,
)
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
from llamaindex_coze._events import CozeProgressEvent, CozeQuestionEvent
from llamaindex_coze._kept import Kept


class _Tool(FunctionTool):
    """What a workflow's and a bot's tool have in common: they may run in an agent, or alone."""

    def __init__(self, clients: ModelClients, metadata: ToolMetadata) -> None:
        super().__init__(fn=self._text, async_fn=self._atext, metadata=metadata)
        self.requires_context = True  # an agent then passes its own
        self.ctx_param_name = "ctx"
        self._from = clients

    def _text(self, **arguments: Any) -> str:
        return str(self.call(**arguments).content)

    async def _atext(self, **arguments: Any) -> str:
        return str((await self.acall(**arguments)).content)

    def _checked(self, arguments: Mapping[str, Any]) -> BaseModel:
        schema = cast("type[BaseModel]", self.metadata.fn_schema)
        return schema.model_validate(dict(arguments))

    def _output(self, arguments: Mapping[str, Any], text: str, raw: Any) -> ToolOutput:
        return ToolOutput(
            blocks=[TextBlock(text=text)],
            tool_name=self.metadata.get_name(),
            raw_input={"args": (), "kwargs": dict(arguments)},
            raw_output=raw,
        )

    def _tell(self, ctx: Context | None, text: str, node: str = "") -> None:
        if ctx is not None:
            name = self.metadata.get_name()
            ctx.write_event_to_stream(CozeProgressEvent(tool=name, text=text, node=node))

    def _schema(self) -> type[BaseModel]:
        """Make the schema of what is taken."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        # The schema may be a class made at run time, which pickles cannot find again.
        told, schema = self.metadata, self.metadata.fn_schema
        if schema is not None and schema.__module__.startswith("coze_core."):
            told = dataclasses.replace(told, fn_schema=None)
        return {**self.__dict__, "_metadata": told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.metadata.fn_schema is None:
            self.metadata.fn_schema = self._schema()


class CozeWorkflowTool(_Tool):
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
        _no_positions(args)
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
        _no_positions(args)
        call = self._filled(kwargs)

        async def tell(news: dict[str, Any]) -> None:
            self._tell(ctx, news["text"], news["node"])

        # An agent that waits begins this call anew when the answer has come: what was done until
        # then is kept in its store, and not done again.
        kept = None if ctx is None else Kept(ctx, self.metadata.get_name(), kwargs)
        record = await kept.load() if kept else None
        if record is None:
            record = await stretch_async(self._from.async_client, call, on_progress=tell)
        while record["interrupt"] is not None:
            question, asked = question_of(record), record
            if kept is not None and self._on_question is None:
                await kept.save(asked)
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


class _Message(BaseModel):
    """What a bot is told."""

    message: str = Field(description="What to tell or ask the assistant, in full sentences.")


class CozeBotTool(_Tool):
    """A bot of Coze as a tool: one message in, its answer out; `CozeToolSpec` makes it."""

    def __init__(
        self,
        clients: ModelClients,
        bot_id: str,
        *,
        name: str,
        description: str,
        user_id: str | None = None,
        conversation_id: str | None = None,
    ) -> None:
        self._bot_id = bot_id
        self._user_id = user_id
        self._conversation_id = conversation_id
        about = ToolMetadata(name=name, description=description, fn_schema=self._schema())
        super().__init__(clients, about)

    def _schema(self) -> type[BaseModel]:
        return _Message

    def _chat(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        checked = cast("_Message", self._checked(arguments))
        return {
            "bot_id": self._bot_id,
            "user_id": self._user_id or anonymous_user_id(),
            "messages": [EnterMessage.user(checked.message)],
            "conversation_id": self._conversation_id,
        }

    def call(self, *args: Any, ctx: Context | None = None, **kwargs: Any) -> ToolOutput:
        """Ask the bot.

        Args:
            *args: None are taken.
            ctx: An agent's context, to tell of the answer as it comes.
            **kwargs: `message`.

        Raises:
            ValueError: No message, or the bot waits for local tools.
            CozeError: The chat failed, or the server refused.
        """
        _no_positions(args)
        with self._from.client.chat.stream(**self._chat(kwargs)) as stream:
            for piece in stream.text():
                self._tell(ctx, piece)
        return self._told(kwargs, stream.turn)

    async def acall(self, *args: Any, ctx: Context | None = None, **kwargs: Any) -> ToolOutput:
        """Ask the bot; see `call`."""
        _no_positions(args)
        async with self._from.async_client.chat.stream(**self._chat(kwargs)) as stream:
            async for piece in stream.text():
                self._tell(ctx, piece)
        return self._told(kwargs, stream.turn)

    def _told(self, arguments: Mapping[str, Any], turn: Any) -> ToolOutput:
        if turn.tool_calls:
            names = ", ".join(call.name for call in turn.tool_calls)
            raise ValueError(
                f"the bot waits for local tools ({names}), which a tool cannot run: use the bot as "
                f"the LLM of an agent, or one without local plugins"
            )
        raw = {
            "conversation_id": turn.conversation_id,
            "chat_id": turn.chat_id,
            "log_id": turn.log_id,
            "follow_ups": list(turn.follow_ups),
        }
        return self._output(arguments, turn.answer, raw)


class CozeToolSpec(ConnectedClients, BaseToolSpec):
    """Workflows and bots of Coze as tools of LlamaIndex agents.

    Args:
        workflow_ids: The workflows; their names, descriptions and inputs are looked up.
        bot_ids: The bots; their names and descriptions are looked up.
        parameters: Inputs that are fixed, by workflow id; files among them are uploaded.
        options: `bot_id`, `app_id`, `ext`, `workflow_version`, `connector_id`, by workflow id.
        max_seconds: How long a workflow may take; more than ten minutes makes it asynchronous.
        on_question: Asked outside agents: takes a `WorkflowQuestion`, returns the answer.
        user_id: The end user, for bots.
        api_key: The access token; `COZE_API_TOKEN` if None. Further ones as `Coze` has them.

    Example:
        >>> tools = CozeToolSpec(workflow_ids=["7389"]).to_tool_list()  # doctest: +SKIP
        >>> agent = FunctionAgent(tools=tools, llm=llm)  # doctest: +SKIP
    """

    spec_functions: list[str | tuple[str, str]] = []  # noqa: RUF012 - looked up, not methods of ours

    def __init__(
        self,
        *,
        workflow_ids: Sequence[str] = (),
        bot_ids: Sequence[str] = (),
        parameters: Mapping[str, Mapping[str, Any]] | None = None,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        max_seconds: float | None = None,
        on_question: Callable[[WorkflowQuestion], Any] | None = None,
        user_id: str | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        region: str | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int = 2,
        auth: Any = None,
        tracing: Any = None,
        **connection: Any,
    ) -> None:
        if not workflow_ids and not bot_ids:
            raise ValueError("give workflow_ids or bot_ids: what shall become tools?")
        self._workflow_ids, self._bot_ids = tuple(workflow_ids), tuple(bot_ids)
        self._parameters, self._options = dict(parameters or {}), dict(options or {})
        self._max_seconds, self._on_question = max_seconds, on_question
        self._user_id = user_id
        self.connect(
            api_key=api_key,
            base_url=base_url,
            region=region,
            timeout=timeout,
            max_retries=max_retries,
            auth=auth,
            tracing=tracing,
            **connection,
        )

    def to_tool_list(self, *args: Any, **kwargs: Any) -> list[FunctionTool]:
        """Look everything up and return the tools.

        Args:
            *args: As the base class takes; nothing of it has a meaning here.
            **kwargs: As the base class takes; nothing of it has a meaning here.

        Raises:
            CozeError: The server refused.
        """
        del args, kwargs
        found = [self.client.workflows.retrieve(workflow_id=id) for id in self._workflow_ids]
        bots = [self.client.bots.retrieve(bot_id=id) for id in self._bot_ids]
        return self._tools(found, bots)

    async def ato_tool_list(self) -> list[FunctionTool]:
        """Look everything up and return the tools."""
        client = self.async_client
        found = [await client.workflows.retrieve(workflow_id=id) for id in self._workflow_ids]
        bots = [await client.bots.retrieve(bot_id=id) for id in self._bot_ids]
        return self._tools(found, bots)

    def _tools(self, workflows: Sequence[WorkflowInfo], bots: Sequence[Any]) -> list[FunctionTool]:
        tools: list[FunctionTool] = []
        for id, info in zip(self._workflow_ids, workflows, strict=True):
            fixed, options = dict(self._parameters.get(id, {})), dict(self._options.get(id, {}))
            call = WorkflowCall(id, fixed, options, self._max_seconds)
            name = _another(tools, tool_name(info.detail.workflow_name, f"workflow_{id}"), id)
            asked = self._on_question
            tools.append(CozeWorkflowTool(self, info, call, name=name, on_question=asked))
        for id, bot in zip(self._bot_ids, bots, strict=True):
            tools.append(
                CozeBotTool(
                    self,
                    id,
                    name=_another(tools, tool_name(bot.name, f"bot_{id}"), id),
                    description=bot.description or f"Asks the assistant {bot.name}.",
                    user_id=self._user_id,
                )
            )
        return tools


def _another(tools: Sequence[FunctionTool], name: str, id: str) -> str:
    """Return a name that none of the tools has: an agent would lose one of two."""
    known = {tool.metadata.get_name() for tool in tools}
    return f"{name[: 63 - len(id)]}_{id}" if name in known else name


def _no_positions(args: tuple[Any, ...]) -> None:
    if args:
        raise TypeError("give the inputs by name")
