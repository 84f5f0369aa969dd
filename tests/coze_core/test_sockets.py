"""What happens to sockets: given back, shut down, closed from elsewhere."""

import asyncio
import threading

import httpx
import pytest
from wire import (
    CHAT,
    COMPLETED,
    CREATED,
    DONE,
    END,
    STREAM_HEAD,
    RawServer,
    chunk,
    completed,
    delta,
    reply,
)

from coze_core import (
    APITimeoutError,
    AsyncCozeClient,
    CozeClient,
    IncompleteStreamError,
    StreamDone,
    Timeouts,
)

WHOLE = CREATED + delta("a") + completed("a") + COMPLETED


def canceling(answer):
    """The same, for a server that also takes cancel requests."""

    def answers(connection, request, number):
        if b"/v3/chat/cancel" in request:
            connection.sendall(reply({"code": 0, "data": CHAT}))
            return True
        return answer(connection, request, number)

    return answers


def test_the_deadline_of_a_finished_stream_spares_the_next_one_on_its_connection():
    passed = threading.Event()

    @canceling
    def answer(connection, request, number):
        # The usual last event of the cloud: no blank line, so it is seen at the end of the body.
        last = b'event:done\ndata:"[DONE]"'
        if number:
            connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
            passed.wait(10)
            connection.sendall(chunk(completed("a") + COMPLETED + last) + END)
        else:
            connection.sendall(STREAM_HEAD + chunk(WHOLE + last) + END)
        return True

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        bounded = client.chat.stream(bot_id="1", user_id="u", deadline=0.3)
        with bounded as stream:
            for event in stream:
                if isinstance(event, StreamDone):
                    break
        threading.Timer(0.6, passed.set).start()
        assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "a"
        assert bounded.turn.ended_by == "done"


def test_a_bound_that_passes_as_the_body_ends_spares_who_gets_the_connection_next(monkeypatch):
    """The moments cannot be met by chance, so the connection is given back within the bound."""
    from coze_core import _watchdog

    bites = []
    monkeypatch.setattr(
        _watchdog._WATCHDOG, "watch", lambda at, bite: bites.append(bite) or len(bites)
    )

    @canceling
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        if number:
            bites[0]()
        connection.sendall(chunk(completed("a") + COMPLETED + DONE) + END)
        return True

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        for _ in range(2):
            assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "a"
        assert len(server._connections) == 1


@pytest.mark.parametrize("close", ["stream", "client"])
def test_closing_from_another_thread_ends_a_blocked_read(close):
    @canceling
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        return True

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        stream = client.chat.stream(bot_id="1", user_id="u")
        pieces = stream.text()
        assert next(pieces) == "a"
        timer = threading.Timer(0.2, stream.close if close == "stream" else client.close)
        timer.start()
        with pytest.raises(IncompleteStreamError) as caught:
            next(pieces)
        timer.join()
        assert caught.value.turn.answer == "a"


def test_a_stream_closed_between_two_reads_is_not_taken_for_whole():
    @canceling
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        return True

    async def awaiting(base_url):
        client = AsyncCozeClient("pat_x", base_url=base_url)
        stream = client.chat.stream(bot_id="1", user_id="u")
        pieces = stream.text()
        assert await anext(pieces) == "a"
        await stream.aclose()
        await anext(pieces)

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        stream = client.chat.stream(bot_id="1", user_id="u")
        pieces = stream.text()
        assert next(pieces) == "a"
        stream.close()
        with pytest.raises(IncompleteStreamError, match="closed"):
            next(pieces)
        with pytest.raises(IncompleteStreamError, match="closed"):
            asyncio.run(awaiting(server.base_url))


OPENED = {
    "chat": lambda client: client.chat.stream(bot_id="1", user_id="u"),
    "chat in time": lambda client: client.chat.stream(bot_id="1", user_id="u", deadline=9),
    "workflow": lambda client: client.workflows.stream(workflow_id="1"),
    "speech": lambda client: client.audio.speech("hi", voice_id="1"),
}


@pytest.mark.parametrize("opened", OPENED.values(), ids=OPENED)
@pytest.mark.parametrize("kind", ["blocking", "awaiting"])
def test_what_is_closed_while_it_is_opened_leaves_no_connection_open(kind, opened):
    asked, closed, gone = threading.Event(), threading.Event(), threading.Event()

    def answer(connection, request, number):
        asked.set()
        closed.wait(10)
        kind = b"audio/mpeg" if b"/speech" in request else b"text/event-stream"
        connection.sendall(STREAM_HEAD.replace(b"text/event-stream", kind) + chunk(CREATED))
        connection.settimeout(5)
        if not connection.recv(1):
            gone.set()
        return False

    def blocking(base_url):
        with CozeClient("pat_x", base_url=base_url, server="cloud") as client:
            stream = opened(client)

            def close():
                asked.wait(10)
                stream.close()
                closed.set()

            closer = threading.Thread(target=close)
            closer.start()
            with pytest.raises(IncompleteStreamError, match="closed"):
                stream.__enter__()
            closer.join()
            assert gone.wait(5)  # the client is still open

    async def awaiting(base_url):
        async with AsyncCozeClient("pat_x", base_url=base_url, server="cloud") as client:
            stream = opened(client)

            async def close():
                await asyncio.to_thread(asked.wait, 10)
                await stream.aclose()
                closed.set()

            closer = asyncio.create_task(close())
            with pytest.raises(IncompleteStreamError, match="closed"):
                await stream.__aenter__()
            await closer
            assert await asyncio.to_thread(gone.wait, 5)

    with RawServer(answer) as server:
        if kind == "blocking":
            blocking(server.base_url)
        else:
            asyncio.run(awaiting(server.base_url))


def test_a_call_that_is_under_way_outlives_the_closing_of_its_client():
    asked, closed = threading.Event(), threading.Event()

    def answer(connection, request, number):
        asked.set()
        closed.wait(10)
        connection.sendall(reply({"code": 0, "data": {"user_id": "1"}}))
        return True

    with RawServer(answer) as server:
        client = CozeClient("pat_x", base_url=server.base_url, timeout=5, max_retries=0)

        def close():
            asked.wait(10)
            client.close()
            closed.set()

        closer = threading.Thread(target=close)
        closer.start()
        assert client.users.me().user_id == "1"
        closer.join()


class Unending(httpx.SyncByteStream):
    """A body that has no socket underneath and fails the test when it is read too far."""

    def __iter__(self):
        yield WHOLE + DONE
        raise AssertionError("the end of the body was waited for")

    def close(self):
        pass


def test_a_transport_without_a_socket_is_not_waited_for_after_the_end():
    class Custom(httpx.BaseTransport):
        def handle_request(self, request):
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, stream=Unending())

    with CozeClient("pat_x", transport=Custom()) as client:
        assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "a"


def test_a_deadline_holds_without_a_socket_too():
    class Talking(httpx.SyncByteStream):
        def __iter__(self):
            yield CREATED
            while True:
                yield delta("a ")

    class Custom(httpx.BaseTransport):
        def handle_request(self, request):
            if b"cancel" in request.url.raw_path:
                return httpx.Response(200, json={"code": 0, "data": CHAT})
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, stream=Talking())

    timeouts = Timeouts(read=0.5)
    with (
        CozeClient("pat_x", transport=Custom(), timeout=timeouts) as client,
        pytest.raises(APITimeoutError, match=r"0\.1 seconds"),
    ):
        client.chat.stream(bot_id="1", user_id="u", deadline=0.1).until_done()
