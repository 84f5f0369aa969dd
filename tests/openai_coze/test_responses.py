"""Responses, asked with OpenAI's own Python client."""

import json

import openai
import pytest
from pydantic import BaseModel
from serving import KEY

from coze_core.emulator import Fail, ToolCall, Usage
from openai_coze import create_app

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def calls_two(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(f"{r.name}={r.output}" for r in context.tool_results)
        return
    yield "Let me look."
    yield ToolCall("get_weather", {"city": "Paris"})
    yield ToolCall("get_time", {"city": "Paris"})


@pytest.fixture(params=["whole", "streamed"])
def asked(request):
    """Asks and returns the whole response."""

    def ask(client, **wanted):
        if request.param == "whole":
            return client.responses.create(**wanted)
        with client.responses.stream(**wanted) as stream:
            for _ in stream:
                continue
            return stream.get_final_response()

    return ask


def test_a_bot_answers(gateway, asked):
    done = asked(gateway("assistant"), model="assistant", input="What is 2 + 3?")
    assert done.object == "response"
    assert done.status == "completed"
    assert done.output_text == "2 + 3 = 5"
    thought, message = done.output
    assert thought.type == "reasoning"
    assert thought.summary[0].text == "Let me work that out."
    assert message.content[0].type == "output_text"
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens
    assert done.coze["chat_id"]


def test_the_stream_has_openai_s_events_in_their_order(gateway):
    stream = gateway("assistant").responses.create(
        model="assistant", input="What is 2 + 3?", stream=True
    )
    events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert list(dict.fromkeys(kinds)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.completed",
    ]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "2 + 3 = 5"
    assert events[0].response.id == events[-1].response.id


def test_a_history_with_instructions_is_sent(gateway, emulator, asked):
    done = asked(
        gateway("assistant"),
        model="assistant",
        instructions="Be kind.",
        input=[
            {"role": "user", "content": "My name is Ada."},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Nice to meet you, Ada!"}],
            },
            {"role": "user", "content": [{"type": "input_text", "text": "What is my name?"}]},
        ],
    )
    assert done.output_text == "Your name is Ada."
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert sent[0]["content"] == "Be kind.\n\nMy name is Ada."


def test_the_next_response_goes_on_where_the_last_one_ended(serve, settings_for, asked):
    """On another worker, which has never seen the first one."""
    clients = []
    for _ in range(2):
        url = serve(create_app(settings_for("assistant")))
        clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key=KEY))
    first = asked(clients[0], model="assistant", input="My name is Ada.")
    second = asked(
        clients[1], model="assistant", input="What is my name?", previous_response_id=first.id
    )
    assert second.output_text == "Your name is Ada."
    assert second.previous_response_id == first.id
    assert second.coze["conversation_id"] == first.coze["conversation_id"]
    for client in clients:
        client.close()


def test_a_response_that_is_not_ours_is_not_gone_on_from(gateway):
    client = gateway("echo")
    for id in ("resp_123", "resp_cz1", "resp_cz1eyJ", "x"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.responses.create(model="echo", input="hi", previous_response_id=id)
        assert caught.value.code == "previous_response_not_found"


@pytest.mark.parametrize("by_id", [False, True])
def test_two_parallel_calls_go_back_to_the_waiting_chat(gateway, emulator, add_bot, asked, by_id):
    client = gateway(add_bot(calls_two, tools=("get_weather", "get_time")))
    history = [{"role": "user", "content": "How is it in Paris?"}]
    done = asked(client, model="calls_two", input=history, tools=[WEATHER])
    calls = [item for item in done.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].arguments) == {"city": "Paris"}
    assert done.output_text == "Let me look."
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": text}
        for call, text in zip(calls, ("sunny", "noon"), strict=True)
    ]
    if by_id:
        wanted = {"input": outputs, "previous_response_id": done.id}
    else:
        wanted = {"input": [*history, *(item.to_dict() for item in done.output), *outputs]}
    done = asked(client, model="calls_two", tools=[WEATHER], **wanted)
    assert done.output_text == "So: get_weather=sunny, get_time=noon"
    assert len(emulator.requests.to("/v3/chat")) == 1


def test_tools_that_a_bot_lacks_are_described_to_it(gateway, asked):
    double = {
        "type": "function",
        "name": "double",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
        },
    }
    client = gateway("assistant")
    history = [{"role": "user", "content": "Please double the number 21."}]
    done = asked(client, model="assistant", input=history, tools=[double])
    (call,) = done.output
    assert json.loads(call.arguments) == {"number": 21}
    history += [
        call.to_dict(),
        {"type": "function_call_output", "call_id": call.call_id, "output": "42"},
    ]
    done = asked(client, model="assistant", input=history, tools=[double])
    assert done.output_text == "Here is what I found: 42"


class City(BaseModel):
    name: str
    population: int


def test_structured_output_is_parsed_by_the_client(gateway, add_bot):
    async def city(messages, context):
        yield 'Here you are: {"name": "Paris", "population": 2}'

    done = gateway(add_bot(city)).responses.parse(model="city", input="Paris?", text_format=City)
    assert done.output_parsed == City(name="Paris", population=2)


def test_images_and_files_are_passed_on(gateway):
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://example.com/cat.png", "detail": "auto"},
        {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGk="},
    ]
    done = gateway("assistant").responses.create(
        model="assistant", input=[{"role": "user", "content": parts}]
    )
    assert done.output_text == "I was given: image, file."


def test_usage_is_absent_where_the_server_does_not_say_it(gateway, add_bot, asked):
    async def uncounted(messages, context):
        yield Usage(0, 0)
        yield "hello"

    assert asked(gateway(add_bot(uncounted)), model="uncounted", input="hi").usage is None


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "robot", "content": "hi"}]}, "input[0].role"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"background": True}, "background"),
        ({"text": {"format": {"type": "xml"}}}, "response_format"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_sent(gateway, emulator, wrong, param):
    with pytest.raises(openai.BadRequestError) as caught:
        gateway("echo").responses.create(**{"model": "echo", "input": "hi", **wrong})
    assert caught.value.param == param
    assert not emulator.requests.to("/v3/chat")


def test_a_response_that_fails_in_the_middle_says_so_and_raises(gateway, add_bot):
    async def breaks(messages, context):
        yield "so far"
        yield Fail(5000, "event interval error")

    stream = gateway(add_bot(breaks)).responses.create(model="breaks", input="hi", stream=True)
    seen = []
    with pytest.raises(openai.APIError, match="event interval error"):
        for event in stream:
            seen.append(event)
    assert seen[-1].type == "response.failed"
    assert seen[-1].response.status == "failed"
