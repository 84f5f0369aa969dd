"""LlamaIndex's messages as entries of a history; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from coze_core.dialog import CallEntry, Entry, EntryRole, Media, MediaKind, medium, raw_arguments

_ROLES: Final[dict[MessageRole, EntryRole]] = {
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}


def entries_of(messages: Sequence[ChatMessage]) -> list[Entry]:
    """Return a history as the planner takes it.

    Args:
        messages: The history; it is not changed.

    Raises:
        ValueError: A content block that cannot be sent.
    """
    entries = [_entry(message) for message in messages]
    # Agents that have to stop early end with an instruction: it is what is asked for.
    said = [entry for entry in entries if entry.role != "system"]
    if entries and entries[-1].role == "system" and said and said[-1].role == "assistant":
        entries[-1] = Entry("user", entries[-1].text)
    return entries


def _entry(message: ChatMessage) -> Entry:
    role = _ROLES[message.role]
    texts: list[str] = []
    media: list[Media] = []
    for block in message.blocks:
        _take(block, texts, media, told=role == "assistant")
    text = "\n".join(filter(None, texts))
    kwargs = message.additional_kwargs
    if role == "assistant":
        marker = kwargs.get("coze")
        found = marker if isinstance(marker, Mapping) else None
        return Entry(role, text, found, _calls(message), media=tuple(media))
    if role == "system" and media:
        raise ValueError(
            f"a system message cannot hold an image or a file ({media[0].kind}): "
            "Coze takes instructions as text; put it into a user message"
        )
    id = str(kwargs.get("tool_call_id") or "") if role == "tool" else ""
    return Entry(role, text, tool_call_id=id, media=tuple(media))


def _calls(message: ChatMessage) -> tuple[CallEntry, ...]:
    """Return the calls of an answer: from its blocks, or as older messages keep them."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return tuple(
            CallEntry(block.tool_call_id or "", block.tool_name, _json(block.tool_kwargs))
            for block in blocks
        )
    calls = []
    for call in message.additional_kwargs.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            arguments = _json(function.get("arguments") or {})
            calls.append(CallEntry(str(call.get("id") or ""), str(function.get("name")), arguments))
    return tuple(calls)


def _json(arguments: object) -> str:
    if isinstance(arguments, str):
        return raw_arguments(arguments)
    return json.dumps(arguments, ensure_ascii=False)


def _take(block: object, texts: list[str], media: list[Media], *, told: bool) -> None:
    """Sort one content block into text and media; an answer's media are only told of in words."""
    if isinstance(block, TextBlock):
        texts.append(block.text)
    elif isinstance(block, CitableBlock):
        texts.append(f"{block.title} ({block.source}):")
        for inner in block.content:
            _take(inner, texts, media, told=told)
    elif isinstance(block, CitationBlock):
        _take(block.cited_content, texts, media, told=told)
    elif isinstance(block, ImageBlock | AudioBlock | VideoBlock | DocumentBlock):
        media.append(_medium(block, told=told))
    elif not isinstance(block, ThinkingBlock | ToolCallBlock | CachePoint):
        raise ValueError(  # noqa: TRY004 - the value is wrong, whatever its type
            f"a content block of type {type(block).__name__} cannot be sent to Coze, which takes "
            "text, images, documents, audio and video"
        )


def _medium(block: ImageBlock | AudioBlock | VideoBlock | DocumentBlock, *, told: bool) -> Media:
    url = str(block.url) if block.url is not None else None
    path = block.path
    name = PurePath(path).name if path is not None else None
    kind: MediaKind = "file"
    read: Callable[[], bytes]
    if isinstance(block, ImageBlock):
        kind, media_type, read = "image", block.image_mimetype, lambda: _all(block.resolve_image)
    elif isinstance(block, AudioBlock):
        kind, read = "audio", lambda: _all(block.resolve_audio)
        media_type = f"audio/{block.format}" if block.format else None
    elif isinstance(block, VideoBlock):
        media_type, read = block.video_mimetype, lambda: _all(block.resolve_video)
    else:
        name = name or block.title
        media_type, read = block.document_mimetype, lambda: _all(block.resolve_document)
    # A path or content is read later, away from the event loop; an address is Coze's to fetch.
    return medium(
        kind,
        url=url,
        data=None if url is not None else read,
        media_type=media_type,
        name=name,
        told=told,
    )


def _all(resolve: Callable[[], Any]) -> bytes:
    return bytes(resolve().read())
