"""Everything that can go wrong with a Coze server, as one tree.

::

    CozeError
    ├── APIConnectionError (also ConnectionError)     no answer, or not all of it
    │   ├── APITimeoutError (also TimeoutError)       too slow
    │   └── IncompleteStreamError                     the stream was cut; see `.turn`
    ├── APIStatusError                                refused, by HTTP status or body code
    │   ├── BadRequestError
    │   │   └── ContextLengthError                    the prompt is longer than the model takes
    │   ├── AuthenticationError                       wrong, expired or of another region
    │   │   └── OAuthError                            no token was granted; see `.error`
    │   ├── PermissionDeniedError                     the token lacks a permission
    │   ├── NotFoundError                             no such resource, or not published to the API
    │   ├── ConflictError                             not possible in the present state
    │   │   └── ConversationBusyError                 the conversation already has a running chat
    │   ├── RateLimitError                            too many requests
    │   │   └── QuotaExceededError                    nothing left to spend: waiting will not help
    │   └── InternalServerError
    ├── ChatSupersededError                           a newer chat took its place; see `.turn`
    ├── ChatFailedError                               the run itself failed, after it had begun
    ├── WorkflowFailedError                           the same of a workflow; see `.run`
    ├── DocumentFailedError                           a document of a dataset could not be processed
    ├── ProtocolError                                 the server sent something that is not Coze
    ├── UnsupportedError                              this kind of server lacks it: not sent
    └── PollTimeoutError (also TimeoutError)          what was polled did not end in time

A failed run whose code is known is a `ChatFailedError` *and* the class of that code, so both
`except ChatFailedError` and `except RateLimitError` catch a run that ended for lack of quota.
A misuse by the caller is a plain `TypeError` or `ValueError`, raised before anything is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

if TYPE_CHECKING:
    from coze_core._dataset_models import DocumentProgress
    from coze_core._turn import Turn
    from coze_core._workflow_run import WorkflowRun

# Tokens of every kind (protocol notes, section 7.1) and JWTs, wherever a server echoes one.
_SECRET = re.compile(
    r"\b(?:pat|sat|czs|czu|cztei)_[A-Za-z0-9_\-]{3,}"
    r"|\beyJ[\w\-]{6,2048}+\.[\w\-]++\.[\w\-]*+"
    r"|(?<=[Bb]earer )(?!\*)[^\s\"',;]+"
)
MASK = "***"
_LONGEST = 4096  # characters of a server's text that an error keeps
# A secret shorter than this is a word, and to mask it would say where it stands.
_SHORTEST_SECRET = 8
_TELLING = 12  # characters of a secret by which it is found, since a text may be cut inside it


def redact(text: str) -> str:
    """Return the text with everything that looks like a Coze token masked."""
    return _SECRET.sub(MASK, text)


def _kept(text: str) -> str:
    """Return what an error keeps of a text: not all, no token, nothing that cannot be printed."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return redact(text.encode("utf-8", "replace").decode())


def hidden(text: str, secret: str) -> str:
    """Return the text with this secret, or the beginning of it, masked.

    Args:
        text: The text.
        secret: The secret; a very short one is left, and none is `""`.
    """
    if len(secret) < _SHORTEST_SECRET:
        return text
    # In an address it may stand quoted.
    for form in (secret, quote(secret, safe="")) if "%" in text else (secret,):
        beginning = form[:_TELLING]
        if beginning in text:
            text = text.replace(form, MASK)
            text = re.sub(re.escape(beginning) + r"[^\s\"'<>,;]*", MASK, text)
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an error and over all that it came from."""
    links: list[BaseException | None] = [error]
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            links += (link.__cause__, link.__context__)
            yield link


class ErrorResponse:
    """What the server answered, safe to log and to pickle: no request, no token.

    Attributes:
        status_code: The HTTP status.
        headers: The response headers with lower-case names, cookies left out.
        text: The first part of the body, tokens masked.
    """

    __slots__ = ("headers", "status_code", "text")

    def __init__(self, status_code: int, headers: Mapping[str, str], text: str) -> None:
        self.status_code = status_code
        self.headers = {
            name: _kept(value) for name, value in headers.items() if name != "set-cookie"
        }
        self.text = redact(text)

    def hide(self, secret: str) -> None:
        """Mask a secret."""
        self.headers = {name: hidden(value, secret) for name, value in self.headers.items()}
        self.text = hidden(self.text, secret)

    @property
    def content(self) -> bytes:
        """The body as UTF-8 bytes."""
        return self.text.encode()

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: If the body is not JSON.
        """
        return json.loads(self.text)

    def __repr__(self) -> str:
        return f"ErrorResponse({self.status_code}, {self.text[:80]!r})"


