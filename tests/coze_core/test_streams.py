"""Streams that are disturbed, cut, stalled, left and cancelled."""

import asyncio
import contextlib
import gzip
import time
from pathlib import Path

import anyio
import httpx
import pytest

from coze_core import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncCozeClient,
    AuthenticationError,
    ChatFailedError,
    ConversationBusyError,
    CozeClient,
    CozeError,
    IncompleteStreamError,
    InternalServerError,
    MessageDelta,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    Timeouts,
)
from coze_core.emulator import Bot, Delta, Fault, Pause

STREAMS = Path(__file__).parents[1] / "streams"
TEXT = (STREAMS / "chat_v3_stream_text.sse").read_bytes()


def outcomes(emulator, ask, fault, **options):
    """Return what both clients make of a chat with this fault: the answer, or the error."""
    found = []
    client = CozeClient(emulator.token, base_url=emulator.base_url, **options)
    emulator.faults.add(fault, path="/v3/chat", times=1)
    with client:
        try:
            found.append(client.chat.stream(**ask("What is 2 + 3?")).until_done().answer)
        except CozeError as error:
            found.append(error)

    async def awaiting():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url, **options)
        try:
            return (await client.chat.stream(**ask("What is 2 + 3?")).until_done()).answer
        except CozeError as error:
            return error

    emulator.faults.add(fault, path="/v3/chat", times=1)
    found.append(asyncio.run(awaiting()))
    assert type(found[0]) is type(found[1])
    return found


@pytest.mark.parametrize(
    "fault",
    [
        Fault(split=1),
        Fault(split=3),
        Fault(newline="\r\n"),
        Fault(newline="\r"),
        Fault(bom=True),
        Fault(comments=True, pings=True),
        Fault(garbage=True),
        Fault(batch=7),
        Fault(content_type="application/json"),
        Fault(content_type=""),
        Fault(content_type="text/plain", split=1),
    ],
)
def test_harmless_differences_do_no_harm(emulator, ask, fault):
    assert outcomes(emulator, ask, fault) == ["2 + 3 = 5"] * 2


@pytest.mark.parametrize("path", sorted(STREAMS.glob("*.sse")), ids=lambda path: path.stem)
def test_a_recorded_stream_is_the_same_for_both_clients_whole_and_split(emulator, ask, path):
    def facts(outcome):
        if isinstance(outcome, CozeError):
            return type(outcome), outcome.code, outcome.message
        return outcome

    found = []
    for split in (0, 1, 5):
        fault = Fault(replay=path.read_bytes(), split=split)
        found += map(facts, outcomes(emulator, ask, fault))
    assert all(item == found[0] for item in found)


@pytest.mark.parametrize("cut", ["clean", "close", "reset"])
def test_a_cut_stream_is_an_error_with_what_had_arrived(emulator, ask, cut):
    for error in outcomes(emulator, ask, Fault(cut_after=1800, cut=cut)):
        assert isinstance(error, IncompleteStreamError)
        assert isinstance(error, ConnectionError)
        assert not error.retryable
        assert error.turn.chat_id == error.chat_id
        assert error.log_id


def test_wherever_a_stream_is_cut_it_is_an_error_or_whole():
    """Every byte; the text is whole only once chat.completed has come."""
    whole_from = TEXT.index(b"event:done")
    length = 0

    def answer(request):
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, content=TEXT[:length])

    with CozeClient("pat_x", transport=httpx.MockTransport(answer)) as client:
        for length in range(len(TEXT)):
            try:
                said = client.chat.stream(bot_id="1", user_id="u").until_done().answer
            except (IncompleteStreamError, ProtocolError):
                # The last byte of chat.completed may be missing only with its line end.
                assert length < whole_from
            else:
                assert said == "2024 年 10 月 1 日是星期三。"
                assert length >= whole_from - 2


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault(status=401, code=700012006), AuthenticationError, 700012006),
        (Fault(status=500, code=5000), InternalServerError, 5000),
        (Fault(status=502, body=b"<html>bad gateway</html>"), InternalServerError, None),
        (Fault(status=429, body=b"", headers={"Retry-After": "100"}), RateLimitError, None),
        (Fault(code=4016), ConversationBusyError, 4016),
        (Fault(code=4200, content_type="text/event-stream"), NotFoundError, 4200),
        (Fault(code=4200, content_type=""), NotFoundError, 4200),
        (Fault(error_event=4028), ChatFailedError, 4028),
        (Fault(body=b"<html>hello</html>"), ProtocolError, None),
        (Fault(body=b'{"code":0,"data":{}}'), ProtocolError, None),
        (Fault(body=b"["), ProtocolError, None),
        (
            Fault(status=302, body=b"", headers={"Location": "https://www.example.com"}),
            APIStatusError,
            None,
        ),
    ],
)
def test_each_failure_has_its_class(emulator, ask, fault, kind, code):
    for error in outcomes(emulator, ask, fault):
        assert isinstance(error, kind)
        assert error.code == code
        assert error.hint or kind in {ProtocolError}


