"""HTTP chunks that arrive together are joined below the HTTP library, and nothing else changes."""

import h11
import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import COMPLETED, CREATED, DONE, END, STREAM_HEAD, RawServer, chunk, completed, delta

from coze_core import APIConnectionError, AsyncCozeClient, CozeClient, IncompleteStreamError
from coze_core._joining import AsyncJoiningBackend, Joiner, JoiningBackend

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WORDS = [f" w{n}" for n in range(50)]


def judged(reads, *, closes=True):
    """What the HTTP library makes of these reads: bodies, and how it ended."""
    connection, told = h11.Connection(h11.CLIENT), []

    def ask():
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        connection.send(h11.EndOfMessage())

    def take():
        while True:
            event = connection.next_event()
            if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return
            if isinstance(event, h11.Data):
                told[-1] = (*told[-1][:-1], told[-1][-1] + bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                told.append(tuple(map(tuple, event.headers)))
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return
                connection.start_next_cycle()
                ask()
            else:
                told.append((event.status_code, b""))

    ask()
    try:
        for read in [*reads, b""] if closes else reads:
            connection.receive_data(read)
            take()
    except (h11.RemoteProtocolError, RuntimeError) as error:
        return told, type(error)
    return told, None


bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
ends = st.sampled_from(
    [
        *(b"0\r\n\r\n", b"0\r\nX-Sum: 1\r\n\r\n", b"000\r\n\r\n", b""),
        *(b"0\r\n\n", b"0\r\nX-Sum: 1\n\n", b"0\r\nX-Sum: 1\n\r\n"),
    ]
)
sizes = st.sampled_from([b"%x", b"%X", b"0%x", b"%x;name=value", b"%x ", b"0x%x", b"+%x"])


@st.composite
def chunked(draw):
    parts = [HEAD, b"Transfer-Encoding: chunked\r\n\r\n"]
    for body in draw(bodies):
        size = draw(sizes) if draw(st.integers(0, 9)) == 0 else b"%x"
        parts.append(size % len(body) + b"\r\n" + body + b"\r\n")
    return b"".join(parts) + draw(ends)


@st.composite
def counted(draw):
    body = draw(st.binary(max_size=60))
    return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


others = st.sampled_from(
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        HEAD + b"\r\nuntil it closes",
    ]
)
replies = st.lists(st.one_of(chunked(), counted(), others), min_size=1, max_size=3).map(b"".join)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_whatever_a_server_sends_the_library_judges_it_as_without_joining(data):
    wire = data.draw(replies)
    for _ in range(data.draw(st.integers(0, 2))):  # some bytes broken
        at = data.draw(st.integers(0, len(wire)))
        cut = data.draw(st.integers(0, 3))
        wire = wire[:at] + data.draw(st.binary(max_size=2)) + wire[at + cut :]
    places = data.draw(st.lists(st.integers(0, len(wire)), max_size=8).map(sorted))
    reads = [
        part for a, b in zip([0, *places], [*places, len(wire)], strict=True) if (part := wire[a:b])
    ]
    joiner = Joiner()
    joined = [part for read in reads if (part := joiner.feed(read))]
    assert judged(joined) == judged(reads)
    # Nothing that the library could judge is held back until the server closes.
    assert judged(joined, closes=False) == judged(reads, closes=False)


@pytest.mark.parametrize("said", [b"1\r\naX", b"2\r\nab?", b"1\r\na\rX"])
def test_a_chunk_longer_than_it_said_is_refused_at_once(said):
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    joined = [Joiner().feed(head + said)]
    assert judged(joined, closes=False)[1] is judged([head + said], closes=False)[1] is not None


@pytest.mark.parametrize("size", range(1, 30))
def test_a_stream_read_in_pieces_of_any_size_comes_out_whole(size):
    wire = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    wire += b"".join(chunk(word.encode()) for word in WORDS) + END
    joiner = Joiner()
    reads = [joiner.feed(wire[at : at + size]) for at in range(0, len(wire), size)]
    told, _ = judged([read for read in reads if read])
    assert told[:2] == [(200, "".join(WORDS).encode()), ()]  # and no headers at its end


@pytest.mark.parametrize(
    "end", [b"0\r\n\n", b"0\r\nX: 1\n\r\n", b"0\r\nX: 1\n\n", b"0\r\n\nHTTP/1.1 200 OK\r\n\r\n"]
)
@pytest.mark.parametrize("size", [1, 3, 200])
def test_an_end_that_only_the_library_takes_for_one_is_not_kept_from_it(end, size):
    wire = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"a") + end
    reads = [wire[at : at + size] for at in range(0, len(wire), size)]
    joiner = Joiner()
    assert judged([part for read in reads if (part := joiner.feed(read))]) == judged(reads)


def answer(connection, request, number):
    connection.sendall(
        STREAM_HEAD
        + chunk(CREATED)
        + b"".join(chunk(delta(word)) for word in WORDS)
        + chunk(completed("".join(WORDS)) + COMPLETED + DONE)
        + END
    )
    return True


def test_tokens_that_arrive_together_are_read_together():
    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        for _ in range(3):  # on one connection
            with client.chat.stream(bot_id="1", user_id="u") as stream:
                batches = list(stream.batches())
            assert stream.turn.answer == "".join(WORDS)
            assert len(batches) < len(WORDS)
        assert server.connections == 1


