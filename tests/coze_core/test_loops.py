"""Credentials of any kind, and what is left of event loops that have ended."""

import asyncio
import contextlib
import gc
import threading
from dataclasses import dataclass

import httpx
import pytest
import trio
from wire import CHAT, CREATED, STREAM_HEAD, RawServer, chunk, reply

from coze_core import AsyncCozeClient, CozeClient
from coze_core._loops import LoopPools

tokens = {}


@dataclass
class Unhashable:
    value: str = "old"
    refreshable: bool = True

    def token(self):
        return self.value

    def refresh(self, stale):
        self.value = "new"
        yield from ()


@dataclass(frozen=True, slots=True)
class WithoutReferences:
    refreshable: bool = True

    def token(self):
        return tokens.get("token")

    def refresh(self, stale):
        tokens["token"] = "new"
        yield from ()


@pytest.mark.parametrize("kind", [Unhashable, WithoutReferences])
def test_any_object_can_be_a_credential(kind):
    def answer(request):
        new = request.headers["authorization"] == "Bearer new"
        return httpx.Response(200 if new else 401, json={"code": 0, "data": {"user_id": "1"}})

    options = {"transport": httpx.MockTransport(answer)}
    tokens.clear()
    with CozeClient(auth=kind(), **options) as client:
        assert client.users.me().user_id == "1"

    async def awaiting():
        tokens.clear()
        return await AsyncCozeClient(auth=kind(), **options).users.me()

    assert asyncio.run(awaiting()).user_id == "1"


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_a_client_keeps_nothing_of_loops_that_have_ended(emulator, run):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    gc.collect()
    before = kept()
    for _ in range(10):
        run(client.users.me) if run is trio.run else run(client.users.me())
    gc.collect()
    assert kept() - before <= 1


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_the_connection_that_cancels_a_chat_after_its_client_was_closed_ends_with_the_loop(run):
    gone = threading.Event()

    def answer(connection, request, number):
        if b"/v3/chat/cancel" not in request:
            connection.sendall(STREAM_HEAD + chunk(CREATED))
            return True
        connection.sendall(reply({"code": 0, "data": CHAT}))
        connection.settimeout(5)
        if not connection.recv(1):
            gone.set()
        return False

    async def leave(client):
        async with client.chat.stream(bot_id="1", user_id="u") as stream:
            async with contextlib.aclosing(aiter(stream)) as events:
                await anext(events)
            await client.aclose()

    with RawServer(answer) as server:
        client = AsyncCozeClient("pat_x", base_url=server.base_url)
        run(leave, client) if run is trio.run else run(leave(client))
        assert len(server.to("/v3/chat/cancel")) == 1
        assert gone.wait(2)  # the client itself is kept


def kept():
    return sum(type(found) is LoopPools for found in gc.get_objects())


def test_a_loop_may_end_while_another_one_begins():
    """A loop that begins looks at all others; one of them is left just then."""
    body = {"code": 0, "data": {"user_id": "1"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    client = AsyncCozeClient("pat_x", transport=transport)
    begun, look, left = threading.Event(), threading.Event(), threading.Event()

    class Loop(asyncio.SelectorEventLoop):
        def is_closed(self):
            if threading.current_thread() is threading.main_thread() and begun.is_set():
                look.set()
                left.wait(0.2)  # it may have to wait for us
            return super().is_closed()

    async def one():
        await client.users.me()
        begun.set()
        await asyncio.to_thread(look.wait, 10)
        await client.aclose()
        left.set()

    def run():
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(one())

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait(10)
    assert asyncio.run(client.users.me()).user_id == "1"
    thread.join()
