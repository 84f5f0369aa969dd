"""LangGraph, where it runs us: pauses that survive a restart, and news for `stream_mode="custom"`.

Only graphs need it, so it is no dependency of the package; a tool asks whether one runs it by what
is in its configuration.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast

from langchain_core.runnables import RunnableConfig

from coze_core.dialog import addressed

T = TypeVar("T")
_IN_A_GRAPH: Final = "__pregel_call"
CHECKPOINTER: Final = "__pregel_checkpointer"
_SCRATCHPAD: Final = "__pregel_scratchpad"  # of a node: the answers that have come so far


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


def once(name: str, about: object, work: Callable[[], T]) -> T:
    """Do something that must not be done again, after a pause of the graph or by a retry.

    Its outcome is kept in the checkpoint, so it has to be plain data.

    Args:
        name: What it is called in the graph's news.
        about: What is done, as data: a graph only counts the outcomes of a node, which may make
            several calls at once, in another order after a pause.
        work: What to do.
    """
    from langgraph.func import task

    mark = mark_of(name, about)
    run = node()
    known = threading.Event()
    began = False

    def marked() -> tuple[str, T]:
        nonlocal began
        began = True
        known.set()
        return mark, work()

    # Its annotations lose the type of what it wraps.
    wrap: Any = task(name=name)
    with run.in_order:
        while not run.kept.get(mark):
            known.clear()
            future = wrap(marked)()
            future.add_done_callback(lambda _: known.set())
            known.wait()
            if began:  # nothing was kept
                break
            run.keep(*future.result())
        else:
            return cast("T", run.kept[mark].pop(0))
    return cast("T", run.done(*future.result()))


async def once_async(name: str, about: object, work: Callable[[], Awaitable[T]]) -> T:
    """Do something that must not be done again; see `once`."""
    from langgraph.func import task

    mark = mark_of(name, about)
    run = node()
    known = asyncio.Event()
    began = False

    async def marked() -> tuple[str, T]:
        nonlocal began
        began = True
        known.set()
        return mark, await work()

    wrap: Any = task(name=name)
    async with run.in_order_async:
        while not run.kept.get(mark):
            known.clear()
            future = wrap(marked)()
            future.add_done_callback(lambda _: known.set())
            await known.wait()
            if began:
                break
            run.keep(*await future)
        else:
            return cast("T", run.kept[mark].pop(0))
    return cast("T", run.done(*await future))


class Node:
    """One run of a node with its retries, for the calls that it makes at once.

    Attributes:
        counter: What counts its outcomes. A retry counts on, and so finds nothing of what it has
            done before; that is why it is kept here as well.
        kept: What earlier runs of it have kept and nobody has taken yet, by mark.
        in_order: Held while it is found out whether something was kept.
        in_order_async: The same, on an event loop.
        read: Whether what a checkpoint has kept beside the node's tasks is known.
        at_work: Calls on an event loop that have begun and would be cut off by a pause.
    """

    def __init__(self, counter: object) -> None:
        self.counter = counter
        self.kept: dict[str, list[Any]] = {}
        self.in_order = threading.Lock()
        self.in_order_async = asyncio.Lock()
        self._done: dict[str, list[Any]] = {}
        self._attempt: object = None
        self.read = False
        self.at_work: set[asyncio.Future[None]] = set()

    def begin(self, attempt: object) -> None:
        """Be told which attempt asks; a new one takes what those before it have done."""
        if attempt is not self._attempt:
            self._attempt = attempt
            self.kept = {mark: list(outcomes) for mark, outcomes in self._done.items()}

    def keep(self, mark: str, outcome: object) -> None:
        """Keep what somebody else has found, for whom it belongs to."""
        self.kept.setdefault(mark, []).append(outcome)
        self.done(mark, outcome)

    def count(self, mark: str) -> int:
        """Return how many outcomes of calls that are just the same are remembered."""
        return len(self._done.get(mark, ()))

    def done(self, mark: str, outcome: object) -> object:
        """Remember an outcome for further attempts, and return it."""
        self._done.setdefault(mark, []).append(outcome)
        return outcome


# By the ids of their counters, which they keep alive: an id is nobody else's meanwhile.
_NODES: Final[OrderedDict[int, Node]] = OrderedDict()
_MOST_NODES: Final = 256  # whose calls are still asked for, in all graphs of this process
_GUARD: Final = threading.Lock()


def node() -> Node:
    """Return the run of the node that calls us."""
    from langgraph.config import get_config

    pad = get_config()["configurable"].get(_SCRATCHPAD)
    counter = getattr(pad, "call_counter", pad)
    with _GUARD:
        found = _NODES.setdefault(id(counter), Node(counter))
        _NODES.move_to_end(id(counter))
        while len(_NODES) > _MOST_NODES:
            _NODES.popitem(last=False)
        found.begin(pad)
    return found


def mark_of(name: str, about: object) -> str:
    """Return what tells the outcomes of one call from others."""
    said = json.dumps([name, about], default=repr, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


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
