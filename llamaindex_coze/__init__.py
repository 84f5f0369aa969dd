"""Coze bots as LlamaIndex LLMs."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from coze_core import __version__
from llamaindex_coze.base import Coze
from llamaindex_coze.readers import CozeDatasetReader

if TYPE_CHECKING:
    from llamaindex_coze.tools import CozeProgressEvent, CozeQuestionEvent, CozeToolSpec

__all__ = [
    "Coze",
    "CozeDatasetReader",
    "CozeProgressEvent",
    "CozeQuestionEvent",
    "CozeToolSpec",
    "__version__",
]
_TOOLS: Final = frozenset({"CozeProgressEvent", "CozeQuestionEvent", "CozeToolSpec"})


def __getattr__(name: str) -> Any:
    if name in _TOOLS:  # those who only chat do not pay for agents
        return getattr(importlib.import_module("llamaindex_coze.tools"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
