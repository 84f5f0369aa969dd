"""A conversation that Coze keeps, as LlamaIndex's messages."""

from __future__ import annotations

from collections.abc import Sequence
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

from coze_core import Message
from coze_core.dialog import Entry, Media, stored_entries


def chat_messages(messages: Sequence[Message], *, bot_id: str) -> list[ChatMessage]:
    """Return a conversation as messages.

    Args:
        messages: Its messages, the oldest first.
        bot_id: The bot whose conversation it is.
    """
    return [_message(entry) for entry in stored_entries(messages, bot_id=bot_id)]


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
