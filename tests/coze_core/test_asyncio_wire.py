"""Connections of asyncio beneath httpcore: what the tests of the engines do not come to."""

import asyncio
import gc
import socket

import httpcore
import pytest
from wire import COMPLETED, CREATED, DONE, END, STREAM_HEAD, RawServer, chunk, completed, delta

from coze_core import AsyncCozeClient
from coze_core._asyncio_wire import AsyncioBackend


@pytest.fixture(autouse=True)
def without_aiohttp(monkeypatch):
    monkeypatch.setenv("COZE_HTTP_ENGINE", "httpx")


def answer(connection, request, number):
    connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a") + completed("a") + COMPLETED))
    connection.sendall(chunk(DONE) + END)
    return True


def resolving_to(monkeypatch, *addresses):
    found = socket.getaddrinfo

    def fake(host, port, *args, **options):
        if host != "coze.test":
            return found(host, port, *args, **options)
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", fake)


def test_every_address_of_a_host_is_tried(monkeypatch):
    resolving_to(monkeypatch, "127.0.0.2", "127.0.0.1")  # at the first one nobody listens

    async def main(port):
        async with AsyncCozeClient("pat_x", base_url=f"http://coze.test:{port}") as client:
            return await client.chat.stream(bot_id="1", user_id="u").until_done()

    with RawServer(answer) as server:
        assert asyncio.run(main(server.port)).answer == "a"


def test_a_host_without_an_address_is_an_error_of_connecting():
    async def main():
        await AsyncioBackend().connect_tcp("nowhere.invalid", 80, timeout=5)

    with pytest.raises(httpcore.ConnectError):
        asyncio.run(main())


def test_connecting_that_is_cancelled_leaves_no_socket_open():
    """A warning of an open socket is an error in these tests."""

    async def one(port):
        stream = await AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5)
        await stream.aclose()

    async def main(port):
        tasks = [asyncio.create_task(one(port)) for _ in range(60)]
        for turns, task in enumerate(tasks):
            asyncio.get_running_loop().call_later(turns / 20_000, task.cancel)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(o, asyncio.CancelledError | None) for o in outcomes)

    with RawServer(lambda *_: True) as server:
        asyncio.run(main(server.port))
    gc.collect()


def test_a_connection_that_the_server_has_closed_is_seen_before_it_is_used_again():
    async def main(port):
        async with AsyncCozeClient("pat_x", base_url=f"http://127.0.0.1:{port}") as client:
            for _ in range(3):
                turn = await client.chat.stream(bot_id="1", user_id="u").until_done()
                assert turn.answer == "a"
                await asyncio.sleep(0.05)

    def once(connection, request, number):
        answer(connection, request, number)
        return False  # closes it

    with RawServer(once) as server:
        asyncio.run(main(server.port))
        assert server.connections == 3


def test_what_cannot_be_written_any_more_is_an_error():
    async def main(port):
        stream = await AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5)
        await stream.aclose()
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"x")
        assert await stream.read(10, timeout=1) == b""

    with RawServer(lambda *_: True) as server:
        asyncio.run(main(server.port))


def test_a_write_that_waits_fails_when_the_connection_is_closed_meanwhile():
    async def main(port):
        stream = await AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5)
        writing = asyncio.create_task(stream.write(b"x" * (64 << 20), timeout=30))
        await asyncio.sleep(0.05)
        assert not writing.done()  # nobody reads it
        await stream.aclose()
        with pytest.raises(httpcore.WriteError):
            await writing

    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(main(server.getsockname()[1]))


def test_two_tasks_at_one_connection_are_told_so():
    async def main(port):
        stream = await AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5)
        reading = asyncio.create_task(stream.read(10, timeout=30))
        await asyncio.sleep(0)
        with pytest.raises(httpcore.LocalProtocolError, match="another task"):
            await stream.read(10)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await stream.aclose()

    with socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(main(server.getsockname()[1]))


def test_bytes_are_handed_out_no_more_than_asked_for():
    def said(connection, request, number):
        connection.sendall(b"0123456789")
        return False

    async def main(port):
        stream = await AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5)
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        got = [await stream.read(4, timeout=5)]
        while got[-1]:
            got.append(await stream.read(4, timeout=5))
        await stream.aclose()
        return got

    with RawServer(said) as server:
        got = asyncio.run(main(server.port))
    assert b"".join(got) == b"0123456789"
    assert max(map(len, got)) <= 4
