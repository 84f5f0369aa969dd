"""Requests to `/v1/responses` as the core takes them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from coze_core.dialog import CallEntry, Entry, ResponseFormat
from openai_coze._messages import arguments_of, instructed_last, role_of, words_of
from openai_coze._options import bound_bot, mapping, options_of
from openai_coze._problems import Refused
from openai_coze._request import (
    Wanted,
    format_of,
    ignored,
    is_streamed,
    model_of,
    refuse_others,
    user_of,
)
from openai_coze._response_ids import place_of
from openai_coze._wrong import LIST, OBJECT, TEXT, wrong

_KNOWN: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "previous_response_id",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "text",
        "user",
        "safety_identifier",
        "metadata",
        "coze",
        "store",
    }
)


def wanted_of_response(body: Mapping[str, Any], *, most_messages: int) -> Wanted:
    """Return what a request to `/v1/responses` wants.

    Args:
        body: The request.
        most_messages: The limit of the gateway.

    Raises:
        Refused: What is wrong with it.
    """
    refuse_others(body)
    if body.get("background"):
        raise Refused(
            "background is not supported: stream the answer / 不支持 background，请使用流式回答",
            param="background",
        )
    if body.get("conversation"):
        raise Refused(
            "conversation is OpenAI's own: send previous_response_id, or the id of Coze's "
            "conversation as metadata.conversation_id / 不支持 OpenAI 的 conversation：请发送 "
            "previous_response_id，或以 metadata.conversation_id 传入扣子的会话 ID",
            param="conversation",
        )
    if body.get("prompt"):
        raise Refused(
            "prompt is OpenAI's own: send instructions and input / "
            "不支持 OpenAI 的 prompt：请发送 instructions 与 input",
            param="prompt",
        )
    given = body.get("input")
    if isinstance(given, list) and len(given) > most_messages:
        raise Refused(
            f"more than {most_messages} items: send fewer / input 超过 {most_messages} 项，请减少",
            param="input",
        )
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise Refused(wrong("instructions", *TEXT), param="instructions")
    entries = entries_of_input(given)
    if instructions:
        entries.insert(0, Entry("system", instructions))
    options = options_of(body, _tools(body.get("tools")), body.get("tool_choice"))
    bot_id = bound_bot(body)
    if previous := body.get("previous_response_id"):
        options["conversation_id"], bot_id = place_of(str(previous))
    return Wanted(
        model=model_of(body),
        entries=entries,
        streamed=is_streamed(body),
        user=user_of(body),
        bot_id=bot_id,
        ignored=ignored(body, _KNOWN),
        options=options,
        response_format=_format(mapping(body, "text").get("format")),
    )


def entries_of_input(value: Any) -> list[Entry]:
    """Return a history as the planner takes it.

    Args:
        value: The field `input`: text, or a list of items.

    Raises:
        Refused: An item that cannot be sent.
    """
    if isinstance(value, str):
        return [Entry("user", value)]
    if not isinstance(value, list) or not value:
        raise Refused(
            wrong("input", "text or a list of items", "是字符串或条目列表"), param="input"
        )
    entries: list[Entry] = []
    for place, item in enumerate(value):
        _take(item, f"input[{place}]", entries)
    return instructed_last(entries)


def _take(item: Any, where: str, entries: list[Entry]) -> None:
    if not isinstance(item, Mapping):
        raise Refused(wrong(where, *OBJECT), param=where)
    kind = item.get("type") or "message"
    if kind == "message":
        entries.append(_message(item, where))
    elif kind == "function_call":
        _call(item, where, entries)
    elif kind == "function_call_output":
        text, media = words_of(item.get("output"), f"{where}.output")
        id = str(item.get("call_id") or "")
        entries.append(Entry("tool", text, tool_call_id=id, media=media))
    elif kind != "reasoning":  # a model's thoughts are not said again
        raise Refused(
            f"{where} is of type {str(kind)[:80]!r}: Coze takes messages, and calls of functions "
            f"with their outputs / {where} 的类型不受支持：扣子接收消息、函数调用及其结果",
            param=where,
        )


def _message(item: Mapping[str, Any], where: str) -> Entry:
    role = role_of(item, where)
    text, media = words_of(item.get("content"), f"{where}.content")
    if role in {"system", "developer"}:
        if media:
            raise Refused(
                f"a {role} message cannot hold an image or a file / {role} 消息不能包含图片或文件",
                param=where,
            )
        return Entry("system", text)
    if role == "user":
        return Entry("user", text, media=media)
    if role == "assistant":
        return Entry("assistant", text, media=media)
    raise Refused(
        wrong(
            f"{where}.role",
            f"system, developer, user or assistant, not {role[:80]!r}",
            "是 system、developer、user 或 assistant",
        ),
        param=f"{where}.role",
    )


def _call(item: Mapping[str, Any], where: str, entries: list[Entry]) -> None:
    """Add a call to the answer that made it; several calls follow one another as items."""
    name = item.get("name")
    if not isinstance(name, str):
        raise Refused(wrong(f"{where}.name", *TEXT), param=f"{where}.name")
    arguments = arguments_of(item.get("arguments"), where)
    call = CallEntry(str(item.get("call_id") or ""), name, arguments)
    if entries and entries[-1].role == "assistant":
        entries[-1] = replace(entries[-1], tool_calls=(*entries[-1].tool_calls, call))
    else:
        entries.append(Entry("assistant", "", tool_calls=(call,)))


def _tools(tools: Any) -> list[Any] | None:
    """Return tools in the form of chat completions."""
    if tools is None:
        return None
    if not isinstance(tools, list):
        raise Refused(wrong("tools", *LIST), param="tools")
    found: list[Any] = []
    for place, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or tool.get("type") != "function":
            kind = tool.get("type") if isinstance(tool, Mapping) else tool
            raise Refused(
                f"tools[{place}] is {kind!r}: only functions can be called; built-in tools are "
                "OpenAI's own, give the bot a plugin instead / "
                "只能调用函数；内置工具为 OpenAI 所有，请为机器人配置插件",
                param=f"tools[{place}]",
            )
        found.append({"type": "function", "function": dict(tool)})
    return found


def _format(value: Any) -> ResponseFormat | None:
    if isinstance(value, Mapping) and value.get("type") == "json_schema":
        value = {"type": "json_schema", "json_schema": value}
    return format_of(value)
