"""One request and its answer."""

from __future__ import annotations

import json
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from openai_coze._access import Caller
from openai_coze._problems import Problem, Refused
from openai_coze._room import Room

_JSON: Final = "application/json; charset=utf-8"
_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]")
_SLOWEST: Final = 10_000  # bytes of a body in a second
_LONGEST_LENGTH: Final = 19  # digits; a longer number is no length, and slow to read
_OBJECT: Final = 64  # bytes of memory of a list or an object
_MEMBER: Final = 24  # and of each thing in it
_DEEPEST: Final = 256  # levels of a body: what reads it further on goes down by recursion


class Gone(Exception):  # noqa: N818 - what the caller did
    """The caller went away before the request was whole."""


class Exchange:
    """One request and its answer.

    Attributes:
        route: The path of its route.
        id: The request's id, in the answer's headers and in logs.
        caller: Who calls; known once they are admitted.
        facts: What logs, metrics and traces tell of it.
        status: The HTTP status that was answered, or 0.
        began: When it came.
        ended: Whether all of the answer has been sent.
        failure: Writes how an answer ends whose head has been sent; else the connection ends.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, route: str) -> None:
        self.scope = scope
        self.route = route
        self.id = f"req_{uuid.uuid4().hex}"
        self.headers = Headers(scope=scope)
        self.caller: Caller | None = None
        self.facts: dict[str, Any] = {}
        self.status = 0
        self.began = time.monotonic()
        self.ended = False
        self.failure: Callable[[Mapping[str, Any]], bytes] | None = None
        self._receive = receive
        self._send = send
        self._left: int | None = None
        self._room: Room | None = None
        self._held = 0
        self._until = math.inf

    @property
    def path_params(self) -> Mapping[str, str]:
        """What the path names."""
        found: Mapping[str, str] = self.scope.get("path_params") or {}
        return found

    def note(self, **facts: Any) -> None:
        """Note facts for logs, metrics and traces; those that are None are left out."""
        self.facts.update({name: value for name, value in facts.items() if value is not None})

    # -- the request

    def limit(self, most: int, reading: float, room: Room) -> None:
        """Bound the body.

        Args:
            most: Bytes.
            reading: Seconds that it may take, besides those that its length needs.
            room: Where it is held, until the request has been answered.

        Raises:
            Refused: It is larger, by its own word, or compressed, or there is no room for it now.
        """
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding not in {"", "identity"}:
            raise Refused(
                f"the body is compressed ({encoding[:20]}): send it as it is / "
                "不支持压缩的请求体，请直接发送",
                status=415,
                code="unsupported_encoding",
            )
        self._left = most
        self._room = room
        self._until = anyio.current_time() + reading
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and len(length) < _LONGEST_LENGTH:
            if int(length) > most:
                raise _too_large(most)
            room.check(int(length))

    def leave(self) -> None:
        """Give the room of the body back: the request has been answered, or given up."""
        if self._room is not None:
            self._room.give_back(self._held)
        self._held = 0

    async def receive(self) -> Message:
        """Return the next part of the body, within its bound.

        Raises:
            Gone: The caller went away.
            Refused: The body is too large, or does not come.
        """
        message: Message | None = None
        with anyio.CancelScope(deadline=self._until):
            message = await self._receive()
        if message is None:
            raise Refused(
                "the body of the request did not come in time / 请求体未在规定时间内送达",
                status=408,
                code="request_timeout",
            )
        if message["type"] == "http.disconnect":
            raise Gone
        if self._left is not None:
            size = len(message.get("body", b""))
            self._left -= size
            self._until += size / _SLOWEST
            if self._left < 0:
                raise _too_large(None)
            self._hold(size)
        return message

    async def json(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object.

        Raises:
            Gone: The caller went away.
            Refused: It is none, or too large.
        """
        body = bytearray()  # a list of tiny parts would be many times as large
        more = True
        while more:
            message = await self.receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        # What is read out of brackets and commas is many times as large as they are.
        self._hold(_OBJECT * (body.count(b"{") + body.count(b"[")) + _MEMBER * body.count(b","))
        return _object_of(body)

    def _hold(self, size: int) -> None:
        if self._room is not None:
            if self._held + size > self._room.most:  # it would never go in
                raise _too_large(None)
            self._room.take(size)
            self._held += size

    async def until_gone(self) -> None:
        """Wait until the caller goes away."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return

    # -- the answer

    async def start(
        self, status: int, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head of the answer."""
        self.status = status
        fields = {
            "content-type": content_type,
            "x-request-id": self.id,
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **(headers or {}),
        }
        raw = [
            (name.encode(), _CONTROLS.sub(b"?", value.encode("latin-1", "replace")))
            for name, value in fields.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, body: bytes, *, last: bool = False) -> None:
        """Send a piece of the answer; waits while the caller does not read."""
        self.ended = last
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def answer(
        self,
        value: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a whole answer in JSON."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        length = {"content-length": str(len(body))}
        await self.start(status, _JSON, {**(headers or {}), **length})
        await self.write(body, last=True)

    async def refuse(self, problem: Problem) -> None:
        """Send an error, as long as nothing has been sent."""
        await self.answer({"error": problem.error}, status=problem.status, headers=problem.headers)


def _object_of(body: bytearray) -> dict[str, Any]:
    try:
        # Of bytes, it would take other encodings as well, and in any of them half a character.
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"the body is not JSON in UTF-8: byte {error.start} is none of it / "
            f"请求体不是 UTF-8 编码的 JSON：第 {error.start} 字节无效"
        ) from error
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        why = "a number has too many digits" if "int_max_str" in str(error) else error
        raise Refused(f"the body is not JSON: {why} / 请求体不是有效的 JSON") from error
    if not isinstance(value, dict):
        raise Refused("the body must be a JSON object / 请求体必须是 JSON 对象")
    if _is_too_deep(value):
        raise Refused(
            f"the body is nested too deeply: {_DEEPEST} levels at most / "
            f"请求体嵌套过深：最多 {_DEEPEST} 层"
        )
    if b"\\ud" in body or b"\\uD" in body:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise Refused(
                "the body has half of a character (a lone surrogate): was a text cut in the "
                "middle of one? / 请求中含有不完整的字符（孤立代理项）"
            ) from error
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text[:20])


def _is_too_deep(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        inner = (i.values() if isinstance(i, dict) else i for i in level if i)
        level = [member for i in inner for member in i if isinstance(member, dict | list)]
        if not level:
            return False
    return True


def _too_large(most: int | None) -> Refused:
    bound, bound_zh = (
        ("", "") if most is None else (f": {most} bytes at most", f"：最多 {most} 字节")
    )
    text = f"the body is too large{bound} / 请求体过大{bound_zh}"
    return Refused(text, status=413, code="body_too_large")
