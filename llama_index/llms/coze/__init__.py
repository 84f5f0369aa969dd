"""The import that LlamaIndex users expect; the code lives in `llamaindex_coze`."""

from llamaindex_coze import Coze

__all__ = ["Coze"]
