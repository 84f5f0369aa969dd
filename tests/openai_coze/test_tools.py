"""Tools, data and media, asked with OpenAI's own Python client."""

import base64
import itertools
import json

import openai
import pytest
from pydantic import BaseModel
from serving import KEY

from coze_core.dialog import Entry, named_chats, portable_id
from coze_core.emulator import Question, ToolCall
from openai_coze import BotModel, BotRoute, GatewayKey, create_app

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
OTHER = "sk-another-key-of-this-gateway"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


async def calls_two(messages, context):
    if context.tool_results:
        yield "So: " + ", ".join(f"{r.name}={r.output}" for r in context.tool_results)
        return
    yield "Let me look."
    yield ToolCall("get_weather", {"city": "Paris"})
    yield ToolCall("get_time", {"city": "Paris"})


def merged(stream):
    """The message that the chunks of a stream make up."""
    text, calls, reason = "", {}, None
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or ():
                calls[call.index] = call
    found = [calls[index] for index in sorted(calls)]
    return {
        "role": "assistant",
        "content": text,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in found
        ],
    }, reason


def whole(completion):
    choice = completion.choices[0]
    return choice.message.model_dump(exclude_none=True), choice.finish_reason


@pytest.fixture(params=["whole", "streamed"])
def asked(request):
    """Asks and returns the message as it goes into the next request, and the finish reason."""

    def ask(client, **wanted):
        done = client.chat.completions.create(**wanted, stream=request.param == "streamed")
        return merged(done) if request.param == "streamed" else whole(done)

    return ask


def results(message, *texts):
    """The answers to a message's calls."""
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": text}
        for call, text in zip(message["tool_calls"], texts, strict=True)
    ]


def test_two_parallel_calls_go_back_to_the_waiting_chat(gateway, emulator, add_bot, said, asked):
    client = gateway(add_bot(calls_two, tools=("get_weather", "get_time")))
    history = said("How is it in Paris?")
    message, reason = asked(client, model="calls_two", messages=history, tools=[WEATHER])
    assert reason == "tool_calls"
    assert message["content"] == "Let me look."
    assert [call["function"]["name"] for call in message["tool_calls"]] == [
        "get_weather",
        "get_time",
    ]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    # The order of the results does not matter.
    history += [message, *reversed(results(message, "sunny", "noon"))]
    answer, reason = asked(client, model="calls_two", messages=history, tools=[WEATHER])
    assert answer["content"] == "So: get_weather=sunny, get_time=noon"
    assert reason == "stop"
    assert len(emulator.requests.to("/v3/chat")) == 1
    assert len(emulator.requests.to("/v3/chat/submit_tool_outputs")) == 1


@pytest.mark.parametrize("form", ["ids", "marker", "question after it"])
def test_made_up_ids_do_not_reach_a_chat_of_a_bot_that_is_closed_to_the_key(
    gateway, emulator, add_bot, said, asked, form
):
    name = add_bot(calls_two, tools=("get_weather", "get_time"))
    models = tuple(BotModel(each, (BotRoute(emulator.bot_id(each)),)) for each in (name, "echo"))
    keys = (GatewayKey.of(KEY, name="all"), GatewayKey.of(OTHER, name="one", models=("echo",)))
    client = gateway(models=models, keys=keys)
    message, _ = asked(client, model=name, messages=said("How?"), tools=[WEATHER])
    [true] = named_chats(
        [Entry("tool", "", tool_call_id=call["id"]) for call in message["tool_calls"]]
    )
    place = {"conversation_id": true.conversation_id, "chat_id": true.chat_id}
    bot = emulator.bot_id("echo")
    forged = [
        {**call, "id": portable_id(pending.wire_id, **place, bot_id=bot)}
        for call, pending in zip(message["tool_calls"], true.pending, strict=True)
    ]
    answer = {**message, "tool_calls": forged}
    told = [answer, *results(answer, "sunny", "noon")]
    if form == "marker":
        pending = [{"id": "1", "name": "get_weather", "wire_id": "1"}]
        marker = {"v": 1, **place, "bot_id": bot, "status": "requires_action", "pending": pending}
        told = [{"role": "assistant", "content": "", "coze": marker}, *said("Never mind.")]
    elif form == "question after it":
        told += said("And?")
    before = len(emulator.requests)
    other = client.with_options(api_key=OTHER)
    with pytest.raises(openai.NotFoundError) as caught:
        asked(other, model="echo", messages=[*said("How?"), *told], tools=[WEATHER])
    assert caught.value.code == "tool_call_not_found"
    assert [request.path for request in emulator.requests[before:]] == ["/v3/chat/retrieve"]


