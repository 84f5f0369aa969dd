"""Audio, images and cards of an answer as content blocks.

An answer's `content` is its text, in every way of asking. What else there is stands in
`additional_kwargs` and appears in `message.content_blocks`, by the translator that LangChain asks.
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.block_translators import register_translator

from langchain_coze._chunks import BLOCKS, PROVIDER


def _translate(message: AIMessage | AIMessageChunk) -> list[Any]:
    blocks = message.additional_kwargs.get(BLOCKS)
    if not blocks:
        # By LangChain's rule this means: read it as well as you can. It does so for text,
        # reasoning and tool calls, and it costs least.
        raise NotImplementedError
    metadata = {k: v for k, v in message.response_metadata.items() if k != "model_provider"}
    plain = message.model_copy(update={"response_metadata": metadata})
    return [*plain.content_blocks, *cast("list[Any]", blocks)]


def register() -> None:
    """Tell LangChain how to read Coze's answers."""
    register_translator(PROVIDER, _translate, _translate)
