"""Tools as LlamaIndex hands them to a model, and the calls that a response asks for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from pydantic import ConfigDict

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool

_NOT_JSON: Final = "arguments that are not a JSON object"


class ToolCalling(FunctionCallingLLM):
    """What agents ask a model that can call tools."""

    model_config = ConfigDict(defer_build=True)

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if user_msg is not None:
            if isinstance(user_msg, str):
                user_msg = ChatMessage(role=MessageRole.USER, content=user_msg)
            messages.append(user_msg)
        described = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        if not described:
            return {"messages": messages, **kwargs}
        choice = tool_choice if tool_choice is not None else "any" if tool_required else None
        return {
            "messages": messages,
            "tools": described,
            **({} if choice is None else {"tool_choice": choice}),
            **kwargs,
        }

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """Keep one call if that is what was asked for; the others are answered as not executed."""
        if not allow_parallel_tool_calls:
            message = response.message
            first = next((b for b in message.blocks if isinstance(b, ToolCallBlock)), None)
            message.blocks = [
                block
                for block in message.blocks
                if not isinstance(block, ToolCallBlock) or block is first
            ]
            if "tool_calls" in message.additional_kwargs:
                message.additional_kwargs["tool_calls"][1:] = []
        return response

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """Return the calls that a response asks for.

        Args:
            response: The response; those of a stream have the calls in the last one.
            error_on_no_tool_call: Whether none is an error.
            kwargs: Have no effect.

        Raises:
            ValueError: There is none, and that is an error.
        """
        found = [
            ToolSelection(
                tool_id=block.tool_call_id or "",
                tool_name=block.tool_name,
                tool_kwargs=_mapping(block.tool_kwargs),
            )
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]
        if not found and error_on_no_tool_call:
            raise ValueError(
                f"the bot called no tool, it said: {response.message.content!r}; a bot that lacks "
                "the tool is told of it in words, and may not follow"
            )
        return found


def _mapping(arguments: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(arguments, dict):
        return arguments
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    from coze_core.dialog import raw_arguments

    # Called with nothing, a tool might do something; with this it fails and the bot is told why.
    return {_NOT_JSON: raw_arguments(arguments)}
