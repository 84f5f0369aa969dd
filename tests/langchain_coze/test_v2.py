"""`ChatCoze` over the old version 2 of chats: text, history from the client, tools in text."""

import json

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel

from coze_core.emulator import Delta, ToolCall
from langchain_coze import ChatCoze

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


def written(**arguments):
    call = {"name": "weather", "arguments": arguments}
    return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"


def says(*texts):
    """A bot that says these texts, one a chat."""
    left = list(texts)

    async def bot(messages, context):
        for character in left.pop(0) if len(left) > 1 else left[0]:
            yield Delta(character)

    return bot


def test_it_answers_in_all_ways_with_follow_ups_and_without_usage(ask, emulator, old):
    answer = ask(old(), [SystemMessage("Be brief."), HumanMessage("My name is Ada.")])
    assert answer.text == "Nice to meet you, Ada!"
    assert answer.usage_metadata is None
    assert "reasoning_content" not in answer.additional_kwargs
    assert answer.response_metadata["follow_ups"] == ["What is my name?"]
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["conversation_id"]
    [request] = emulator.requests
    assert request.path == PATH
    assert request.json["query"] == "Be brief.\n\nMy name is Ada."


def test_words_come_as_they_are_made(old):
    pieces = [chunk.text for chunk in old().stream("What is 2 + 3?")]
    assert "".join(pieces) == "2 + 3 = 5"
    assert len([piece for piece in pieces if piece]) > 1


def test_the_whole_history_goes_with_every_call_whatever_the_conversation(ask, emulator, old):
    model = old(conversation_id="mine")
    history = [HumanMessage("My name is Ada.")]
    history += [model.invoke(history), HumanMessage("What is my name?")]
    answer = ask(model, history)
    assert answer.text == "Your name is Ada."
    assert answer.response_metadata["conversation_id"] == "mine"
    body = emulator.requests[-1].json
    assert body["conversation_id"] == "mine"
    assert [entry["content"] for entry in body["chat_history"]] == [
        "My name is Ada.",
        "Nice to meet you, Ada!",
    ]


def test_variables_carry_the_system_text(emulator, old):
    old(system="variable:rules").invoke([SystemMessage("Be brief."), HumanMessage("hi")])
    assert emulator.requests[-1].json["custom_variables"] == {"rules": "Be brief."}


def test_tools_are_told_called_and_answered_in_text(ask, emulator, old):
    bot = says(written(city="Paris"), "Sunny, then.")
    # The bot is not even asked for tools of its own: it could not wait for their results.
    model = old(bot, tools=("weather",)).bind_tools([weather])
    first = model.invoke("Weather?")
    [call] = first.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris"})
    result = ToolMessage("sunny", tool_call_id=call["id"])
    assert ask(model, [HumanMessage("Weather?"), first, result]).text == "Sunny, then."
    assert {request.path for request in emulator.requests} == {PATH}
    body = emulator.requests[-1].json
    assert '"description": "Tell the weather."' in body["chat_history"][0]["content"]
    assert body["chat_history"][1]["content"] == written(city="Paris")
    assert body["query"] == '<tool_result name="weather">\nsunny\n</tool_result>'


def test_calls_of_different_chats_have_ids_of_their_own(old):
    model = old(says(written(city="Paris"))).bind_tools([weather])
    ids = [model.invoke("Weather?").tool_calls[0]["id"] for _ in range(2)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("conversation", [None, "mine"])
def test_a_call_that_cannot_be_read_is_asked_for_again_with_the_history(
    ask, emulator, old, conversation
):
    broken = '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}</tool_call>'
    bot = says(broken, written(city="Paris"))
    answer = ask(old(bot, conversation_id=conversation).bind_tools([weather]), "Weather?")
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}]
    first, second = emulator.requests
    assert second.json["chat_history"][0]["content"] == first.json["query"]
    assert second.json["chat_history"][1]["content"] == broken
    assert "could not be read" in second.json["query"]
    assert second.json.get("conversation_id") == conversation


