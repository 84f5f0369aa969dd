"""Runs of workflows that wait for an answer, in the store of the agent that waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent

from coze_core.dialog import RunRecord

_RUNS: Final = "coze_runs"  # the place in the store
_MOST_ENDED: Final = 8  # that are kept for an answer which is given once more
_TURNS: Final[WeakValueDictionary[tuple[int, str], asyncio.Lock]] = WeakValueDictionary()


class KeptRun:
    """What an agent's store keeps of one call's run.

    An agent begins a call anew for each answer that comes, also for one that is given twice: then
    it may be at work two times at once. A run that has ended is kept for a while because of that.

    Args:
        ctx: The agent's context.
        tool: The tool's name.
        arguments: Those of the call.
    """

    def __init__(self, ctx: Context, tool: str, arguments: Mapping[str, Any]) -> None:
        item = _work_item(ctx)
        said = json.dumps([tool, arguments, item], default=str, sort_keys=True)
        self._ctx = ctx
        self._key = hashlib.sha256(said.encode()).hexdigest()[:16]
        self._told_apart = item is not None  # from a later call that is just the same

    async def load(self) -> RunRecord | None:
        """Return the run as far as it has come, or None."""
        runs: dict[str, RunRecord] = await self._ctx.store.get(_RUNS, default={})
        return runs.get(self._key)

    async def save(self, record: RunRecord) -> None:
        """Keep a run that waits."""
        # In one step: calls that run at once would write over what others have written meanwhile.
        await self._ctx.store.set(f"{_RUNS}.{self._key}", record)

    async def once(self, asked: RunRecord, go_on: Callable[[], Awaitable[RunRecord]]) -> RunRecord:
        """Go on with a run, unless that has been done.

        Args:
            asked: The run as it waits.
            go_on: How to go on.
        """
        event_id = _event_of(asked)
        key = (id(asyncio.get_running_loop()), str(event_id))
        turn = _TURNS.get(key)
        if turn is None:
            turn = _TURNS[key] = asyncio.Lock()
        async with turn:
            found = await self.load()
            if found is not None and _event_of(found) != event_id:
                return found
            record = await go_on()
            if found is not None:
                await self._step(record)
            return record

    async def _step(self, record: RunRecord) -> None:
        if record["interrupt"] is not None:
            await self.save(record)
            return
        async with self._ctx.store.edit_state() as state:
            runs = {key: each for key, each in (state.get(_RUNS) or {}).items() if key != self._key}
            ended = [key for key, each in runs.items() if each["interrupt"] is None]
            for key in ended[: len(ended) - _MOST_ENDED + 1]:
                del runs[key]
            state[_RUNS] = runs | ({self._key: record} if self._told_apart else {})

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
        return answered.response


def _event_of(record: RunRecord) -> object:
    return (record["interrupt"] or {}).get("event_id")


def _work_item(ctx: Context) -> object:
    """Return which of the calls that run at once this is, as far as this version tells."""
    try:
        inside = ctx._require_internal(fn="wait_for_event")  # noqa: SLF001 - nothing public tells
        return inside._get_step_ctx(fn="wait_for_event").state.work_item_id  # noqa: SLF001
    except AttributeError:
        return None
