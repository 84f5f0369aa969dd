"""Coze bots as LangChain chat models."""

# First, and by itself: brought in by our own modules it costs a tenth more (see benchmarks).
import langchain_core.language_models.chat_models  # noqa: F401

from coze_core import __version__
from langchain_coze.chat_models import ChatCoze
from langchain_coze.questions import Question, answers_to, ask_user, needs_user, questions_of

__all__ = [
    "ChatCoze",
    "Question",
    "__version__",
    "answers_to",
    "ask_user",
    "needs_user",
    "questions_of",
]
