"""What can go wrong on the way, on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from coze_core._sse import encode_event


class ConnectionCut(Exception):  # noqa: N818 - an event of the network, not a mistake
    """The connection ends here without the end of the body."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("cut")
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong with a reply.

    Of a streamed reply:

    Args:
        delay: Seconds before each event.
        stall_after: Send this many events, then nothing more, and keep the connection open.
        heartbeat: While stalled, send this every `heartbeat_seconds`.
        heartbeat_seconds: Seconds between heartbeats.
        cut_after: End the body after this many bytes.
        cut: How it ends: properly, by closing the connection, or by resetting it.
        split: Send the body in blocks of this many bytes.
        batch: Send this many events in one block.
        newline: The line end.
        bom: Begin with a byte order mark.
        comments: Put a comment before each event.
        pings: Put a PING event before each event.
        line_marks: Put U+0085 and U+2028 into the text of each delta, which are no line ends.
        garbage: Put a line that is no field before each event.
        replay: Send exactly these bytes as the body.
        error_event: End the stream at once with this error code.

    Of any reply:

        status: Answer with this HTTP status instead.
        body: With this body.
        headers: With these headers as well, such as `Retry-After`.
        code: Answer with this error code in an envelope, at HTTP 200 unless `status` says more.
        content_type: Send this content type; `""` for none.
        wait: Seconds before the reply begins.
    """

    delay: float = 0.0
    stall_after: int | None = None
    heartbeat: Literal["", "comment", "ping"] = ""
    heartbeat_seconds: float = 0.05
    cut_after: int | None = None
    cut: Literal["clean", "close", "reset"] = "close"
    split: int = 0
    batch: int = 0
    newline: str = "\n"
    bom: bool = False
    comments: bool = False
    pings: bool = False
    garbage: bool = False
    line_marks: bool = False
    replay: bytes | None = None
    error_event: int | None = None
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None
    content_type: str | None = None
    wait: float = 0.0

    @property
    def replaces_reply(self) -> bool:
        """Whether the request is not even looked at."""
        return self.status is not None or self.code is not None or self.body is not None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read the form that a request header has: `name=value; name=value`.

        Raises:
            ValueError: If a name is unknown or a value does not fit.
        """
        kinds = {item.name: item.type for item in fields(cls)}
        found: dict[str, object] = {}
        for pair in filter(None, (part.strip() for part in text.split(";"))):
            name, _, value = pair.partition("=")
            kind = str(kinds.get(name.strip(), ""))
            if not kind:
                raise ValueError(f"there is no fault {name!r}")
            found[name.strip()] = _value(kind, value.strip())
        return cls(**found)  # type: ignore[arg-type]  # names and kinds were checked above


def _value(kind: str, text: str) -> object:
    if kind.startswith("bool"):
        return text.lower() not in {"", "0", "false"}
    if kind.startswith("int"):
        return int(text)
    if kind.startswith("float"):
        return float(text)
    if kind.startswith("bytes"):
        return text.encode()
    if kind.startswith("Mapping"):
        raise ValueError("headers cannot be given in a header")
    return text.encode().decode("unicode_escape")


async def disturbed(events: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    """Pass a stream's events on, with the fault."""
    if fault.replay is not None:
        await _close(events)
        events = _one(fault.replay)
    blocks = _with_noise(events, fault)
    if fault.batch > 1:
        blocks = _batched(blocks, fault.batch)
    if fault.split:
        blocks = _split(blocks, fault.split)
    left = fault.cut_after
    async for block in blocks:
        if left is not None and len(block) >= left:
            if left:
                yield block[:left]
            await _close(events)
            if fault.cut != "clean":
                raise ConnectionCut(reset=fault.cut == "reset")
            return
        if left is not None:
            left -= len(block)
        yield block


async def _with_noise(events: AsyncIterator[bytes], fault: Fault) -> AsyncIterator[bytes]:
    sent = 0
    if fault.bom:
        yield b"\xef\xbb\xbf"
    if fault.error_event is not None:
        body = f'{{"code":{fault.error_event},"msg":"an emulated error"}}'
        yield encode_event("error", body)
        return
    async for event in events:
        if fault.stall_after is not None and sent >= fault.stall_after:
            async for beat in _stalled(fault):
                yield beat
        if fault.delay:
            await asyncio.sleep(fault.delay)
        block = event
        if fault.comments:
            block = b": comment\n" + block
        if fault.pings:
            block = encode_event("PING", '{"content":"{}"}', space=True) + block
        if fault.line_marks:
            block = block.replace(b'"content":"', b'"content":"\xc2\x85\xe2\x80\xa8')
        if fault.garbage:
            block = b"\x00\xff garbage\n" + block
        yield block.replace(b"\n", fault.newline.encode()) if fault.newline != "\n" else block
        sent += 1


async def _stalled(fault: Fault) -> AsyncIterator[bytes]:
    """Say nothing, for ever."""
    while True:
        await asyncio.sleep(fault.heartbeat_seconds if fault.heartbeat else 3600)
        if fault.heartbeat == "comment":
            yield b": keep-alive\n\n"
        elif fault.heartbeat == "ping":
            yield encode_event("PING", '{"content":"{}"}', space=True)


async def _batched(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    waiting: list[bytes] = []
    async for block in blocks:
        waiting.append(block)
        if len(waiting) >= size:
            yield b"".join(waiting)
            waiting = []
    if waiting:
        yield b"".join(waiting)


async def _split(blocks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    async for block in blocks:
        for start in range(0, len(block), size):
            yield block[start : start + size]


async def _one(block: bytes) -> AsyncIterator[bytes]:
    yield block


async def _close(events: AsyncIterator[bytes]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


class Faults:
    """The faults that the next requests will meet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, int, Fault]] = []

    def add(self, fault: Fault, *, path: str = "", times: int = 1) -> None:
        """Let requests meet a fault.

        Args:
            fault: What goes wrong.
            path: Only requests whose path begins like this.
            times: How many of them.
        """
        self._waiting.append((path, times, fault))

    def take(self, path: str) -> Fault | None:
        """Return the fault for a request to this path, if there is one."""
        for index, (wanted, times, fault) in enumerate(self._waiting):
            if path.startswith(wanted):
                if times > 1:
                    self._waiting[index] = (wanted, times - 1, fault)
                else:
                    del self._waiting[index]
                return fault
        return None

    def clear(self) -> None:
        """Forget those that have not been met."""
        self._waiting.clear()
