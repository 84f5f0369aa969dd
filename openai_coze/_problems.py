"""What went wrong, in the shape that OpenAI's clients know; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

import coze_core as coze
from openai_coze._discreet import sentence_of
from openai_coze._hints import hints_of


class Refused(Exception):  # noqa: N818 - what the gateway does, as it calls it
    """A request that is not passed on.

    Args:
        message: What to do about it.
        status: The HTTP status.
        code: A short name.
        param: The field of the request that is meant.
        retry_after: Seconds after which to come again.
        again: Whether to try again can help; the clients go by the status if None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        again: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.again = again


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as it is answered.

    Attributes:
        status: The HTTP status, where it can still be said.
        error: The object under `error`.
        headers: What goes with it.
    """

    status: int
    error: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


_LONGEST: Final = 2000  # characters of a message; what it repeats is the caller's to choose
_OTHER: Final = "invalid_request_error"
_TYPES: Final = {
    400: _OTHER,
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: _OTHER,
    429: "rate_limit_error",
}
# The most special first.
_STATUSES: Final[tuple[tuple[type[coze.CozeError], int, str | None], ...]] = (
    (coze.ContextLengthError, 400, "context_length_exceeded"),
    (coze.BadRequestError, 400, None),
    (coze.AuthenticationError, 401, "invalid_api_key"),
    (coze.PermissionDeniedError, 403, "permission_denied"),
    (coze.NotFoundError, 404, "not_found"),
    (coze.ConversationBusyError, 409, "conversation_busy"),
    (coze.ChatSupersededError, 400, "superseded"),
    (coze.ConflictError, 400, "conflict"),
    (coze.QuotaExceededError, 429, "insufficient_quota"),
    (coze.RateLimitError, 429, "rate_limit_exceeded"),
    (coze.APITimeoutError, 504, "timeout"),
    (coze.PollTimeoutError, 504, "timeout"),
    (coze.UnsupportedError, 501, "unsupported"),
    (coze.CozeError, 502, "upstream_error"),
)


def problem_of(error: Exception, *, own_token: bool = True) -> Problem:
    """Return how an error is told to the caller.

    Args:
        error: What was raised: ours, Coze's, or a `ValueError` about the request.
        own_token: Whether the caller's own token was used; else a bad one is our fault, and what
            stands behind the gateway is not for the caller.
    """
    if isinstance(error, Refused):
        return _refused(error)
    if isinstance(error, coze.CozeError):
        return _of_coze(error, own_token=own_token)
    if isinstance(error, ValueError | TypeError):
        return _refused(Refused(str(error)))
    inside = Refused(
        "an error inside the gateway: see its log / 网关内部错误：请查看网关日志",
        status=500,
        code="internal",
        again=False,  # the bot may have answered already
    )
    return _refused(inside)


def _refused(error: Refused) -> Problem:
    headers = {}
    if error.again is not None:
        headers["x-should-retry"] = "true" if error.again else "false"
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    told = {
        "message": error.message[:_LONGEST],
        "type": _TYPES.get(error.status, _OTHER if error.status < 500 else "server_error"),
        "param": error.param,
        "code": error.code,
    }
    return Problem(error.status, told, headers)


def _of_coze(error: coze.CozeError, *, own_token: bool) -> Problem:
    status, code = next((s, c) for kind, s, c in _STATUSES if isinstance(error, kind))
    if status == 401 and not own_token:
        status, code = 502, "upstream_authentication"
    # The clients try again by the status alone; Coze's codes know better. A chat that may have
    # begun would run, and be paid for, once more.
    begun = isinstance(error, coze.APIConnectionError) and error.request_sent
    headers = {"x-should-retry": "true" if error.retryable and not begun else "false"}
    if error.log_id:
        headers["x-coze-logid"] = error.log_id
    after = error.response.headers.get("retry-after") if error.response else None
    if after:
        headers["retry-after"] = after
    sentence = None if own_token else sentence_of(error)
    words = sentence or str(error).removesuffix(f"\n{error.hint}")
    hint, hint_zh = hints_of(error, own_token=own_token, told=sentence is None)
    facts = {
        "code": error.code,
        "logid": error.log_id,
        "hint": hint or None,
        "hint_zh": hint_zh or None,
        "chat_id": error.chat_id,
        "conversation_id": error.conversation_id,
        "retryable": error.retryable,
    }
    told = {
        "message": f"{words}\n{hint} / {hint_zh}" if hint else words,
        "type": _TYPES.get(status, "upstream_error"),
        "param": None,
        "code": code or (str(error.code) if error.code is not None else None),
        "coze": {name: value for name, value in facts.items() if value is not None},
    }
    return Problem(status, told, headers)
