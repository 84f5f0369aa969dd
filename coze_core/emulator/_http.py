"""Requests and replies of the emulator, and the errors that it answers with."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ApiError: If it is not a JSON object.
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            raise ApiError(4000, "the request body is not valid JSON") from None
        if not isinstance(value, dict):
            raise ApiError(4000, "the request body must be a JSON object")
        return value

    @property
    def token(self) -> str:
        """The bearer token, or `""`."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def files(self) -> list[tuple[str, str, bytes]]:
        """The parts of a multipart form: name, file name and content."""
        kind = self.headers.get("content-type", "")
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + self.body)
        if not form.is_multipart():
            raise ApiError(4000, "the request must be multipart/form-data")
        found = []
        for part in form.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            found.append(
                (
                    str(name),
                    part.get_filename() or "",
                    content if isinstance(content, bytes) else b"",
                )
            )
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """One reply: a whole body, or blocks that come as they are made."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    blocks: AsyncIterator[bytes] | None = None


class ApiError(Exception):
    """What the server refuses with.

    Args:
        code: Coze's error code.
        message: What went wrong.
        status: The HTTP status.
        plain: Whether the body is the message itself instead of an envelope.
    """

    def __init__(self, code: int, message: str, *, status: int = 200, plain: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.plain = plain


class OAuthApiError(ApiError):
    """What the OAuth endpoints refuse with, in a form of their own (section 7.6).

    Args:
        name: The OAuth name of the reason.
        message: What went wrong.
        status: The HTTP status.
    """

    def __init__(self, name: str, message: str, *, status: int = 400) -> None:
        super().__init__(4000, message, status=status)
        self.name = name


class Clock:
    """Time and ids; ids are decimal int64 text and grow."""

    def __init__(self) -> None:
        self._last = 0
        self.ahead = 0.0  # seconds that tests have put it forward

    def now(self) -> float:
        """Return the Unix time."""
        return time.time() + self.ahead

    def seconds(self) -> int:
        """Return the Unix time in whole seconds."""
        return int(self.now())

    def new_id(self) -> str:
        """Return an id that was never used."""
        self._last = max(self._last + 1, time.time_ns() // 1000 << 11)
        return str(self._last)

    def log_id(self) -> str:
        """Return an id for a request."""
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        return f"{stamp}{int(self.new_id()):X}"
