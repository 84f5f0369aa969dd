"""What OpenAI's own Python client makes of the gateway: the forms of answers, and leaving them."""

import asyncio
import json
import threading
import time

import httpx
import openai
import pytest
from openai.types import FileObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from serving import KEY

from coze_core.emulator import Delta, Pause, Reasoning, ToolCall
from openai_coze import GatewayKey

FUNCTION = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}


async def calls(messages, context):
    yield ToolCall("get_weather", {})


async def thinks(messages, context):
    yield Reasoning("hm")
    yield "done"


async def says_nothing(messages, context):
    for _ in ():
        yield ""


@pytest.fixture
def told(gateway, add_bot):
    """Posts to a gateway before several bots; returns the text of the answer."""
    names = (add_bot(calls, tools=("get_weather",)), add_bot(thinks), add_bot(says_nothing))
    client = gateway("assistant", *names)

    def post(path, **body):
        url, headers = f"{client.base_url}{path}", {"Authorization": f"Bearer {KEY}"}
        reply = httpx.post(url, json=body, headers=headers)
        assert reply.status_code == 200
        return reply.text

    return post


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("model", ["assistant", "calls", "thinks", "says_nothing"])
def test_each_answer_has_all_that_the_client_s_types_promise(told, model):
    """The client checks nothing itself: what lacks fails where somebody reads it."""
    messages = [{"role": "user", "content": "What is 2 + 3?"}]
    chat = {"messages": messages, "tools": [{"type": "function", "function": FUNCTION}]}
    TypeAdapter(ChatCompletion).validate_json(told("chat/completions", model=model, **chat))
    usage = {"stream_options": {"include_usage": True}}
    chunks = events(told("chat/completions", model=model, stream=True, **chat, **usage))
    response = {"input": "What is 2 + 3?", "tools": [{"type": "function", **FUNCTION}]}
    TypeAdapter(Response).validate_json(told("responses", model=model, **response))
    parts = events(told("responses", model=model, stream=True, **response))
    for kind, found in ((ChatCompletionChunk, chunks), (ResponseStreamEvent, parts)):
        assert found
        for each in found:
            TypeAdapter(kind).validate_python(each)


def test_models_and_files_have_all_that_the_client_s_types_promise(gateway):
    client = gateway("echo")
    TypeAdapter(Model).validate_json(client.models.with_raw_response.retrieve("echo").text)
    file = client.files.with_raw_response.create(file=("a.txt", b"x"), purpose="user_data")
    TypeAdapter(FileObject).validate_json(file.text)


# -- leaving


class Endless:
    """A bot that goes on until it is stopped."""

    def __init__(self, first):
        self.stopped = threading.Event()
        self._first = first
        self.__name__ = "endless"

    async def __call__(self, messages, context):
        try:
            if self._first:
                yield "begin"
            while True:
                yield Pause(0.01)
                if self._first:
                    yield Delta("more ")
        finally:
            self.stopped.set()


def closes(client, chat):
    stream = client.chat.completions.create(**chat, stream=True)
    next(iter(stream))
    stream.close()


def leaves_the_helper(client, chat):
    with client.chat.completions.stream(**chat) as stream:
        next(iter(stream))


def leaves_a_response(client, chat):
    with client.responses.stream(model=chat["model"], input="hi") as stream:
        next(event for event in stream if event.type == "response.output_text.delta")


def cancels(client, chat):
    """Cancel the task that reads."""

    async def read(asks, begun):
        async for _ in await asks.chat.completions.create(**chat, stream=True):
            begun.set()

    async def main():
        begun = asyncio.Event()
        url = str(client.base_url)
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as asks:
            task = asyncio.create_task(read(asks, begun))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


@pytest.mark.parametrize("leave", [closes, leaves_the_helper, leaves_a_response, cancels])
def test_who_leaves_a_stream_cancels_the_chat(gateway, add_bot, emulator, said, leave):
    bot = Endless(first=True)
    leave(gateway(add_bot(bot)), {"model": "endless", "messages": said("hi")})
    assert bot.stopped.wait(10)
    assert len(emulator.requests.to("/v3/chat/cancel")) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_who_waits_no_longer_cancels_the_chat(gateway, add_bot, emulator, said, stream):
    bot = Endless(first=False)
    client = gateway(add_bot(bot)).with_options(timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="endless", messages=said("hi"), stream=stream)
    assert bot.stopped.wait(10)
    assert len(emulator.requests.to("/v3/chat/cancel")) == 1


def test_who_comes_too_often_is_told_when_there_is_a_place_again(gateway):
    client = gateway("echo", keys=(GatewayKey.of(KEY, name="a", per_minute=8),))
    began = time.monotonic()
    with pytest.raises(openai.RateLimitError) as caught:
        for _ in range(9):
            client.models.list()
    told = int(caught.value.response.headers["retry-after"])
    assert told >= 7.5 - (time.monotonic() - began)  # who came earlier would be refused again
    assert told <= 8
