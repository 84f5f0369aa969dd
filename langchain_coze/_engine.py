"""What a model needs to work, imported when one is made: importing its class stays cheap.

Not later: the first call may be made on an event loop, which must not wait for files.
"""

from coze_core import AsyncCozeClient, CozeClient, CozeError
from coze_core.dialog import (
    Unlisted,
    converse,
    converse_async,
    stored_history,
    stored_history_async,
)
from langchain_coze._chunks import chunks_of, last_chunk, result_of
from langchain_coze._errors import translate
from langchain_coze._messages import entries_of
from langchain_coze._options import ask_of, bound_tools, check_settings
from langchain_coze._stored import stored_message
from langchain_coze._structured import structured

__all__ = [
    "AsyncCozeClient",
    "CozeClient",
    "CozeError",
    "Unlisted",
    "ask_of",
    "bound_tools",
    "check_settings",
    "chunks_of",
    "converse",
    "converse_async",
    "entries_of",
    "last_chunk",
    "result_of",
    "stored_history",
    "stored_history_async",
    "stored_message",
    "structured",
    "translate",
]
