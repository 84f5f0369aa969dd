"""Workflows and bots of Coze as LlamaIndex tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from pydantic import SecretStr

from coze_core import ConnectedClients, Timeouts, WorkflowInfo
from coze_core.dialog import WorkflowCall, WorkflowQuestion, tool_name
from llamaindex_coze._bot_tool import CozeBotTool
from llamaindex_coze._workflow_tool import CozeWorkflowTool
from llamaindex_coze.events import CozeProgressEvent, CozeQuestionEvent

__all__ = [
    "CozeBotTool",
    "CozeProgressEvent",
    "CozeQuestionEvent",
    "CozeToolSpec",
    "CozeWorkflowTool",
]


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
        api_key: str | SecretStr | Callable[[], Any] | None = None,
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
