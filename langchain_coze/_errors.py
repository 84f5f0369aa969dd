"""Coze's errors as LangChain's: each is both, so either family can be caught."""

from __future__ import annotations

from typing import Any, Final

from langchain_core import exceptions as langchain
from langchain_core.tools import ToolException

import coze_core as coze

# The most special first.
_PAIRS: Final[tuple[tuple[type[coze.CozeError], type[langchain.ModelError]], ...]] = (
    (coze.ContextLengthError, langchain.ContextOverflowError),
    (coze.AuthenticationError, langchain.ModelAuthenticationError),
    (coze.PermissionDeniedError, langchain.ModelPermissionDeniedError),
    (coze.NotFoundError, langchain.ModelNotFoundError),
    (coze.BadRequestError, langchain.ModelInvalidRequestError),
    (coze.UnsupportedError, langchain.ModelInvalidRequestError),
    (coze.ConflictError, langchain.ModelInvalidRequestError),
    (coze.RateLimitError, langchain.ModelRateLimitError),
    (coze.InternalServerError, langchain.ModelAPIError),
    (coze.APITimeoutError, langchain.ModelTimeoutError),
    (coze.PollTimeoutError, langchain.ModelTimeoutError),
    (coze.APIConnectionError, langchain.ModelConnectionError),
    (coze.CozeError, langchain.ModelAPIError),
)


def translate(error: coze.CozeError, *, data: bool = False) -> coze.CozeError:
    """Return the same error as a `ModelError` too.

    It keeps the class it had, so `except coze_core.RateLimitError` and
    `except langchain_core.exceptions.ModelRateLimitError` both catch it.

    Args:
        error: What a client raised.
        data: Whether data was asked for: then a refusal of the content is one of the model.
    """
    if isinstance(error, langchain.ModelError):
        return error
    key = (type(error), data and _REFUSAL is not None and getattr(error, "code", 0) == _SENSITIVE)
    cls = _CLASSES.get(key) or _CLASSES.setdefault(key, _both(*key))
    made = cls.__new__(cls, error.message)
    Exception.__init__(made, error.message)
    made.__dict__.update(error.__dict__, is_retryable=error.retryable)
    return made


# Made once for each class, so that two errors of a kind have the same type.
_CLASSES: Final[dict[tuple[type[coze.CozeError], bool], type[coze.CozeError]]] = {}
_SENSITIVE: Final = 4105  # protocol notes, section 8.1
_REFUSAL: Final[Any] = getattr(langchain, "ModelRefusalError", None)  # newer cores have it


def _both(cls: type[coze.CozeError], refused: bool) -> type[coze.CozeError]:  # noqa: FBT001
    model_error: Any = next(theirs for ours, theirs in _PAIRS if issubclass(cls, ours))
    if refused:
        model_error = _REFUSAL
    return type(cls.__name__, (cls, model_error), {"__reduce__": _reduce, "__doc__": cls.__doc__})


def _reduce(error: coze.CozeError) -> tuple[Any, ...]:
    """Pickle as the plain error, which is translated again where it is unpickled."""
    plain_class: type[coze.CozeError] = type(error).__bases__[0]
    plain = plain_class.__new__(plain_class, error.message)
    Exception.__init__(plain, error.message)
    plain.__dict__.update(error.__dict__)
    return translate, (plain,)


class CozeToolError(ToolException, RuntimeError):
    """A tool's work has failed after it may have begun: doing it again may do its effects twice.

    LangGraph's default retries leave it alone; `RetryPolicy(retry_on=ToolException)` does not.
    """


def tool_error(error: coze.CozeError) -> ToolException:
    """Return the error of a tool whose request has failed so.

    Args:
        error: What a client raised.
    """
    return ToolException(str(error)) if _never_began(error) else CozeToolError(str(error))


def _never_began(error: coze.CozeError) -> bool:
    if isinstance(error, coze.APIConnectionError):
        return not error.request_sent
    if isinstance(error, coze.WorkflowFailedError | coze.ChatFailedError):
        return False
    refused = isinstance(error, coze.APIStatusError | coze.UnsupportedError)
    return refused and not isinstance(error, coze.InternalServerError)
