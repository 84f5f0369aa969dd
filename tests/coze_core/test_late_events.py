"""What a server says behind the event that ends a stream: it belongs to it all the same."""

import asyncio
import json
import logging
import threading

import pytest
from wire import (
    CHAT,
    COMPLETED,
    CREATED,
    DONE,
    END,
    STREAM_HEAD,
    RawServer,
    chat_event,
    chunk,
    completed,
    delta,
    event,
    reply,
)

from coze_core import (
    AsyncCozeClient,
    ChatFailedError,
    CozeClient,
    CozeError,
    EnterMessage,
    IncompleteStreamError,
    WorkflowFailedError,
)

USED = chat_event("completed", usage={"token_count": 3, "input_count": 1, "output_count": 2})
V2 = {"role": "assistant", "type": "answer", "content_type": "text"}


def v2(text, **fields):
    message = {**V2, "content": text, **fields.pop("message", {})}
    told = {"event": "message", "message": message, "index": 0, "conversation_id": "88", **fields}
    return b"data:" + json.dumps(told).encode() + b"\n\n"


V2_DONE = b'data:{"event":"done"}\n\n'


def node(text, title="A", finished=True, **fields):
    data = {"content": text, "node_title": title, "node_seq_id": "0", "node_is_finish": finished}
    return event("Message", {**data, **fields})


OVER = event("Done", {"debug_url": "https://example.com/run"})
OUTPUT = node('{"output": "b"}', "End", node_type="End")


@pytest.fixture(params=["one block", "many blocks"])
def read(request):
    """What both clients make of these events: the items, and the turn, the run or the error."""

    def serve(kind, *blocks, protocol="v3"):
        sent = [b"".join(blocks)] if request.param == "one block" else blocks

        def answer(connection, request, number):
            connection.sendall(STREAM_HEAD + b"".join(map(chunk, sent)) + END)
            return True

        about = {"bot_id": "1", "user_id": "u"} if kind == "chat" else {"workflow_id": "1"}
        if kind == "chat" and protocol == "v2":
            about["messages"] = [EnterMessage.user("hi")]

        def opened(client):
            resource = client.chat if kind == "chat" else client.workflows
            return resource.stream(**about)

        def outcome(stream):
            return stream.turn if kind == "chat" else stream.run

        with RawServer(answer) as server:
            options = {"base_url": server.base_url, "protocol": protocol, "max_retries": 0}

            def blocking():
                with CozeClient("pat_x", **options) as client, opened(client) as stream:
                    return list(stream), outcome(stream)

            async def awaiting():
                client = AsyncCozeClient("pat_x", **options)
                async with opened(client) as stream:
                    found = [item async for item in stream]
                await client.aclose()
                return found, outcome(stream)

            both = []
            for run in (blocking, lambda: asyncio.run(awaiting())):
                try:
                    both.append(run())
                except CozeError as error:
                    both.append(([], error))
            return both

    return serve


def test_a_message_behind_the_end_of_a_workflow_is_part_of_it(read):
    for events, run in read("workflow", node("a"), OVER, OUTPUT):
        assert [type(each).__name__ for each in events] == [
            "WorkflowMessage",
            "WorkflowDone",
            "WorkflowMessage",
        ]
        assert (run.status, run.value) == ("completed", {"output": "b"})
        assert [each.text for each in run.nodes] == ["a", '{"output": "b"}']


def test_the_last_thing_said_behind_the_end_is_the_output_where_no_end_node_speaks(read):
    for _, run in read("workflow", node("a"), OVER, node("b", "B")):
        assert run.output == "b"


def test_a_message_behind_the_end_without_its_blank_line_is_read(read):
    for _, run in read("workflow", node("a"), OVER, OUTPUT.rstrip(b"\n")):
        assert run.value == {"output": "b"}


def test_two_ends_of_a_workflow_are_one(read):
    for _, run in read("workflow", OUTPUT, OVER, OVER):
        assert (run.status, run.value) == ("completed", {"output": "b"})


def test_a_workflow_without_its_end_is_not_whole(read):
    for _, error in read("workflow", OUTPUT):
        assert isinstance(error, IncompleteStreamError)
        assert error.run.value == {"output": "b"}


def test_a_failure_behind_the_end_of_a_workflow_is_raised(read):
    failed = event("Error", {"error_code": 4000, "error_message": "too bad"})
    for _, error in read("workflow", OUTPUT, OVER, failed):
        assert isinstance(error, WorkflowFailedError)
        assert error.code == 4000


def test_of_two_questions_the_first_waits_and_both_are_told(read):
    def asks(id, text):
        about = {"event_id": id, "type": 2, "data": text}
        return event("Interrupt", {"interrupt_data": about, "node_title": "Q"})

    for events, run in read("workflow", asks("1/1", "first?"), asks("2/2", "second?")):
        assert [each.interrupt.event_id for each in events] == ["1/1", "2/2"]
        assert (run.status, run.interrupt.event_id) == ("interrupted", "1/1")


