"""The old version 2 of chats: other bytes, the same events, and clear words for what it lacks."""

import asyncio
import json
import pickle
from pathlib import Path

import httpx
import pytest

from coze_core import (
    AnswerCompleted,
    APITimeoutError,
    AsyncCozeClient,
    AuthenticationError,
    BadRequestError,
    ChatCompleted,
    ChatFailedError,
    ChatInProgress,
    CozeClient,
    CozeError,
    EnterMessage,
    FollowUpCompleted,
    IncompleteStreamError,
    MediaItem,
    MessageDelta,
    PermissionDeniedError,
    PollTimeoutError,
    ProtocolError,
    StreamDone,
    Timeouts,
    ToolOutput,
    UnknownEvent,
    VerboseCompleted,
)
from coze_core.emulator import Fault

RECORDED = Path(__file__).parents[1] / "streams" / "v2"
STREAM = (RECORDED / "v2_chat_stream.sse").read_bytes()
ERROR = (RECORDED / "v2_chat_stream_error.sse").read_bytes()
WHOLE = (RECORDED / "v2_chat_nonstream.json").read_bytes()
QUESTION = {"bot_id": "1", "user_id": "u", "messages": [EnterMessage.user("hi")]}
PATH = "/open_api/v2/chat"


@pytest.fixture
def v2(emulator):
    with CozeClient(emulator.token, base_url=emulator.base_url, protocol="v2") as made:
        yield made


