"""The built-in bot that talks a little: rules that stand for a model, in English and Chinese."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from coze_core.emulator import _bots as parts
from coze_core.emulator._bots import BotContext, BotMessage, Part
from coze_core.emulator._forms import filled_in, schemas_in

_CHINESE = re.compile("[\u4e00-\u9fff]")
_NAME = re.compile(r"(?:my name is|i am|i'm|call me)\s+([A-Z][\w-]*)", re.IGNORECASE)
_NAME_ZH = re.compile("(?:我叫|我的名字是|我是)([\u4e00-\u9fffA-Za-z]{1,8})")
_ASKS_NAME = re.compile(r"(what.*my name|who am i|我叫什么|我的名字|我是谁)", re.IGNORECASE)
_WEATHER = re.compile(r"\b(?:weather|temperature)\b.*?\b(?:in|for|at)\s+([A-Z][\w ]*\w)")
_WEATHER_ZH = re.compile("([\u4e00-\u9fff]{2,4}?)(?:今天|明天|现在)?的?天气")
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([+*x×-])\s*(-?\d+(?:\.\d+)?)")


_RESULT = re.compile(r'<tool_result name="([^"]+)">\n(.*?)\n</tool_result>', re.DOTALL)
_CONTEXT = re.compile(r"context:\s*(.+?)\n\s*question:\s*(.+)", re.IGNORECASE | re.DOTALL)
_BELOW = re.compile(
    r"-{5,}\n(.+?)\n-{5,}\s*(?:[^-]*?query:\s*)?(.+?)(?:\nanswer:|$)", re.IGNORECASE | re.DOTALL
)
_SMALL = frozenset({"get", "set", "the", "a", "of", "to"})
_END_OF_TOOLS = "If you need no tool, just answer."


async def assistant(messages: list[BotMessage], context: BotContext) -> AsyncIterator[Part]:
    """Talk a little, call tools of its own and tools it is told of, and fill in forms."""
    last = next((m for m in reversed(messages) if m.role == "user"), BotMessage("user", "", ""))
    told, _, question = last.text.rpartition(_END_OF_TOOLS)
    question = question.strip()
    chinese = bool(_CHINESE.search(question))
    for part in _reaction(messages, context, last, told, question, chinese=chinese):
        yield part


def _reaction(
    messages: list[BotMessage],
    context: BotContext,
    last: BotMessage,
    told: str,
    question: str,
    *,
    chinese: bool,
) -> list[Part]:
    if context.tool_results:
        return _from_results([r.output for r in context.tool_results], chinese=chinese)
    results = _RESULT.findall(question)
    if results:
        return _from_results([text for _, text in results], chinese=chinese)
    tools = _tools(told) or _tools("\n".join(m.text for m in messages))
    call = _call_in_text(tools, question)
    if call:
        return [call]
    form = next((s for s in schemas_in(question) if "properties" in s), None)
    if form is not None:
        asked = question.split("Answer with one JSON", 1)[0].split("Unless you call a tool", 1)[0]
        return [json.dumps(filled_in(form, asked), ensure_ascii=False)]
    city = _WEATHER.search(question) or _WEATHER_ZH.search(question)
    if city and not any("weather" in tool["name"] for tool in tools):
        thought = (
            "需要查询天气，调用 get_weather。" if chinese else "I need the weather: get_weather."
        )
        return [parts.Reasoning(thought), parts.ToolCall("get_weather", {"city": city[1].strip()})]
    if last.items and any(item.get("type") != "text" for item in last.items):
        kinds = [item["type"] for item in last.items if item.get("type") != "text"]
        return [f"收到：{'、'.join(kinds)}。" if chinese else f"I was given: {', '.join(kinds)}."]
    given = _CONTEXT.search(question) or _BELOW.search(question)
    if given:
        return [_from_context(given.group(1), given.group(2))]
    return _talk(messages, question, chinese=chinese)


def _tools(told: str) -> list[Mapping[str, Any]]:
    """Return the tools that a text describes, one JSON object each."""
    return [found for found in schemas_in(told) if "name" in found and "parameters" in found]


def _call_in_text(tools: list[Mapping[str, Any]], question: str) -> str:
    """Return the call of the tool that a question speaks of, as it has to be written."""
    spoken = question.lower()
    for tool in tools:
        words = [word for word in str(tool["name"]).lower().split("_") if word not in _SMALL]
        forced = f"`{tool['name']}`" in question
        if forced or (words and all(word in spoken for word in words)):
            call = {"name": tool["name"], "arguments": filled_in(tool["parameters"], question)}
            return f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"
    return ""


def _from_context(context: str, question: str) -> str:
    """Return the sentence that has most words in common with the question."""
    wanted = set(re.findall(r"\w{4,}", question.lower()))
    sentences = re.split(r"(?<=[.!?。])\s+|\n+", context.strip())
    return max(sentences, key=lambda s: len(wanted & set(re.findall(r"\w{4,}", s.lower()))))


def _from_results(outputs: list[str], *, chinese: bool) -> list[Part]:
    results = "; ".join(outputs)
    if chinese:
        return [f"查询结果：{results}", parts.FollowUp("明天天气怎么样？")]
    return [f"Here is what I found: {results}", parts.FollowUp("And tomorrow?")]


def _talk(messages: list[BotMessage], question: str, *, chinese: bool) -> list[Part]:
    if _ASKS_NAME.search(question):
        name = _known_name(messages[:-1])
        if chinese:
            thought, answer = (
                "在之前的对话里找名字。",
                f"你叫{name}。" if name else "你还没告诉我你的名字。",
            )
        else:
            thought = "The name must be somewhere in our conversation."
            answer = f"Your name is {name}." if name else "You have not told me your name yet."
        return [parts.Reasoning(thought), answer]
    told = _NAME.search(question) or _NAME_ZH.search(question)
    if told:
        name = told.group(1)
        return [
            f"很高兴认识你，{name}！" if chinese else f"Nice to meet you, {name}!",
            parts.FollowUp("我叫什么名字？" if chinese else "What is my name?"),
        ]
    total = _SUM.search(question)
    if total:
        thought = "算一算。" if chinese else "Let me work that out."
        return [parts.Reasoning(thought), f"{total.group(0)} = {_worked_out(total)}"]
    count = sum(message.role == "user" for message in messages)
    if chinese:
        return [f"你说：“{question}”。这是你的第 {count} 句话。", parts.FollowUp("你能做什么？")]
    return [
        f"You said: {json.dumps(question, ensure_ascii=False)}. That was message number {count}.",
        parts.FollowUp("What can you do?"),
    ]


def _known_name(messages: list[BotMessage]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            found = _NAME.search(message.text) or _NAME_ZH.search(message.text)
            if found:
                return found.group(1)
    return ""


def _worked_out(match: re.Match[str]) -> str:
    left, right = float(match.group(1)), float(match.group(3))
    sign = match.group(2)
    value = left + right if sign == "+" else left - right if sign == "-" else left * right
    return f"{value:g}"
