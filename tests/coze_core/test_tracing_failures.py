"""Spans of what fails, and of streams that are left before their end."""

import asyncio
import threading

import anyio
import pytest
from opentelemetry.trace import StatusCode
from spans import events
from wire import (
    CREATED,
    DONE,
    RawServer,
    chat_event,
)

from coze_core import (
    APITimeoutError,
    AsyncCozeClient,
    ChatFailedError,
    CozeClient,
    CozeError,
    FunctionAuth,
    IncompleteStreamError,
    Timeouts,
    Tracing,
)
from coze_core.emulator import (
    Fail,
    Fault,
    Pause,
)

SECRET = "What only the two of us know"


async def endless(_, __):
    while True:
        yield "and on "
        yield Pause(0.02)


@pytest.mark.parametrize("form", ["chat_failed", "bare", "error_event"])
def test_a_chat_that_fails_is_an_error(traced, async_traced, ask_new, spans, form):
    async def failing(_, __):
        yield "so far "
        yield Fail(4011, SECRET, form)

    arguments = ask_new(failing)
    with pytest.raises(ChatFailedError) as raised:
        traced.chat.stream(**arguments).until_done()
    with pytest.raises(ChatFailedError):
        asyncio.run(async_traced.chat.stream(**arguments).until_done())
    for span in spans.of("chat"):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == type(raised.value).__name__
        assert span.attributes["coze.error.code"] == 4011
        assert span.attributes["coze.chat.id"]
        assert SECRET not in span.to_json()
    assert len(spans.of("chat")) == 2


def test_a_polled_chat_that_fails_is_an_error(traced, ask_new, spans):
    async def failing(_, __):
        yield Fail(4011, SECRET)

    with pytest.raises(ChatFailedError):
        traced.chat.create_and_poll(**ask_new(failing))
    span = spans.one("chat")
    assert span.attributes["coze.error.code"] == 4011
    assert span.attributes["coze.chat.id"]


@pytest.mark.parametrize("cut", ["clean", "close", "reset"])
def test_a_cut_stream_is_an_error(traced, async_traced, emulator, ask, spans, cut):
    for _ in range(2):
        emulator.faults.add(Fault(cut_after=1800, cut=cut), path="/v3/chat")
    with pytest.raises(IncompleteStreamError) as raised:
        traced.chat.stream(**ask("What is 2 + 3?")).until_done()
    with pytest.raises(IncompleteStreamError):
        asyncio.run(async_traced.chat.stream(**ask("What is 2 + 3?")).until_done())
    first, second = spans.of("chat")
    assert first.attributes["coze.chat.id"] == raised.value.chat_id
    for span in (first, second):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "IncompleteStreamError"


def test_a_refused_stream_is_an_error_with_the_servers_code(traced, emulator, ask, spans):
    emulator.faults.add(Fault(code=4100), path="/v3/chat")
    stream = traced.chat.stream(**ask("Hello"))
    with pytest.raises(CozeError) as raised, stream:
        pass
    span = spans.one("chat")
    assert span.attributes["error.type"] == type(raised.value).__name__
    assert span.attributes["coze.error.code"] == 4100
    assert span.attributes["coze.log_id"] == raised.value.log_id


def test_a_reply_that_is_no_stream_is_an_error(traced, emulator, ask, spans):
    emulator.faults.add(Fault(body=b'{"code": 0, "data": {}}', status=200), path="/v3/chat")
    with pytest.raises(CozeError):
        traced.chat.stream(**ask("Hello")).until_done()
    assert spans.one("chat").attributes["error.type"] == "ProtocolError"


def test_a_silent_stream_and_one_beyond_its_deadline_are_errors(emulator, ask, spans):
    tracing = Tracing(spans.provider)
    options = {"base_url": emulator.base_url, "tracing": tracing}

    async def late(client):
        with pytest.raises(APITimeoutError):
            await client.chat.stream(**ask("Hi"), deadline=0.2).until_done()

    with CozeClient(emulator.token, timeout=Timeouts(read=0.2), **options) as client:
        emulator.faults.add(Fault(stall_after=2), path="/v3/chat")
        with pytest.raises(APITimeoutError):
            client.chat.stream(**ask("Hi")).until_done()
        emulator.faults.add(Fault(stall_after=2), path="/v3/chat")
        with pytest.raises(APITimeoutError):
            client.chat.stream(**ask("Hi"), deadline=0.2).until_done()
    emulator.faults.add(Fault(stall_after=2), path="/v3/chat")
    asyncio.run(late(AsyncCozeClient(emulator.token, **options)))
    assert len(spans.of("chat")) == 3
    assert {span.attributes["error.type"] for span in spans.of("chat")} == {"APITimeoutError"}


def test_a_stream_that_does_not_open_before_its_deadline_is_an_error(spans):
    answered = threading.Event()

    def answer(connection, request, number):
        answered.wait(20)

    with RawServer(answer) as server:
        options = {"base_url": server.base_url, "tracing": Tracing(spans.provider)}
        with CozeClient("pat_x", **options) as client, pytest.raises(APITimeoutError):
            client.chat.stream(bot_id="1", user_id="u", deadline=0.2).until_done()
        with pytest.raises(APITimeoutError):
            client = AsyncCozeClient("pat_x", **options)
            asyncio.run(client.chat.stream(bot_id="1", user_id="u", deadline=0.2).until_done())
        answered.set()
    assert [span.attributes["error.type"] for span in spans.of("chat")] == ["APITimeoutError"] * 2


