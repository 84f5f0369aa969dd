"""The Coze protocol for Python: sync and async clients, streaming, tools, conversations, files.

Names are imported when they are asked for: a framework that imports an adapter pays for the client
only when a model is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from coze_core._version import __version__

if TYPE_CHECKING:
    from coze_core._auth import Auth, TokenAuth
    from coze_core._bot_models import Bot, BotSummary, User, Workspace
    from coze_core._capabilities import Capabilities
    from coze_core._client import AsyncCozeClient, CozeClient
    from coze_core._errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ChatFailedError,
        ConflictError,
        ContextLengthError,
        ConversationBusyError,
        CozeError,
        ErrorResponse,
        IncompleteStreamError,
        InternalServerError,
        NotFoundError,
        OAuthError,
        PermissionDeniedError,
        PollTimeoutError,
        ProtocolError,
        QuotaExceededError,
        RateLimitError,
        UnsupportedError,
    )
    from coze_core._events import (
        AnswerCompleted,
        AudioDelta,
        ChatCanceled,
        ChatCompleted,
        ChatCreated,
        ChatEvent,
        ChatFailed,
        ChatInProgress,
        ChatRequiresAction,
        ErrorEvent,
        FollowUpCompleted,
        FunctionCallCompleted,
        KnowledgeCompleted,
        MessageCompleted,
        MessageDelta,
        Ping,
        StreamDone,
        ToolResponseCompleted,
        UnknownEvent,
        VerboseCompleted,
    )
    from coze_core._identity import anonymous_user_id
    from coze_core._model_clients import ModelClients
    from coze_core._models import (
        Chat,
        Conversation,
        EnterMessage,
        File,
        LastError,
        MediaItem,
        Message,
        Section,
        ToolCall,
        ToolOutput,
        Usage,
        object_string,
    )
    from coze_core._paging import AsyncPager, Page, Pager
    from coze_core._reader import AnyChatEvent, ChatEventReader
    from coze_core._retry import RetryPolicy
    from coze_core._sse import ServerSentEvent, SSEDecoder, encode_event
    from coze_core._streams import AsyncChatStream, ChatStream
    from coze_core._timeouts import Timeouts
    from coze_core._turn import Increment, ToolActivity, Turn
    from coze_core.oauth import (
        Authorization,
        DeviceCode,
        FileStore,
        FunctionAuth,
        JWTAuth,
        KeyringStore,
        MemoryStore,
        OAuthToken,
        TokenStore,
        UserAuth,
        bot_chat_scope,
        load_auth,
    )

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerCompleted",
    "AnyChatEvent",
    "AsyncChatStream",
    "AsyncCozeClient",
    "AsyncPager",
    "AudioDelta",
    "Auth",
    "AuthenticationError",
    "Authorization",
    "BadRequestError",
    "Bot",
    "BotSummary",
    "Capabilities",
    "Chat",
    "ChatCanceled",
    "ChatCompleted",
    "ChatCreated",
    "ChatEvent",
    "ChatEventReader",
    "ChatFailed",
    "ChatFailedError",
    "ChatInProgress",
    "ChatRequiresAction",
    "ChatStream",
    "ConflictError",
    "ContextLengthError",
    "Conversation",
    "ConversationBusyError",
    "CozeClient",
    "CozeError",
    "DeviceCode",
    "EnterMessage",
    "ErrorEvent",
    "ErrorResponse",
    "File",
    "FileStore",
    "FollowUpCompleted",
    "FunctionAuth",
    "FunctionCallCompleted",
    "IncompleteStreamError",
    "Increment",
    "InternalServerError",
    "JWTAuth",
    "KeyringStore",
    "KnowledgeCompleted",
    "LastError",
    "MediaItem",
    "MemoryStore",
    "Message",
    "MessageCompleted",
    "MessageDelta",
    "ModelClients",
    "NotFoundError",
    "OAuthError",
    "OAuthToken",
    "Page",
    "Pager",
    "PermissionDeniedError",
    "Ping",
    "PollTimeoutError",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "RetryPolicy",
    "SSEDecoder",
    "Section",
    "ServerSentEvent",
    "StreamDone",
    "Timeouts",
    "TokenAuth",
    "TokenStore",
    "ToolActivity",
    "ToolCall",
    "ToolOutput",
    "ToolResponseCompleted",
    "Turn",
    "UnknownEvent",
    "UnsupportedError",
    "Usage",
    "User",
    "UserAuth",
    "VerboseCompleted",
    "Workspace",
    "__version__",
    "anonymous_user_id",
    "bot_chat_scope",
    "encode_event",
    "load_auth",
    "object_string",
]

# The same names by module, for the interpreter.
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "_auth": ("Auth", "TokenAuth"),
    "_bot_models": ("Bot", "BotSummary", "User", "Workspace"),
    "_capabilities": ("Capabilities",),
    "_client": ("AsyncCozeClient", "CozeClient"),
    "_timeouts": ("Timeouts",),
    "_errors": (
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "ChatFailedError",
        "ConflictError",
        "ContextLengthError",
        "ConversationBusyError",
        "CozeError",
        "ErrorResponse",
        "IncompleteStreamError",
        "InternalServerError",
        "NotFoundError",
        "OAuthError",
        "PermissionDeniedError",
        "PollTimeoutError",
        "ProtocolError",
        "QuotaExceededError",
        "RateLimitError",
        "UnsupportedError",
    ),
    "_events": (
        "AnswerCompleted",
        "AudioDelta",
        "ChatCanceled",
        "ChatCompleted",
        "ChatCreated",
        "ChatEvent",
        "ChatFailed",
        "ChatInProgress",
        "ChatRequiresAction",
        "ErrorEvent",
        "FollowUpCompleted",
        "FunctionCallCompleted",
        "KnowledgeCompleted",
        "MessageCompleted",
        "MessageDelta",
        "Ping",
        "StreamDone",
        "ToolResponseCompleted",
        "UnknownEvent",
        "VerboseCompleted",
    ),
    "_identity": ("anonymous_user_id",),
    "_model_clients": ("ModelClients",),
    "_models": (
        "Chat",
        "Conversation",
        "EnterMessage",
        "File",
        "LastError",
        "MediaItem",
        "Message",
        "Section",
        "ToolCall",
        "ToolOutput",
        "Usage",
        "object_string",
    ),
    "_paging": ("AsyncPager", "Page", "Pager"),
    "_reader": ("AnyChatEvent", "ChatEventReader"),
    "_retry": ("RetryPolicy",),
    "_sse": ("ServerSentEvent", "SSEDecoder", "encode_event"),
    "_streams": ("AsyncChatStream", "ChatStream"),
    "_turn": ("Increment", "ToolActivity", "Turn"),
    "oauth": (
        "Authorization",
        "DeviceCode",
        "FileStore",
        "FunctionAuth",
        "JWTAuth",
        "KeyringStore",
        "MemoryStore",
        "OAuthToken",
        "TokenStore",
        "UserAuth",
        "bot_chat_scope",
        "load_auth",
    ),
}
_HOMES: Final = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"coze_core.{module}"), name)
    globals()[name] = value  # found there first from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