class CozeError(Exception):
    """The root of everything this package raises about a server.

    Attributes:
        message: What went wrong, in the server's words where it had any.
        code: Coze's own error code, or None.
        log_id: Coze's request id (logid); quote it to Coze support. None if unknown.
        status_code: The HTTP status, or None when there was no answer.
        retryable: Whether the same request may well succeed later.
        hint_en: What to do about it, in English; `""` if there is nothing to add.
        hint_zh: The same in Chinese.
        response: The server's answer, or None.
        chat_id: The chat concerned, or None.
        conversation_id: The conversation concerned, or None.
    """

    _retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        log_id: str | None = None,
        status_code: int | None = None,
        retryable: bool | None = None,
        hint_en: str = "",
        hint_zh: str = "",
        response: ErrorResponse | None = None,
        chat_id: str | None = None,
        conversation_id: str | None = None,
    ) -> None:
        self.message = _kept(message)
        self.code = code
        self.log_id = None if log_id is None else _kept(log_id)
        self.status_code = status_code
        self.retryable = self._retryable if retryable is None else retryable
        self.hint_en = hint_en
        self.hint_zh = hint_zh
        self.response = response
        self.chat_id = chat_id
        self.conversation_id = conversation_id
        super().__init__(self.message)

    def hide(self, secret: str) -> None:
        """Mask a secret that the server has repeated, here and in what caused this error.

        Args:
            secret: The token of the call.
        """
        for link in _chain(self):
            link.args = tuple(
                hidden(part, secret) if isinstance(part, str) else part for part in link.args
            )
            if not isinstance(link, CozeError):
                continue
            for name, value in vars(link).items():  # ids come from the server as well
                if isinstance(value, str):
                    setattr(link, name, hidden(value, secret))
            if link.response is not None:
                link.response.hide(secret)

    @property
    def hint(self) -> str:
        """What to do about it, in English and in Chinese."""
        return " / ".join(part for part in (self.hint_en, self.hint_zh) if part)

    @property
    def request_id(self) -> str | None:
        """The log id under the name that tracing tools look for."""
        return self.log_id

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (
                ("code", self.code),
                ("HTTP", self.status_code if self.status_code != 200 else None),
                ("logid", self.log_id),
            )
            if value is not None
        ]
        text = self.message + (f" ({', '.join(facts)})" if facts else "")
        return f"{text}\n{self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, dict(self.__dict__))


def _restore(cls: type[CozeError], message: str, state: dict[str, Any]) -> CozeError:
    error = cls.__new__(cls, message)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class APIConnectionError(CozeError, ConnectionError):
    """The server could not be reached, or the connection broke.

    Attributes:
        request_sent: Whether the server may have received the request.
        turn: What had arrived of a chat's stream, or None if none had begun.
        run: What had arrived of a workflow's stream, or None if none had begun.
    """

    _retryable = True
    request_sent: bool = True
    turn: Turn | None = None
    run: WorkflowRun | None = None


class APITimeoutError(APIConnectionError, TimeoutError):
    """The server took longer than the timeouts allow."""


class IncompleteStreamError(APIConnectionError):
    """The stream ended before the chat did: the answer so far, in `turn`, is not all of it."""

    _retryable = False  # the chat did start: asking again would run it twice


class APIStatusError(CozeError):
    """The server answered with an error: an HTTP status, or a code in the body."""


class BadRequestError(APIStatusError):
    """The request is malformed or breaks a limit."""


class ContextLengthError(BadRequestError):
    """The prompt has more tokens than the bot's model takes."""


class AuthenticationError(APIStatusError):
    """The token is missing, wrong, expired or belongs to another region."""


class OAuthError(AuthenticationError):
    """The server did not grant a token.

    Attributes:
        error: The OAuth name of the reason, such as `access_denied`.
    """

    def __init__(self, message: str, *, error: str = "", **facts: Any) -> None:
        named = f"{error}: {message}" if error and error not in message else message
        super().__init__(named, **facts)
        self.error = error


class PermissionDeniedError(APIStatusError):
    """The token is good but not allowed to do this."""


class NotFoundError(APIStatusError):
    """The resource does not exist, or the bot is not published to the API channel."""


class ConflictError(APIStatusError):
    """The operation is not possible in the present state of the resource."""


class ConversationBusyError(ConflictError):
    """Another chat is still running in the conversation."""

    _retryable = True


class RateLimitError(APIStatusError):
    """Too many requests in a short time."""

    _retryable = True


class QuotaExceededError(RateLimitError):
    """The account has nothing left to spend; waiting a moment will not help."""

    _retryable = False


class InternalServerError(APIStatusError):
    """Coze, or something in front of it, failed."""

    _retryable = True


class ChatFailedError(CozeError):
    """The chat had begun and then failed: `chat.failed`, or an `error` event in the stream."""


class WorkflowFailedError(CozeError):
    """A workflow's run had begun and then failed.

    Attributes:
        run: The run, with what its nodes gave until then; None if it is not known.
    """

    run: WorkflowRun | None = None


class ChatSupersededError(CozeError):
    """A newer chat of the same conversation took the place of this one, which was cancelled.

    Attributes:
        turn: What had arrived of it, or None.
    """

    turn: Turn | None = None

    @classmethod
    def of(cls, chat_id: str | None, conversation_id: str | None) -> ChatSupersededError:
        """Return the error for a chat, as far as it is known."""
        return cls(
            "a newer chat of the same conversation has taken the place of this one",
            hint_en="It was begun with on_busy='cancel_previous'; what had arrived is in .turn.",
            hint_zh="新的对话以 on_busy='cancel_previous' 发起；已收到的内容在 .turn 中。",
            chat_id=chat_id,
            conversation_id=conversation_id,
        )


class DocumentFailedError(CozeError):
    """A document of a dataset could not be processed.

    Attributes:
        documents: Those that failed, each with what the server says about it.
    """

    documents: Sequence[DocumentProgress] = ()


class ProtocolError(CozeError):
    """The server sent something that is not the Coze protocol."""


class UnsupportedError(CozeError):
    """This kind of server, the cloud or Coze Studio, does not have it; nothing was sent."""


class PollTimeoutError(CozeError, TimeoutError):
    """A polled chat did not end within the time given; it has been asked to cancel."""
