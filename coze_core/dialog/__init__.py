"""What every framework adapter needs, framework-neutral: from a message history to an answer."""

from coze_core._endpoints._checks import MAX_MESSAGES
from coze_core._sound import playable
from coze_core._unlisted import Unlisted
from coze_core.dialog._answer import Ask
from coze_core.dialog._converse import AsyncDialogue, Dialogue, converse, converse_async
from coze_core.dialog._format import JsonFilter, ResponseFormat
from coze_core.dialog._history import (
    CallEntry,
    Entry,
    EntryRole,
    Media,
    MediaKind,
    digest,
    is_unreadable,
    raw_arguments,
    unreadable,
)
from coze_core.dialog._knowledge import (
    DatasetEntry,
    check_content,
    dataset_entries,
    dataset_entries_async,
)
from coze_core.dialog._marker import Marker, Pending, bot_of_id, portable_id
from coze_core.dialog._media import medium
from coze_core.dialog._options import (
    OF_MODEL,
    PER_CALL,
    ask_of,
    call_options,
    suggestion,
    tool_choice_of,
    tool_specs,
)
from coze_core.dialog._parser import ToolCallParser
from coze_core.dialog._passages import Passage, passages_of
from coze_core.dialog._pieces import CallPiece, Piece, Result
from coze_core.dialog._plan import NewChat, PlanOptions, Wording, plan
from coze_core.dialog._resume import Resume, named_chats, resume
from coze_core.dialog._schema import mismatch
from coze_core.dialog._search import WorkflowSearch
from coze_core.dialog._stop import StopMatcher
from coze_core.dialog._stored import stored_entries, stored_history, stored_history_async
from coze_core.dialog._tools import ToolSpec
from coze_core.dialog._workflow_arguments import arguments_model, parameters_of
from coze_core.dialog._workflow_stretch import WorkflowCall, stretch, stretch_async
from coze_core.dialog._workflow_tool import (
    RunRecord,
    WorkflowQuestion,
    addressed,
    question_of,
    tool_inputs,
    tool_name,
)
from coze_core.dialog._written import WrittenCall

__all__ = [
    "MAX_MESSAGES",
    "OF_MODEL",
    "PER_CALL",
    "Ask",
    "AsyncDialogue",
    "CallEntry",
    "CallPiece",
    "DatasetEntry",
    "Dialogue",
    "Entry",
    "EntryRole",
    "JsonFilter",
    "Marker",
    "Media",
    "MediaKind",
    "NewChat",
    "Passage",
    "Pending",
    "Piece",
    "PlanOptions",
    "ResponseFormat",
    "Result",
    "Resume",
    "RunRecord",
    "StopMatcher",
    "ToolCallParser",
    "ToolSpec",
    "Unlisted",
    "Wording",
    "WorkflowCall",
    "WorkflowQuestion",
    "WorkflowSearch",
    "WrittenCall",
    "addressed",
    "arguments_model",
    "ask_of",
    "bot_of_id",
    "call_options",
    "check_content",
    "converse",
    "converse_async",
    "dataset_entries",
    "dataset_entries_async",
    "digest",
    "is_unreadable",
    "medium",
    "mismatch",
    "named_chats",
    "parameters_of",
    "passages_of",
    "plan",
    "playable",
    "portable_id",
    "question_of",
    "raw_arguments",
    "resume",
    "stored_entries",
    "stored_history",
    "stored_history_async",
    "stretch",
    "stretch_async",
    "suggestion",
    "tool_choice_of",
    "tool_inputs",
    "tool_name",
    "tool_specs",
    "unreadable",
]
