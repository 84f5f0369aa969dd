"""Coze bots as LlamaIndex LLMs."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from coze_core import __version__
from llamaindex_coze.base import Coze
from llamaindex_coze.readers import CozeDatasetReader

if TYPE_CHECKING:
    from llamaindex_coze.events import CozeProgressEvent, CozeQuestionEvent
    from llamaindex_coze.retrievers import CozeWorkflowRetriever
    from llamaindex_coze.tools import CozeToolSpec

__all__ = [
    "Coze",
    "CozeDatasetReader",
    "CozeProgressEvent",
    "CozeQuestionEvent",
    "CozeToolSpec",
    "CozeWorkflowRetriever",
    "__version__",
]
# Those who only chat do not pay for these.
_PLACES: Final = {
    "CozeProgressEvent": "events",
    "CozeQuestionEvent": "events",
    "CozeToolSpec": "tools",
    "CozeWorkflowRetriever": "retrievers",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"llamaindex_coze.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
