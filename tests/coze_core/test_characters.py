"""Characters that come cut or broken: they cost no chat, and what comes out can be encoded."""

import asyncio
import json
import logging

import httpx
import pytest
from wire import CHAT, COMPLETED, CREATED, DONE, completed, delta, event

from coze_core import AsyncCozeClient, CozeClient, EnterMessage

FIRST, SECOND = "\\ud83d", "\\ude00"  # of 😀, as JSON's escapes write it
MARK = "HERE"


class Cut(httpx.AsyncByteStream, httpx.SyncByteStream):
    """A body in given blocks."""

    def __init__(self, blocks):
        self.blocks = blocks

    def __iter__(self):
        yield from self.blocks

    async def __aiter__(self):
        for block in self.blocks:
            yield block


def told(event, characters):
    """The event with these characters, as they stand on the wire, in the place of `MARK`."""
    if isinstance(characters, str):
        characters = characters.encode()
    return event.replace(MARK.encode(), characters)


def client_of(blocks, kind=CozeClient, **options):
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers=headers, stream=Cut(blocks))
    )
    return kind("pat_x", transport=transport, max_retries=0, **options)


def streamed(*events, one_by_one=True, **options):
    """The pieces that were yielded, and the turn; the same from both clients."""
    blocks = list(events) if one_by_one else [b"".join(events)]

    async def awaiting():
        client = client_of(blocks, AsyncCozeClient, **options)
        stream = client.chat.stream(bot_id="1", user_id="u")
        return [piece async for piece in stream.text()], stream.turn

    with client_of(blocks, **options) as client:
        stream = client.chat.stream(bot_id="1", user_id="u")
        pieces, turn = list(stream.text()), stream.turn
    apieces, aturn = asyncio.run(awaiting())
    assert (apieces, aturn.answers) == (pieces, turn.answers)
    "".join(pieces).encode()
    turn.reasoning.encode()
    return pieces, turn


def warnings(caplog):
    return [r for r in caplog.records if r.levelno == logging.WARNING and "U+FFFD" in r.message]


@pytest.fixture(params=[True, False], ids=["one by one", "one block"])
def one_by_one(request):
    return request.param


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (["a" + FIRST, SECOND + "b"], "a😀b"),
        ([FIRST, SECOND], "😀"),
        ([FIRST, SECOND + FIRST, SECOND + "b"], "😀😀b"),
        (["plain", "a" + FIRST, "", SECOND, "plain", "plain"], "plaina😀plainplain"),
        (["a\\\\" + FIRST, SECOND], "a\\😀"),
    ],
)
def test_an_emoji_that_is_cut_between_two_pieces_is_whole(pieces, answer, one_by_one, caplog):
    events = [told(delta(MARK), piece) for piece in pieces]
    for end in ([], [completed(answer)]):
        found, turn = streamed(CREATED, *events, *end, COMPLETED, DONE, one_by_one=one_by_one)
        assert "".join(found) == turn.answer == answer
    assert not warnings(caplog)


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (["a" + FIRST + "b", "c"], "a\ufffdbc"),
        ([SECOND, "a"], "\ufffda"),
        (["a" + FIRST, "b"], "a\ufffdb"),
        (["a" + FIRST], "a\ufffd"),
        ([FIRST, FIRST, SECOND], "\ufffd😀"),
        (["a\\\\ud83d", "b"], None),
        ([b"a\xff", "b"], "a\ufffdb"),
        ([b"a\xe4\xbd", b"\xa0b"], "a\ufffd\ufffdb"),
        ([b"\xed\xa0\xbd", "b"], "\ufffd\ufffd\ufffdb"),
    ],
)
def test_what_is_no_character_is_replaced_and_said_once(pieces, answer, one_by_one, caplog):
    events = [told(delta(MARK), piece) for piece in ["first", "second", *pieces, "last"]]
    found, turn = streamed(CREATED, *events, COMPLETED, DONE, one_by_one=one_by_one)
    assert "".join(found) == turn.answer
    if answer is None:  # a backslash, and letters that only look like an escape
        assert turn.answer == "firstseconda\\ud83dblast"
        assert not warnings(caplog)
    else:
        assert turn.answer == f"firstsecond{answer}last"
        assert len(warnings(caplog)) == 2  # of two clients


