"""LangChain's cache of answers: who shares one, and who must not."""

import asyncio
import itertools

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage

from coze_core.emulator import Bot


@pytest.fixture(autouse=True)
def _cache():
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.fixture
def bots(emulator):
    """Two bots that number all answers."""
    numbers = itertools.count(1)

    async def numbered(messages, context):
        yield str(next(numbers))

    return [emulator.add_bot(Bot(name, numbered)).id for name in ("one", "two")]


def test_the_same_question_is_asked_once(make, bots):
    model = make(bot_id=bots[0])
    assert model.invoke("x").text == model.invoke("x").text == "1"
    assert asyncio.run(model.ainvoke("x")).text == "1"
    assert model.invoke("y").text == "2"


OTHERS = {
    "bot_id": lambda bots: bots[1],
    "user_id": lambda bots: "somebody else",
    "custom_variables": lambda bots: {"tone": "dry"},
    "parameters": lambda bots: {"lang": "en"},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("way", ["made", "copied", "set", "call"])
def test_another_bot_or_user_is_asked_itself(make, bots, name, way):
    other = {name: OTHERS[name](bots)}
    model = make(bot_id=bots[0])
    assert model.invoke("x").text == "1"
    if way == "made":
        model, other = make(**{"bot_id": bots[0], **other}), {}
    elif way == "copied":
        model, other = model.model_copy(update=other), {}
    elif way == "set":
        setattr(model, name, other[name])
        other = {}
    assert model.invoke("x", **other).text == "2"
    assert model.invoke("x", **other).text == "2"


@pytest.mark.parametrize("way", ["setting", "call"])
@pytest.mark.parametrize("kept", ["history", "conversation_id"])
def test_in_a_conversation_that_coze_keeps_everything_is_asked(make, bots, client, way, kept):
    id = client.conversations.create(bot_id=bots[0]).id
    told = {"history": "server"} if kept == "history" else {"conversation_id": id}
    model = make(bot_id=bots[0], **(told if way == "setting" else {}))
    options = told if way == "call" else {}
    assert [model.invoke("yes", **options).text for _ in range(2)] == ["1", "2"]


def test_a_cached_answer_can_be_gone_on_from(make, bots):
    model = make(bot_id=bots[0])
    model.invoke("x")
    cached = model.invoke("x")
    assert model.invoke([HumanMessage("x"), cached, HumanMessage("y")]).text == "2"
