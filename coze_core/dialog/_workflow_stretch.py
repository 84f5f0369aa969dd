"""One stretch of a workflow's run, up to its end or to a question: blocking and awaiting."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from coze_core.dialog._workflow_tool import RunRecord, interrupt_of, progress_of, run_record

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient

_STREAM_SECONDS: Final = 600
_GOES_ON: Final = frozenset({"ext", "connector_id"})


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """A workflow to be run.

    Attributes:
        workflow_id: The workflow.
        parameters: Its inputs; files are uploaded.
        options: `bot_id`, `app_id`, `ext`, `workflow_version`, `connector_id`.
        max_seconds: How long it may take; more than ten minutes makes it asynchronous.
    """

    workflow_id: str
    parameters: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    max_seconds: float | None = None

    @property
    def is_long(self) -> bool:
        """Whether it may take longer than a stream can."""
        return self.max_seconds is not None and self.max_seconds > _STREAM_SECONDS

    def begin(self) -> dict[str, Any]:
        """Return the arguments that start it."""
        return {"workflow_id": self.workflow_id, "parameters": self.parameters, **self.options}

    def go_on(self, record: RunRecord, answer: object) -> dict[str, Any]:
        """Return the arguments that answer what it waits for."""
        kept = {key: value for key, value in self.options.items() if key in _GOES_ON}
        ids = {"workflow_id": self.workflow_id, "interrupt": interrupt_of(record)}
        return {**ids, "data": answer, **kept}


def stretch(
    client: CozeClient,
    call: WorkflowCall,
    *,
    after: tuple[RunRecord, object] | None = None,
    on_progress: Callable[[dict[str, Any]], None],
) -> RunRecord:
    """Run a workflow up to its end or to a question.

    Args:
        client: The client.
        call: The workflow.
        after: The run that waits and the answer, to go on with it; None to begin.
        on_progress: Told what the nodes give out.

    Raises:
        WorkflowFailedError: It failed.
        CozeError: The server refused.
    """
    workflows = client.workflows
    begin = call.begin() if after is None else call.go_on(*after)
    if call.is_long:
        run = workflows.run if after is None else workflows.resume
        return run_record(run(**begin, mode="async", max_seconds=call.max_seconds))
    stream = workflows.stream if after is None else workflows.stream_resume
    with stream(**begin, deadline=call.max_seconds) as events:
        for event in events:
            told = progress_of(call.workflow_id, event)
            if told is not None:
                on_progress(told)
    return run_record(events.run)


async def stretch_async(
    client: AsyncCozeClient,
    call: WorkflowCall,
    *,
    after: tuple[RunRecord, object] | None = None,
    on_progress: Callable[[dict[str, Any]], Awaitable[None]],
) -> RunRecord:
    """Run a workflow up to its end or to a question; see `stretch`."""
    workflows = client.workflows
    begin = call.begin() if after is None else call.go_on(*after)
    if call.is_long:
        run = workflows.run if after is None else workflows.resume
        return run_record(await run(**begin, mode="async", max_seconds=call.max_seconds))
    stream = workflows.stream if after is None else workflows.stream_resume
    async with (
        stream(**begin, deadline=call.max_seconds) as events,
        contextlib.aclosing(events.increments()) as increments,
    ):
        async for event in increments:
            told = progress_of(call.workflow_id, event)
            if told is not None:
                await on_progress(told)
    return run_record(events.run)
