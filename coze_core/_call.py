"""Our own request and response values, and how a reply becomes data or the right error.

Protocol notes, sections 1.2 to 1.6. No HTTP library here: a driver turns a `Call` into bytes on
the wire and the bytes that come back into a `Reply`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias, TypeVar

from coze_core._characters import whole_json
from coze_core._codes import status_error
from coze_core._contents import Content
from coze_core._errors import ErrorResponse, ProtocolError, hidden, redact
from coze_core._values import whole_number

if TYPE_CHECKING:
    from coze_core._models import WireModel

M = TypeVar("M", bound="WireModel")

_LOG: Final = logging.getLogger("coze_core")
# Where a reply may hold its payload (sections 1.4 and 10.4), in the order of trying.
_PLACES: Final = ("data", "message", "ChatV3ChatDetail", "Messages", "ConversationData")
_SHOWN_BODY: Final = 4096  # how much of an error body is kept, in characters
_LONGEST_LOG_ID: Final = 256  # characters
_FIELD_NAMES: Final = (b"event", b"data", b"id", b"retry", b":")  # of server-sent events


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to send as multipart form data.

    Attributes:
        file_name: The name the server stores.
        open: Returns the content from its start, so that a second attempt sends all of it. It may
            block.
        content_type: The media type, or None to let the server find out.
        fields: Further fields of the form.
    """

    file_name: str
    open: Callable[[], Content]
    content_type: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


FileInput: TypeAlias = (
    str | os.PathLike[str] | bytes | BinaryIO | tuple[str, bytes] | tuple[str, bytes, str]
)


def path_of(file: str | os.PathLike[str]) -> Path:
    """Return the path of a file that exists.

    Raises:
        ValueError: If there is no such file.
    """
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"there is no file at {str(path)!r}")
    return path


@dataclass(slots=True)
class Call:
    """One request; never changed once it is made.

    Not frozen: setting frozen fields would take more time than all else about a call.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        query: Query parameters; those that are None are left out.
        json: The JSON body, or None for none.
        upload: A file to send instead of JSON.
        headers: Further headers.
        stream: Whether the reply's body is to be read as it comes.
        binary: Whether that body is a file rather than events.
        repeatable: Whether sending it twice does no harm.
        timeout: The most that each wait of this call may take, in seconds, where the client's own
            timeouts are longer.
        patience: How long the answer may take to begin, in seconds, in place of the client's own
            timeout.
        hidden: Secrets in the body, which no error may show.
    """

    method: str
    path: str
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    json: Mapping[str, object] | None = field(default=None, repr=False)
    upload: Upload | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    stream: bool = False
    binary: bool = False
    repeatable: bool = False
    timeout: float | None = None
    patience: float | None = None
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @property
    def secret(self) -> str:
        """The token this call carries, or `""`."""
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def signed(self, token: str) -> Call:
        """Return the same call with this token."""
        call = Call(*_FIELDS_OF_CALL(self))
        call.headers = {**self.headers, "Authorization": f"Bearer {token}"}
        return call


_FIELDS_OF_CALL: Final = attrgetter(*(field.name for field in fields(Call)))


