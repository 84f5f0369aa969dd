"""Uploads are read while they are sent: of whatever size, in both clients, over both engines."""

import asyncio
import contextlib
import gzip
import io
import os
import re
import socket
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from wire import RawServer, reply

from coze_core import AsyncCozeClient, CozeClient

UPLOAD = "/v1/files/upload"
HUGE = 200 << 20
DONE = {"code": 0, "data": {"id": "1"}}
KINDS = ["blocking", "blocking injected", "httpx", "httpx injected", "aiohttp"]


@pytest.fixture(params=KINDS)
def upload(request, monkeypatch):
    """Upload a file with a client of this kind to an address."""
    kind, _, injected = request.param.partition(" ")

    def blocking(base_url, file, token):
        with httpx.Client() as http:
            given = {"http_client": http} if injected else {}
            with CozeClient(token, base_url=base_url, **given) as client:
                return client.files.upload(file)

    async def awaiting(base_url, file, token):
        async with httpx.AsyncClient() as http:
            given = {"http_client": http} if injected else {}
            async with AsyncCozeClient(token, base_url=base_url, **given) as client:
                return await client.files.upload(file)

    def run(base_url, file, token="pat_x"):
        if kind == "blocking":
            return blocking(base_url, file, token)
        monkeypatch.setenv("COZE_HTTP_ENGINE", kind)
        return asyncio.run(awaiting(base_url, file, token))

    return run


class Sink:
    """A server that throws uploads away, after the first bytes of each."""

    def __init__(self, then=lambda: None):
        self.lengths = []
        self._then = then
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _serve(self):
        into = bytearray(1 << 18)
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                told = int(re.search(rb"content-length: (\d+)", head.lower())[1])
                came = len(head.partition(b"\r\n\r\n")[2])
                self._then()
                while came < told and (more := connection.recv_into(into)):
                    came += more
                self.lengths.append((told, came))
                if came == told:
                    connection.sendall(reply(DONE, headers="connection: close\r\n"))


@pytest.fixture
def huge(tmp_path):
    path = tmp_path / "huge.bin"
    path.touch()
    os.truncate(path, HUGE)  # it takes no room on the disk
    return path


@pytest.mark.parametrize("given", ["path", "open"])
def test_a_file_takes_no_more_memory_than_a_piece_of_it(upload, huge, given):
    with Sink() as server, huge.open("rb") as opened:
        upload(server.base_url, ("a.bin", b"x"))  # what is imported and made but once
        tracemalloc.start()
        try:
            upload(server.base_url, huge if given == "path" else opened)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.lengths[-1][0] == server.lengths[-1][1] > HUGE
    assert most < 16 << 20


def _content(request):
    """The head of an upload, and what its form holds."""
    head, _, body = request.partition(b"\r\n\r\n")
    boundary = re.search(rb"boundary=(\S+)", head)[1]
    assert re.search(rb"content-length: (\d+)", head.lower())[1] == b"%d" % len(body)
    assert b"transfer-encoding" not in head.lower()
    _, part, end = body.split(b"--" + boundary)
    assert end == b"--\r\n"
    about, _, content = part.partition(b"\r\n\r\n")
    return about, content.removesuffix(b"\r\n")


def _pipe(content):
    reading, writing = os.pipe()

    def feed():
        with contextlib.suppress(OSError), os.fdopen(writing, "wb") as into:
            into.write(content)  # until nobody reads it any more

    threading.Thread(target=feed, daemon=True).start()
    return os.fdopen(reading, "rb")


def _packed(content):
    file = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(content)))
    file.name = "packed.gz"
    return file


@pytest.mark.parametrize("given", ["path", "bytes", "open", "unbuffered", "memory", "pipe", "gzip"])
def test_what_arrives_is_what_the_file_has_also_at_the_second_attempt(
    upload, tmp_path, given, monkeypatch
):
    monkeypatch.setattr("coze_core._retry.RetryPolicy.delay", lambda *_: 0.0)
    content = os.urandom(700_001)
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    file = {
        "path": lambda: path,
        "bytes": lambda: content,
        "open": lambda: path.open("rb"),
        "unbuffered": lambda: path.open("rb", buffering=0),
        "memory": lambda: io.BytesIO(content),
        "pipe": lambda: _pipe(content),
        "gzip": lambda: _packed(content),
    }[given]()

    def answer(connection, request, number):
        status = "503 Busy" if number == 0 else "200 OK"
        connection.sendall(reply(DONE, status))
        return True

    with RawServer(answer) as server:
        upload(server.base_url, file)
        assert [_content(request)[1] == content for request in server.requests] == [True, True]
    if hasattr(file, "read"):
        if given != "pipe":
            assert file.tell() == 0
        file.close()


