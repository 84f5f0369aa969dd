"""The options of a chat that a request names: in `coze`, in `metadata`, and its tools; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from coze_core.dialog import suggestion
from openai_coze._problems import Refused
from openai_coze._settings import OPTIONS
from openai_coze._wrong import LIST, OBJECT, wrong, wrong_option

_BOT: Final = "bot_id"
_VARIABLE: Final = re.compile(r"[A-Za-z_]+")


def bound_bot(body: Mapping[str, Any]) -> str | None:
    """Return the bot that the caller names, or None."""
    bot_id = mapping(body, "coze").get(_BOT)
    return str(bot_id) if bot_id else None


def options_of(body: Mapping[str, Any], tools: Any, choice: Any) -> dict[str, Any]:
    """Return the options of a chat: from `metadata`, `coze`, and the tools.

    Args:
        body: The request.
        tools: Its tools, in the form of chat completions.
        choice: Which of them must be called.

    Raises:
        Refused: An option that does not exist.
    """
    given = {
        name: value
        for name, value in mapping(body, "coze").items()
        if name != _BOT and value is not None
    }
    for name, value in given.items():
        _check(name, value)
    metadata = dict(mapping(body, "metadata"))
    conversation = metadata.pop("conversation_id", None)
    if conversation:
        given.setdefault("conversation_id", str(conversation))
    for name, value in metadata.items():
        # Names that a prompt can have are variables of it; others are stored with the chat.
        kind = "custom_variables" if _VARIABLE.fullmatch(name) else "meta_data"
        given[kind] = {name: str(value), **(given.get(kind) or {})}
    if tools is not None and not isinstance(tools, list):
        raise Refused(wrong("tools", *LIST), param="tools")
    for place, tool in enumerate(tools or ()):
        if not isinstance(tool, Mapping):
            raise Refused(wrong(f"tools[{place}]", *OBJECT), param=f"tools[{place}]")
    if not tools and choice not in (None, "auto", "none"):
        raise Refused(
            "tool_choice asks for a tool, and there is none: send tools, or leave it out / "
            "tool_choice 要求调用工具，但未提供 tools",
            param="tool_choice",
        )
    return {**given, "tools": tools or None, "tool_choice": choice if tools else None}


def _check(name: str, value: object) -> None:
    param = f"coze.{name[:80]}"
    if name not in OPTIONS:
        raise Refused(
            f"coze has no option {name[:80]!r}{suggestion(name, OPTIONS)} / "
            f"coze 没有 {name[:80]!r} 这一选项",
            param=param,
        )
    if must_be := wrong_option(name, value):
        raise Refused(wrong(param, *must_be), param=param)


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a field that is an object, or an empty one.

    Raises:
        Refused: It is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refused(wrong(name, *OBJECT), param=name)
    return value