def test_a_silent_stream_times_out(emulator, ask):
    timeouts = Timeouts(read=0.3)
    for error in outcomes(emulator, ask, Fault(stall_after=3), timeout=timeouts):
        assert isinstance(error, APITimeoutError)
        assert isinstance(error, TimeoutError)
        assert error.turn.chat_id


@pytest.mark.parametrize("heartbeat", ["comment", "ping"])
def test_heartbeats_alone_do_not_keep_a_stream_alive_for_ever(emulator, ask, heartbeat):
    fault = Fault(stall_after=3, heartbeat=heartbeat)
    for error in outcomes(emulator, ask, fault, timeout=Timeouts(idle=0.3)):
        assert isinstance(error, APITimeoutError)
        assert "heartbeats" in error.message


def test_a_deadline_ends_a_stream_that_never_stops_talking(emulator, ask, client):
    with pytest.raises(APITimeoutError, match=r"0\.3 seconds"):
        client.chat.stream(**ask("go", "slow", deadline=0.3)).until_done()

    async def awaiting():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        await client.chat.stream(**ask("go", "slow", deadline=0.3)).until_done()

    with pytest.raises(APITimeoutError, match=r"0\.3 seconds"):
        asyncio.run(awaiting())


def test_a_deadline_ends_a_stream_that_says_nothing(emulator, ask, client):
    emulator.faults.add(Fault(stall_after=3), path="/v3/chat", times=2)
    with pytest.raises(APITimeoutError):
        client.chat.stream(**ask("go", deadline=0.3)).until_done()


def test_a_server_that_holds_the_connection_after_the_end_holds_nobody_up(emulator, ask, client):
    emulator.faults.add(Fault(replay=TEXT + b"\n\n: held", stall_after=1))
    assert client.chat.stream(**ask("go")).until_done().status == "completed"


def test_connections_are_used_again(emulator, ask):
    """Twelve chats, one connection: each stream is read to the end of its body."""
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        for number in range(12):
            if number % 2:  # a server that ends its last event properly, and only then the body
                emulator.faults.add(Fault(replay=TEXT + b"\n\n", split=500))
            client.chat.stream(**ask("What is 2 + 3?")).until_done()
        pool = client._driver._own.sender._pool
        assert len(pool.connections) == 1


# -- leaving early


def canceled(emulator):
    return [request.json["chat_id"] for request in emulator.requests.to("/v3/chat/cancel")]


def wait_for_cancel(emulator):
    deadline = time.monotonic() + 5
    while not canceled(emulator):
        assert time.monotonic() < deadline, "the server was never told to cancel"
        time.sleep(0.01)
    return canceled(emulator)


def test_breaking_out_of_a_stream_cancels_the_chat(emulator, ask, client):
    stream = client.chat.stream(**ask("go", "slow"))
    for event in stream:
        if isinstance(event, MessageDelta):
            break
    stream.close()
    assert canceled(emulator) == [stream.turn.chat_id]
    chat = client.chat.retrieve(
        conversation_id=stream.turn.conversation_id, chat_id=stream.turn.chat_id
    )
    assert chat.status == "canceled"


def test_an_exception_in_the_block_is_kept_and_cancels_the_chat(emulator, ask, client):
    with (
        pytest.raises(KeyboardInterrupt),
        client.chat.stream(**ask("go", "slow")) as stream,
    ):
        next(stream.text())
        raise KeyboardInterrupt
    assert canceled(emulator) == [stream.turn.chat_id]


