"""What a conversation that Coze keeps holds, as LlamaIndex's messages."""

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

from coze_core.dialog import Entry, Media


def stored_message(entry: Entry) -> ChatMessage:
    """Return an entry of a conversation as a message that a model can go on from."""
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
