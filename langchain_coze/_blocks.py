"""Audio, images and cards of an answer as content blocks.

An answer's `content` is its text, in every way of asking. What else there is stands in
`additional_kwargs` and appears in `message.content_blocks`, by the translators that LangChain asks.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.tool import ToolCallChunk

from langchain_coze._names import BLOCKS, PROVIDER


def _translate_chunk(message: AIMessageChunk) -> list[Any]:
    calls = message.tool_call_chunks
    if not calls or message.content or message.chunk_position == "last":
        return _translate(message)
    # LangChain numbers the blocks of a stream and merges those of one number; the calls have
    # numbers of their own, which must not be taken for those of text and reasoning.
    return [{**_block(call), "index": f"lc_tc_{call.get('index')}"} for call in calls]


def _block(call: ToolCallChunk) -> dict[str, Any]:
    from coze_core.dialog import is_unreadable  # costly, and there once a model has been made

    facts = {"id": call.get("id"), "name": call.get("name"), "args": call.get("args")}
    # A call comes whole, and LangChain leaves a piece of one a piece if it cannot be read.
    if is_unreadable(call.get("args")):
        return {"type": "invalid_tool_call", **facts, "error": None}
    return {"type": "tool_call_chunk", **facts}


def _translate(message: AIMessage | AIMessageChunk) -> list[Any]:
    blocks = [*message.additional_kwargs.get(BLOCKS, ())]
    if message.invalid_tool_calls:
        blocks = [*message.invalid_tool_calls, *blocks]
    if not blocks:
        # By LangChain's rule this means: read it as well as you can. It does so for text,
        # reasoning and tool calls, and it costs least.
        raise NotImplementedError
    metadata = {k: v for k, v in message.response_metadata.items() if k != "model_provider"}
    plain = message.model_copy(update={"response_metadata": metadata})
    return [*plain.content_blocks, *blocks]


def register() -> None:
    """Tell LangChain how to read Coze's answers."""
    register_translator(PROVIDER, _translate, _translate_chunk)