def test_cancelling_can_be_switched_off(emulator, ask, client):
    with client.chat.stream(**ask("go", "slow", cancel_on_close=False)) as stream:
        next(stream.text())
    assert canceled(emulator) == []


def test_a_chat_that_has_ended_or_waits_is_not_cancelled(emulator, ask, client):
    client.chat.stream(**ask("What is 2 + 3?")).until_done()
    turn = client.chat.stream(**ask("What is the weather in Paris")).until_done()
    assert turn.status == "requires_action"
    assert canceled(emulator) == []


@pytest.mark.anyio
async def test_closing_an_awaiting_stream_cancels_the_chat(emulator, ask, async_client):
    stream = async_client.chat.stream(**ask("go", "slow"))
    async with stream, contextlib.aclosing(stream.text()) as text:
        async for _ in text:
            break
    assert canceled(emulator) == [stream.turn.chat_id]
    await async_client.aclose()


@pytest.mark.anyio
async def test_cancelling_a_scope_cancels_the_chat_and_is_not_held_up(emulator, ask, async_client):
    with anyio.move_on_after(0.3) as scope:
        await async_client.chat.stream(**ask("go", "slow")).until_done()
    assert scope.cancelled_caught
    while not canceled(emulator):
        await anyio.sleep(0.01)
    await async_client.aclose()


def test_cancelling_a_task_as_the_program_ends_still_tells_the_server(emulator, ask):
    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        stream = client.chat.stream(**ask("go", "slow"))
        task = asyncio.create_task(stream.until_done())
        while not stream.turn.answer:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert len(wait_for_cancel(emulator)) == 1


@pytest.mark.parametrize("way", ["text", "events", "error"])
def test_leaving_a_stream_as_the_program_ends_still_tells_the_server(emulator, ask, way):
    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        stream = client.chat.stream(**ask("go", "slow"))
        if way == "events":
            async for event in stream:
                if isinstance(event, MessageDelta):
                    break
        else:
            async for _ in stream.text():
                if way == "error":
                    raise ZeroDivisionError
                break

    expected = pytest.raises(ZeroDivisionError) if way == "error" else contextlib.nullcontext()
    with expected:
        asyncio.run(main())
    assert len(wait_for_cancel(emulator)) == 1


@pytest.mark.parametrize("way", ["error", "cancelled"])
@pytest.mark.anyio
async def test_an_exception_that_leaves_stream_and_client_together_cancels_the_chat(
    emulator, ask, way
):
    async def read(scope):
        async with AsyncCozeClient(emulator.token, base_url=emulator.base_url) as client:
            stream = client.chat.stream(**ask("go", "slow"))
            async with stream, contextlib.aclosing(stream.text()) as text:
                async for _ in text:
                    if way == "error":
                        raise ZeroDivisionError
                    scope.cancel()

    with contextlib.suppress(ZeroDivisionError), anyio.CancelScope() as scope:
        await read(scope)
    assert len(canceled(emulator)) == 1


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
@pytest.mark.parametrize("way", ["text", "events"])
def test_breaking_out_of_a_stream_without_a_block_cancels_the_chat_as_its_client_is_closed(
    emulator, ask, way, engine, monkeypatch
):
    monkeypatch.setenv("COZE_HTTP_ENGINE", engine)

    async def main():
        async with AsyncCozeClient(emulator.token, base_url=emulator.base_url) as client:
            stream = client.chat.stream(**ask("go", "slow"))
            async for _ in stream.text() if way == "text" else stream:
                if stream.turn.answer:
                    break
        assert len(canceled(emulator)) == 1

    asyncio.run(main())


def test_closing_a_client_cancels_no_chat_of_a_stream_that_is_open(emulator, ask):
    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        stream = client.chat.stream(**ask("go", "slow"))
        pieces = stream.text()
        await anext(pieces)
        await client.aclose()
        assert canceled(emulator) == []
        with pytest.raises(IncompleteStreamError):
            async for _ in pieces:
                pass

    asyncio.run(main())