def test_an_error_of_the_callers_own_is_named(emulator, ask, spans):
    def vault():
        raise LookupError("the vault is locked")

    client = CozeClient(
        auth=FunctionAuth(vault), base_url=emulator.base_url, tracing=Tracing(spans.provider)
    )
    with client, pytest.raises(LookupError):
        client.chat.stream(**ask("Hello")).until_done()
    span = spans.one("chat")
    assert span.attributes["error.type"] == "LookupError"
    assert events(span, "coze.token_renewal")


def test_what_is_refused_before_anything_is_sent_is_no_span(traced, spans):
    with pytest.raises(ValueError):
        traced.chat.stream(bot_id="", user_id="u1")
    with pytest.raises(ValueError):
        traced.chat.create(bot_id="1", user_id="u1", auto_save_history=False)
    assert spans.all() == ()


def test_retries_are_events(traced, emulator, ask, spans):
    emulator.faults.add(Fault(status=429, headers={"Retry-After": "0"}), times=2)
    traced.chat.stream(**ask("Hello", "echo")).until_done()
    first, second = events(spans.one("chat"), "coze.retry")
    assert first.attributes["error.type"] == "RateLimitError"
    assert first.attributes["http.response.status_code"] == 429
    assert second.attributes["coze.retry.attempt"] == 2
    assert spans.one("chat").status.status_code is StatusCode.UNSET


# -- streams that are left


def test_a_stream_that_is_left_early_is_cancelled_and_no_error(traced, ask_new, spans):
    with traced.chat.stream(**ask_new(endless)) as stream:
        next(stream.text())
        assert spans.of("chat") == []
    span = spans.one("chat")
    assert span.attributes["coze.cancelled"] is True
    assert span.attributes["gen_ai.response.finish_reasons"] == ("cancelled",)
    assert span.attributes["coze.chat.id"] == stream.turn.chat_id
    assert span.status.status_code is StatusCode.UNSET
    assert spans.one("coze POST /v3/chat/cancel").parent is None


def test_an_exception_in_the_block_of_a_stream_ends_the_span(traced, ask_new, spans):
    with pytest.raises(KeyError), traced.chat.stream(**ask_new(endless)) as stream:
        next(stream.text())
        raise KeyError("mine")
    assert spans.one("chat").attributes["coze.cancelled"] is True


def test_a_stream_that_is_closed_by_another_thread_is_cancelled(traced, ask_new, spans):
    with traced.chat.stream(**ask_new(endless)) as stream:
        pieces = stream.text()
        next(pieces)
        closing = threading.Thread(target=stream.close)
        closing.start()
        with pytest.raises(IncompleteStreamError):
            for _ in pieces:
                continue
        closing.join()
    assert spans.one("chat").attributes["coze.cancelled"] is True


def test_a_chat_that_is_cancelled_is_left_early_or_the_server_tells_of_it(
    traced, emulator, ask, ask_new, spans
):
    with traced.chat.stream(**ask_new(endless)) as stream:
        next(stream.text())
        stream.cancel()
    told = CREATED + chat_event("canceled") + DONE
    emulator.faults.add(Fault(replay=told), path="/v3/chat")
    traced.chat.stream(**ask("Hello")).until_done()
    left, ended = spans.of("chat")
    assert left.attributes["coze.cancelled"] is True
    assert ended.attributes["coze.chat.status"] == "canceled"
    assert "coze.cancelled" not in ended.attributes
    for span in (left, ended):
        assert span.attributes["gen_ai.response.finish_reasons"] == ("cancelled",)
    assert spans.of("coze POST /v3/chat/cancel")


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_ends_the_span(async_traced, ask_new, spans):
    with anyio.CancelScope() as scope:
        async with async_traced.chat.stream(**ask_new(endless)) as stream:
            async for _ in stream.text():
                scope.cancel()
    await async_traced.aclose()
    assert spans.one("chat").attributes["coze.cancelled"] is True


@pytest.mark.anyio
async def test_a_task_that_is_cancelled_while_the_stream_opens_ends_the_span(spans):
    arrived = threading.Event()

    def answer(connection, request, number):
        arrived.set()
        connection.recv(1)

    with RawServer(answer) as server:
        client = AsyncCozeClient("pat_x", base_url=server.base_url, tracing=Tracing(spans.provider))
        async with anyio.create_task_group() as group:
            group.start_soon(client.chat.stream(bot_id="1", user_id="u").until_done)
            await anyio.to_thread.run_sync(arrived.wait)
            group.cancel_scope.cancel()
        await client.aclose()
    span = spans.one("chat")
    assert span.attributes["coze.cancelled"] is True
    assert span.status.status_code is StatusCode.UNSET


def test_a_stream_that_is_never_entered_is_no_span(traced, ask, spans):
    traced.chat.stream(**ask("Hello")).close()
    assert spans.all() == ()


def test_a_stream_that_is_left_after_its_end_was_told_is_whole(traced, ask, spans):
    with traced.chat.stream(**ask("Hello", "echo")) as stream:
        for _ in stream:
            if stream.turn.finished:
                break
    assert "coze.cancelled" not in spans.one("chat").attributes
