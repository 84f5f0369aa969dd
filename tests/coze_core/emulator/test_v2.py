"""Chats of the old version 2 as the emulator gives them: byte for byte, and all that bots say."""

import json
from pathlib import Path

import httpx
import pytest

from coze_core import (
    AuthenticationError,
    ChatFailedError,
    CozeClient,
    CozeError,
    InternalServerError,
    NotFoundError,
)
from coze_core.emulator import Bot, Card, Delta, Fail, FollowUp, NextAnswer, ServerTool

RECORDED = Path(__file__).parents[2] / "streams" / "v2"
STREAM = (RECORDED / "v2_chat_stream.sse").read_bytes()
ERROR = (RECORDED / "v2_chat_stream_error.sse").read_bytes()
WHOLE = (RECORDED / "v2_chat_nonstream.json").read_bytes()
PATH = "/open_api/v2/chat"


@pytest.fixture
def v2(emulator):
    with CozeClient(emulator.token, base_url=emulator.base_url, protocol="v2") as made:
        yield made


async def says_hello(messages, context):
    yield Delta("Hello")
    yield Delta("!")
    yield FollowUp("What else?")


def test_the_emulator_answers_byte_for_byte_as_recorded(emulator):
    bot = emulator.add_bot(Bot("hello", says_hello))
    body = {"bot_id": bot.id, "user": "u", "query": "hi", "conversation_id": "123"}
    headers = {"Authorization": f"Bearer {emulator.token}"}
    with httpx.Client(base_url=emulator.base_url, headers=headers) as http:
        assert http.post(PATH, json={**body, "stream": True}).content == STREAM
        assert http.post(PATH, json=body).json() == json.loads(WHOLE)
        body["bot_id"] = emulator.bot_id("unpublished")
        assert http.post(PATH, json={**body, "stream": True}).content == ERROR
        refused = http.post(PATH, json=body)
        assert (refused.status_code, refused.json()["code"]) == (200, 700007)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bot_id": 7},
        {"user": ""},
        {"query": ""},
        {"chat_history": "x"},
        {"chat_history": [{"role": "system", "content": "x"}]},
        {"chat_history": [{"role": "user", "content": "x", "content_type": "object_string"}]},
        {"bot_id": "1"},
    ],
)
def test_the_emulator_refuses_what_a_server_would_at_http_200(emulator, wrong):
    body = {"bot_id": emulator.bot_id("echo"), "user": "u", "query": "hi", **wrong}
    headers = {"Authorization": f"Bearer {emulator.token}"}
    reply = httpx.post(emulator.base_url + PATH, json=body, headers=headers)
    assert reply.status_code == 200
    assert reply.json()["code"] in {4000, 4200}


def test_a_run_that_fails_is_an_error_either_way(emulator, v2, ask):
    async def fails(messages, context):
        yield "Well,"
        yield Fail(5000, "broken")

    emulator.add_bot(Bot("fails", fails))
    with pytest.raises(ChatFailedError) as caught:
        v2.chat.stream(**ask("go", "fails")).until_done()
    assert caught.value.message == "broken"
    with pytest.raises(InternalServerError, match="broken"):
        v2.chat.create_and_poll(**ask("go", "fails"))
    with pytest.raises(ChatFailedError):  # it would have to wait for outputs
        v2.chat.stream(**ask("What is the weather in Paris")).until_done()
    with pytest.raises(NotFoundError):
        v2.chat.stream(**{**ask("hi"), "bot_id": "1"}).until_done()
    with pytest.raises(AuthenticationError):
        CozeClient("pat_no", base_url=emulator.base_url, protocol="v2").chat.stream(
            **ask("hi")
        ).until_done()


def test_everything_a_bot_says_comes_over_either_way(emulator, v2, ask):
    async def busy(messages, context):
        yield ServerTool("weather", {"city": "Paris"}, "sunny")
        yield "One."
        yield NextAnswer()
        yield f"{context.conversation_id} {context.custom_variables['a']} {context.user_id}"
        yield Card('{"c":1}')
        yield FollowUp("More?")

    emulator.add_bot(Bot("busy", busy))
    options = ask("go", "busy", conversation_id="mine", custom_variables={"a": "b"})
    streamed = v2.chat.stream(**options).until_done()
    polled = v2.chat.create_and_poll(**options)
    for turn in (streamed, polled):
        assert turn.answers == ["One.", "mine b u1"]
        assert [a.kind for a in turn.tool_activity] == ["call", "response"]
        assert (turn.cards, turn.follow_ups) == (['{"c":1}'], ["More?"])
    types = [[m.type for m in turn.messages] for turn in (streamed, polled)]
    assert types[0] == types[1]


def test_coze_studio_never_had_it(studio, ask):
    client = CozeClient(studio.token, base_url=studio.base_url, protocol="v2")
    with client, pytest.raises(CozeError):
        client.chat.stream(**ask("hi")).until_done()
