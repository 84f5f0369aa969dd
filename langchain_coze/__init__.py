"""Coze bots as LangChain chat models."""

import importlib
from typing import TYPE_CHECKING, Any, Final

# First, and by itself: brought in by our own modules it costs a tenth more (see benchmarks).
import langchain_core.language_models.chat_models  # noqa: F401

from coze_core import __version__
from langchain_coze.chat_models import ChatCoze
from langchain_coze.questions import Question, answers_to, ask_user, needs_user, questions_of

if TYPE_CHECKING:
    from langchain_coze._bot_tool import CozeBotTool
    from langchain_coze._errors import CozeToolError
    from langchain_coze.loaders import CozeDatasetLoader
    from langchain_coze.retrievers import CozeWorkflowRetriever
    from langchain_coze.tools import CozeWorkflowTool

__all__ = [
    "ChatCoze",
    "CozeBotTool",
    "CozeDatasetLoader",
    "CozeToolError",
    "CozeWorkflowRetriever",
    "CozeWorkflowTool",
    "Question",
    "__version__",
    "answers_to",
    "ask_user",
    "needs_user",
    "questions_of",
]


# Those who only chat do not pay for these.
_PLACES: Final = {
    "CozeBotTool": "_bot_tool",
    "CozeDatasetLoader": "loaders",
    "CozeToolError": "_errors",
    "CozeWorkflowRetriever": "retrievers",
    "CozeWorkflowTool": "tools",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(importlib.import_module(f"langchain_coze.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
