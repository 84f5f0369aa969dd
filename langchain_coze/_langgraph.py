"""LangGraph, where it runs us: pauses that survive a restart, and news for `stream_mode="custom"`.

Only graphs need it, so it is no dependency of the package; a tool asks whether one runs it by what
is in its configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from langchain_core.runnables import RunnableConfig

from coze_core.dialog import addressed

_IN_A_GRAPH: Final = "__pregel_call"
CHECKPOINTER: Final = "__pregel_checkpointer"
_SCRATCHPAD: Final = "__pregel_scratchpad"  # of a node: the answers that have come so far
_RUNTIME: Final = "__pregel_runtime"
_GUARD: Final = threading.Lock()


def in_graph(config: RunnableConfig | None) -> bool:
    """Whether a graph runs us."""
    return _IN_A_GRAPH in (config or {}).get("configurable", {})


def can_pause(config: RunnableConfig | None) -> bool:
    """Whether a graph runs us that can be resumed: one without a checkpointer would just end."""
    found = (config or {}).get("configurable", {})
    return _IN_A_GRAPH in found and bool(found.get(CHECKPOINTER))


def thread_of(config: RunnableConfig | None) -> str | None:
    """Return the thread of the graph that runs us, or None."""
    found = (config or {}).get("configurable", {}).get("thread_id")
    return None if found is None else str(found)


def pad_of(config: RunnableConfig | None) -> object:
    """Return what a graph has made for this attempt of the node that calls us, or None."""
    return (config or {}).get("configurable", {}).get(_SCRATCHPAD) if in_graph(config) else None


def attempt_number(config: RunnableConfig) -> int:
    """Return which attempt of the node calls us; 0 where LangGraph does not tell."""
    runtime = config.get("configurable", {}).get(_RUNTIME)
    return int(getattr(getattr(runtime, "execution_info", None), "node_attempt", 0))


def interrupts() -> type[BaseException]:
    """Return the class of what pauses a graph."""
    from langgraph.errors import GraphInterrupt

    return GraphInterrupt


def ask(question: Mapping[str, Any]) -> Any:
    """Pause the graph until somebody resumes it with an answer.

    A node that makes several calls at once gives each answer to whoever asks next, and its calls
    ask in any order. So an answer that is addressed to another question is passed over, and one to
    ours may have been passed over by another call.

    Args:
        question: The question, with its id.
    """
    from langgraph.config import get_config
    from langgraph.errors import GraphInterrupt
    from langgraph.types import interrupt

    id = question["id"]
    with _GUARD:  # nothing waits in here; two at a time would mix up the places of the answers
        try:
            while True:
                given = interrupt(dict(question))
                answers = addressed(given)
                if answers is None:
                    return given
                if id in answers:
                    return answers[id]
        except GraphInterrupt:
            pad = get_config()["configurable"].get(_SCRATCHPAD)
            for given in getattr(pad, "resume", ()):
                answers = addressed(given) or {}
                if id in answers:
                    return answers[id]
            raise


def tell(news: Mapping[str, Any]) -> None:
    """Send news to those who stream the graph with `stream_mode="custom"`."""
    from langgraph.config import get_stream_writer

    get_stream_writer()(dict(news))