def test_fields_of_the_form_stand_before_the_file():
    def answer(connection, request, number):
        connection.sendall(reply({"code": 0, "data": {"voice_id": "7"}}))
        return True

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        client.audio.voices.clone(("me.wav", b"sound", "audio/wav"), voice_name="扣子")
    body = server.requests[-1].partition(b"\r\n\r\n")[2].decode()
    assert body.index("扣子") < body.index('filename="me.wav"') < body.index("sound")
    assert "Content-Type: audio/wav" in body


def test_a_file_that_gets_shorter_while_it_is_sent_is_an_error_that_names_it(upload, huge):
    with Sink(lambda: os.truncate(huge, 1000)) as server:
        with pytest.raises(ValueError, match=r"huge\.bin.*shorter.*截短"):
            upload(server.base_url, huge)


def test_what_is_appended_while_it_is_sent_is_left_out(upload, tmp_path):
    path = tmp_path / "growing.log"
    path.write_bytes(bytes(20 << 20))

    def grow():
        with path.open("ab") as file:
            file.write(b"~" * 100_000)

    with Sink(grow) as server, path.open("rb") as opened:
        for file in (path, opened):
            size = path.stat().st_size
            upload(server.base_url, file)
            told, came = server.lengths[-1]
            assert told == came
            assert size < told < size + 1000


@pytest.mark.parametrize("file", [io.StringIO("text"), io.StringIO()])
def test_a_file_that_is_not_binary_is_refused_before_anything_is_sent(upload, emulator, file):
    with pytest.raises(TypeError, match="binary mode"):
        upload(emulator.base_url, file, emulator.token)
    assert emulator.requests.to(UPLOAD) == []


def test_what_is_too_large_is_refused_before_anything_is_sent(upload, emulator, huge, monkeypatch):
    monkeypatch.setattr("coze_core._contents.MOST_BYTES", 1 << 20)
    for make in (lambda: huge, lambda: huge.open("rb"), lambda: _pipe(bytes(2 << 20))):
        file = make()
        with pytest.raises(ValueError, match="at most"):
            upload(emulator.base_url, file, emulator.token)
        if hasattr(file, "close"):
            file.close()
    assert emulator.requests.to(UPLOAD) == []


def test_one_open_file_can_be_uploaded_by_many_at_once(emulator, tmp_path):
    content = os.urandom(3_000_000)
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    requests = []

    def answer(connection, request, number):
        requests.append(_content(request)[1])
        connection.sendall(reply(DONE))
        return True

    async def awaiting(base_url, file):
        async with AsyncCozeClient("pat_x", base_url=base_url) as client:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(client.files.upload, file)

    with RawServer(answer) as server, path.open("rb") as file:
        with CozeClient("pat_x", base_url=server.base_url) as client, ThreadPoolExecutor(5) as pool:
            list(pool.map(client.files.upload, [file] * 5))
        asyncio.run(awaiting(server.base_url, file))
        assert file.tell() == 0
    assert [each == content for each in requests] == [True] * 10


@pytest.mark.anyio
async def test_no_event_loop_waits_for_a_disk(emulator, tmp_path):
    threads = set()

    class Slow(io.FileIO):
        def read(self, size=-1):
            threads.add(threading.current_thread())
            return super().read(size)

    path = tmp_path / "a.bin"
    path.write_bytes(bytes(600_000))
    with Slow(path) as file:
        async with AsyncCozeClient(emulator.token, base_url=emulator.base_url) as client:
            assert (await client.files.upload(file)).bytes == 600_000
    assert threads
    assert threading.current_thread() not in threads


def test_an_injected_client_may_send_a_form_twice_to_sign_in(tmp_path):
    """As one that answers a challenge does."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 300_000)
    bodies = []

    def answer(request):
        bodies.append(request.read())
        if len(bodies) > 1:
            return httpx.Response(200, json=DONE)
        challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
        return httpx.Response(401, headers={"www-authenticate": challenge})

    auth = httpx.DigestAuth("user", "password")
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as http:
        with CozeClient("pat_x", http_client=http) as client:
            client.files.upload(path)
    assert bodies[0] == bodies[1]
    assert bodies[0].count(b"a" * 300_000) == 1


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
def test_an_upload_can_be_cancelled_midway(huge, engine, monkeypatch):
    monkeypatch.setenv("COZE_HTTP_ENGINE", engine)
    came, go = threading.Event(), threading.Event()

    def wait():
        came.set()
        go.wait()

    async def main(base_url):
        async with AsyncCozeClient("pat_x", base_url=base_url) as client:
            task = asyncio.create_task(client.files.upload(huge))
            await asyncio.to_thread(came.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with Sink(wait) as server:
        asyncio.run(main(server.base_url))
        go.set()