@pytest.mark.anyio
async def test_the_same_for_those_who_await(monkeypatch):
    monkeypatch.setenv("COZE_HTTP_ENGINE", "httpx")
    with RawServer(answer) as server:
        async with AsyncCozeClient("pat_x", base_url=server.base_url) as client:
            async with client.chat.stream(bot_id="1", user_id="u") as stream:
                batches = [batch async for batch in stream.batches()]
            assert stream.turn.answer == "".join(WORDS)
    assert len(batches) < len(WORDS)


@pytest.mark.parametrize("end", [b"0\r\n\n", b"0\r\nX-Sum: 1\n\n"], ids=["no headers", "a header"])
def test_an_end_whose_lines_end_with_lf_alone_leaves_the_connection_to_the_next_chat(end):
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED + completed("a") + COMPLETED + DONE) + end)
        return True

    with RawServer(answer) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        for _ in range(3):
            assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "a"
        assert server.connections == 1


def test_any_number_of_interim_replies_may_come_before_the_reply():
    def late(connection, request, number):
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 2000)
        return answer(connection, request, number)

    with RawServer(late) as server, CozeClient("pat_x", base_url=server.base_url) as client:
        turn = client.chat.stream(bot_id="1", user_id="u").until_done()
        assert turn.answer == "".join(WORDS)


def test_a_length_that_no_body_has_is_an_error_of_the_connection():
    def endless(connection, request, number):
        connection.sendall(HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + CREATED)
        return False

    with (
        RawServer(endless) as server,
        CozeClient("pat_x", base_url=server.base_url, max_retries=0) as client,
        pytest.raises(APIConnectionError, match="Content-Length"),
    ):
        client.chat.stream(bot_id="1", user_id="u", cancel_on_close=False).until_done()


@pytest.mark.parametrize(
    "broken", [b"5\r\nabc", b"zz\r\nabc\r\n", b"3\r\nabcd\r\n", b"3\r\nabca\r\n0\r\n\r\n"]
)
def test_broken_framing_is_an_error_and_never_a_short_answer(broken):
    def answer(connection, request, number):
        connection.sendall(STREAM_HEAD + chunk(CREATED) + chunk(delta("a")) + broken)
        return False

    with (
        RawServer(answer) as server,
        CozeClient("pat_x", base_url=server.base_url) as client,
        pytest.raises((IncompleteStreamError, APIConnectionError)) as caught,
    ):
        client.chat.stream(bot_id="1", user_id="u", cancel_on_close=False).until_done()
    assert caught.value.turn.answer == "a"


EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Recorder(httpcore.MockBackend):
    """Keeps what was written: over a socket two writes may be read as one."""

    def __init__(self):
        super().__init__([EMPTY, EMPTY])
        self.writes = []

    def connect_tcp(self, *args, **options):
        stream = super().connect_tcp(*args, **options)
        stream.write = lambda data, timeout=None: self.writes.append(data)
        return stream


class AsyncRecorder(httpcore.AsyncMockBackend):
    """Keeps what was written."""

    def __init__(self):
        super().__init__([EMPTY, EMPTY])
        self.writes = []

    async def connect_tcp(self, *args, **options):
        stream = await super().connect_tcp(*args, **options)

        async def write(data, timeout=None):
            self.writes.append(data)

        stream.write = write
        return stream


bodies_sent = pytest.mark.parametrize(
    ("content", "writes"),
    [
        ([b'{"stream":true}'], 1),
        ([], 1),
        ([b"x" * 100_000], 2),  # not copied for the sake of one write
        ([b"ends like a head\r\n\r\n"], 1),
        ([b"a\r\n\r\n", b"b\r\n\r\n", b"c"], 2),  # what ends so waits for what follows
    ],
    ids=["small", "none", "large", "like a head", "parts"],
)


async def awaited(content):
    for part in content:
        yield part


@bodies_sent
def test_a_request_is_written_in_one_go(content, writes):
    recorder = Recorder()
    headers = {"Host": "x", "Content-Length": str(len(b"".join(content)))}
    with httpcore.ConnectionPool(network_backend=JoiningBackend(recorder)) as pool:
        for _ in range(2):  # on one connection
            recorder.writes.clear()
            pool.request("POST", "http://x/", headers=headers, content=content)
            head, _, body = b"".join(recorder.writes).partition(b"\r\n\r\n")
            assert head.startswith(b"POST / HTTP/1.1\r\n")
            assert body == b"".join(content)
            assert len(recorder.writes) == writes


@pytest.mark.anyio
@bodies_sent
async def test_so_it_is_for_those_who_await(content, writes):
    recorder = AsyncRecorder()
    headers = {"Host": "x", "Content-Length": str(len(b"".join(content)))}
    async with httpcore.AsyncConnectionPool(network_backend=AsyncJoiningBackend(recorder)) as pool:
        for _ in range(2):
            recorder.writes.clear()
            await pool.request("POST", "http://x/", headers=headers, content=awaited(content))
            head, _, body = b"".join(recorder.writes).partition(b"\r\n\r\n")
            assert head.startswith(b"POST / HTTP/1.1\r\n")
            assert body == b"".join(content)
            assert len(recorder.writes) == writes
