"""`Coze` over the old version 2 of chats: text, history from the client, tools in text."""

import asyncio
import copy
import json
import pickle

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from coze_core.emulator import Delta
from llamaindex_coze import Coze

PATH = "/open_api/v2/chat"


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


@pytest.fixture
def old(make):
    return lambda *args, **others: make(*args, protocol="v2", **others)


def said(role, content):
    return ChatMessage(role=role, content=content)


async def calls_then_answers(messages, context):
    """Writes a call as text; says what the result was."""
    text = messages[-1].text
    if text.startswith("<tool_result"):
        yield Delta(text.split("\n")[1])
    else:
        call = {"name": "weather", "arguments": {"city": "Rome"}}
        yield f"<tool_call>\n{json.dumps(call)}\n</tool_call>"


def test_it_answers_in_all_ways_with_follow_ups_and_without_usage(ask, emulator, old):
    history = [said("system", "Be brief."), said("user", "My name is Ada.")]
    response = ask(old(), history)
    assert response.message.content == "Nice to meet you, Ada!"
    assert response.additional_kwargs["follow_up"] == ["What is my name?"]
    assert "usage" not in response.raw
    assert "chat_id" not in response.raw["coze"]
    [request] = emulator.requests
    assert (request.path, request.json["query"]) == (PATH, "Be brief.\n\nMy name is Ada.")


def test_the_whole_history_goes_with_every_call_whatever_the_conversation(ask, emulator, old):
    llm = old(conversation_id="mine")
    history = [said("user", "My name is Ada.")]
    history += [llm.chat(history).message, said("user", "What is my name?")]
    assert ask(llm, history).message.content == "Your name is Ada."
    body = emulator.requests[-1].json
    assert (body["conversation_id"], len(body["chat_history"])) == ("mine", 2)


def test_text_is_completed_piece_by_piece(old):
    deltas = [chunk.delta for chunk in old().stream_complete("What is 2 + 3?")]
    assert "".join(deltas) == "2 + 3 = 5"
    assert len([delta for delta in deltas if delta]) > 1


def test_an_agent_calls_tools_in_text(emulator, old):
    llm = old(calls_then_answers, tools=("weather",))

    async def main():
        agent = FunctionAgent(llm=llm, tools=[weather])
        answer = str(await agent.run("What is the weather in Rome?"))
        await llm.aclose()
        return answer

    assert asyncio.run(main()) == "sunny in Rome"
    assert {request.path for request in emulator.requests} == {PATH}


def test_chat_with_tools_finds_the_call(old):
    llm = old(calls_then_answers)
    tool = FunctionTool.from_defaults(weather)
    ids = []
    for _ in range(2):
        response = llm.chat_with_tools([tool], user_msg="Weather?")
        [call] = llm.get_tool_calls_from_response(response)
        assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Rome"})
        ids.append(call.tool_id)
    assert len(set(ids)) == 2


def test_structured_prediction_works(old):
    llm, prompt = old(), PromptTemplate("{text}")
    text = "Ada Lovelace is 36 years old."
    wanted = Person(name="Ada Lovelace", age=36)
    assert llm.structured_predict(Person, prompt, text=text) == wanted
    assert list(llm.stream_structured_predict(Person, prompt, text=text))[-1] == wanted
    assert llm.as_structured_llm(Person).complete(text).raw == wanted


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"history": "server"}, "history='server' needs protocol='v3'"),
        ({"tool_calling": "native"}, "tool_calling='native' needs protocol='v3'"),
        ({"parameters": {"a": 1}}, "v2 has no parameters"),
        ({"auto_save_history": False}, "v2 has no auto_save_history"),
        ({"bot_version": "1"}, "v2 has no bot_version"),
    ],
)
def test_settings_that_version_2_has_not_are_refused(emulator, make, old, setting, told):
    with pytest.raises(ValueError, match=told):
        old(**setting)
    with pytest.raises(ValueError, match=told):
        old().complete("hi", **setting)
    make(**setting)  # fine in version 3
    assert emulator.requests == []


def test_media_are_refused_before_anything_is_sent(ask, emulator, old):
    blocks = [TextBlock(text="What?"), ImageBlock(url="https://example.com/a.png")]
    with pytest.raises(ValueError, match="v2 takes text only"):
        ask(old(), [ChatMessage(role="user", blocks=blocks)])
    assert emulator.requests == []


def test_the_version_is_part_of_the_model(emulator, old, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    llm = old()
    dumped = {**llm.to_dict(), "api_key": emulator.token}
    for twin in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), Coze.from_dict(dumped)):
        assert twin.protocol == "v2"
        assert twin.complete("What is 2 + 3?").text == "2 + 3 = 5"
        twin.close()
    assert {request.path for request in emulator.requests} == {PATH}
