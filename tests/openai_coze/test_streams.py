"""Callers who go away, callers who do not read, many callers at once."""

import asyncio
import json
import threading

import httpx
import pytest
from serving import KEY

from coze_core.emulator import Delta
from openai_coze import create_app

HEADERS = {"Authorization": f"Bearer {KEY}"}


def body(model, *, stream=True):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}


@pytest.fixture
def ended(emulator):
    """A bot that tells when it is stopped, and how to wait for that."""
    from coze_core.emulator import Bot, Pause

    told = threading.Event()

    async def endless(messages, context):
        try:
            yield "begin"
            while True:
                yield Pause(0.01)
                yield Delta("more ")
        finally:
            told.set()

    emulator.add_bot(Bot("endless", endless))
    return told


def test_a_caller_who_goes_away_from_a_stream_cancels_the_chat(
    serve, settings_for, emulator, ended
):
    url = serve(create_app(settings_for("endless")))
    with httpx.stream(
        "POST", f"{url}/v1/chat/completions", json=body("endless"), headers=HEADERS
    ) as reply:
        next(reply.iter_lines())
    assert ended.wait(10)
    assert emulator.requests.to("/v3/chat/cancel")


def test_a_caller_who_goes_away_while_waiting_cancels_the_chat(
    serve, settings_for, emulator, ended
):
    url = serve(create_app(settings_for("endless")))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{url}/v1/chat/completions",
            json=body("endless", stream=False),
            headers=HEADERS,
            timeout=0.5,
        )
    assert ended.wait(10)


def test_a_caller_who_goes_away_within_the_request_is_forgotten(serve, settings_for):
    import socket

    app = create_app(settings_for("echo"))
    url = serve(app)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            "Content-Length: 1000\r\n\r\n{"
        )
        raw.sendall(head.encode())
    assert httpx.get(f"{url}/v1/models", headers=HEADERS).status_code == 200


def test_a_caller_who_does_not_read_holds_the_answer_up(serve, settings_for, emulator):
    """Of 32 MB, no more goes into the gateway than the kernel's buffers take from it."""
    from coze_core.emulator import Bot

    piece = "x" * 64_000

    async def talks(messages, context):
        for _ in range(500):
            yield Delta(piece)

    emulator.add_bot(Bot("talks", talks))
    app = create_app(settings_for("talks"))
    taken = 0

    async def counting(scope, receive, send):
        async def count(message):
            nonlocal taken
            await send(message)
            taken += len(message.get("body", b""))

        await app(scope, receive, count)

    url = serve(counting)
    with httpx.stream(
        "POST", f"{url}/v1/chat/completions", json=body("talks"), headers=HEADERS, timeout=60
    ) as reply:
        lines = reply.iter_lines()
        next(lines)
        before = -1
        while taken != before:  # nothing moves any more
            before = taken
            threading.Event().wait(0.5)
        assert taken < 20_000_000
        text = sum(line.count("x") for line in lines if piece[:100] in line)
    assert text >= 500 * len(piece)


def test_five_hundred_streams_at_once(serve, settings_for, emulator):
    from coze_core.emulator import Bot

    together = asyncio.Event()
    waiting = 0

    async def meets(messages, context):
        """Nobody goes on until everybody is there."""
        nonlocal waiting
        yield Delta("begin ")
        waiting += 1
        if waiting == 500:
            together.set()
        await together.wait()
        for word in range(10):
            yield Delta(f"{word} ")

    emulator.add_bot(Bot("meets", meets))
    url = serve(create_app(settings_for("meets")), backlog=2048)

    host, port = url.removeprefix("http://").split(":")
    asked = json.dumps(body("meets"))
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(asked)}\r\n"
        f"Connection: close\r\n\r\n{asked}"
    )

    async def one():
        """Without a client: the pools of one spend more on so many than the gateway does."""
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        reply = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        assert reply.startswith("HTTP/1.1 200 ")
        assert reply.rpartition("data: ")[2].startswith("[DONE]")
        return reply.count('"content": "')

    async def everybody():
        return await asyncio.gather(*(one() for _ in range(500)))

    counts = asyncio.run(everybody())
    assert set(counts) == {12}  # the role, the first word, ten more
