"""Uploads that go wrong midway, and names and kinds of files that are unusual."""

import asyncio
import io
import os

import httpx
import pytest

from coze_core import AsyncCozeClient, CozeClient
from coze_core.emulator import Fault, Output, Parameter, Workflow

UPLOAD = "/v1/files/upload"
BIG = 3_000_000


@pytest.fixture(params=["blocking", "awaiting"])
def upload(request, emulator):
    """Upload a file with either client."""

    def blocking(file):
        with CozeClient(emulator.token, base_url=emulator.base_url) as client:
            return client.files.upload(file)

    async def awaiting(file):
        async with AsyncCozeClient(emulator.token, base_url=emulator.base_url) as client:
            return await client.files.upload(file)

    return blocking if request.param == "blocking" else lambda file: asyncio.run(awaiting(file))


class Watching(httpx.BaseTransport):
    """Does something when the first piece of a request has been read."""

    def __init__(self, then):
        self.then = then

    def handle_request(self, request):
        body = b""
        for number, piece in enumerate(request.stream):
            body += piece
            if number == 2:  # the head of the part, its first piece
                self.then()
        self.told, self.body = int(request.headers["content-length"]), body
        return httpx.Response(200, json={"code": 0, "data": {"id": "1", "bytes": len(body)}})


def test_what_is_appended_while_a_file_is_sent_is_left_out(tmp_path):
    path = tmp_path / "growing.log"
    path.write_bytes(b"a" * BIG)

    def grow():
        with path.open("ab") as file:
            file.write(b"~" * 1000)

    transport = Watching(grow)
    with CozeClient("pat_x", transport=transport) as client:
        client.files.upload(path)
    assert len(transport.body) == transport.told
    assert transport.body.count(b"a" * BIG) == 1
    assert b"~" not in transport.body


def test_a_file_that_gets_shorter_while_it_is_sent_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "shrinking.log"
    path.write_bytes(b"a" * BIG)
    transport = Watching(lambda: os.truncate(path, 1000))
    with (
        CozeClient("pat_x", transport=transport) as client,
        pytest.raises(ValueError, match=r"shrinking\.log.*shorter.*文件"),
    ):
        client.files.upload(path)


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_a_file_that_is_gone_before_it_is_sent_again_is_an_error_that_names_it(tmp_path, kind):
    path = tmp_path / "gone.txt"
    path.write_bytes(b"abc")

    def fail(request):
        path.unlink()
        return httpx.Response(503)

    client = kind("pat_x", transport=httpx.MockTransport(fail))

    async def awaiting():
        await client.files.upload(path)

    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        client.files.upload(path) if kind is CozeClient else asyncio.run(awaiting())


def test_what_cannot_be_rewound_is_sent_whole_again(upload, emulator):
    reading, writing = os.pipe()
    os.write(writing, b"piped")
    os.close(writing)
    emulator.faults.add(Fault(status=503), path=UPLOAD, times=1)
    with os.fdopen(reading, "rb") as pipe:
        assert upload(pipe).bytes == 5
    assert len(emulator.requests.to(UPLOAD)) == 2


def test_whatever_can_be_read_is_a_file(upload):
    class Reader:
        def __init__(self):
            self.read = io.BytesIO(b"abc").read

    assert upload(Reader()).bytes == 3


def test_what_fails_while_it_is_read_fails_with_its_own_error(upload, emulator):
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, into):
            raise OSError("the disk broke")

    with pytest.raises(OSError, match="the disk broke"):
        upload(Broken())
    assert emulator.requests.to(UPLOAD) == []


def test_an_open_file_stays_where_it_was(upload):
    file = io.BytesIO(b"..abc")
    file.seek(2)
    for _ in range(2):
        assert upload(file).bytes == 3
        assert file.tell() == 2


def test_an_open_file_that_is_fixed_serves_every_call_of_a_tool(emulator):
    from langchain_coze import CozeWorkflowTool

    async def takes(parameters, context):
        yield Output(parameters["file"])

    inputs = {"file": Parameter("file", required=True)}
    id = emulator.add_workflow(Workflow("takes", takes, inputs=inputs)).id
    reached = {"api_key": emulator.token, "base_url": emulator.base_url}
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        given = {"file": io.BytesIO(b"abc")}
        tool = CozeWorkflowTool.from_workflow(id, parameters=given, **reached)
        for _ in range(2):
            assert client.files.retrieve(file_id=tool.invoke({})).bytes == 3


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ('a"b.png', "a%22b.png"),
        ("a\r\nX-Evil: 1\r\n\r\nb.png", "a%0D%0AX-Evil: 1%0D%0A%0D%0Ab.png"),
        ("图片 é.png", "图片 é.png"),
        ("../../etc/passwd", "passwd"),
        ("", "file"),
        ("\udcff.png", "?.png"),
    ],
)
def test_no_name_breaks_the_form(upload, name, stored):
    file = upload((name, b"abc"))
    assert (file.file_name, file.bytes) == (stored, 3)


@pytest.mark.skipif(os.name != "posix", reason="other systems' names are text")
def test_a_name_on_the_disk_that_is_no_text_can_be_uploaded(upload, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.png")
    path.write_bytes(b"abc")
    with path.open("rb") as opened:
        for file in (path, opened):
            assert upload(file).file_name == "?.png"


@pytest.mark.parametrize("kind", ["image/png\r\nX-Evil: 1", "图/片", "a\x00b"])
def test_a_media_type_that_would_break_the_form_is_refused(upload, emulator, kind):
    with pytest.raises(ValueError, match="media type"):
        upload(("a.png", b"abc", kind))
    assert emulator.requests.to(UPLOAD) == []


@pytest.mark.parametrize(
    "file", [("a",), ("a", "text"), (None, b"x"), ("a", io.BytesIO(b"x")), ("a", b"x", 5), ()]
)
def test_a_pair_that_is_no_file_is_refused_with_what_it_should_be(upload, file):
    with pytest.raises(TypeError, match="media type"):
        upload(file)
