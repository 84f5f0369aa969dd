"""What a call needs, imported with the first one: that keeps the import of a model cheap."""

from coze_core import CozeError
from coze_core.dialog import converse, converse_async
from langchain_coze._chunks import chunks_of, last_chunk, result_of
from langchain_coze._errors import translate
from langchain_coze._messages import entries_of
from langchain_coze._options import ask_of, bound_tools
from langchain_coze._stored import aload_messages, load_messages
from langchain_coze._structured import structured

__all__ = [
    "CozeError",
    "aload_messages",
    "ask_of",
    "bound_tools",
    "chunks_of",
    "converse",
    "converse_async",
    "entries_of",
    "last_chunk",
    "load_messages",
    "result_of",
    "structured",
    "translate",
]