def test_a_cancel_that_fails_replaces_nothing(emulator, ask, client):
    emulator.faults.add(Fault(status=500, body=b""), path="/v3/chat/cancel")
    with pytest.raises(ZeroDivisionError), client.chat.stream(**ask("go", "slow")) as stream:
        next(stream.text())
        raise ZeroDivisionError
    assert len(canceled(emulator)) == 1


def test_a_cancel_that_is_slow_holds_no_exception_up(emulator, ask):
    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        emulator.faults.add(Fault(stall_after=0, replay=b""), path="/v3/chat/cancel")
        async with client.chat.stream(**ask("go", "slow")) as stream:
            async for _ in stream.text():
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_a_stream_can_be_cancelled_while_it_runs(emulator, ask, client):
    with client.chat.stream(**ask("go", "slow")) as stream:
        with pytest.raises(ValueError, match="read an event first"):
            stream.cancel()
        next(stream.text())
        assert stream.cancel().status == "canceled"


def test_a_closed_stream_says_so(emulator, ask, client):
    stream = client.chat.stream(**ask("hi"))
    stream.close()
    with pytest.raises(RuntimeError, match="closed"):
        stream.until_done()


def test_only_one_chat_runs_in_a_conversation(emulator, ask, client):
    with client.chat.stream(**ask("go", "slow")) as stream:
        next(stream.text())
        with pytest.raises(ConversationBusyError) as caught:
            client.chat.create(**ask("hi", conversation_id=stream.turn.conversation_id))
    assert caught.value.retryable
    assert "同一会话" in caught.value.hint


def test_characters_that_python_takes_for_line_ends_stay_in_the_text(emulator, ask, client):
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf"

    async def says(messages, context):
        return Delta(text)

    emulator.add_bot(Bot("says", says))
    assert client.chat.stream(**ask("go", "says")).until_done().answer == text


def test_characters_that_look_like_line_ends_survive_the_network(emulator, ask, client):
    emulator.faults.add(Fault(line_marks=True, split=1))
    answer = client.chat.stream(**ask("What is 2 + 3?")).until_done().answer
    assert answer.count("\u0085\u2028") >= 1
    assert answer.replace("\u0085\u2028", "") == "2 + 3 = 5"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_transport_that_answers_from_memory_or_compressed_will_do(ask, encoding):
    body = gzip.compress(TEXT) if encoding == "gzip" else TEXT
    headers = {"content-type": "text/event-stream", "content-encoding": encoding}
    if encoding == "identity":
        del headers["content-encoding"]
    answer = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    with CozeClient("pat_x", transport=answer) as client:
        turn = client.chat.stream(**ask("go")).until_done()
        assert turn.answer == "2024 年 10 月 1 日是星期三。"

    async def awaiting():
        client = AsyncCozeClient("pat_x", transport=answer)
        return (await client.chat.stream(**ask("go")).until_done()).answer

    assert asyncio.run(awaiting()) == turn.answer


def test_a_proxy_is_used_by_both_clients(emulator):
    """The emulator stands in for the proxy: it is asked for a host that does not exist."""
    options = {"base_url": "http://coze.invalid", "proxy": emulator.base_url}
    with CozeClient(emulator.token, **options) as client:
        assert client.users.me().user_name == "emulated"

    async def awaiting():
        return (await AsyncCozeClient(emulator.token, **options).users.me()).user_name

    assert asyncio.run(awaiting()) == "emulated"


def test_an_unreachable_server_is_a_connection_error(ask):
    client = CozeClient("pat_x", base_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(APIConnectionError) as caught, client:
        client.chat.stream(**ask("go")).until_done()
    assert isinstance(caught.value, ConnectionError)
    assert not caught.value.request_sent


def test_pieces_come_as_they_are_made(emulator, ask, client):
    """The second piece is made only after the first one has been read."""
    import threading

    seen = threading.Event()

    async def waits(messages, context):
        yield Delta("first")
        while not seen.is_set():
            yield Pause(0.01)
        yield Delta("second")

    emulator.add_bot(Bot("waits", waits))
    pieces = client.chat.stream(**ask("go", "waits")).text()
    assert next(pieces) == "first"
    seen.set()
    assert list(pieces) == ["second"]
