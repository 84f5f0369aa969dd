"""How streams end before their time, and what is done about it."""

import asyncio
import threading

import httpx
import pytest
from wire import (
    CHAT,
    COMPLETED,
    CREATED,
    DONE,
    STREAM_HEAD,
    RawServer,
    chunk,
    completed,
    delta,
    event,
    reply,
)

from coze_core import (
    APITimeoutError,
    AsyncCozeClient,
    CozeClient,
    CozeError,
    IncompleteStreamError,
    ProtocolError,
    Timeouts,
)

PING = b'event:PING\ndata:{"content":"{}"}\n\n'


def pieces(body):
    """What both clients yield of a body, in one block, before they raise what they raise."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    options = {"bot_id": "1", "user_id": "u", "cancel_on_close": False}

    def blocking():
        got = []
        with CozeClient("pat_x", transport=transport) as client:
            stream = client.chat.stream(**options)
            try:
                got.extend(iter(stream.text()))
            except CozeError as error:
                return got, stream.turn, type(error)
            return got, stream.turn, None

    async def awaiting():
        got = []
        stream = AsyncCozeClient("pat_x", transport=transport).chat.stream(**options)
        try:
            async for piece in stream.text():
                got.append(piece)
        except CozeError as error:
            return got, stream.turn, type(error)
        return got, stream.turn, None

    return blocking(), asyncio.run(awaiting())


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_all_text_that_the_turn_has_is_yielded_when_a_stream_is_cut(end):
    body = CREATED + delta("a") + delta("b").rstrip(b"\n") + end
    for got, turn, kind in pieces(body):
        assert "".join(got) == turn.answer == "ab"
        assert kind is IncompleteStreamError


def test_what_comes_before_an_event_that_cannot_be_read_is_yielded():
    bad = event("conversation.message.completed", "{")
    for got, turn, kind in pieces(CREATED + delta("a") + delta("b") + bad + delta("c")):
        assert "".join(got) == turn.answer == "ab"
        assert kind is ProtocolError


def test_rubbish_behind_the_end_does_no_harm():
    bad = event("conversation.message.completed", "{")
    for got, turn, kind in pieces(CREATED + completed("a") + COMPLETED + DONE + bad):
        assert (got, turn.status, kind) == (["a"], "completed", None)


def test_heartbeats_behind_news_are_no_silence(monkeypatch):
    """Each block ends with a PING, and each takes most of the time that silence may take."""
    now = [0.0]
    blocks = [CREATED + PING, *[delta(f"{n} ") + PING for n in range(5)], COMPLETED + DONE]

    class Slow(httpx.SyncByteStream):
        def __iter__(self):
            for block in blocks:
                now[0] += 0.9
                yield block

    headers = {"content-type": "text/event-stream"}
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, stream=Slow()))
    with CozeClient("pat_x", transport=answer, timeout=Timeouts(idle=1)) as client:
        stream = client.chat.stream(bot_id="1", user_id="u")
        monkeypatch.setattr(stream._pump, "_clock", lambda: now[0])
        assert stream.until_done().answer == "0 1 2 3 4 "


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "silent"])
def test_a_chat_is_cancelled_when_it_is_given_up_and_not_when_the_network_is_cut(cut):
    """After a cut its answer can still be fetched, as the error says."""
    ended = threading.Event()

    def answer(connection, request, number):
        if b"/v3/chat/cancel" in request:
            connection.sendall(reply({"code": 0, "data": CHAT}))
            return True
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        if not cut:
            ended.wait(10)
        return False

    with RawServer(answer) as server:
        options = {"base_url": server.base_url, "timeout": 0.3 if not cut else 10}
        wanted = IncompleteStreamError if cut else APITimeoutError
        with CozeClient("pat_x", **options) as client, pytest.raises(wanted) as caught:
            client.chat.stream(bot_id="1", user_id="u").until_done()
        assert ("retrieve the chat" in caught.value.hint) is cut

        async def awaiting():
            client = AsyncCozeClient("pat_x", **options)
            await client.chat.stream(bot_id="1", user_id="u").until_done()

        with pytest.raises(wanted):
            asyncio.run(awaiting())
        ended.set()
        assert len(server.to("/v3/chat/cancel")) == (0 if cut else 2)
