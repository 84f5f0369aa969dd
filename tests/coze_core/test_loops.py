"""Credentials of any kind, and what is left of event loops that have ended."""

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
import trio

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


def kept():
    return sum(type(found) is LoopPools for found in gc.get_objects())


def test_loops_may_begin_and_end_at_once_in_many_threads():
    body = {"code": 0, "data": {"user_id": "1"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    client = AsyncCozeClient("pat_x", transport=transport)

    async def one():
        await client.users.me()
        await client.aclose()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(lambda _: asyncio.run(one()), range(400))) == [None] * 400
    finally:
        sys.setswitchinterval(interval)
