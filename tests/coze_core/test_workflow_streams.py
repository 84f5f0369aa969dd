"""Streams of workflows: their events, their bytes however they come, and the run they make."""

import json

import httpx
import pytest

from coze_core import (
    BadRequestError,
    CozeClient,
    IncompleteStreamError,
    ProtocolError,
    WorkflowDone,
    WorkflowFailedError,
    WorkflowMessage,
)
from coze_core._sse import ServerSentEvent
from coze_core._workflow_events import read_workflow_events
from coze_core._workflow_run import NodeText, WorkflowRun

SAMPLES = {
    "message": (
        b'id: 0\nevent: Message\ndata: {"content":"msg","node_is_finish":false,'
        b'"node_seq_id":"0","node_title":"Message"}\n\n'
    ),
    "last": (
        b'id: 1\nevent: Message\ndata: {"content":" \xe4\xba\x86","node_is_finish":true,'
        b'"node_seq_id":"1","node_title":"Message"}\n\n'
    ),
    "end": (
        b'id: 2\nevent: Message\ndata: {"content":"{\\"output\\":\\"\xe4\xb8\xba\\"}",'
        b'"cost":"0.00",'
        b'"node_is_finish":true,"node_seq_id":"0","node_title":"","token":0}\n\n'
    ),
    "done": b"id: 3\nevent: Done\ndata: {}\n\n",
}
WHOLE = b"".join(SAMPLES.values())


@pytest.fixture
def serve_stream():
    """What a client makes of this body, in blocks of this size."""

    def serve(body, size=None, content_type="text/event-stream"):
        def answer(request):
            blocks = (
                [body] if size is None else [body[i : i + size] for i in range(0, len(body), size)]
            )
            return httpx.Response(200, headers={"content-type": content_type}, content=iter(blocks))

        with CozeClient("pat_x", transport=httpx.MockTransport(answer)) as client:
            return client.workflows.stream(workflow_id="1").until_done()

    return serve


def test_a_stream_gives_typed_events_and_text(emulator, client):
    with client.workflows.stream(
        workflow_id=emulator.workflow_id("weather"), parameters={"city": "Paris"}
    ) as stream:
        events = list(stream)
    kinds = [type(event) for event in events]
    assert kinds[-1] is WorkflowDone
    assert set(kinds[:-1]) == {WorkflowMessage}
    assert "".join(e.content for e in events[:-2]) == "Looking up the weather in Paris."
    assert events[0].node_title == "Message"
    assert events[0].position == 0
    assert events[-2].is_end
    assert [event.id for event in events] == [str(n) for n in range(len(events))]
    assert stream.run.output == events[-2].content
    assert stream.log_id


def test_text_leaves_the_end_node_out(emulator, client):
    stream = client.workflows.stream(
        workflow_id=emulator.workflow_id("weather"), parameters={"city": "Paris"}
    )
    assert "".join(stream.text()) == "Looking up the weather in Paris."
    assert stream.run.value["city"] == "Paris"


@pytest.mark.anyio
async def test_a_stream_gives_the_same_when_awaited(emulator, async_client):
    async with async_client.workflows.stream(
        workflow_id=emulator.workflow_id("weather"), parameters={"city": "Paris"}
    ) as stream:
        text = "".join([piece async for piece in stream.text()])
    assert text == "Looking up the weather in Paris."
    assert stream.run.status == "completed"
    await async_client.aclose()


def test_nodes_that_take_turns_are_kept_apart(serve_stream):
    body = b"".join(
        b'id: %d\nevent: Message\ndata: {"content":"%s","node_is_finish":%s,"node_seq_id":"%d",'
        b'"node_title":"%s"}\n\n' % (number, text, finished, position, title)
        for number, (title, text, position, finished) in enumerate(
            [
                (b"A", b"1", 0, b"false"),
                (b"B", b"x", 0, b"false"),
                (b"A", b"2", 1, b"true"),
                (b"B", b"y", 1, b"true"),
                (b"A", b"again", 0, b"true"),
            ]
        )
    )
    run = serve_stream(body + SAMPLES["end"] + SAMPLES["done"])
    assert [(node.title, node.text) for node in run.nodes[:-1]] == [
        ("A", "12"),
        ("B", "xy"),
        ("A", "again"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, None])
def test_the_bytes_may_be_cut_anywhere(serve_stream, size):
    run = serve_stream(WHOLE, size)
    assert [node.text for node in run.nodes] == ["msg 了", '{"output":"为"}']
    assert run.value == {"output": "为"}


