"""What tools have done in a node of LangGraph that is run anew after a pause or by a retry.

It is kept beside the checkpoint, as what a node has written is, and goes with it. A `task` would
keep it too, but shows among the updates of the graph, where people expect what nodes have written.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from langchain_core.runnables import RunnableConfig

from langchain_coze import _langgraph as graph
from langchain_coze._attempts import Call, on_a_loop

T = TypeVar("T")
_CHANNEL: Final = "coze_kept"  # no graph has a channel of this name
_CHECKPOINTS: Final = "checkpoint_map"  # the ids of the checkpoints, by namespace
_TASK: Final = "__pregel_task_id"
_REFUSED: Final = (asyncio.InvalidStateError, NotImplementedError)  # by checkpointers that await


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
        checkpoints = found.get(_CHECKPOINTS, {})
        checkpoint_id = checkpoints.get(namespace)
        saver, task_id = found.get(graph.CHECKPOINTER), found.get(_TASK)
        if checkpoint_id is None or task_id is None or not hasattr(saver, "put_writes"):
            return None
        # The namespace of a task has the checkpoint of what has called it, and none of its own.
        owners = [owner for owner, each in checkpoints.items() if each == checkpoint_id]
        at = {
            "thread_id": found.get("thread_id"),
            "checkpoint_ns": min(owners, key=len),
            "checkpoint_id": checkpoint_id,
        }
        return cls(saver, {"configurable": at}, f"coze:{task_id}:")

    def outcomes(self, saved: Any) -> list[tuple[str, Any]]:
        writes = (saved.pending_writes if saved is not None else None) or ()
        return [(str(v[0]), v[1]) for tid, _, v in writes if str(tid).startswith(self.prefix)]

    def put(self, mark: str, number: int, outcome: object) -> tuple[Any, ...]:
        return self.config, [(_CHANNEL, [mark, outcome])], f"{self.prefix}{mark}:{number}"


def kept(call: Call | None, name: str, about: object, work: Callable[[], T]) -> T:
    """Do something that must not be done again when a node is run anew.

    Args:
        call: The call of a graph that does it, or None.
        name: The tool's name.
        about: What is done, as data: a node may make several calls at once, in another order
            after a pause.
        work: What to do; its outcome has to be plain data.

    Raises:
        RuntimeError: It must be kept, and cannot be.
    """
    if call is None:
        return work()
    attempt, on_loop = call.attempt, on_a_loop()
    if attempt.before is not None and not on_loop:
        attempt.before.quiet().result()
    shelf, mark = _Shelf.of(call.config), _mark(name, about)
    if shelf is not None:
        try:
            # On a loop, whoever holds the lock may need that loop.
            with nullcontext() if on_loop else attempt.run.reading:
                if on_loop or not attempt.run.read:
                    attempt.run.learn(shelf.outcomes(shelf.saver.get_tuple(shelf.config)))
        except _REFUSED:
            shelf = None
    _check(call, shelf)
    for found in attempt.take(mark):
        return cast("T", found)
    outcome = work()
    number = attempt.run.add(mark, outcome)
    if shelf is not None:
        shelf.saver.put_writes(*shelf.put(mark, number, outcome))
    return outcome


async def kept_async(
    call: Call | None, name: str, about: object, work: Callable[[], Awaitable[T]]
) -> T:
    """Do something that must not be done again; see `kept`."""
    if call is None:
        return await work()
    attempt = call.attempt
    if attempt.before is not None:
        await asyncio.wrap_future(attempt.before.quiet())
    shelf, mark = _Shelf.of(call.config), _mark(name, about)
    if shelf is not None:
        async with attempt.run.reading_async:
            if not attempt.run.read:
                saved = await shelf.saver.aget_tuple(shelf.config)
                attempt.run.learn(shelf.outcomes(saved))
    _check(call, shelf)
    for found in attempt.take(mark):
        return cast("T", found)
    outcome = await work()
    number = attempt.run.add(mark, outcome)
    if shelf is not None:
        await shelf.saver.aput_writes(*shelf.put(mark, number, outcome))
    return outcome


def _check(call: Call, shelf: _Shelf | None) -> None:
    if shelf is None and call.must_keep and graph.can_pause(call.config):
        raise RuntimeError(
            "nothing has been run: what this tool does could not be kept in the graph's "
            "checkpoint, and would be done twice after a pause. In an asynchronous node, use "
            "`await tool.ainvoke(...)`, and pass on the node's config unchanged / "
            "尚未运行：结果无法保存到 checkpoint，暂停后会重复执行。"
            "异步节点请用 await tool.ainvoke(...)，并原样传递 config"
        )


def _mark(name: str, about: object) -> str:
    """Return what tells the outcomes of one call from others."""
    said = json.dumps([name, about], default=repr, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
