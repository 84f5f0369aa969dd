"""Runs of workflows that wait for an answer, kept by the agent or the workflow that waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, StopEvent

from coze_core.dialog import RunRecord
from llamaindex_coze._run_places import place_of
from llamaindex_coze._step import Step

_TURNS: Final[WeakValueDictionary[tuple[int, int, str], asyncio.Lock]] = WeakValueDictionary()
# Who in this process has gone on with an answer, by the store of the agent's run.
_TAKEN: Final[WeakKeyDictionary[Any, dict[str, int]]] = WeakKeyDictionary()


class KeptRun:
    """What is kept of one call's run.

    A step begins anew for each answer that comes, also for one that is given twice: then it may be
    at work two times at once. And it may call several tools: a run that has ended is kept as well.

    Args:
        ctx: The agent's context.
        tool: The tool's name.
        arguments: Those of the call.

    Raises:
        ValueError: There is no place to keep it.
    """

    def __init__(self, ctx: Context, tool: str, arguments: Mapping[str, Any]) -> None:
        self._ctx = ctx
        self._step = step = Step.here()
        item = step.work_item if step else None
        said = json.dumps([tool, arguments, item], default=str, sort_keys=True)
        self._key = key = hashlib.sha256(said.encode()).hexdigest()[:16]
        self._asked = ""
        self._taken = _TAKEN.setdefault(ctx.store, {})
        # With the work item, it is told apart from a later call that is just the same.
        self._place = place_of(ctx, step, key, told_apart=item is not None)

    async def begin(self, begin: Callable[[], Awaitable[RunRecord]]) -> RunRecord:
        """Return the run as far as it has come; begin it, if that has not been done.

        Args:
            begin: How to begin.
        """
        if self._step is not None:
            prefix = f"coze:{self._key}"
            takers = [self._taken.get(each) for each in self._step.answered(prefix)]
            if any(taker is not None and taker != self._step.number for taker in takers):
                await self._leave()
            for waiter_id in self._step.waiters(prefix):
                self._step.drop(waiter_id)
        async with self._turn("to begin"):
            record = await self._place.load()
            if record is None:
                record = await begin()
                if record["interrupt"] is not None:
                    await self._place.save(record)
            return record

    async def once(self, asked: RunRecord, go_on: Callable[[], Awaitable[RunRecord]]) -> RunRecord:
        """Go on with a run; where an earlier answer has done that, leave the step to that one.

        Args:
            asked: The run as it waits.
            go_on: How to go on.
        """
        async with self._turn("to go on"):
            found = await self._place.load()
            if found is not None and _event_of(found) != _event_of(asked):
                await self._leave()
            record = await go_on()
            await self._place.save(record)
            step = cast("Step", self._step)  # nothing else is ever answered
            self._taken[self._asked] = step.number
            step.note(self._asked)
        return record

    async def _leave(self) -> None:
        # Two that go on would give the agent two results of one call. Nobody sends this event to a
        # step: LlamaIndex ends this one without a result.
        await self._ctx.wait_for_event(StopEvent, waiter_id=f"coze:{self._key}:again", timeout=None)

    def _turn(self, what: str) -> asyncio.Lock:
        # The store is that of one run of the agent; others must not wait for each other.
        key = (id(asyncio.get_running_loop()), id(self._ctx.store), self._key + what)
        turn = _TURNS.get(key)
        if turn is None:
            turn = _TURNS[key] = asyncio.Lock()
        return turn

    async def ask(self, event: Callable[[str], InputRequiredEvent], question_id: str) -> Any:
        """Wait for an answer.

        Args:
            event: Makes the event that asks, given the id that the answer has to carry.
            question_id: The question.
        """
        waiter_id = f"coze:{self._key}:{question_id.removeprefix('coze:')}"
        answered = await self._ctx.wait_for_event(
            HumanResponseEvent,
            waiter_event=event(waiter_id),
            waiter_id=waiter_id,
            requirements={"waiter_id": waiter_id},
            timeout=None,
        )
        self._asked = waiter_id
        return answered.response


def _event_of(record: RunRecord) -> object:
    return (record["interrupt"] or {}).get("event_id")
