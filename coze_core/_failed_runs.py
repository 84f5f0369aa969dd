"""Failed runs by the class of their code: each is a failed run *and* an error of that class.

So both `except ChatFailedError` and `except RateLimitError` catch a run that ended for lack of
quota.
"""

from __future__ import annotations

from coze_core._errors import (
    AuthenticationError,
    BadRequestError,
    ChatFailedError,
    ConflictError,
    ContextLengthError,
    ConversationBusyError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    WorkflowFailedError,
)


class ChatFailedContextLengthError(ChatFailedError, ContextLengthError):
    """A run that failed because its prompt is too long."""


class ChatFailedBadRequestError(ChatFailedError, BadRequestError):
    """A run that failed because of its input."""


class ChatFailedAuthenticationError(ChatFailedError, AuthenticationError):
    """A run that failed because the token is not accepted."""


class ChatFailedPermissionDeniedError(ChatFailedError, PermissionDeniedError):
    """A run that failed for lack of a permission."""


class ChatFailedNotFoundError(ChatFailedError, NotFoundError):
    """A run that failed because something it needs does not exist."""


class ChatFailedConversationBusyError(ChatFailedError, ConversationBusyError):
    """A run that failed because its conversation is busy."""

    _retryable = True


class ChatFailedConflictError(ChatFailedError, ConflictError):
    """A run that failed because of the state something is in."""


class ChatFailedQuotaExceededError(ChatFailedError, QuotaExceededError):
    """A run that failed because nothing is left to spend."""


class ChatFailedRateLimitError(ChatFailedError, RateLimitError):
    """A run that failed because of too many requests."""

    _retryable = True


class ChatFailedInternalServerError(ChatFailedError, InternalServerError):
    """A run that failed inside Coze."""

    _retryable = True


CHAT_FAILED_CLASSES: tuple[type[ChatFailedError], ...] = (
    ChatFailedContextLengthError,
    ChatFailedBadRequestError,
    ChatFailedAuthenticationError,
    ChatFailedPermissionDeniedError,
    ChatFailedNotFoundError,
    ChatFailedConversationBusyError,
    ChatFailedConflictError,
    ChatFailedQuotaExceededError,
    ChatFailedRateLimitError,
    ChatFailedInternalServerError,
)


class WorkflowFailedBadRequestError(WorkflowFailedError, BadRequestError):
    """A workflow that failed because of its input."""


class WorkflowFailedAuthenticationError(WorkflowFailedError, AuthenticationError):
    """A workflow that failed because a token is not accepted."""


class WorkflowFailedPermissionDeniedError(WorkflowFailedError, PermissionDeniedError):
    """A workflow that failed for lack of a permission."""


class WorkflowFailedNotFoundError(WorkflowFailedError, NotFoundError):
    """A workflow that failed because something it needs does not exist."""


class WorkflowFailedConflictError(WorkflowFailedError, ConflictError):
    """A workflow that failed because of the state something is in."""


class WorkflowFailedQuotaExceededError(WorkflowFailedError, QuotaExceededError):
    """A workflow that failed because nothing is left to spend."""


class WorkflowFailedRateLimitError(WorkflowFailedError, RateLimitError):
    """A workflow that failed because of too many requests."""

    _retryable = True


class WorkflowFailedInternalServerError(WorkflowFailedError, InternalServerError):
    """A workflow that failed inside Coze."""

    _retryable = True


WORKFLOW_FAILED_CLASSES: tuple[type[WorkflowFailedError], ...] = (
    WorkflowFailedBadRequestError,
    WorkflowFailedAuthenticationError,
    WorkflowFailedPermissionDeniedError,
    WorkflowFailedNotFoundError,
    WorkflowFailedConflictError,
    WorkflowFailedQuotaExceededError,
    WorkflowFailedRateLimitError,
    WorkflowFailedInternalServerError,
)
