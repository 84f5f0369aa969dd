"""LangChain's messages as entries of a history; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from coze_core.dialog import CallEntry, Entry, Media, medium

_ROLES: Final = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant"}
_TEXT: Final = frozenset({"text", "text-plain", "refusal"})
# What models leave in their answers beside text; none of it is said again.
_SILENT: Final = frozenset(
    {
        "reasoning",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_call",
        "tool_call_chunk",
        "invalid_tool_call",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
        "function_call",
    }
)


def entries_of(messages: Sequence[BaseMessage]) -> list[Entry]:
    """Return a history as the planner takes it.

    Args:
        messages: The history; it is not changed.

    Raises:
        ValueError: A message or a content block that cannot be sent.
    """
    return [_entry(message) for message in messages]


def _entry(message: BaseMessage) -> Entry:
    if isinstance(message, AIMessage):
        return _answer(message)
    text, media = _words(message)
    if isinstance(message, SystemMessage):
        return _instructions(text, media)
    if isinstance(message, HumanMessage):
        return Entry("user", text, media=media)
    if isinstance(message, ToolMessage):
        failed = message.status == "error"
        return Entry("tool", text, tool_call_id=message.tool_call_id, failed=failed, media=media)
    if isinstance(message, ChatMessage):
        role = message.role.lower()
        if role in {"system", "developer"}:
            return _instructions(text, media)
        if role in _ROLES:
            return Entry("user" if _ROLES[role] == "user" else "assistant", text, media=media)
    raise ValueError(f"a message of type {type(message).__name__} cannot be sent to Coze")


def _instructions(text: str, media: tuple[Media, ...]) -> Entry:
    if media:
        raise ValueError(
            f"a system message cannot hold an image or a file ({media[0].kind}): "
            "Coze takes instructions as text; put it into a human message"
        )
    return Entry("system", text)


def _answer(message: AIMessage) -> Entry:
    calls = tuple(
        CallEntry(call["id"] or "", call["name"], json.dumps(call["args"], ensure_ascii=False))
        for call in message.tool_calls
    )
    media = [
        part
        for block in message.content
        if isinstance(block, dict) and str(block.get("type")) in _MEDIA
        for part in [_medium(block)]
    ]
    marker = message.response_metadata.get("coze")
    marker = marker if isinstance(marker, Mapping) else None
    return Entry("assistant", message.text, marker, calls, media=tuple(media))


def _words(message: BaseMessage) -> tuple[str, tuple[Media, ...]]:
    content = message.content
    if isinstance(content, str):
        return content, ()
    texts: list[str] = []
    media: list[Media] = []
    for block in content:
        _take(block, texts, media)
    return "\n".join(filter(None, texts)), tuple(media)


def _take(block: str | dict[str, Any], texts: list[str], media: list[Media]) -> None:
    """Sort one content block into text and media."""
    if isinstance(block, str):
        texts.append(block)
        return
    kind = str(block.get("type"))
    if kind in _SILENT:
        return
    if kind in _TEXT and block.get("text", block.get("refusal")) is not None:
        texts.append(str(block.get("text") or block.get("refusal") or ""))
    elif kind == "tool_result":
        inner = block.get("content") or ""
        for part in [inner] if isinstance(inner, str) else inner:
            _take(part, texts, media)
    elif kind == "json":
        texts.append(json.dumps(block.get("json"), ensure_ascii=False))
    elif kind in _MEDIA:
        media.append(_medium(block))
    else:
        raise ValueError(
            f"a content block of type {kind!r} cannot be sent to Coze, which takes text, images, "
            "files and audio"
        )


# -- the many ways to write an image


def _medium(block: Mapping[str, Any]) -> Media:
    return _MEDIA[str(block["type"])](block)


def _standard(kind: Any) -> Callable[[Mapping[str, Any]], Media]:
    """Read LangChain's own blocks, old and new, and those of Anthropic and OpenAI within."""

    def read(block: Mapping[str, Any]) -> Media:
        for inner in ("source", "file", "input_audio"):
            if isinstance(block.get(inner), Mapping):
                block = {**block, **block[inner]}
        extras = block.get("extras") or block.get("metadata") or {}
        name = block.get("filename") or block.get("name") or block.get("title")
        named = name or extras.get("filename") or extras.get("name")
        data = block.get("base64") or (
            block.get("data") if block.get("source_type") != "text" else None
        )
        url = block.get("url") or block.get("file_data")
        if url is None and block.get("source_type") == "url":
            url = block.get("source")
        if block.get("type") == "text" and isinstance(data, str):
            data = data.encode()  # Anthropic's plain text documents
        if data is None and isinstance(block.get("text"), str):
            data = block["text"].encode()
        form = block.get("format")
        media_type = block.get("mime_type") or block.get("media_type")
        return medium(
            kind,
            url=str(url) if url else None,
            file_id=block.get("file_id") or (block.get("id") if _is_id(block) else None),
            data=data or None,
            media_type=str(media_type or (f"{kind}/{form}" if form else "")) or None,
            name=str(named) if named else None,
        )

    return read


def _is_id(block: Mapping[str, Any]) -> bool:
    return block.get("source_type") == "id"


def _image_url(block: Mapping[str, Any]) -> Media:
    url = block.get("image_url")
    if isinstance(url, Mapping):
        url = url.get("url")
    return medium("image", url=str(url or ""))


_MEDIA: Final[dict[str, Callable[[Mapping[str, Any]], Media]]] = {
    "image": _standard("image"),
    "image_url": _image_url,
    "audio": _standard("audio"),
    "input_audio": _standard("audio"),
    "file": _standard("file"),
    "document": _standard("file"),
    "video": _standard("file"),
    "text-plain": _standard("file"),
}
