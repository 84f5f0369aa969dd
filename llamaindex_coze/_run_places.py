"""The places that keep the run of a workflow while it waits for an answer."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

from llama_index.core.workflow import Context
from workflows.events import DictLikeModel

from coze_core.dialog import RunRecord
from llamaindex_coze._step import Step

_RUNS: Final = "coze_runs"  # the place in the store
_MOST_ENDED: Final = 8  # that are kept for an answer which is given once more
_SEEN: Final[WeakKeyDictionary[Any, dict[str, RunRecord]]] = WeakKeyDictionary()


class RunPlace(Protocol):
    """Keeps one call's run."""

    async def load(self) -> RunRecord | None:
        """Return the run as far as it has come, or None."""

    async def save(self, record: RunRecord) -> None:
        """Keep a run: one that waits, or one that has ended, until enough others have."""


def place_of(ctx: Context, step: Step | None, key: str, *, told_apart: bool) -> RunPlace:
    """Return the place for one call's run.

    Args:
        ctx: The context of the step that calls.
        step: The step; None outside of one.
        key: The call.
        told_apart: Whether the key is not that of a later call that is just the same.

    Raises:
        ValueError: There is none: nothing has been begun.
    """
    state: type = ctx.store.state_type  # that of the step's context, whatever it is declared as
    if issubclass(state, DictLikeModel):
        return _InStore(ctx, key, told_apart=told_apart)
    if step is None:
        raise ValueError(
            "ctx= is for a step of a workflow: only a step can wait for an answer. Call the tool "
            "inside of one, or without ctx= and with on_question= / 只有工作流的步骤才能等待回答："
            "请在步骤中调用该工具，或不传 ctx= 并传入 on_question="
        )
    return _InStep(ctx, step, key, told_apart=told_apart)


class _InStore:
    """In the state, where it takes any key; it is the same for all steps."""

    def __init__(self, ctx: Context, key: str, *, told_apart: bool) -> None:
        self._store = ctx.store
        self._key = key
        self._told_apart = told_apart

    async def load(self) -> RunRecord | None:
        runs: dict[str, RunRecord] = await self._store.get(_RUNS, default={})
        return runs.get(self._key)

    async def save(self, record: RunRecord) -> None:
        if record["interrupt"] is not None:
            # In one step: calls that run at once would write over what others have written.
            await self._store.set(f"{_RUNS}.{self._key}", record)
            return
        async with self._store.edit_state() as state:
            runs = dict(state.get(_RUNS) or {})
            _end(runs, self._key, record, told_apart=self._told_apart)
            state[_RUNS] = runs


class _InStep:
    """Beside a state that takes only its own fields: among what the step waits for.

    An answer that is given twice finds the step at work: what it has kept by then, it sees here.
    """

    def __init__(self, ctx: Context, step: Step, key: str, *, told_apart: bool) -> None:
        self._step = step
        self._key = key
        self._prefix = f"coze:{key}="
        self._told_apart = told_apart
        self._seen = _SEEN.setdefault(ctx.store, {})

    async def load(self) -> RunRecord | None:
        notes = self._step.waiters(self._prefix)
        kept = json.loads(notes[-1].removeprefix(self._prefix)) if notes else None
        return self._seen.get(self._key) or cast("RunRecord | None", kept)

    async def save(self, record: RunRecord) -> None:
        self._step.note(self._prefix + json.dumps(record, ensure_ascii=False))
        if record["interrupt"] is not None:
            self._seen[self._key] = record
        else:
            _end(self._seen, self._key, record, told_apart=self._told_apart)


def _end(
    runs: MutableMapping[str, RunRecord], key: str, record: RunRecord, *, told_apart: bool
) -> None:
    """Put a run that has ended behind the others, and forget the oldest of those that have."""
    runs.pop(key, None)
    ended = [each for each, run in runs.items() if run["interrupt"] is None]
    for each in ended[: len(ended) - _MOST_ENDED + 1]:
        del runs[each]
    runs.update({key: record} if told_apart else {})