class _Blocks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in these blocks."""

    def __init__(self, blocks):
        self._blocks = blocks

    def __iter__(self):
        yield from self._blocks

    async def __aiter__(self):
        for block in self._blocks:
            yield block


def serving(*blocks, content_type="text/event-stream"):
    """Options of a client that gets these blocks for an answer, whatever it asks."""
    return serving_list(blocks, content_type)


def serving_list(blocks, content_type="text/event-stream"):
    """The same for a list, which may be another one for the next answer."""

    def answer(_):
        headers = {"content-type": content_type}
        return httpx.Response(200, headers=headers, stream=_Blocks(tuple(blocks)))

    return {"token": "pat_x", "protocol": "v2", "transport": httpx.MockTransport(answer)}


def facts(turn):
    said = [message.model_dump() for message in turn.messages]
    return (turn.answer, turn.follow_ups, turn.verbose, turn.status, turn.ended_by, said)


def outcomes(options, question=QUESTION):
    """What both clients make of a stream: facts, or the error."""
    (found,) = outcomes_of_each([None], lambda _: None, options, question)
    return found


def outcomes_of_many(bodies):
    """The same of many streams, each as its blocks, with one pair of clients."""
    blocks = []

    def answer_with(body):
        blocks[:] = body

    return outcomes_of_each(bodies, answer_with, serving_list(blocks))


def outcomes_of_each(bodies, prepare, options, question=QUESTION):
    async def awaiting():
        found = []
        async with AsyncCozeClient(**options) as client:
            for body in bodies:
                prepare(body)
                try:
                    found.append(facts(await client.chat.stream(**question).until_done()))
                except CozeError as error:
                    found.append(told(error))
        return found

    def blocking():
        found = []
        with CozeClient(**options) as client:
            for body in bodies:
                prepare(body)
                try:
                    found.append(facts(client.chat.stream(**question).until_done()))
                except CozeError as error:
                    found.append(told(error))
        return found

    found = blocking()
    assert asyncio.run(awaiting()) == found
    return found


def told(error):
    return (type(error), error.code, error.message, error.hint)


def frame(**fields):
    return b"data:" + json.dumps(fields).encode() + b"\n\n"


def message(content, kind="answer", index=0, *, ended=False, **others):
    said = {"role": "assistant", "type": kind, "content": content, "content_type": "text"}
    return frame(
        event="message",
        message={**said, **others},
        is_finish=ended,
        index=index,
        conversation_id="123",
    )


DONE = frame(event="done")


# -- bytes


def test_a_recorded_stream_becomes_the_events_that_every_chat_has():
    with CozeClient(**serving(STREAM)) as client:
        stream = client.chat.stream(**QUESTION)
        seen = list(stream)
    assert [type(event) for event in seen] == [
        ChatInProgress,
        MessageDelta,
        MessageDelta,
        AnswerCompleted,
        VerboseCompleted,
        FollowUpCompleted,
        ChatCompleted,
        StreamDone,
    ]
    turn = stream.turn
    assert (turn.answer, turn.follow_ups) == ("Hello!", ["What else?"])
    assert (turn.status, turn.ended_by, turn.usage) == ("completed", "done", None)
    assert (turn.conversation_id, turn.chat_id, turn.message_ids) == ("123", None, [])
    assert seen[1].content_type == "text"
    assert seen[1].is_answer
    assert '"Hello"' in seen[1].raw


@pytest.mark.parametrize("body", [STREAM, ERROR], ids=["stream", "error"])
def test_wherever_the_bytes_are_split_the_outcome_is_the_same(body):
    whole = outcomes(serving(body))
    halves = [(body[:place], body[place:]) for place in range(len(body))]
    assert [found for found in outcomes_of_many(halves) if found != whole] == []
    assert outcomes(serving(*(body[i : i + 1] for i in range(len(body))))) == whole
    assert outcomes(serving(body.replace(b"\n", b"\r\n"))) == whole
    assert outcomes(serving(body.replace(b"data:", b"data: "))) == whole


def test_wherever_a_stream_is_cut_it_is_an_error_and_never_a_short_answer():
    whole_from = STREAM.index(b'"done"}') + len(b'"done"}')
    beginnings = [(STREAM[:length],) for length in range(len(STREAM))]
    for length, found in enumerate(outcomes_of_many(beginnings)):
        if length < whole_from:
            assert found[0] is IncompleteStreamError
            assert "retrieve" not in found[3]  # there is no chat to retrieve
        else:
            assert found[0] == "Hello!"


def test_what_arrived_of_a_cut_stream_is_in_the_error():
    client = CozeClient(**serving(message("Hel"), message("lo")))
    with client, pytest.raises(IncompleteStreamError) as caught:
        client.chat.stream(**QUESTION).until_done()
    assert caught.value.turn.answer == "Hello"
    assert caught.value.conversation_id == "123"


@pytest.mark.parametrize(
    "body",
    [
        [message("One", ended=True), message("Two", index=1, ended=True), DONE],
        [message("O"), message("ne"), message("Tw", index=1), message("o", index=1), DONE],
        [message("On"), message("e", ended=True), message("Two", index=3, ended=True), DONE],
        [
            message("On"),
            message("{}", "verbose", 1, ended=True),
            message("e"),
            message("Two", index=2),
            DONE,
        ],
    ],
)
def test_messages_are_told_apart_by_their_number(body):
    answer, *_, said = outcomes(serving(*body))
    assert answer == "One\n\nTwo"
    assert [m["content"] for m in said if m["type"] == "answer"] == ["One", "Two"]


def test_pieces_and_the_whole_are_the_same_text():
    body = [message("a"), message("b", ended=True), message("c", index=1), DONE]
    with CozeClient(**serving(*body)) as client:
        assert "".join(client.chat.stream(**QUESTION).text()) == "ab\n\nc"


def test_other_messages_are_whole_and_cards_are_no_text():
    call = json.dumps({"name": "ts-w-w", "arguments": {"city": "Paris"}, "plugin_type": 1})
    body = [
        message(call, "function_call", ended=True),
        message("sunny", "tool_response", 1, ended=True),
        message("It is sunny.", index=2, ended=True),
        message("{}", index=3, ended=True, content_type="card"),
        DONE,
    ]
    with CozeClient(**serving(*body)) as client:
        turn = client.chat.stream(**QUESTION).until_done()
    assert [(a.kind, a.name) for a in turn.tool_activity] == [("call", "ts-w-w"), ("response", "")]
    assert (turn.answer, turn.cards) == ("It is sunny.", ["{}"])


def test_unknown_events_and_empty_frames_are_kept_and_do_no_harm():
    body = [b"data:\n\n", b": hm\n\n", frame(event="news", x=1), message("Hi", ended=True), DONE]
    with CozeClient(**serving(*body)) as client:
        stream = client.chat.stream(**QUESTION)
        [unknown] = [event for event in stream if isinstance(event, UnknownEvent)]
    assert (unknown.name, unknown.fields["x"]) == ("news", 1)
    assert stream.turn.answer == "Hi"


# -- errors


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (ERROR, 700007, "invalid permission"),
        (frame(event="error", error_information={"code": 700007, "err_msg": "no"}), 700007, "no"),
        (frame(event="error", code="700007", msg="no"), 700007, "no"),
        (frame(code=700007, msg="no"), 700007, "no"),
        (frame(event="error"), None, "the chat failed and the server gave no reason"),
        (message("Hello") + frame(event="error", error_information={"code": 5000}), 5000, ""),
    ],
)
def test_an_error_in_the_stream_is_raised_in_every_form_it_has(body, code, text):
    kind, found, said, _ = outcomes(serving(body))
    assert issubclass(kind, ChatFailedError)
    assert issubclass(kind, PermissionDeniedError) == (code == 700007)
    assert found == code
    assert text in said


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code":700012006,"msg":"access token invalid"}', AuthenticationError),
        (b'{"code":4000,"msg":"bad"}', BadRequestError),
        (WHOLE, ProtocolError),  # a whole reply, though a stream was asked for
        (b"data:hello\n\n", ProtocolError),
        (b"data:[DONE]\n\n", ProtocolError),
        (frame(event="message", message="x"), ProtocolError),
        (b"data:[1]\n\n" + DONE, ProtocolError),
    ],
)
def test_a_reply_that_is_no_stream_of_this_version_is_an_error(body, kind):
    found, *_ = outcomes(
        serving(body, content_type="application/json" if body[:1] == b"{" else "text/event-stream")
    )
    assert issubclass(found, kind)


def test_heartbeats_alone_do_not_keep_a_stream_alive_for_ever(emulator, ask):
    options = {"base_url": emulator.base_url, "protocol": "v2", "timeout": Timeouts(idle=0.3)}
    fault = Fault(stall_after=1, heartbeat="ping")
    emulator.faults.add(fault, path=PATH, times=2)
    found = outcomes({"token": emulator.token, **options}, ask("What is 2 + 3?"))
    assert found[0] is APITimeoutError


# -- whole replies


def test_a_recorded_reply_is_the_same_turn_as_the_stream():
    options = serving(WHOLE, content_type="application/json")
    with CozeClient(**options) as client:
        turn = client.chat.create_and_poll(**QUESTION)

    async def awaiting():
        return await AsyncCozeClient(**options).chat.create_and_poll(**QUESTION)

    for found in (turn, asyncio.run(awaiting())):
        assert (found.answer, found.follow_ups) == ("Hello!", ["What else?"])
        assert (found.status, found.ended_by) == ("completed", "done")
        assert (found.conversation_id, found.chat_id) == ("123", None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code":700007,"msg":"invalid permission"}', PermissionDeniedError),
        (b'{"code":0,"msg":"success"}', ProtocolError),
        (WHOLE[:-20], ProtocolError),
        (b"<html>", ProtocolError),
    ],
)
def test_a_whole_reply_that_is_an_error_or_not_whole_raises(body, kind):
    client = CozeClient(**serving(body, content_type="application/json"))
    with client, pytest.raises(kind):
        client.chat.create_and_poll(**QUESTION)


def test_a_whole_reply_may_take_as_long_as_poll_timeout_and_no_longer(emulator, ask, v2):
    slow = v2.with_options(timeout=0.2)
    assert slow.chat.create_and_poll(**ask("What is 2 + 3?")).answer == "2 + 3 = 5"
    with pytest.raises(PollTimeoutError, match=r"0\.3 seconds") as caught:
        v2.chat.create_and_poll(**ask("go", "slow"), poll_timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    assert len(emulator.requests.to(PATH)) == 2  # asked once each


def test_connecting_does_not_take_longer_because_the_answer_may():
    seen = []

    def answer(request):
        seen.append(request.extensions["timeout"])
        raise httpx.ConnectTimeout("slow")

    options = {"protocol": "v2", "transport": httpx.MockTransport(answer), "max_retries": 0}
    with CozeClient("pat_x", **options) as client, pytest.raises(APITimeoutError) as caught:
        client.chat.create_and_poll(**QUESTION, poll_timeout=300)
    assert not caught.value.request_sent
    assert (seen[0]["connect"], seen[0]["read"]) == (10, 300)


# -- requests


def test_the_last_message_is_the_query_and_the_others_are_the_history(emulator, v2):
    talk = [
        EnterMessage.user("My name is Ada."),
        EnterMessage.assistant("Nice to meet you."),
        EnterMessage.user("What is my name?"),
    ]
    options = {"bot_id": emulator.bot_id("assistant"), "user_id": "u1", "messages": talk}
    options |= {"conversation_id": "my own", "custom_variables": {"tone": "dry"}}
    turns = [v2.chat.stream(**options).until_done(), v2.chat.create_and_poll(**options)]
    for turn, request, stream in zip(turns, emulator.requests, (True, False), strict=True):
        assert turn.answer == "Your name is Ada."
        assert turn.conversation_id == "my own"
        assert turn.log_id
        assert (request.method, request.path, request.query) == ("POST", PATH, {})
        assert request.json == {
            "bot_id": options["bot_id"],
            "user": "u1",
            "conversation_id": "my own",
            "query": "What is my name?",
            "chat_history": [
                {"role": "user", "content": "My name is Ada.", "content_type": "text"},
                {
                    "role": "assistant",
                    "type": "answer",
                    "content": "Nice to meet you.",
                    "content_type": "text",
                },
            ],
            "custom_variables": {"tone": "dry"},
            "stream": stream,
        }


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        ({"meta_data": {"a": "b"}}, "meta_data"),
        ({"parameters": {"a": 1}}, "pass custom_variables instead"),
        ({"auto_save_history": False}, "auto_save_history"),
        ({"publish_status": "unpublished_draft"}, "publish the bot"),
        ({"bot_version": "1"}, "published version"),
        ({"extra_params": {"latitude": "1"}}, "extra_params"),
        ({"shortcut_command": {"command_id": "1"}}, "shortcut_command"),
        ({"enable_card": True}, "enable_card"),
        ({"connector_id": "999"}, "connector_id"),
        ({"messages": []}, "needs a question"),
        ({"messages": [EnterMessage.user(" ")]}, "needs a question"),
        ({"messages": [EnterMessage.assistant("hm")]}, "needs a question"),
        (
            {
                "messages": [
                    EnterMessage.user(
                        [
                            MediaItem(type="text", text="What?"),
                            MediaItem(type="image", file_url="https://example.com/a.png"),
                        ]
                    )
                ]
            },
            "text only",
        ),
        (
            {"messages": [EnterMessage(role="user", content="hi", meta_data={"a": "b"})]},
            "meta_data",
        ),
    ],
)
def test_what_version_2_cannot_carry_is_refused_before_anything_is_sent(
    emulator, v2, ask, refused, told
):
    options = {**ask("hi"), **refused}
    with pytest.raises(ValueError, match=told):
        v2.chat.stream(**options)
    if "auto_save_history" not in refused:
        with pytest.raises(ValueError, match=told):
            v2.chat.create_and_poll(**options)
    assert emulator.requests == []


def test_operations_that_version_2_has_not_are_refused_by_both_clients(emulator, v2, ask):
    ids = {"conversation_id": "1", "chat_id": "2"}
    outputs = {**ids, "tool_outputs": [ToolOutput(tool_call_id="3", output="x")]}
    calls = {
        "create": ask("hi"),
        "retrieve": ids,
        "messages": ids,
        "cancel": ids,
        "submit_tool_outputs": outputs,
    }

    async def awaiting(name):
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url, protocol="v2")
        await getattr(client.chat, name)(**calls[name])

    for name, options in calls.items():
        with pytest.raises(ValueError, match="v2 has no"):
            getattr(v2.chat, name)(**options)
        with pytest.raises(ValueError, match="v2 has no"):
            asyncio.run(awaiting(name))
    with pytest.raises(ValueError, match="v2 has no tool outputs"):
        v2.chat.stream_tool_outputs(**outputs)
    assert emulator.requests == []


def test_other_endpoints_are_what_they_were(v2):
    assert v2.users.me().user_name == "emulated"


def test_leaving_a_stream_early_closes_it_and_asks_for_nothing(emulator, v2, ask):
    with v2.chat.stream(**ask("go", "slow")) as stream:
        next(stream.text())
        with pytest.raises(ValueError, match="v2 has no cancelling"):
            stream.cancel()
    assert [request.path for request in emulator.requests] == [PATH]

    async def awaiting():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url, protocol="v2")
        stream = client.chat.stream(**ask("go", "slow"))
        async with stream:
            async for _ in stream.text():
                break
        with pytest.raises(ValueError, match="v2 has no cancelling"):
            await stream.cancel()

    asyncio.run(awaiting())
    assert [request.path for request in emulator.requests] == [PATH] * 2


def test_a_deadline_ends_a_stream(v2, ask):
    with pytest.raises(APITimeoutError, match=r"0\.3 seconds"):
        v2.chat.stream(**ask("go", "slow", deadline=0.3)).until_done()


def test_the_version_is_kept_by_copies_and_pickles(emulator, ask, v2, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    for client in (v2.with_options(max_retries=0), pickle.loads(pickle.dumps(v2))):
        assert client.protocol == "v2"
        assert client.chat.stream(**ask("What is 2 + 3?")).until_done().answer == "2 + 3 = 5"
        client.close()
    assert {request.path for request in emulator.requests} == {PATH}
    assert CozeClient("pat_x").protocol == "v3"
    with pytest.raises(ValueError, match="protocol must be 'v3' or 'v2'"):
        CozeClient("pat_x", protocol="v1")
