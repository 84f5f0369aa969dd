"""The bots that every emulator has, with fixed ids."""

from __future__ import annotations

from collections.abc import AsyncIterator

from coze_core.emulator import _bots as parts
from coze_core.emulator._assistant import assistant
from coze_core.emulator._bots import Bot, BotContext, BotMessage, Part

ECHO_ID = "7350000000000000001"
ASSISTANT_ID = "7350000000000000002"
SLOW_ID = "7350000000000000003"
UNPUBLISHED_ID = "7350000000000000004"


async def echo(messages: list[BotMessage], _: BotContext) -> AsyncIterator[Part]:
    """Say what was said."""
    yield messages[-1].text if messages else ""


async def slow(_: list[BotMessage], __: BotContext) -> AsyncIterator[Part]:
    """Count slowly."""
    for number in range(1, 1001):
        yield parts.Delta(f"{number} ")
        yield parts.Pause(0.05)


def builtin_bots() -> list[Bot]:
    """Return the bots that are always there."""
    return [
        Bot("echo", echo, id=ECHO_ID, description="Says what was said."),
        Bot(
            "assistant",
            assistant,
            id=ASSISTANT_ID,
            description="Remembers names, does sums, calls tools and fills in forms.",
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
