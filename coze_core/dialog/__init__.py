"""What every framework adapter needs, framework-neutral: from a message history to an answer."""

from coze_core.dialog._answer import Ask
from coze_core.dialog._converse import AsyncDialogue, Dialogue, converse, converse_async
from coze_core.dialog._format import JsonFilter, ResponseFormat
from coze_core.dialog._history import CallEntry, Entry, Media, digest
from coze_core.dialog._marker import Marker, Pending
from coze_core.dialog._media import medium, playable
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
    "Ask",
    "AsyncDialogue",
    "CallEntry",
    "CallPiece",
    "Dialogue",
    "Entry",
    "JsonFilter",
    "Marker",
    "Media",
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
    "converse",
    "converse_async",
    "digest",
    "medium",
    "mismatch",
    "plan",
    "playable",
    "resume",
    "stored_entries",
]
