"""What every framework adapter needs, framework-neutral: from a message history to an answer."""

from coze_core.dialog._answer import Ask
from coze_core.dialog._converse import AsyncDialogue, Dialogue, converse, converse_async
from coze_core.dialog._format import JsonFilter, ResponseFormat
from coze_core.dialog._history import CallEntry, Entry, EntryRole, Media, MediaKind, digest
from coze_core.dialog._marker import Marker, Pending, bot_of_id, portable_id
from coze_core.dialog._media import medium, playable
from coze_core.dialog._options import (
    PER_CALL,
    ask_of,
    call_options,
    suggestion,
    tool_choice_of,
    tool_specs,
)
from coze_core.dialog._parser import ToolCallParser, WrittenCall
from coze_core.dialog._pieces import CallPiece, Piece, Result
from coze_core.dialog._plan import MAX_MESSAGES, NewChat, PlanOptions, Wording, plan
from coze_core.dialog._resume import Resume, resume
from coze_core.dialog._schema import mismatch
from coze_core.dialog._stop import StopMatcher
from coze_core.dialog._stored import stored_entries
from coze_core.dialog._tools import ToolSpec

__all__ = [
    "MAX_MESSAGES",
    "PER_CALL",
    "Ask",
    "AsyncDialogue",
    "CallEntry",
    "CallPiece",
    "Dialogue",
    "Entry",
    "EntryRole",
    "JsonFilter",
    "Marker",
    "Media",
    "MediaKind",
    "NewChat",
    "Pending",
    "Piece",
    "PlanOptions",
    "ResponseFormat",
    "Result",
    "Resume",
    "StopMatcher",
    "ToolCallParser",
    "ToolSpec",
    "Wording",
    "WrittenCall",
    "ask_of",
    "bot_of_id",
    "call_options",
    "converse",
    "converse_async",
    "digest",
    "medium",
    "mismatch",
    "plan",
    "playable",
    "portable_id",
    "resume",
    "stored_entries",
    "suggestion",
    "tool_choice_of",
    "tool_specs",
]
