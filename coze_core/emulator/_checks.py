"""What the server refuses, and with which code (protocol notes, sections 2.2, 4.2 to 4.4, 8.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from coze_core.emulator._http import ApiError
from coze_core.emulator._store import Document

_ITEM_TYPES = {"text", "image", "file", "audio"}
_QUESTION_AND_ANSWER = {"question", "answer"}
_TRAFFIC = {"function_call", "tool_output", "tool_response"}


def text(body: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    """Return a text field; numbers are refused, as the cloud refuses numeric ids."""
    value = body.get(name)
    if value is None or value == "":
        if required:
            raise ApiError(4000, f"The field {name} is required")
        return ""
    if not isinstance(value, str):
        raise ApiError(4000, f"Invalid type of {name}: expected string")
    return value


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:  # noqa: FBT001 - a default
    """Return a boolean field."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ApiError(4000, f"Invalid type of {name}: expected boolean")
    return value


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object field."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(4000, f"Invalid type of {name}: expected object")
    return value


def number(value: object, name: str, default: int, lowest: int, highest: int) -> int:
    """Return a number within bounds, from JSON or from a query."""
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,18}", str(value)):
        raise ApiError(4000, f"Invalid value of {name}: expected an integer")
    found = int(str(value))
    if not lowest <= found <= highest:
        raise ApiError(4000, f"Invalid value of {name}: must be from {lowest} to {highest}")
    return found


def meta_data(body: Mapping[str, Any]) -> dict[str, str]:
    """Return meta data within its limits."""
    pairs = mapping(body, "meta_data")
    fits = len(pairs) <= 16 and all(
        1 <= len(key) <= 64 and isinstance(value, str) and 1 <= len(value) <= 512
        for key, value in pairs.items()
    )
    if not fits:
        raise ApiError(4003, "Invalid meta_data: 16 pairs, keys of 64, values of 512 characters")
    return pairs


def variables(body: Mapping[str, Any]) -> dict[str, str]:
    """Return custom variables: text values, names of letters and underscores."""
    pairs = mapping(body, "custom_variables")
    for name, value in pairs.items():
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z_]+", name):
            raise ApiError(4000, "Invalid custom_variables")
    return pairs


def messages(value: object, *, saved: bool, studio: bool, limit: int = 100) -> list[Document]:
    """Return messages that may be sent."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ApiError(4000, "Invalid type of additional_messages: expected array")
    if len(value) > limit:
        raise ApiError(4004, f"Invalid additional_messages: at most {limit}")
    found = [message(item, saved=saved, studio=studio) for item in value]
    texts = any(_has_text(item) for item in found)
    if any(not _has_text(item) for item in found) and not texts:
        raise ApiError(4000, "A message of media only needs a text message beside it")
    return found


def _has_text(item: Document) -> bool:
    if item["content_type"] != "object_string":
        return True
    return any(part["type"] == "text" for part in json.loads(item["content"]))


def message(item: object, *, saved: bool, studio: bool) -> Document:
    """Return one message that may be sent."""
    if not isinstance(item, dict):
        raise ApiError(4005, "Invalid message: expected object")
    role = text(item, "role", required=True)
    if role not in {"user", "assistant"}:
        raise ApiError(4005, f"Invalid role: {role}")
    # SDKs leave the type out (section 10.6).
    kind = text(item, "type") or ("question" if role == "user" else "answer")
    allowed = _QUESTION_AND_ANSWER if saved else _QUESTION_AND_ANSWER | _TRAFFIC
    if kind not in allowed:
        raise ApiError(4004, f"Invalid message type: {kind}")
    content = text(item, "content")
    content_type = text(item, "content_type") or "text"
    if content_type not in {"text", "object_string"}:
        raise ApiError(4005, f"Invalid content_type: {content_type}")
    if content_type == "object_string":
        if studio and role == "assistant":
            raise ApiError(4005, "object_string is not allowed in answers")
        content = _object_string(content, studio=studio)
    return {
        "role": role,
        "type": kind,
        "content": content,
        "content_type": content_type,
        "meta_data": meta_data(item),
    }


def _object_string(content: str, *, studio: bool) -> str:
    try:
        items = json.loads(content)
    except (ValueError, RecursionError):
        raise ApiError(4000, "Invalid object_string: not JSON") from None
    if not isinstance(items, list) or not items:
        raise ApiError(4000, "Invalid object_string: expected a list of items")
    for item in items:
        if not isinstance(item, dict) or item.get("type") not in _ITEM_TYPES:
            raise ApiError(4000, "Invalid object_string: unknown item")
        if item["type"] == "text":
            if not isinstance(item.get("text"), str):
                raise ApiError(4000, "Invalid object_string: a text item needs text")
        elif not (item.get("file_id") or item.get("file_url")):
            raise ApiError(4000, "Invalid object_string: an item needs file_id or file_url")
    texts = [item for item in items if item["type"] == "text"]
    if len(texts) > 1 or len(texts) == len(items):
        raise ApiError(4000, "Invalid object_string: one text item and at least one file")
    if studio:  # audio is skipped there (section 4.4)
        items = [item for item in items if item["type"] != "audio"]
    return json.dumps(items, ensure_ascii=False)


def file_ids(item: Document) -> list[str]:
    """Return the ids of the files that a message refers to."""
    if item["content_type"] != "object_string":
        return []
    return [part["file_id"] for part in json.loads(item["content"]) if part.get("file_id")]