def test_structured_output_works_and_is_asked_for_once_more(old):
    model = old().with_structured_output(Person)
    assert model.invoke("Ada Lovelace is 36 years old.") == Person(name="Ada Lovelace", age=36)
    model = old(says("no", '{"name": "Ada", "age": 3}')).with_structured_output(Person)
    assert model.invoke("Who?") == Person(name="Ada", age=3)
    assert list(model.stream("Who?"))[-1] == Person(name="Ada", age=3)


def test_a_chat_of_version_3_that_waits_is_told_in_words_and_left_alone(emulator, make, old):
    async def calls(messages, context):
        yield ToolCall("weather", {"city": "Paris"}) if len(messages) == 1 else "Well, then."

    question = HumanMessage("Weather?")
    waiting = make(calls, tools=("weather",)).bind_tools([weather]).invoke([question])
    [call] = waiting.tool_calls
    sent = len(emulator.requests)
    model = old(bot_id=waiting.response_metadata["model_name"])
    result = ToolMessage("sunny", tool_call_id=call["id"])
    for last in (result, HumanMessage("Never mind.")):
        assert model.invoke([question, waiting, last]).text == "Well, then."
    assert [request.path for request in emulator.requests[sent:]] == [PATH] * 2
    assert "sunny" in emulator.requests[sent].json["query"]


def test_an_answer_of_version_2_is_good_context_for_version_3(make, old):
    history = [HumanMessage("My name is Ada.")]
    history += [old().invoke(history), HumanMessage("What is my name?")]
    for options in ({}, {"history": "server"}):
        assert make(**options).invoke(history).text == "Your name is Ada."


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"history": "server"}, "history='server' needs protocol='v3'"),
        ({"tool_calling": "native"}, "tool_calling='native' needs protocol='v3'"),
        ({"meta_data": {"a": "b"}}, "v2 has no meta_data"),
        ({"publish_status": "unpublished_draft"}, "v2 has no publish_status"),
        ({"auto_save_history": False}, "v2 has no auto_save_history"),
        ({"bot_version": "1"}, "v2 has no bot_version"),
    ],
)
def test_settings_that_version_2_has_not_are_refused(emulator, make, old, setting, told):
    with pytest.raises(ValueError, match=told):
        old(**setting)
    with pytest.raises(ValueError, match=told):
        old().invoke("hi", **setting)
    make(**setting)  # fine in version 3
    with pytest.raises(ValueError, match="protocol"):
        make(protocol="v1")
    assert emulator.requests == []


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"},
    ],
)
def test_media_are_refused_before_anything_is_sent(ask, emulator, old, block):
    question = HumanMessage([{"type": "text", "text": "What?"}, block])
    with pytest.raises(ValueError, match="v2 takes text only"):
        ask(old(), [question])
    assert emulator.requests == []


def test_the_version_is_part_of_the_model(old):
    model = old()
    options = {"valid_namespaces": ["langchain_coze"], "allowed_objects": [ChatCoze]}
    assert loads(dumps(model), **options).protocol == "v2"
    assert model.model_copy(update={"protocol": "v3"}).client.protocol == "v3"
    assert model.client.protocol == "v2"
    assert model._identifying_params["protocol"] == "v2"
    assert not model.profile["image_inputs"]
    assert model.profile["tool_calling"]


def test_a_per_call_version_is_ignored_with_a_warning(emulator, make):
    with pytest.warns(UserWarning, match="no per-call argument 'protocol'"):
        make().invoke("hi", protocol="v2")
    assert emulator.requests.to("/v3/chat")


def test_leaving_a_stream_asks_for_nothing(emulator, old):
    stream = old("slow").stream([HumanMessage("go"), AIMessage("1"), HumanMessage("on")])
    next(stream)
    stream.close()
    assert [request.path for request in emulator.requests] == [PATH]
