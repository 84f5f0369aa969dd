"""The workflows that every emulator has, with fixed ids."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from coze_core.emulator._bots import BotContext, BotMessage, Part, Question
from coze_core.emulator._workflows import (
    Ask,
    Output,
    Parameter,
    Say,
    Workflow,
    WorkflowContext,
    WorkflowPart,
)

SEARCH_ID = "7380000000000000004"
WEATHER_ID = "7380000000000000001"
TRAVEL_ID = "7380000000000000002"
ORDER_ID = "7380000000000000003"
_PASSAGES = (
    "Refunds take three days.",
    "Shipping is free from 50 euros on.",
    "The shop is open from nine to six.",
)
_SKIES = ("sunny", "cloudy", "rainy")


async def weather(
    parameters: dict[str, Any], _: WorkflowContext
) -> AsyncGenerator[WorkflowPart, Any]:
    """Tell the weather of a city for some days."""
    city, days = str(parameters["city"]), int(parameters.get("days", 1))
    yield Say(f"Looking up the weather in {city}.")
    skies = [_SKIES[(sum(city.encode()) + day) % len(_SKIES)] for day in range(days)]
    yield Output({"city": city, "forecast": skies})


async def travel(
    parameters: dict[str, Any], _: WorkflowContext
) -> AsyncGenerator[WorkflowPart, Any]:
    """Ask where and when, and book."""
    where = yield Ask("Where do you want to go?")
    when = yield Ask(f"When do you want to go to {where}?")
    yield Output({"output": f"{parameters.get('name', 'Somebody')} goes to {where}, {when}."})


async def search(
    parameters: dict[str, Any], _: WorkflowContext
) -> AsyncGenerator[WorkflowPart, Any]:
    """Find passages that share words with the query, the most first."""
    asked = set(re.findall(r"\w+", str(parameters["query"]).lower()))
    scored = []
    for text in _PASSAGES:
        words = set(re.findall(r"\w+", text.lower()))
        scored.append({"output": text, "score": round(len(asked & words) / len(words), 2)})
    scored.sort(key=lambda passage: -float(str(passage["score"])))
    yield Output({"outputList": [passage for passage in scored if passage["score"]]})


async def order(messages: list[BotMessage], _: BotContext) -> AsyncIterator[Part]:
    """Take an order: ask for the size once, then confirm."""
    said = [message.text for message in messages if message.role == "user"]
    if len(said) < 2:
        yield Question("Which size?")
    else:
        yield f"One {said[-1]} {said[0]}, coming up."


def builtin_workflows() -> list[Workflow]:
    """Return the workflows that are always there."""
    return [
        Workflow(
            "weather",
            weather,
            id=WEATHER_ID,
            description="Tells the weather of a city.",
            inputs={
                "city": Parameter(required=True, description="The city"),
                "days": Parameter("integer", description="How many days", default_value="1"),
            },
            outputs={"city": Parameter(), "forecast": Parameter("array", items=Parameter())},
            versions=("v0.0.2", "v0.0.1"),
        ),
        Workflow(
            "travel",
            travel,
            id=TRAVEL_ID,
            description="Books a journey; asks where and when.",
            inputs={"name": Parameter(description="Who travels")},
            outputs={"output": Parameter()},
        ),
        Workflow(
            "search",
            search,
            id=SEARCH_ID,
            description="Finds passages of a shop's rules.",
            inputs={"query": Parameter(required=True, description="What is looked for")},
            outputs={"outputList": Parameter("array", items=Parameter("object"))},
        ),
        Workflow(
            "order",
            chat=order,
            id=ORDER_ID,
            description="A chatflow that takes an order.",
            inputs={"USER_INPUT": Parameter(), "CONVERSATION_NAME": Parameter()},
        ),
    ]
