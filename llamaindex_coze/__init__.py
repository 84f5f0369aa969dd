"""Coze bots as LlamaIndex LLMs."""

from coze_core import __version__
from llamaindex_coze.base import Coze

__all__ = ["Coze", "__version__"]
