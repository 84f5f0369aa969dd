"""LangGraph, where it runs us: pauses that survive a restart, and news for `stream_mode="custom"`.

Only graphs need it, so it is no dependency of the package; a tool asks whether one runs it by what
is in its configuration.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from langchain_core.runnables import RunnableConfig

T = TypeVar("T")
_IN_A_GRAPH: Final = "__pregel_call"
_CHECKPOINTER: Final = "__pregel_checkpointer"
_LOG: Final = logging.getLogger("langchain_coze")


def in_graph(config: RunnableConfig | None) -> bool:
    """Whether a graph runs us."""
    return _IN_A_GRAPH in (config or {}).get("configurable", {})


def can_pause(config: RunnableConfig | None) -> bool:
    """Whether a graph runs us that can be resumed: one without a checkpointer would just end."""
    found = (config or {}).get("configurable", {})
    return _IN_A_GRAPH in found and bool(found.get(_CHECKPOINTER))


def thread_of(config: RunnableConfig | None) -> str | None:
    """Return the thread of the graph that runs us, or None."""
    found = (config or {}).get("configurable", {}).get("thread_id")
    return None if found is None else str(found)


def once(name: str, about: object, work: Callable[[], T]) -> T:
    """Do something that must not be done again when the graph goes on after a pause.

    Its outcome is kept in the checkpoint, so it has to be plain data.

    Args:
        name: What it is called in the graph's news.
        about: What is done, as data: a node that makes several calls at once may do them in another
            order after a pause, and a graph counts the outcomes only.
        work: What to do.
    """
    from langgraph.func import task

    mark = _mark(name, about)

    def marked() -> tuple[str, T]:
        return mark, work()

    # Its annotations lose the type of what it wraps.
    wrap: Any = task(name=name)
    while True:
        whose, kept = wrap(marked)().result()
        if whose == mark:
            found: T = kept
            return found
        _not_ours(name)


async def once_async(name: str, about: object, work: Callable[[], Awaitable[T]]) -> T:
    """Do something that must not be done again when the graph goes on after a pause."""
    from langgraph.func import task

    mark = _mark(name, about)

    async def marked() -> tuple[str, T]:
        return mark, await work()

    wrap: Any = task(name=name)
    while True:
        whose, kept = await wrap(marked)()
        if whose == mark:
            found: T = kept
            return found
        _not_ours(name)


def _mark(name: str, about: object) -> str:
    said = json.dumps([name, about], default=repr, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _not_ours(name: str) -> None:
    _LOG.warning(
        "%s is called several times at once in one node of the graph, which mixes up what comes of "
        "it after a pause: it runs again; give each call a task of its own, as create_agent does",
        name,
    )


def ask(question: Mapping[str, Any]) -> Any:
    """Pause the graph until somebody resumes it with an answer."""
    from langgraph.types import interrupt

    return interrupt(dict(question))


def tell(news: Mapping[str, Any]) -> None:
    """Send news to those who stream the graph with `stream_mode="custom"`."""
    from langgraph.config import get_stream_writer

    get_stream_writer()(dict(news))