def test_half_a_character_at_the_end_of_all_is_not_lost(one_by_one, caplog):
    half = told(delta(MARK), "a" + FIRST)
    for end in ([COMPLETED, DONE], [COMPLETED], [completed(""), COMPLETED, DONE]):
        found, turn = streamed(CREATED, half, *end, one_by_one=one_by_one)
        assert "".join(found) == turn.answer == "a\ufffd"
    assert warnings(caplog)


def test_only_the_same_text_of_the_same_message_has_the_other_half(one_by_one):
    events = [
        told(delta("", reasoning_content=MARK), "why" + FIRST),
        told(delta(MARK), SECOND + "so"),
        told(delta(MARK), FIRST),
        told(delta(MARK, "m2"), SECOND),
    ]
    _, turn = streamed(CREATED, *events, COMPLETED, DONE, one_by_one=one_by_one)
    assert turn.reasoning == "why\ufffd"
    assert turn.answers == ["\ufffdso\ufffd", "\ufffd"]


def test_another_message_between_the_halves_takes_none(one_by_one):
    verbose = completed('{"msg_type":"x","data":"y"}', "v", type="verbose")
    events = [told(delta(MARK), "a" + FIRST), verbose, told(delta(MARK), SECOND + "b")]
    _, turn = streamed(CREATED, *events, COMPLETED, DONE, one_by_one=one_by_one)
    assert turn.answers == ["a😀b"]
    assert turn.verbose == [("x", "y")]


def test_the_whole_message_tells_the_character_that_its_pieces_lack(one_by_one, caplog):
    events = [told(delta(MARK), "a" + FIRST), completed("a😀b")]
    found, turn = streamed(CREATED, *events, COMPLETED, DONE, one_by_one=one_by_one)
    assert "".join(found) == turn.answer == "a😀b"
    assert not warnings(caplog)


@pytest.mark.parametrize("bad", [FIRST, b"\xff"])
def test_no_kind_of_event_is_lost_for_a_broken_character(bad, one_by_one):
    items = json.dumps([{"type": "text", "text": "x"}])
    events = [
        told(completed(MARK, "f", type="follow_up"), bad),
        told(completed(MARK, "k", type="knowledge"), bad),
        told(completed('{"name":"a","arguments":{}}' + MARK, "t", type="function_call"), bad),
        told(event("something.new", {"x": MARK}), bad),
        completed(items, "o", content_type="object_string"),
        told(completed(MARK), bad),
    ]
    created = told(CREATED.replace(b'"bot_id":"1"', b'"bot_id":"HERE"'), bad)
    _, turn = streamed(created, *events, COMPLETED, DONE, one_by_one=one_by_one)
    assert turn.follow_ups == turn.knowledge == ["\ufffd"]
    assert turn.answers == ["x", "\ufffd"]
    assert turn.bot_id == "\ufffd"


@pytest.mark.parametrize("bad", [FIRST, b"\xff"])
def test_an_error_keeps_its_code_though_its_text_is_broken(bad):
    failed = told(event("error", {"code": 4016, "msg": MARK}), bad)
    with client_of([CREATED, failed]) as client:
        with pytest.raises(Exception, match="\ufffd") as caught:
            list(client.chat.stream(bot_id="1", user_id="u"))
    assert caught.value.code == 4016


def test_the_arguments_of_a_call_can_be_encoded():
    function = {"name": "f", "arguments": '{"x":"\\ud83d"}'}
    action = {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {"tool_calls": [{"id": "1", "function": function}]},
    }
    paused = {**CHAT, "status": "requires_action", "required_action": action}
    _, turn = streamed(CREATED, event("conversation.chat.requires_action", paused), DONE)
    assert json.loads(turn.tool_calls[0].arguments) == {"x": "\ufffd"}