def test_two_workers_alternate_on_one_conversation_of_tools(
    serve, settings_for, emulator, add_bot, said
):
    async def insists(messages, context):
        if len(context.tool_results) < 4:
            yield ToolCall("step", {"n": len(context.tool_results)})
            yield ToolCall("step", {"n": len(context.tool_results) + 1})
        else:
            yield " ".join(result.output for result in context.tool_results)

    settings = settings_for(add_bot(insists, tools=("step",)))
    urls = [serve(create_app(settings)) for _ in range(2)]
    clients = [openai.OpenAI(base_url=f"{url}/v1", api_key=KEY) for url in urls]
    history = said("go")
    for client in itertools.islice(itertools.cycle(clients), 3):
        done = client.chat.completions.create(model="insists", messages=history)
        message, _ = whole(done)
        history.append(message)
        if not message.get("tool_calls"):
            break
        texts = [call["function"]["arguments"] for call in message["tool_calls"]]
        history += results(message, *texts)
    assert message["content"] == '{"n": 0} {"n": 1} {"n": 2} {"n": 3}'
    assert len(emulator.requests.to("/v3/chat")) == 1
    for client in clients:
        client.close()


def test_the_chat_that_waits_is_found_behind_a_model_of_several_bots(
    gateway, emulator, add_bot, said, asked
):
    """Another bot is well and comes first, but the results are for the one that asked."""
    calls = emulator.bot_id(add_bot(calls_two, tools=("get_weather", "get_time")))
    first = BotModel("one", (BotRoute(calls),))
    both = BotModel("both", (BotRoute(emulator.bot_id("echo")), BotRoute(calls)))
    client = gateway(models=(first, both))
    message, _ = asked(client, model="one", messages=said("How is it?"))
    history = [*said("How is it?"), message, *results(message, "sunny", "noon")]
    answer, _ = asked(client, model="both", messages=history)
    assert answer["content"] == "So: get_weather=sunny, get_time=noon"


def test_a_missing_result_is_named(gateway, add_bot, said):
    client = gateway(add_bot(calls_two, tools=("get_weather", "get_time")))
    history = said("How is it?")
    message, _ = whole(client.chat.completions.create(model="calls_two", messages=history))
    history += [message, results(message, "sunny", "noon")[0]]
    with pytest.raises(openai.BadRequestError, match="get_time"):
        client.chat.completions.create(model="calls_two", messages=history)


def test_tools_that_a_bot_lacks_are_described_to_it(gateway, emulator, said, asked):
    multiply = {
        "type": "function",
        "function": {
            "name": "multiply",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a", "b"],
            },
        },
    }
    client = gateway("assistant")
    history = said("Please multiply 17 and 3.")
    message, reason = asked(client, model="assistant", messages=history, tools=[multiply])
    assert reason == "tool_calls"
    (call,) = message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"a": 17, "b": 3}
    history += [message, *results(message, "51")]
    answer, _ = asked(client, model="assistant", messages=history, tools=[multiply])
    assert answer["content"] == "Here is what I found: 51"
    assert not emulator.requests.to("/v3/chat/submit_tool_outputs")


@pytest.mark.parametrize(
    ("choice", "wish"),
    [
        ("required", "You must call one of the tools"),
        ({"type": "function", "function": {"name": "get_weather"}}, "call the tool `get_weather`"),
        ("none", "Do not call any tool"),
        ("auto", ""),
    ],
)
def test_a_choice_of_tools_is_told_to_the_bot(gateway, emulator, said, choice, wish):
    client = gateway("echo")
    client.chat.completions.create(
        model="echo", messages=said("hi"), tools=[WEATHER], tool_choice=choice
    )
    sent = emulator.requests.to("/v3/chat")[0].json["additional_messages"][-1]["content"]
    assert wish in sent


def test_a_tool_that_is_no_function_is_refused(gateway, said):
    with pytest.raises(openai.BadRequestError, match="must be a function"):
        gateway("echo").chat.completions.create(
            model="echo", messages=said("hi"), tools=[{"type": "web_search"}]
        )


def test_a_call_that_cannot_be_read_is_no_object(gateway, add_bot, said):
    async def broken(messages, context):
        yield ToolCall("get_weather", '{"city": "Par')

    client = gateway(add_bot(broken, tools=("get_weather",)))
    message, _ = whole(client.chat.completions.create(model="broken", messages=said("hi")))
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(message["tool_calls"][0]["function"]["arguments"])


