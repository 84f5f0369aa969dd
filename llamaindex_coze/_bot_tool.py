"""A bot of Coze as a LlamaIndex tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llama_index.core.tools import ToolMetadata, ToolOutput
from llama_index.core.workflow import Context
from pydantic import BaseModel, Field

from coze_core import EnterMessage, ModelClients, anonymous_user_id
from llamaindex_coze._tool import CozeTool, no_positions


class _Message(BaseModel):
    """What a bot is told."""

    message: str = Field(description="What to tell or ask the assistant, in full sentences.")


class CozeBotTool(CozeTool):
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
        no_positions(args)
        with self._from.client.chat.stream(**self._chat(kwargs)) as stream:
            for piece in stream.text():
                self._tell(ctx, piece)
        return self._told(kwargs, stream.turn)

    async def acall(self, *args: Any, ctx: Context | None = None, **kwargs: Any) -> ToolOutput:
        """Ask the bot; see `call`."""
        no_positions(args)
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
