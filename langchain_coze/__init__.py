"""Coze bots as LangChain chat models."""

from coze_core import __version__
from langchain_coze.chat_models import ChatCoze

__all__ = ["ChatCoze", "__version__"]