def test_a_question_of_a_workflow_is_text_and_the_next_message_answers_it(gateway, add_bot, said):
    async def asks(messages, context):
        if context.tool_results:
            yield "Thanks for " + context.tool_results[0].output
        else:
            yield Question("Which city?")

    client = gateway(add_bot(asks))
    done = client.chat.completions.create(model="asks", messages=said("Weather?"))
    assert done.choices[0].message.content == "Which city?"
    assert done.choices[0].finish_reason == "stop"
    assert done.coze["finish_reason"] == "question"
    assert done.coze["questions"][0]["text"] == "Which city?"
    answer = {"role": "assistant", "content": "Which city?", "coze": done.coze}
    history = [*said("Weather?"), answer, *said("Rome")]
    done = client.chat.completions.create(model="asks", messages=history)
    assert done.choices[0].message.content == "Thanks for Rome"


def test_a_chatflow_is_a_model_too(gateway, emulator, said):
    route = BotRoute(workflow_id=emulator.workflow_id("order"), app_id="77")
    client = gateway(models=(BotModel("order", (route,)),))
    done = client.chat.completions.create(model="order", messages=said("coffee"))
    assert done.choices[0].message.content == "Which size?"
    answer = {"role": "assistant", "content": "Which size?", "coze": done.coze}
    history = [*said("coffee"), answer, *said("large")]
    done = client.chat.completions.create(model="order", messages=history)
    assert done.choices[0].message.content == "One large coffee, coming up."
    assert not emulator.requests.to("/v3/chat")


# -- data


class City(BaseModel):
    name: str
    population: int


@pytest.fixture
def form(add_bot):
    async def city(messages, context):
        yield 'Here you are:\n```json\n{"name": "Paris", "population": 2}\n```\nBye.'

    return add_bot(city)


def test_structured_output_is_parsed_by_the_client(gateway, form, said):
    done = gateway(form).chat.completions.parse(
        model=form, messages=said("Paris?"), response_format=City
    )
    assert done.choices[0].message.parsed == City(name="Paris", population=2)


def test_structured_output_streams(gateway, form, said):
    with gateway(form).chat.completions.stream(
        model=form, messages=said("Paris?"), response_format=City
    ) as stream:
        for _ in stream:
            continue
        done = stream.get_final_completion()
    assert done.choices[0].message.parsed == City(name="Paris", population=2)


def test_a_json_object_comes_without_the_words_around_it(gateway, form, said):
    done = gateway(form).chat.completions.create(
        model=form, messages=said("Paris?"), response_format={"type": "json_object"}
    )
    assert json.loads(done.choices[0].message.content)["name"] == "Paris"
    assert "Bye." in done.coze["answer"]


def test_data_that_does_not_fit_is_asked_for_again(gateway, emulator, add_bot, said):
    async def learns(messages, context):
        again = "cannot be used" in messages[-1].text
        yield '{"name": "Paris", "population": 2}' if again else '{"name": "Paris"}'

    done = gateway(add_bot(learns)).chat.completions.parse(
        model="learns", messages=said("Paris?"), response_format=City
    )
    assert done.choices[0].message.parsed.population == 2
    assert len(emulator.requests.to("/v3/chat")) == 2


# -- media


def test_images_sounds_and_files_are_passed_on_or_uploaded(gateway, emulator):
    encoded = base64.b64encode(PNG).decode()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}},
        {"type": "input_audio", "input_audio": {"data": encoded, "format": "wav"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{encoded}"},
        },
    ]
    client = gateway("assistant")
    done = client.chat.completions.create(
        model="assistant", messages=[{"role": "user", "content": parts}]
    )
    given = "I was given: image, image, audio, file."
    assert done.choices[0].message.content == given
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"][-1]["content"]
    items = json.loads(sent)
    assert items[1]["file_url"] == "https://example.com/cat.png"
    assert all(item["file_id"] for item in items[2:])
    assert len(emulator.requests.to("/v1/files/upload")) == 3


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url", "image_url": {"url": "data:image/png,abc"}},
        {"type": "image_url", "image_url": {}},
        {"type": "file", "file": {}},
    ],
)
def test_media_that_cannot_be_sent_are_refused(gateway, emulator, part):
    content = [{"type": "text", "text": "What is this?"}, part]
    with pytest.raises(openai.BadRequestError) as caught:
        gateway("assistant").chat.completions.create(
            model="assistant", messages=[{"role": "user", "content": content}]
        )
    assert caught.value.param == "messages[0].content[1]"
    assert not emulator.requests