def test_a_stream_that_is_cut_is_an_error_at_every_byte(serve_stream):
    # Up to the end of `Done`'s data; what follows it is only the blank line.
    for end in range(1, len(WHOLE) - len(b"data: {}\n\n")):
        with pytest.raises((IncompleteStreamError, ProtocolError)) as caught:
            serve_stream(WHOLE[:end])
        assert isinstance(caught.value, IncompleteStreamError), end


def test_a_cut_stream_tells_what_had_arrived(serve_stream):
    with pytest.raises(IncompleteStreamError) as caught:
        serve_stream(SAMPLES["message"])
    assert caught.value.run.nodes[0].text == "msg"
    assert "工作流" in caught.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b'id: 0\nevent: Error\ndata: {"error_code":4000,"error_message":"Request error"}\n\n',
        b'event: error\ndata: {"error_code":"4000","error_message":"Request error"}',
    ],
)
def test_an_error_event_is_an_error(serve_stream, body):
    with pytest.raises(WorkflowFailedError, match="Request error") as caught:
        serve_stream(body)
    assert caught.value.code == 4000
    assert isinstance(caught.value, BadRequestError)


@pytest.mark.parametrize(
    "rubbish", [b"event: Message\ndata: 5\n\n", b"event: Interrupt\ndata: {}\n\n"]
)
def test_events_that_do_not_hold_what_they_must_are_protocol_errors(serve_stream, rubbish):
    with pytest.raises(ProtocolError):
        serve_stream(SAMPLES["message"] + rubbish + SAMPLES["done"])


def test_unknown_events_and_odd_fields_do_no_harm(serve_stream):
    odd = (
        b"id:0\nevent:invalid\ndata:{}\n\n"
        b'event: Message\ndata: {"content":{"a":1},"node_title":null,"node_seq_id":7,"usage":"x",'
        b'"node_is_finish":"yes","token":null,"ext":5}\n\n'
    )
    run = serve_stream(odd + SAMPLES["end"] + SAMPLES["done"])
    assert run.nodes[0].text == '{"a": 1}'


def test_names_of_older_studio_releases_are_known(serve_stream):
    body = WHOLE.replace(b"event: Message", b"event: message").replace(b"Done", b"done")
    assert serve_stream(body).value == {"output": "为"}


# -- what the events come to


def _message(number, **fields):
    data = {"content": "x", "node_seq_id": "0", **fields}
    [event] = read_workflow_events([ServerSentEvent("Message", json.dumps(data).encode(), number)])
    return event


def test_a_flood_of_short_messages_is_not_searched_for_each_of_them(monkeypatch):
    asked = []
    takes = NodeText.takes
    monkeypatch.setattr(
        NodeText, "takes", lambda node, message: asked.append(1) or takes(node, message)
    )
    run = WorkflowRun("1")
    for number in range(1000):
        run.apply(_message(str(number), node_title=f"n{number % 3}", node_is_finish=True))
    assert len(run.nodes) == 1000
    assert len(asked) <= 1000


def test_nodes_that_take_turns_and_begin_anew_are_kept_apart():
    run = WorkflowRun("1")
    for title, position, end in (
        ("a", 0, False),
        ("b", 0, False),
        ("a", 1, False),
        ("b", 1, True),
        ("a", 0, False),  # it runs once more, without having said that it was over
        ("a", 1, True),
        ("End", 0, False),
        ("End", 1, True),
    ):
        kind = {"node_type": "End"} if title == "End" else {}
        about = {"node_title": title, "node_seq_id": str(position), "node_is_finish": end, **kind}
        run.apply(_message("1", content=f"{title}{position}", **about))
        if title == "End":
            assert run.output == ("End0" if position == 0 else "End0End1")
    assert [node.text for node in run.nodes] == ["a0a1", "b0b1", "a0a1", "End0End1"]


@pytest.mark.parametrize("id", [77, "77"])
def test_an_interrupt_whose_id_is_a_number_can_be_answered(id):
    data = {"interrupt_data": {"event_id": id, "type": "2"}}
    frame = ServerSentEvent("Interrupt", json.dumps(data).encode(), "0")
    run = WorkflowRun("1")
    run.apply(read_workflow_events([frame])[0])
    assert (run.interrupt.event_id, run.interrupt.type) == ("77", 2)
