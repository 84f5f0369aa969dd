"""The Coze protocol for Python: sync and async clients, streaming, tools, conversations, files.

Names are imported when they are asked for: a framework that imports an adapter pays for the client
only when a model is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from coze_core._version import __version__

if TYPE_CHECKING:
    from coze_core._audio_models import Room, Transcription, Voice
    from coze_core._auth import Auth, TokenAuth
    from coze_core._bot_models import Bot, BotSummary, User, Variable, Workspace
    from coze_core._client import AsyncCozeClient, CozeClient
    from coze_core._dataset_inputs import ChunkStrategy, DocumentBase
    from coze_core._dataset_models import (
        Dataset,
        DatasetDocument,
        DatasetImage,
        DocumentProgress,
    )
    from coze_core._downloads import AsyncSpeech, Speech
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
        DocumentFailedError,
        ErrorResponse,
        IncompleteStreamError,
        InternalServerError,
        NotFoundError,
        PermissionDeniedError,
        PollTimeoutError,
        ProtocolError,
        QuotaExceededError,
        RateLimitError,
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
    from coze_core._progress import progress_bar
    from coze_core._reader import AnyChatEvent, ChatEventReader
    from coze_core._retry import RetryPolicy
    from coze_core._sse import ServerSentEvent, SSEDecoder, encode_event
    from coze_core._streams import AsyncChatStream, ChatStream
    from coze_core._timeouts import Timeouts
    from coze_core._turn import Increment, ToolActivity, Turn

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerCompleted",
    "AnyChatEvent",
    "AsyncChatStream",
    "AsyncCozeClient",
    "AsyncPager",
    "AsyncSpeech",
    "AudioDelta",
    "Auth",
    "AuthenticationError",
    "BadRequestError",
    "Bot",
    "BotSummary",
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
    "ChunkStrategy",
    "ConflictError",
    "ContextLengthError",
    "Conversation",
    "ConversationBusyError",
    "CozeClient",
    "CozeError",
    "Dataset",
    "DatasetDocument",
    "DatasetImage",
    "DocumentBase",
    "DocumentFailedError",
    "DocumentProgress",
    "EnterMessage",
    "ErrorEvent",
    "ErrorResponse",
    "File",
    "FollowUpCompleted",
    "FunctionCallCompleted",
    "IncompleteStreamError",
    "Increment",
    "InternalServerError",
    "KnowledgeCompleted",
    "LastError",
    "MediaItem",
    "Message",
    "MessageCompleted",
    "MessageDelta",
    "ModelClients",
    "NotFoundError",
    "Page",
    "Pager",
    "PermissionDeniedError",
    "Ping",
    "PollTimeoutError",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "RetryPolicy",
    "Room",
    "SSEDecoder",
    "Section",
    "ServerSentEvent",
    "Speech",
    "StreamDone",
    "Timeouts",
    "TokenAuth",
    "ToolActivity",
    "ToolCall",
    "ToolOutput",
    "ToolResponseCompleted",
    "Transcription",
    "Turn",
    "UnknownEvent",
    "Usage",
    "User",
    "Variable",
    "VerboseCompleted",
    "Voice",
    "Workspace",
    "__version__",
    "anonymous_user_id",
    "encode_event",
    "object_string",
    "progress_bar",
]

# The same names by module, for the interpreter.
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "_audio_models": ("Room", "Transcription", "Voice"),
    "_auth": ("Auth", "TokenAuth"),
    "_bot_models": ("Bot", "BotSummary", "User", "Variable", "Workspace"),
    "_client": ("AsyncCozeClient", "CozeClient"),
    "_timeouts": ("Timeouts",),
    "_dataset_inputs": ("ChunkStrategy", "DocumentBase"),
    "_dataset_models": ("Dataset", "DatasetDocument", "DatasetImage", "DocumentProgress"),
    "_downloads": ("AsyncSpeech", "Speech"),
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
        "DocumentFailedError",
        "ErrorResponse",
        "IncompleteStreamError",
        "InternalServerError",
        "NotFoundError",
        "PermissionDeniedError",
        "PollTimeoutError",
        "ProtocolError",
        "QuotaExceededError",
        "RateLimitError",
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
    "_progress": ("progress_bar",),
    "_reader": ("AnyChatEvent", "ChatEventReader"),
    "_retry": ("RetryPolicy",),
    "_sse": ("ServerSentEvent", "SSEDecoder", "encode_event"),
    "_streams": ("AsyncChatStream", "ChatStream"),
    "_turn": ("Increment", "ToolActivity", "Turn"),
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
