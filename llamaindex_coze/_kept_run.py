"""Runs of workflows that wait for an answer, as an agent's store keeps them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from llama_index.core.workflow import Context, HumanResponseEvent

from coze_core.dialog import RunRecord, WorkflowQuestion
from llamaindex_coze.events import CozeQuestionEvent

_STORED_AS: Final = "coze_runs"


class KeptRun:
    """What an agent's store keeps of a run that waits."""

    def __init__(self, ctx: Context, tool: str, arguments: Mapping[str, Any]) -> None:
        said = json.dumps([tool, arguments, _work_item(ctx)], default=str, sort_keys=True)
        self._ctx = ctx
        self._key = hashlib.sha256(said.encode()).hexdigest()[:16]

    async def load(self) -> RunRecord | None:
        """Return what was kept, or None."""
        runs: dict[str, RunRecord] = await self._ctx.store.get(_STORED_AS, default={})
        return runs.get(self._key)

    async def save(self, record: RunRecord) -> None:
        """Keep a run."""
        runs = dict(await self._ctx.store.get(_STORED_AS, default={}))
        await self._ctx.store.set(_STORED_AS, {**runs, self._key: record})

    async def forget(self) -> None:
        """Keep it no longer."""
        runs = dict(await self._ctx.store.get(_STORED_AS, default={}))
        if runs.pop(self._key, None) is not None:
            await self._ctx.store.set(_STORED_AS, runs)

    async def ask(self, question: WorkflowQuestion, record: RunRecord) -> object:
        """Ask in the event stream, and return the answer when it has come."""
        waiter_id = f"coze:{self._key}:{(record['interrupt'] or {}).get('event_id')}"
        event = await self._ctx.wait_for_event(
            HumanResponseEvent,
            waiter_event=CozeQuestionEvent(
                prefix=question["text"], question=dict(question), waiter_id=waiter_id
            ),
            waiter_id=waiter_id,
            requirements={"waiter_id": waiter_id},
            timeout=None,
        )
        return event.response


def _work_item(ctx: Context) -> object:
    """Return which of the calls that run at once this is, as far as this version tells."""
    try:
        inside = ctx._require_internal(fn="wait_for_event")  # noqa: SLF001 - nothing public tells
        return inside._get_step_ctx(fn="wait_for_event").state.work_item_id  # noqa: SLF001
    except AttributeError:
        return None
