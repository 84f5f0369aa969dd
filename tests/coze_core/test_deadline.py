"""`deadline=` bounds all of a stream, its opening too, and makes no other wait longer."""

import asyncio
import threading

import httpx
import pytest
from wire import RawServer, reply

from coze_core import (
    APITimeoutError,
    AsyncCozeClient,
    CozeClient,
    CozeError,
    RateLimitError,
    Timeouts,
)


def errors(base_url, **options):
    """Return what both clients raise for a stream with a deadline, and how long they took."""
    arguments = {"bot_id": "1", "user_id": "u", "deadline": 0.3}
    client = CozeClient("pat_x", base_url=base_url, **options)
    with client, pytest.raises(CozeError) as blocking:
        client.chat.stream(**arguments).until_done()

    async def main():
        client = AsyncCozeClient("pat_x", base_url=base_url, **options)
        with pytest.raises(CozeError) as awaiting:
            await client.chat.stream(**arguments).until_done()
        return awaiting.value

    return blocking.value, asyncio.run(main())


def trickling(head, end):
    """A server that sends one byte at a time, until the test is over."""

    def answer(connection, request, number):
        connection.sendall(head)
        while not end.wait(0.05):
            connection.sendall(b"x")

    return RawServer(answer)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nx-a: ", b"HTTP/1.1 500 X\r\ncontent-type: text/plain\r\n\r\n"],
    ids=["headers", "error body"],
)
def test_a_deadline_ends_an_opening_that_trickles(head):
    end = threading.Event()
    with trickling(head, end) as server:
        for error in errors(server.base_url, max_retries=0):
            assert isinstance(error, APITimeoutError)
            assert "0.3 seconds" in error.message
        end.set()


def test_nothing_is_repeated_beyond_the_deadline():
    def answer(connection, request, number):
        connection.sendall(reply(b"", "429 Slow down", "retry-after: 4\r\n"))
        return True

    with RawServer(answer) as server:
        for error in errors(server.base_url):
            assert isinstance(error, RateLimitError)
        assert len(server.requests) == 2


def test_a_credential_that_takes_too_long_sends_nothing_after_the_deadline():
    asked, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow:
        refreshable = True

        def token(self):
            return "pat_x" if go_on.is_set() else None

        def refresh(self, stale):
            asked.set()
            go_on.wait(10)
            ended.set()
            yield from ()

    sent = []
    transport = httpx.MockTransport(lambda request: sent.append(request) or httpx.Response(500))
    with CozeClient(auth=Slow(), transport=transport) as client:
        with pytest.raises(APITimeoutError):
            client.chat.stream(bot_id="1", user_id="u", deadline=0.1).until_done()
        assert asked.is_set()
        go_on.set()
        opening = [thread for thread in threading.enumerate() if thread.name == "coze-opening"]
        for thread in opening:
            thread.join()
        assert ended.is_set()
        assert sent == []


def test_a_deadline_makes_no_wait_longer():
    seen = []

    def answer(request):
        seen.append(request.extensions["timeout"])
        return httpx.Response(400)

    own = Timeouts(connect=1, read=20, write=3, pool=4)
    with CozeClient("pat_x", transport=httpx.MockTransport(answer), timeout=own) as client:
        for deadline in (3600, 2):
            with pytest.raises(CozeError):
                client.chat.stream(bot_id="1", user_id="u", deadline=deadline).until_done()
    assert seen == [
        {"connect": 1, "read": 20, "write": 3, "pool": 4},
        {"connect": 1, "read": 2, "write": 2, "pool": 2},
    ]


def test_a_stream_that_opens_too_late_is_closed():
    go_on, closed = threading.Event(), threading.Event()

    class Body(httpx.SyncByteStream):
        def __iter__(self):
            yield b"event:ping\ndata:\n\n"

        def close(self):
            closed.set()

    def answer(request):
        go_on.wait(10)
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=Body())

    with CozeClient("pat_x", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(APITimeoutError):
            client.chat.stream(bot_id="1", user_id="u", deadline=0.1).until_done()
        go_on.set()
        assert closed.wait(10)