class Reply:
    """What came back.

    Attributes:
        status_code: The HTTP status.
        headers: The headers, names in lower case.
        body: The body; empty for a stream.
        stream: The open body of a stream, as the driver made it, or None.
        secret: The token it was asked for with, to be kept out of errors, or `""`.
    """

    __slots__ = ("_payload", "body", "headers", "secret", "status_code", "stream")

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str],
        body: bytes = b"",
        stream: object | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.body = body
        self.stream = stream
        self.secret = ""
        self._payload: object = _UNREAD

    @property
    def payload(self) -> object:
        """The body as JSON, or None if it is not JSON."""
        if self._payload is _UNREAD:
            try:
                self._payload = _json_of(self.body) if self.body else None
            except (ValueError, RecursionError):
                self._payload = None
        return self._payload

    @property
    def log_id(self) -> str | None:
        """The log id: of the body, else of the headers (section 1.3)."""
        found = self._told_log_id()
        if not found:
            return None
        # It ends up in logs: whatever the server put there, it is no token.
        return hidden(redact(found[:_LONGEST_LOG_ID]), self.secret) or None

    def _told_log_id(self) -> str | None:
        payload = self.payload if self.body else None
        if isinstance(payload, Mapping):
            for key in ("detail", "error"):
                detail = payload.get(key)
                if isinstance(detail, Mapping) and isinstance(detail.get("logid"), str | int):
                    return str(detail["logid"])
        return self.headers.get("x-tt-logid") or self.headers.get("x-log-id")

    def raise_for_error(self) -> None:
        """Raise what the reply says went wrong, if anything did (section 1.5).

        Raises:
            APIStatusError: A code that is not 0 in the body, or an HTTP status of 300 or more.
            ProtocolError: A body that should be JSON and is not.
        """
        if self.stream is not None:
            return
        payload = self.payload
        code, message = _envelope(payload)
        if code is None and self.status_code < 300:
            if not isinstance(payload, Mapping):
                raise self._not_json()
            return
        raise status_error(
            code,
            message or self._plain_message(),
            status_code=self.status_code,
            log_id=self.log_id,
            response=self._error_response(),
        )

    def _plain_message(self) -> str:
        if 300 <= self.status_code < 400:
            return f"HTTP {self.status_code}, redirect to {self.headers.get('location', '?')}"
        text = self.body[:200].decode("utf-8", "replace").strip()
        return f"HTTP {self.status_code}" + (f": {text}" if text else "")

    def _error_response(self) -> ErrorResponse:
        text = self.body[: 4 * _SHOWN_BODY].decode("utf-8", "replace")[:_SHOWN_BODY]
        return ErrorResponse(self.status_code, self.headers, text)

    def not_a_stream(self) -> ProtocolError:
        """Return the error for a reply that is neither a stream nor an error (section 1.6)."""
        text = self.body[:200].decode("utf-8", "replace").strip()
        return self._not_coze(
            f"the server answered a stream request with something else: {text!r}",
            "A proxy may have changed the request; use create_and_poll() if it must stay.",
            "中间代理可能改写了请求；若无法避免，请使用 create_and_poll()。",
        )

    def _not_json(self) -> ProtocolError:
        text = self.body[:200].decode("utf-8", "replace").strip()
        return self._not_coze(
            f"the server answered something that is not a Coze reply: {text!r}",
            "Check base_url: it must be the API host, such as https://api.coze.com.",
            "请检查 base_url：应为 API 域名，例如 https://api.coze.cn。",
        )

    def _not_coze(self, message: str, hint_en: str = "", hint_zh: str = "") -> ProtocolError:
        error = ProtocolError(
            message,
            status_code=self.status_code,
            log_id=self.log_id,
            response=self._error_response(),
            hint_en=hint_en,
            hint_zh=hint_zh,
        )
        error.hide(self.secret)
        return error

    # -- data

    def data(self) -> object:
        """Return the payload from wherever this endpoint keeps it; None if there is none."""
        payload = self.payload
        if not isinstance(payload, Mapping):
            return None
        return next((payload[place] for place in _PLACES if payload.get(place) is not None), None)

    def read(self, model: type[M]) -> M:
        """Return the payload as this model.

        Raises:
            ProtocolError: If there is no payload or it has another shape.
        """
        data = self.data()
        if not isinstance(data, Mapping):
            raise self._wrong_shape(model)
        return self.parse(model, data)

    def read_list(self, model: type[M], place: str = "") -> list[M]:
        """Return the payload as a list; a missing one is an empty list (section 2.4).

        Args:
            model: The type of one item.
            place: The key of the list within the payload, or beside it (section 1.4).
        """
        data = self.data()
        if place:
            holder = data if isinstance(data, Mapping) else self.payload
            data = holder.get(place) if isinstance(holder, Mapping) else None
        if data is None:
            return []
        if not isinstance(data, list):
            raise self._wrong_shape(model)
        return [self.parse(model, item) for item in data]

    def parse(self, model: type[M], data: object) -> M:
        """Return one value as this model, marked with the log id.

        Raises:
            ProtocolError: If it has another shape.
        """
        from pydantic import ValidationError  # whoever has a model has it

        try:
            value = model.model_validate(data)
        except ValidationError as error:
            # Without its cause, which shows values that the server sent.
            place = ".".join(map(str, error.errors(include_input=False)[0]["loc"]))
            raise self._wrong_shape(model, place) from None
        return value.came_with(self.log_id)

    def _wrong_shape(self, model: type[WireModel], place: str = "") -> ProtocolError:
        where = f": {place} has another shape" if place else ""
        return self._not_coze(f"the reply holds no {model.__name__}{where}")


_UNREAD: Final = object()


def _json_of(body: bytes) -> object:
    """Return JSON as data; characters that are broken do not cost the rest.

    Raises:
        ValueError: If it is no JSON.
    """
    try:
        if b"\\ud" not in body and b"\\uD" not in body:
            return json.loads(body)
        text, broken = whole_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        text, broken = whole_json(body.decode("utf-8-sig", "replace"))[0], True
    value = json.loads(text)
    if broken:
        _LOG.warning("a reply has broken characters; U+FFFD stands in their place")
    return value


def _envelope(payload: object) -> tuple[int | None, str]:
    """Return the error code (None for success) and message of an envelope (section 1.4)."""
    if not isinstance(payload, Mapping):
        return None, ""
    code = whole_number(payload.get("code"))
    message = payload.get("msg") or payload.get("message")
    if code:
        return code, str(message or "")
    if payload.get("error_code") or payload.get("error_message"):  # OAuth (section 7.6)
        name = str(payload.get("error_code") or "")
        return -1, f"{name}: {payload.get('error_message') or payload.get('error') or ''}"
    return None, str(message or "") if isinstance(message, str) else ""


def is_event_stream(content_type: str, head: bytes) -> bool | None:
    """Tell an event stream from a JSON or HTML body (sections 1.6 and 12).

    Args:
        content_type: The reply's content type; some proxies strip or change it.
        head: The first bytes of the body.

    Returns:
        True or False, or None when more bytes are needed to tell.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not start:
        return None
    if start[:1] in b"{[<":
        return False
    if "text/event-stream" in content_type:
        return True
    if start.startswith(_FIELD_NAMES):
        return True
    return None if any(field.startswith(start) for field in _FIELD_NAMES) else False


def is_file(content_type: str, head: bytes) -> bool | None:
    """Tell a file from a JSON or HTML body (sections 1.3 and 6.8).

    Args:
        content_type: The reply's content type; some proxies strip or change it.
        head: The first bytes of the body.

    Returns:
        True or False, or None when more bytes are needed to tell.
    """
    if content_type.startswith(("audio/", "video/", "application/octet-stream")):
        return True
    if "json" in content_type or content_type.startswith("text/"):
        return False
    start = head.lstrip(b" \t\r\n")
    return start[:1] not in b"{[<" if start else None
