"""Coze bots as LangChain chat models."""

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
