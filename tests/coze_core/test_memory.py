"""What a stream holds: the text of its answer, once, and nothing that grows besides."""

import asyncio
import tracemalloc

import httpx
import pytest
from waiting import TwoReads, answers
from wire import COMPLETED, CREATED, DONE, STREAM_HEAD, RawServer, chunk, completed, delta, reply

from coze_core import AsyncCozeClient, CozeClient

MEGABYTE = 1_000_000


class Deltas(httpx.SyncByteStream, httpx.AsyncByteStream):
    """So many deltas of so many characters, made one after the other."""

    def __init__(self, number, size):
        self.number = number
        self.size = size

    def __iter__(self):
        yield CREATED
        piece = delta("x" * self.size)
        for _ in range(self.number):
            yield piece
        yield completed("") + COMPLETED + DONE

    async def __aiter__(self):
        for block in self:
            yield block


@pytest.fixture
def traced():
    tracemalloc.start()
    yield tracemalloc
    tracemalloc.stop()


@pytest.mark.parametrize("awaits", [False, True], ids=["blocking", "awaiting"])
def test_a_hundred_megabytes_are_held_once(traced, awaits):
    body = Deltas(400, MEGABYTE // 4)

    total, turn = asyncio.run(awaiting(body)) if awaits else blocking(body)
    assert total == 100 * MEGABYTE
    assert traced.get_traced_memory()[1] < 230 * MEGABYTE  # joined at the end: twice for a moment
    assert len(turn.answer) == total


def blocking(body):
    client = CozeClient("pat_x", transport=answers(body))
    with client, client.chat.stream(bot_id="1", user_id="u") as stream:
        total = 0
        for piece in stream.text():
            total += len(piece)
    return total, stream.turn


async def awaiting(body):
    client = AsyncCozeClient("pat_x", transport=answers(body))
    async with client.chat.stream(bot_id="1", user_id="u") as stream:
        total = 0
        async for piece in stream.text():
            total += len(piece)
    return total, stream.turn


def test_many_small_pieces_cost_little_more_than_their_text(traced):
    body = Deltas(100_000, 10)
    client = CozeClient("pat_x", transport=answers(body))
    with client, client.chat.stream(bot_id="1", user_id="u") as stream:
        for piece in stream.text():
            assert piece == "x" * 10
    assert traced.get_traced_memory()[1] < 4 * MEGABYTE
    assert stream.turn.answer == "x" * MEGABYTE


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
def test_a_slow_consumer_holds_the_server_up(engine, monkeypatch, traced):
    """The server can send only as much as the sockets hold while nobody reads."""
    monkeypatch.setenv("COZE_HTTP_ENGINE", engine)
    sent = 0

    def answer(connection, request, number):
        nonlocal sent
        if b"cancel" in request:
            connection.sendall(reply({"code": 0, "data": {}}))
            return True
        connection.sendall(STREAM_HEAD + chunk(CREATED))
        piece = chunk(delta("x" * MEGABYTE))
        for _ in range(100):
            connection.sendall(piece)
            sent += 1
        return False

    async def main(base_url):
        client = AsyncCozeClient("pat_x", base_url=base_url)
        async with client.chat.stream(bot_id="1", user_id="u") as stream:
            assert len(await anext(stream.text())) == MEGABYTE
            before = -1
            while sent != before:  # nothing moves any more
                before = sent
                await asyncio.sleep(0.3)
            return sent

    with RawServer(answer) as server:
        assert asyncio.run(main(server.base_url)) < 100
    assert traced.get_traced_memory()[1] < 30 * MEGABYTE


READS = {
    "events": lambda stream: stream,
    "text": lambda stream: stream.text(),
    "increments": lambda stream: stream.increments(),
    "batches": lambda stream: stream.batches(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_was_handed_out_is_let_go_before_more_is_waited_for(read):
    body = TwoReads()
    client = CozeClient("pat_x", transport=answers(body))
    with client, client.chat.stream(bot_id="1", user_id="u") as stream:
        for part in read(stream):
            del part
    assert body.held <= 1


@pytest.mark.anyio
@pytest.mark.parametrize("read", READS.values(), ids=READS)
async def test_what_was_handed_out_is_let_go_before_more_is_awaited(read):
    body = TwoReads()
    client = AsyncCozeClient("pat_x", transport=answers(body))
    async with client, client.chat.stream(bot_id="1", user_id="u") as stream:
        async for part in read(stream):
            del part
    assert body.held <= 1


def test_a_thousand_tokens_cost_little_more_than_their_text(traced):
    """As many as lie side by side for a moment, and the rest joined."""
    marks = []

    class Counted(Deltas):
        def __iter__(self):
            for number, block in enumerate(super().__iter__()):
                if number in {100, 1000}:
                    marks.append(traced.get_traced_memory()[0])
                yield block

    client = CozeClient("pat_x", transport=answers(Counted(1000, 5)))
    with client, client.chat.stream(bot_id="1", user_id="u") as stream:
        for piece in stream.text():
            assert piece == "xxxxx"
    before, after = marks
    assert after - before < 20_000
    assert len(stream.turn.answer) == 5000
