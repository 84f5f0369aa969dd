"""What bots have said in a node of LangGraph that is run anew after a pause.

It is kept beside the checkpoint, as what a node has written is, and goes with it. A `task` would
keep it too, but shows among the updates of the graph, where people expect what nodes have written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from langchain_core.runnables import RunnableConfig

from langchain_coze import _langgraph as graph

T = TypeVar("T")
_CHANNEL: Final = "coze_kept"  # no graph has a channel of this name
_CHECKPOINTS: Final = "checkpoint_map"  # the ids of the checkpoints, by namespace
_TASK: Final = "__pregel_task_id"


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The place of one node's run in a checkpoint."""

    saver: Any
    config: RunnableConfig
    prefix: str

    @classmethod
    def of(cls, config: RunnableConfig) -> _Shelf | None:
        found = config.get("configurable", {})
        namespace = str(found.get("checkpoint_ns", "")).rpartition("|")[0]
        checkpoint_id = found.get(_CHECKPOINTS, {}).get(namespace)
        saver, task_id = found.get(graph.CHECKPOINTER), found.get(_TASK)
        if checkpoint_id is None or task_id is None or not hasattr(saver, "put_writes"):
            return None
        at = {
            "thread_id": found.get("thread_id"),
            "checkpoint_ns": namespace,
            "checkpoint_id": checkpoint_id,
        }
        return cls(saver, {"configurable": at}, f"coze:{task_id}:")

    def outcomes(self, saved: Any) -> list[tuple[str, Any]]:
        writes = (saved.pending_writes if saved is not None else None) or ()
        return [(str(v[0]), v[1]) for tid, _, v in writes if str(tid).startswith(self.prefix)]

    def put(self, node: graph.Node, mark: str, outcome: object) -> tuple[Any, ...]:
        number = node.count(mark)  # calls may be just the same
        return self.config, [(_CHANNEL, [mark, outcome])], f"{self.prefix}{mark}:{number}"


def kept(name: str, about: object, config: RunnableConfig, work: Callable[[], T]) -> T:
    """Do something that need not be done again when a node is run anew after a pause.

    Args:
        name: The tool's name.
        about: What is done, as data.
        config: That of the call.
        work: What to do; its outcome has to be plain data.
    """
    shelf = _Shelf.of(config) if graph.can_pause(config) and not _on_a_loop() else None
    if shelf is None:
        return work()
    node, mark = graph.node(), graph.mark_of(name, about)
    with node.in_order:
        if not node.read:
            for each in shelf.outcomes(shelf.saver.get_tuple(shelf.config)):
                node.keep(*each)
            node.read = True
        if node.kept.get(mark):
            return cast("T", node.kept[mark].pop(0))
    outcome = work()
    with node.in_order:
        node.done(mark, outcome)
        shelf.saver.put_writes(*shelf.put(node, mark, outcome))
    return outcome


async def kept_async(
    name: str, about: object, config: RunnableConfig, work: Callable[[], Awaitable[T]]
) -> T:
    """Do something that need not be done again; see `kept`."""
    shelf = _Shelf.of(config) if graph.can_pause(config) else None
    if shelf is None:
        return await work()
    node, mark = graph.node(), graph.mark_of(name, about)
    at_work = asyncio.get_running_loop().create_future()
    node.at_work.add(at_work)
    try:
        async with node.in_order_async:
            if not node.read:
                for each in shelf.outcomes(await shelf.saver.aget_tuple(shelf.config)):
                    node.keep(*each)
                node.read = True
            if node.kept.get(mark):
                return cast("T", node.kept[mark].pop(0))
        outcome = await work()
        async with node.in_order_async:
            node.done(mark, outcome)
            await shelf.saver.aput_writes(*shelf.put(node, mark, outcome))
        return outcome
    finally:
        node.at_work.discard(at_work)
        at_work.cancel()


async def finished() -> None:
    """Wait for those that the same node has begun, which a pause of the graph would cut off."""
    others = graph.node().at_work
    if others:
        await asyncio.wait(others)


def _on_a_loop() -> bool:
    """Whether we block an event loop, where checkpointers that await refuse to be called."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
