"""The bots that every emulator has, with fixed ids."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

from coze_core.emulator import _bots as parts
from coze_core.emulator._bots import Bot, BotContext, BotMessage, Part

ECHO_ID = "7350000000000000001"
ASSISTANT_ID = "7350000000000000002"
SLOW_ID = "7350000000000000003"
UNPUBLISHED_ID = "7350000000000000004"

_CHINESE = re.compile("[\u4e00-\u9fff]")
_NAME = re.compile(r"(?:my name is|i am|i'm|call me)\s+([A-Z][\w-]*)", re.IGNORECASE)
_NAME_ZH = re.compile("(?:我叫|我的名字是|我是)([\u4e00-\u9fffA-Za-z]{1,8})")
_ASKS_NAME = re.compile(r"(what.*my name|who am i|我叫什么|我的名字|我是谁)", re.IGNORECASE)
_WEATHER = re.compile(r"\b(?:weather|temperature)\b.*?\b(?:in|for|at)\s+([A-Z][\w ]*\w)")
_WEATHER_ZH = re.compile("([\u4e00-\u9fff]{2,4}?)(?:今天|明天|现在)?的?天气")
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([+*x×-])\s*(-?\d+(?:\.\d+)?)")


async def echo(messages: list[BotMessage], _: BotContext) -> AsyncIterator[Part]:
    """Say what was said."""
    yield messages[-1].text if messages else ""


async def slow(_: list[BotMessage], __: BotContext) -> AsyncIterator[Part]:
    """Count slowly."""
    for number in range(1, 1001):
        yield parts.Delta(f"{number} ")
        yield parts.Pause(0.05)


async def assistant(messages: list[BotMessage], context: BotContext) -> AsyncIterator[Part]:
    """Talk a little: names, sums, the weather through a local plugin."""
    question = next((m.text for m in reversed(messages) if m.role == "user"), "")
    chinese = bool(_CHINESE.search(question))
    if context.tool_results:
        for part in _from_results(context, chinese=chinese):
            yield part
        return
    city = _WEATHER.search(question) or _WEATHER_ZH.search(question)
    if city:
        yield parts.Reasoning(
            "需要查询天气，调用 get_weather。" if chinese else "I need the weather: get_weather."
        )
        yield parts.ToolCall("get_weather", {"city": city.group(1).strip()})
        return
    for part in _talk(messages, question, chinese=chinese):
        yield part


def _from_results(context: BotContext, *, chinese: bool) -> list[Part]:
    results = "; ".join(f"{result.output}" for result in context.tool_results)
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


def builtin_bots() -> list[Bot]:
    """Return the bots that are always there."""
    return [
        Bot("echo", echo, id=ECHO_ID, description="Says what was said."),
        Bot(
            "assistant",
            assistant,
            id=ASSISTANT_ID,
            description="Remembers names, does sums and asks a local plugin for the weather.",
            tools=("get_weather",),
            prologue="Hello! 你好！",
            suggested_questions=("What is 2 + 3?",),
        ),
        Bot("slow", slow, id=SLOW_ID, description="Counts slowly."),
        Bot(
            "unpublished",
            echo,
            id=UNPUBLISHED_ID,
            description="Not published to the API channel.",
            published=False,
        ),
    ]
