"""Coze bots as LlamaIndex LLMs."""

from coze_core import __version__
from llamaindex_coze.base import Coze
from llamaindex_coze.readers import CozeDatasetReader

__all__ = ["Coze", "CozeDatasetReader", "__version__"]
