"""LangGraph, where it runs us: pauses that survive a restart, and news for `stream_mode="custom"`.

Only graphs need it, so it is no dependency of the package; a tool asks whether one runs it by what
is in its configuration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from langchain_core.runnables import RunnableConfig

T = TypeVar("T")
_IN_A_GRAPH: Final = "__pregel_call"


def in_graph(config: RunnableConfig | None) -> bool:
    """Whether a graph runs us, so that it can be paused."""
    return _IN_A_GRAPH in (config or {}).get("configurable", {})


def thread_of(config: RunnableConfig | None) -> str | None:
    """Return the thread of the graph that runs us, or None."""
    found = (config or {}).get("configurable", {}).get("thread_id")
    return None if found is None else str(found)


def once(name: str, work: Callable[[], T]) -> T:
    """Do something that must not be done again when the graph goes on after a pause.

    Its outcome is kept in the checkpoint, so it has to be plain data.

    Args:
        name: What it is called in the graph's news.
        work: What to do.
    """
    from langgraph.func import task

    # Its annotations lose the type of what it wraps.
    wrap: Any = task(name=name)
    kept: T = wrap(work)().result()
    return kept


async def once_async(name: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do something that must not be done again when the graph goes on after a pause."""
    from langgraph.func import task

    async def awaited() -> T:
        return await work()

    wrap: Any = task(name=name)
    kept: T = await wrap(awaited)()
    return kept


def ask(question: Mapping[str, Any]) -> Any:
    """Pause the graph until somebody resumes it with an answer."""
    from langgraph.types import interrupt

    return interrupt(dict(question))


def tell(news: Mapping[str, Any]) -> None:
    """Send news to those who stream the graph with `stream_mode="custom"`."""
    from langgraph.config import get_stream_writer

    get_stream_writer()(dict(news))