def test_utf8_may_be_cut_at_every_byte(caplog):
    body = CREATED + delta("你好😀") + delta("é再") + COMPLETED + DONE
    for cut in range(1, len(body)):
        with client_of([body[:cut], body[cut:]]) as client:
            assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "你好😀é再"
    with client_of([bytes([byte]) for byte in body]) as client:
        assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "你好😀é再"
    assert not warnings(caplog)


@pytest.mark.parametrize("bad", [FIRST, b"\xff"])
def test_a_reply_that_is_no_stream_is_read_as_well(bad, caplog):
    body = told(json.dumps({"code": 0, "data": {"user_name": MARK}}).encode(), bad)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    with CozeClient("pat_x", transport=transport) as client:
        assert client.users.me().user_name == "\ufffd"
    assert warnings(caplog)


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
@pytest.mark.parametrize("injected", [True, False])
def test_a_question_with_half_a_character_is_asked(kind, injected, caplog, emulator):
    """As text that others have cut has it; two halves that stand together are one character."""
    question = {
        "bot_id": emulator.bot_id("echo"),
        "user_id": "u",
        "messages": [EnterMessage.user("a\ud83d b\ud83d\ude00")],
    }
    options = {"base_url": emulator.base_url}

    def blocking():
        with httpx.Client() as http:
            given = {"http_client": http} if injected else {}
            with CozeClient(emulator.token, **options, **given) as client:
                return client.chat.stream(**question).until_done()

    async def awaiting():
        async with httpx.AsyncClient() as http:
            given = {"http_client": http} if injected else {}
            async with AsyncCozeClient(emulator.token, **options, **given) as client:
                return await client.chat.stream(**question).until_done()

    turn = blocking() if kind is CozeClient else asyncio.run(awaiting())
    assert "a\ufffd b😀" in turn.answer
    assert warnings(caplog)


def v2(text, finished=False):
    message = {"role": "assistant", "type": "answer", "content": MARK, "content_type": "text"}
    about = {"event": "message", "message": message, "index": 0, "is_finish": finished}
    return told(b"data:" + json.dumps({**about, "conversation_id": "8"}).encode() + b"\n\n", text)


def test_an_old_chat_is_read_as_well(one_by_one):
    end = b'data:{"event":"done"}\n\n'
    ping = b'data:{"event":"ping"}\n\n'
    for pieces, answer in (
        ([v2("a" + FIRST), ping, v2(SECOND, True)], "a😀"),
        ([v2("a"), v2(b"\xff"), v2("b" + FIRST, True)], "a\ufffdb\ufffd"),
        ([v2("a" + FIRST)], "a\ufffd"),
    ):
        blocks = [*pieces, end] if one_by_one else [b"".join([*pieces, end])]
        with client_of(blocks, protocol="v2") as client:
            question = [EnterMessage.user("hi")]
            stream = client.chat.stream(bot_id="1", user_id="u", messages=question)
            assert stream.until_done().answer == answer


def node(text, title="A", finished=False):
    about = {"content": MARK, "node_title": title, "node_is_finish": finished}
    return told(event("Message", about), text)


def test_a_workflow_is_read_as_well(one_by_one, caplog):
    end = event("Done", {})
    for pieces, texts in (
        ([node("a" + FIRST), event("PING", {}), node(SECOND, finished=True)], ["a😀"]),
        ([node("a" + FIRST), node(SECOND, "B", finished=True)], ["a\ufffd", "\ufffd"]),
        ([node(b"\xff" + SECOND.encode(), finished=True)], ["\ufffd\ufffd"]),
        ([node("a" + FIRST)], ["a\ufffd"]),
        ([node('{\\"output\\":\\"\\' + FIRST + '\\"}', "End", finished=True)], None),
    ):
        blocks = [*pieces, end] if one_by_one else [b"".join([*pieces, end])]
        with client_of(blocks) as client:
            run = client.workflows.stream(workflow_id="1").until_done()
        if texts is None:
            assert run.value == {"output": "\ufffd"}
        else:
            assert [each.text for each in run.nodes] == texts
    assert warnings(caplog)
