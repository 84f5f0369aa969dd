"""A cheap loopback server in a process of its own: canned Coze answers, nothing computed.

`python -m benchmarks.server` prints its port. `/burst1`, `/burst20`, `/paced` or `/many` in
front of the API's own paths choose how the tokens of a stream are sent, and a number after it
(`/paced-500`) how many. `/chat/completions` sends the same tokens as an OpenAI-style server does.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Callable
from functools import cache

CHAT = {"id": "7382159487131697202", "conversation_id": "7381473525342978089", "bot_id": "1"}
MESSAGE = {
    "id": "7382159494123470858",
    "conversation_id": "7381473525342978089",
    "bot_id": "7379462189365198898",
    "role": "assistant",
    "type": "answer",
}


def event(name: str, data: object) -> bytes:
    return f"event:{name}\ndata:{json.dumps(data, separators=(',', ':'))}\n\n".encode()


def delta(text: str) -> bytes:
    tail = {"content_type": "text", "chat_id": CHAT["id"]}
    return event("conversation.message.delta", {**MESSAGE, "content": text, **tail})


@cache
def texts(tokens: int) -> list[str]:
    return [f" word{n % 97}" for n in range(tokens)]


@cache
def parts(tokens: int) -> tuple[bytes, list[bytes], bytes]:
    """The beginning of a stream, its deltas, and its end."""
    begin = event("conversation.chat.created", {**CHAT, "status": "created"})
    begin += event("conversation.chat.in_progress", {**CHAT, "status": "in_progress"})
    usage = {"token_count": tokens + 9, "output_count": tokens, "input_count": 9}
    end = event(
        "conversation.message.completed",
        {
            **MESSAGE,
            "content": "".join(texts(tokens)),
            "content_type": "text",
            "chat_id": CHAT["id"],
        },
    )
    end += event("conversation.chat.completed", {**CHAT, "status": "completed", "usage": usage})
    end += b'event:done\ndata:"[DONE]"\n\n'
    return begin, [delta(text) for text in texts(tokens)], end


@cache
def v2_parts(tokens: int) -> tuple[bytes, list[bytes], bytes]:
    """The same tokens in the old version 2."""

    def line(**fields: object) -> bytes:
        return f"data:{json.dumps(fields, separators=(',', ':'))}\n\n".encode()

    def message(text: str, kind: str = "answer") -> bytes:
        said = {"role": "assistant", "type": kind, "content": text, "content_type": "text"}
        place = {"index": 0, "conversation_id": "1", "seq_id": 0}
        return line(event="message", message=said, is_finish=False, **place)

    return b"", [message(text) for text in texts(tokens)], line(event="done")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@cache
def openai_parts(tokens: int) -> tuple[bytes, list[bytes], bytes]:
    """The same tokens as an OpenAI-style server sends them."""
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def line(delta: object, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**frame, "choices": [choice]}).encode() + b"\n\n"

    begin = line({"role": "assistant", "content": ""})
    end = line({}, "stop") + b"data: [DONE]\n\n"
    return begin, [line({"content": text}) for text in texts(tokens)], end


Parts = Callable[[int], tuple[bytes, list[bytes], bytes]]
OTHERS: dict[str, Parts] = {
    "/chat/completions": openai_parts,
    "/open_api/v2/chat": v2_parts,
}
STREAMS = ("/v3/chat", *OTHERS)
WAITS = {"paced": 0.001, "many": 0.005, "slow": 0.3}  # seconds between two tokens


@cache
def burst(make: Parts, tokens: int, size: int) -> bytes:
    begin, deltas, end = make(tokens)
    groups = [b"".join(deltas[i : i + size]) for i in range(0, tokens, size)]
    return b"".join(chunk(group) for group in [begin, *groups, end] if group) + b"0\r\n\r\n"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole(body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(data),
        data,
    )


def more_files() -> None:
    """Allow as many sockets as the system does: 5,000 streams need as many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Canned(asyncio.Protocol):
    """Answers requests as soon as their bodies are in."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.created = 0.0

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].decode("latin-1")
            headers = dict(
                line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
            )
            size = int(headers.get("content-length", "0"))
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            self.answer(head.split(" ", 2)[1], body)

    def answer(self, path: str, body: bytes) -> None:
        path = path.split("?", maxsplit=1)[0]
        kind, _, count = path.split("/")[1].partition("-")
        tokens = int(count or 10)
        loop = asyncio.get_running_loop()
        make = next((make for end, make in OTHERS.items() if path.endswith(end)), parts)
        if path.endswith("/v3/chat") and b'"stream":false' in body.replace(b" ", b""):
            self.created = loop.time()
            self.transport.write(whole({"code": 0, "data": {**CHAT, "status": "in_progress"}}))
        elif path.endswith(STREAMS) and path.startswith("/burst"):
            size = int(kind.removeprefix("burst"))
            self.transport.write(HEAD + burst(make, tokens, size))
        elif path.endswith(STREAMS):
            task = loop.create_task(self.pace(make(tokens), WAITS[kind]))
            task.add_done_callback(lambda done: done.exception())
        elif path.endswith("/retrieve"):
            done = loop.time() - self.created > 0.3
            status = "completed" if done else "in_progress"
            self.transport.write(whole({"code": 0, "data": {**CHAT, "status": status}}))
        else:
            message = {**MESSAGE, "content": "x", "content_type": "text"}
            self.transport.write(whole({"code": 0, "data": [message]}))

    async def pace(self, sent: tuple[bytes, list[bytes], bytes], wait: float) -> None:
        begin, deltas, end = sent
        self.transport.write(HEAD + (chunk(begin) if begin else b""))
        for data in deltas if wait < 0.1 else [b"".join(deltas)]:
            await asyncio.sleep(wait)
            self.transport.write(chunk(data))
        self.transport.write(chunk(end) + b"0\r\n\r\n")


async def main() -> None:
    more_files()
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