@pytest.mark.parametrize(
    "events",
    [
        (CREATED, delta("a"), DONE, delta("b"), completed("ab"), USED),
        (CREATED, delta("a"), DONE, completed("ab"), USED, DONE),
        (CREATED, completed("ab"), DONE, USED.rstrip(b"\n")),
    ],
    ids=["a piece", "two ends", "no blank line"],
)
def test_a_chat_that_is_told_to_be_done_too_early_is_read_to_its_end(read, events):
    for _, turn in read("chat", *events):
        assert (turn.answer, turn.status, turn.usage.total_tokens) == ("ab", "completed", 3)
        assert turn.ended_by == "done"


def test_what_comes_behind_the_end_of_a_chat_is_part_of_it(read):
    second = completed("b", "m2")
    more = completed("And then?", "m3", type="follow_up")
    for _, turn in read("chat", CREATED, completed("a"), COMPLETED, DONE, second, more):
        assert (turn.answers, turn.follow_ups) == (["a", "b"], ["And then?"])


def test_a_chat_without_its_last_event_is_whole_once_it_has_completed(read):
    for _, turn in read("chat", CREATED, completed("a"), COMPLETED):
        assert (turn.answer, turn.status, turn.ended_by) == ("a", "completed", "eof")


def test_a_failure_behind_the_end_of_a_chat_is_raised(read):
    failed = event("error", {"code": 5000, "msg": "too bad"})
    for _, error in read("chat", CREATED, completed("a"), DONE, failed):
        assert isinstance(error, ChatFailedError)
        assert error.code == 5000


def test_what_cannot_be_read_behind_the_end_takes_nothing_back_and_is_told(read, caplog):
    bad = event("conversation.message.completed", "{")
    with caplog.at_level(logging.WARNING, "coze_core"):
        for _, turn in read("chat", CREATED, completed("a"), COMPLETED, DONE, bad):
            assert (turn.answer, turn.status) == ("a", "completed")
    assert caplog.text.count("behind the end") == 2


@pytest.mark.parametrize(
    "events",
    [
        (v2("a", is_finish=True), V2_DONE, v2("more?", message={"type": "follow_up"})),
        (v2("a"), V2_DONE, V2_DONE, v2("more?", message={"type": "follow_up"})),
    ],
    ids=["one end", "two ends"],
)
def test_what_comes_behind_the_end_of_an_old_chat_is_part_of_it(read, events):
    for _, turn in read("chat", *events, protocol="v2"):
        assert (turn.answers, turn.follow_ups) == (["a"], ["more?"])


def test_words_behind_the_end_of_an_old_chat_are_not_lost(read):
    for _, turn in read("chat", v2("a"), V2_DONE, v2("b", is_finish=True), protocol="v2"):
        assert turn.answers == ["a", "b"]


def test_an_old_chat_without_its_end_is_not_whole(read):
    for _, error in read("chat", v2("a", is_finish=True), protocol="v2"):
        assert isinstance(error, IncompleteStreamError)
        assert error.turn.answer == "a"


def test_a_chat_whose_end_has_come_is_not_lost_to_the_newer_one_that_follows():
    begun, told = threading.Event(), threading.Event()

    def answer(connection, request, number):
        if b" /v3/chat?" not in request:
            connection.sendall(reply({"code": 0, "data": CHAT}))
        elif begun.is_set():
            connection.sendall(STREAM_HEAD + chunk(CREATED + completed("b") + USED + DONE) + END)
        else:
            connection.sendall(STREAM_HEAD + chunk(CREATED + completed("a") + USED))
            begun.wait(5)
            connection.sendall(chunk(DONE) + END)
            told.set()
        return True

    options = {"bot_id": "1", "user_id": "u", "conversation_id": "88", "on_busy": "cancel_previous"}
    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        with client.chat.stream(**options) as stream:
            batches = stream.batches()
            while not stream.turn.finished:
                next(batches)
            begun.set()
            assert told.wait(5)
            assert client.chat.stream(**options).until_done().answer == "b"
            for _ in batches:  # what came meanwhile
                pass
        assert (stream.turn.answer, stream.turn.usage.total_tokens) == ("a", 3)


@pytest.mark.parametrize("kind", ["blocking", "awaiting"])
def test_of_a_flood_behind_the_end_only_so_much_is_read(kind, caplog):
    """By bytes, not only by time: whoever sends fast could fill the memory in no time."""
    flood = chunk(delta("flood") * 500)
    sent = 0

    def answer(connection, request, number):
        nonlocal sent
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a") + COMPLETED + DONE))
        while sent < 32 << 20:
            connection.sendall(flood)
            sent += len(flood)

    with RawServer(answer) as server:
        options = {"base_url": server.base_url, "protocol": "v3", "max_retries": 0}

        def blocking():
            with CozeClient("pat_x", **options) as client:
                return list(client.chat.stream(bot_id="1", user_id="u"))

        async def awaiting():
            async with AsyncCozeClient("pat_x", **options) as client:
                return [item async for item in client.chat.stream(bot_id="1", user_id="u")]

        found = blocking() if kind == "blocking" else asyncio.run(awaiting())
        assert found[1].message_id == "m1"
    read = len(found) * len(delta("flood"))
    assert 1 << 20 <= read < 2 << 20
    assert "behind the end" in caplog.text
