"""The two engines under an awaiting client do the same, whatever the network does."""

import asyncio
import gzip
import math
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from wire import (
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
    APIConnectionError,
    APITimeoutError,
    AsyncCozeClient,
    CozeClient,
    EnterMessage,
    IncompleteStreamError,
    Timeouts,
)
from coze_core import _engine as engines
from coze_core import _http as http
from coze_core.emulator import Bot, Delta

WHOLE = CREATED + delta("a") + completed("a") + COMPLETED + DONE


@pytest.fixture(params=["httpx", "aiohttp"])
def engine(request, monkeypatch):
    monkeypatch.setenv("COZE_HTTP_ENGINE", request.param)
    return request.param


def talk(server, **options):
    """One chat, on a loop of its own."""

    async def main():
        client = AsyncCozeClient("pat_x", base_url=server.base_url, max_retries=0, **options)
        return await client.chat.stream(bot_id="1", user_id="u").until_done()

    return asyncio.run(main())


def test_the_engine_is_the_one_that_was_asked_for(engine):
    client = AsyncCozeClient("pat_x", base_url="http://127.0.0.1:9")
    assert client._driver._engine == engine


def test_connections_are_used_again(engine):
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(WHOLE) + END)
        return True

    async def main(base_url):
        client = AsyncCozeClient("pat_x", base_url=base_url)
        for _ in range(5):
            assert (await client.chat.stream(bot_id="1", user_id="u").until_done()).answer == "a"

    with RawServer(answer) as server:
        asyncio.run(main(server.base_url))
        assert len(server._connections) == 1


@pytest.mark.parametrize("kept", [b"", b"5\r\nab"], ids=["between chunks", "inside a chunk"])
def test_what_came_before_a_cut_is_kept(engine, kept):
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")) + kept)

    with RawServer(answer) as server, pytest.raises(IncompleteStreamError) as caught:
        talk(server)
    assert caught.value.turn.answer == "a"


def test_a_chat_that_is_over_is_whole_although_the_body_is_cut(engine):
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(WHOLE))

    with RawServer(answer) as server:
        assert talk(server).answer == "a"


@pytest.mark.parametrize("said", [b"", STREAM_HEAD, STREAM_HEAD + chunk(CREATED + delta("a"))])
def test_silence_is_a_timeout(engine, said):
    over = threading.Event()

    def answer(connection, request, number):
        connection.sendall(said)
        over.wait(20)

    with RawServer(answer) as server:
        with pytest.raises(APITimeoutError, match="read timeout"):
            talk(server, timeout=Timeouts(read=0.2))
        over.set()


def test_whoever_takes_the_pieces_slowly_is_not_told_that_the_server_is_silent(engine):
    taken = threading.Event()

    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        taken.wait(20)
        connection.sendall(chunk(delta("b") + completed("ab") + COMPLETED + DONE) + END)
        return True

    async def main(base_url):
        client = AsyncCozeClient("pat_x", base_url=base_url, timeout=Timeouts(read=0.5))
        async with client.chat.stream(bot_id="1", user_id="u") as stream:
            pieces = stream.text()
            assert await anext(pieces) == "a"
            await asyncio.sleep(0.7)  # longer than a read may take
            taken.set()
            assert [piece async for piece in pieces] == ["b"]

    with RawServer(answer) as server:
        asyncio.run(main(server.base_url))


def test_an_upload_that_nobody_takes_is_a_timeout(engine):
    async def main(port):
        base_url = f"http://127.0.0.1:{port}"
        waits = Timeouts(write=0.3)
        client = AsyncCozeClient("pat_x", base_url=base_url, timeout=waits, max_retries=0)
        await client.files.upload(("big.bin", bytes(50_000_000)))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        with pytest.raises(APITimeoutError, match="write timeout"):
            asyncio.run(main(listening.getsockname()[1]))


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_an_upload_arrives_whole(engine, emulator, size):
    content = bytes(range(256)) * (size // 256 + 1)

    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        return await client.files.upload(("some.bin", content))

    assert asyncio.run(main()).bytes == len(content)


def test_large_json_arrives_whole(engine, emulator, ask):
    async def back(messages, context):
        yield Delta(messages[-1].text)  # in one piece

    emulator.add_bot(Bot("back", back))

    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        return await client.chat.stream(**ask("x" * 300_000, "back")).until_done()

    assert asyncio.run(main()).answer == "x" * 300_000


def test_compressed_streams_are_read(engine):
    def answer(connection, request, number):
        head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
        connection.sendall(head + chunk(gzip.compress(WHOLE)) + END)

    with RawServer(answer) as server:
        assert talk(server).answer == "a"


def test_nobody_is_there(engine):
    async def main():
        client = AsyncCozeClient("pat_x", base_url="http://127.0.0.1:9", max_retries=0)
        await client.users.me()

    with pytest.raises(APIConnectionError) as caught:
        asyncio.run(main())
    assert not caught.value.request_sent


def test_a_request_that_may_have_arrived_is_not_repeated(engine):
    with RawServer(lambda *_: False) as server:
        with pytest.raises(APIConnectionError) as caught:
            talk(server)
        assert len(server.requests) == 1
    assert caught.value.request_sent


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that nobody knows."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
    )
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(pem) + key.private_bytes(pem, *plain)
    )
    return path


