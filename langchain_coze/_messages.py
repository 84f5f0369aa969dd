"""LangChain's messages as entries of a history; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from coze_core.dialog import CallEntry, Entry, Media, MediaKind, medium, raw_arguments
from langchain_coze._names import BLOCKS

_ROLES: Final = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant"}
_TEXT: Final = frozenset({"text", "input_text", "output_text", "text-plain", "refusal"})
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
    if isinstance(message, ChatMessage) and _ROLES.get(message.role.lower()) == "assistant":
        return Entry("assistant", message.text, media=_told(message.content))
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
            return Entry("user", text, media=media)
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
    ) + tuple(
        CallEntry(call["id"] or "", call["name"] or "", raw_arguments(call["args"] or ""))
        for call in message.invalid_tool_calls
    )
    media = _told(message.content)
    kept = _told(message.additional_kwargs.get(BLOCKS))  # the same ones, in the older format
    marker = message.response_metadata.get("coze")
    marker = marker if isinstance(marker, Mapping) else None
    media += tuple(item for item in kept if item not in media)
    return Entry("assistant", message.text, marker, calls, media=media)


def _told(content: object) -> tuple[Media, ...]:
    """Return the media of an answer, which are told of in words, whatever their address."""
    if not isinstance(content, list):
        return ()
    return tuple(
        _medium(block, told=True)
        for block in content
        if isinstance(block, dict) and str(block.get("type")) in _MEDIA
    )


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

# The arguments of `medium`, and an id that names it, if it has one.
_Facts: TypeAlias = tuple[dict[str, Any], str | None]


def _medium(block: Mapping[str, Any], *, told: bool = False) -> Media:
    kind, facts_of = _MEDIA[str(block["type"])]
    facts, id = facts_of(block)
    if told and not facts.get("file_id"):
        facts["file_id"] = id  # perhaps of another provider, but a name for it
    return medium(kind, **facts, told=told)


def _standard(block: Mapping[str, Any]) -> _Facts:
    """Read LangChain's own blocks, old and new, and those of Anthropic and OpenAI within."""
    kind, _ = _MEDIA[str(block["type"])]
    for inner in ("source", "file", "input_audio", "audio"):
        if isinstance(block.get(inner), Mapping):
            block = {**block, **block[inner]}
    extras = block.get("extras") or block.get("metadata")
    extras = extras if isinstance(extras, Mapping) else {}
    name = block.get("filename") or block.get("name") or block.get("title")
    name = name or extras.get("filename") or extras.get("name")
    source = block.get("source_type")
    data = block.get("base64") or (block.get("data") if source != "text" else None)
    url = block.get("url") or block.get("file_data") or block.get("file_url")
    if url is None and source == "url":
        url = block.get("source")
    if block.get("type") == "text" and isinstance(data, str):
        data = data.encode()  # Anthropic's plain text documents
    if data is None and isinstance(block.get("text"), str):
        data = block["text"].encode()
    form = block.get("format")
    form = f"{kind}/{form}" if form else None
    id = str(block["id"]) if block.get("id") else None
    facts = {
        "url": str(url) if url else None,
        "file_id": block.get("file_id") or (id if source == "id" else None),
        "data": data or None,
        "media_type": str(block.get("mime_type") or block.get("media_type") or form or "") or None,
        "name": str(name) if name else None,
    }
    return facts, id


def _image_url(block: Mapping[str, Any]) -> _Facts:
    url = block.get("image_url")
    if isinstance(url, Mapping):
        url = url.get("url")
    return {"url": str(url) if url else None, "file_id": block.get("file_id")}, None


_MEDIA: Final[dict[str, tuple[MediaKind, Callable[[Mapping[str, Any]], _Facts]]]] = {
    "image": ("image", _standard),
    "image_url": ("image", _image_url),
    "input_image": ("image", _image_url),
    "audio": ("audio", _standard),
    "input_audio": ("audio", _standard),
    "file": ("file", _standard),
    "input_file": ("file", _standard),
    "document": ("file", _standard),
    "video": ("file", _standard),
    "text-plain": ("file", _standard),
}
