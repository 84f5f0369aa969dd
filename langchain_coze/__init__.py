"""Coze bots as LangChain chat models."""

from typing import TYPE_CHECKING, Any

# First, and by itself: brought in by our own modules it costs a tenth more (see benchmarks).
import langchain_core.language_models.chat_models  # noqa: F401

from coze_core import __version__
from langchain_coze.chat_models import ChatCoze
from langchain_coze.questions import Question, answers_to, ask_user, needs_user, questions_of

if TYPE_CHECKING:
    from langchain_coze.loaders import CozeDatasetLoader

__all__ = [
    "ChatCoze",
    "CozeDatasetLoader",
    "Question",
    "__version__",
    "answers_to",
    "ask_user",
    "needs_user",
    "questions_of",
]


def __getattr__(name: str) -> Any:
    if name == "CozeDatasetLoader":  # those who only chat do not pay for it
        from langchain_coze.loaders import CozeDatasetLoader

        return CozeDatasetLoader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
