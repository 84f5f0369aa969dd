"""A conversation that Coze keeps, as LlamaIndex's messages."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
)

from coze_core import AsyncCozeClient, CozeClient
from coze_core.dialog import Entry, Media, stored_history, stored_history_async


def load_messages(
    client: CozeClient, conversation_id: str, bot_id: str, limit: int | None
) -> list[ChatMessage]:
    """Load it, blocking.

    Args:
        client: Through which to ask.
        conversation_id: The conversation.
        bot_id: The bot whose conversation it is.
        limit: The most messages; all of them if None.
    """
    found = stored_history(client, conversation_id, bot_id=bot_id, limit=limit)
    return [_message(entry) for entry in found]


async def aload_messages(
    client: AsyncCozeClient, conversation_id: str, bot_id: str, limit: int | None
) -> list[ChatMessage]:
    """Load it, awaiting.

    Args:
        client: Through which to ask.
        conversation_id: The conversation.
        bot_id: The bot whose conversation it is.
        limit: The most messages; all of them if None.
    """
    found = await stored_history_async(client, conversation_id, bot_id=bot_id, limit=limit)
    return [_message(entry) for entry in found]


def _message(entry: Entry) -> ChatMessage:
    blocks: list[ContentBlock] = [TextBlock(text=entry.text)]
    blocks += [_block(item) for item in entry.media]
    if entry.role == "user":
        return ChatMessage(role=MessageRole.USER, blocks=blocks)
    kwargs: dict[str, Any] = {} if entry.marker is None else {"coze": dict(entry.marker)}
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kwargs)


def _block(item: Media) -> ContentBlock:
    """Return a medium; an upload has an id and no address, so its id is told in words."""
    if item.url is None:
        return TextBlock(text=f"[{item.kind}: {item.file_id}]")
    if item.kind == "image":
        return ImageBlock(url=item.url)
    return AudioBlock(url=item.url) if item.kind == "audio" else DocumentBlock(url=item.url)