def with_certificate(path, monkeypatch):
    """What a server needs to show this certificate, to clients that make their settings anew."""
    monkeypatch.setattr(http, "ssl_context", http.ssl_context.__wrapped__)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    return tls


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_verified(engine, trusted, own_certificate, monkeypatch):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    tls = with_certificate(own_certificate, monkeypatch)

    def answer(connection, *_):
        connection.sendall(reply({"code": 0, "data": {"user_id": "7"}}))

    async def main(port):
        base_url = f"https://127.0.0.1:{port}"
        client = AsyncCozeClient("pat_x", base_url=base_url, max_retries=0)
        return (await client.users.me()).user_id

    with RawServer(answer, tls) as server:
        if trusted:
            assert asyncio.run(main(server.port)) == "7"
        else:
            with pytest.raises(APIConnectionError, match="certificate"):
                asyncio.run(main(server.port))


def test_a_server_that_ends_a_connection_inside_tls_is_no_news(
    engine, own_certificate, monkeypatch, caplog
):
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    tls = with_certificate(own_certificate, monkeypatch)

    def answer(connection, *_):
        connection.sendall(reply({"code": 0, "data": {"user_id": "7"}}))
        connection.unwrap()

    async def main(port):
        async with AsyncCozeClient("pat_x", base_url=f"https://127.0.0.1:{port}") as client:
            for _ in range(2):
                assert (await client.users.me()).user_id == "7"
                await asyncio.sleep(0.05)

    with RawServer(answer, tls) as server:
        asyncio.run(main(server.port))
    assert [record.message for record in caplog.records if record.levelname != "DEBUG"] == []


def test_closing_the_client_ends_a_read(engine):
    over = threading.Event()

    def answer(connection, request, number):
        if b"cancel" in request:
            connection.sendall(reply({"code": 0, "data": {}}))
            return True
        connection.sendall(STREAM_HEAD + chunk(CREATED + delta("a")))
        return over.wait(20)

    async def main(base_url):
        client = AsyncCozeClient("pat_x", base_url=base_url, max_retries=0)
        begun = asyncio.Event()

        async def read():
            async for _ in client.chat.stream(bot_id="1", user_id="u").text():
                begun.set()

        reading = asyncio.create_task(read())
        await begun.wait()
        await client.aclose()
        await reading

    with RawServer(answer) as server:
        with pytest.raises(IncompleteStreamError) as caught:
            asyncio.run(main(server.base_url))
        over.set()
    assert caught.value.turn.answer == "a"


def test_a_proxy_of_the_environment_is_used_by_both_clients(emulator, engine, monkeypatch):
    """The emulator stands in for the proxy: it is asked for a host that does not exist."""
    monkeypatch.setenv("HTTP_PROXY", emulator.base_url)
    options = {"base_url": "http://coze.invalid"}

    async def awaiting():
        return (await AsyncCozeClient(emulator.token, **options).users.me()).user_name

    assert asyncio.run(awaiting()) == "emulated"
    with CozeClient(emulator.token, **options) as client:
        assert client.users.me().user_name == "emulated"


def test_a_host_that_needs_no_proxy_is_asked_directly(emulator, engine, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    async def awaiting():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        return (await client.users.me()).user_name

    assert asyncio.run(awaiting()) == "emulated"


def test_an_engine_that_cannot_be_had_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(engines, "installed", lambda: False)
    assert AsyncCozeClient("pat_x")._driver._engine == "httpx"
    monkeypatch.setenv("COZE_HTTP_ENGINE", "aiohttp")
    with pytest.raises(ValueError, match=r"pip install 'coze-bridge\[aiohttp\]'"):
        AsyncCozeClient("pat_x")
    monkeypatch.setenv("COZE_HTTP_ENGINE", "curl")
    with pytest.raises(ValueError, match="COZE_HTTP_ENGINE must be"):
        AsyncCozeClient("pat_x")


@pytest.mark.parametrize(
    ("timeout", "idle"),
    [(httpx.Timeout(5), 600), (httpx.Timeout(1200), 1200), (httpx.Timeout(5, read=None), math.inf)],
)
def test_heartbeats_may_go_on_for_as_long_as_silence(timeout, idle):
    assert Timeouts.of(timeout).idle == idle


@pytest.mark.parametrize("timeout", [httpx.Timeout(None), httpx.Timeout(5, read=None)])
def test_a_wait_without_a_bound_is_one_for_both_clients(timeout, engine, emulator):
    hi = [EnterMessage.user("hi")]
    asked = {"bot_id": emulator.bot_id("echo"), "user_id": "u", "messages": hi}
    options = {"base_url": emulator.base_url, "timeout": timeout}
    with CozeClient(emulator.token, **options) as client:
        assert client.chat.stream(**asked).until_done().finished

    async def main():
        async with AsyncCozeClient(emulator.token, **options) as client:
            return await client.chat.stream(**asked).until_done()

    assert asyncio.run(main()).finished


def test_a_timeout_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"httpx\.Timeout, not tuple"):
        CozeClient("pat_x", timeout=(3, 5))
