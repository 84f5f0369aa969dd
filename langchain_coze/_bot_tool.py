"""Bots of Coze as LangChain tools."""

from __future__ import annotations

from typing import Any, Final, Literal

from langchain_core.callbacks import adispatch_custom_event, dispatch_custom_event
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel, Field, PrivateAttr

from coze_core import CozeError
from langchain_coze import _langgraph as graph
from langchain_coze._attempts import call_in
from langchain_coze._connection import Connection
from langchain_coze._errors import tool_error
from langchain_coze._kept_answers import kept, kept_async

DELTA: Final = "coze_bot_delta"


class _Message(BaseModel):
    """What a bot is told."""

    message: str = Field(description="What to tell or ask the assistant, in full sentences.")


class CozeBotTool(Connection, BaseTool):
    """A bot of Coze as a tool for another agent: one message in, its answer out.

    The artifact of the message has the bot's `usage`, `follow_ups`, `conversation_id` and
    `chat_id`. Pieces of the answer are sent as custom events named `coze_bot_delta`.

    Args:
        bot_id: The bot; it has to be published to the API channel.
        name: What a model calls the tool.
        description: What a model chooses the tool by.
        user_id: The end user.
        conversation_id: The conversation that all calls belong to; a new one each if None.
        remember: Whether calls of the same LangGraph thread share a conversation.
        custom_variables: The bot's prompt variables.
        api_key: The access token; `COZE_API_TOKEN` if None. Further ones as `ChatCoze` has them.

    Example:
        >>> tool = CozeBotTool(
        ...     bot_id="7379", name="travel_expert", description="Knows all about travelling."
        ... )  # doctest: +SKIP
        >>> create_agent(model, [tool])  # doctest: +SKIP
    """

    bot_id: str
    name: str
    description: str
    user_id: str | None = None
    conversation_id: str | None = None
    remember: bool = False
    custom_variables: dict[str, str] | None = None
    args_schema: Any = _Message
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    _conversations: dict[str, str] = PrivateAttr(default_factory=dict)  # by thread

    def _chat(self, message: str, config: RunnableConfig) -> dict[str, Any]:
        from coze_core import EnterMessage, anonymous_user_id

        known = self._conversations.get(self._memory_key(config))
        return {
            "bot_id": self.bot_id,
            "user_id": self.user_id or anonymous_user_id(),
            "messages": [EnterMessage.user(message)],
            "conversation_id": self.conversation_id or known,
            "custom_variables": self.custom_variables,
        }

    def _memory_key(self, config: RunnableConfig) -> str:
        return (graph.thread_of(config) or "") if self.remember else ""

    def _told(self, turn: Any) -> tuple[str, dict[str, Any]]:
        if turn.tool_calls:
            names = ", ".join(call.name for call in turn.tool_calls)
            raise ToolException(
                f"the bot waits for local tools ({names}), which a tool cannot run: use ChatCoze "
                f"with bind_tools, or a bot without local plugins"
            )
        usage = turn.usage
        return turn.answer, {
            "conversation_id": turn.conversation_id,
            "chat_id": turn.chat_id,
            "log_id": turn.log_id,
            "follow_ups": list(turn.follow_ups),
            "asks": turn.interrupted,
            "usage": None
            if usage is None
            else {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
            },
        }

    def _remembered(
        self, told: tuple[str, dict[str, Any]], config: RunnableConfig
    ) -> tuple[str, dict[str, Any]]:
        text, artifact = told  # a list where a checkpoint has kept it
        key = self._memory_key(config)
        if key and artifact["conversation_id"]:
            self._conversations[key] = artifact["conversation_id"]
        return text, artifact

    def _run(self, message: str, *, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        def work() -> tuple[str, dict[str, Any]]:
            try:
                with self.client.chat.stream(**self._chat(message, config)) as stream:
                    for piece in stream.text():
                        dispatch_custom_event(DELTA, {"bot_id": self.bot_id, "text": piece})
            except CozeError as error:
                raise tool_error(error) from error
            return self._told(stream.turn)

        # A node that makes several calls at once makes all of them anew when one was paused.
        with call_in(config) as call:
            told = kept(call, self.name, [self.bot_id, message], work)
        return self._remembered(told, config)

    async def _arun(self, message: str, *, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        async def work() -> tuple[str, dict[str, Any]]:
            asked = self.async_client.chat.stream(**self._chat(message, config))
            try:
                async with asked as stream:
                    async for piece in stream.text():
                        await adispatch_custom_event(DELTA, {"bot_id": self.bot_id, "text": piece})
            except CozeError as error:
                raise tool_error(error) from error
            return self._told(stream.turn)

        with call_in(config) as call:
            told = await kept_async(call, self.name, [self.bot_id, message], work)
        return self._remembered(told, config)
