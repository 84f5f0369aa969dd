"""Streams of workflow runs, blocking and awaiting, side by side.

Leaving one early closes its connection; the API has no way to cancel a run (section 6.6).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._stream_request import StreamRequest
from coze_core._streams import AsyncEventStream, EventStream, StreamFlows
from coze_core._workflow_events import WorkflowEvent, WorkflowMessage
from coze_core._workflow_pump import WorkflowPump
from coze_core._workflow_run import WorkflowRun


class WorkflowStream(EventStream[WorkflowEvent]):
    """A workflow as it runs.

    Iterate over it for events, inside a `with` block or not; `run` has all that has arrived.

    Raises:
        WorkflowFailedError: While iterating, if the run fails.
        IncompleteStreamError: While iterating, if the stream is cut.
        APITimeoutError: While iterating, if the server is silent for too long.

    Example:
        >>> with client.workflows.stream(workflow_id="7389") as stream:  # doctest: +SKIP
        ...     for event in stream:
        ...         print(event)
    """

    def __init__(
        self, driver: SyncDriver, pump: WorkflowPump, request: StreamRequest, flows: StreamFlows
    ) -> None:
        super().__init__(driver, pump, request, flows)
        self._run = pump.run

    @property
    def run(self) -> WorkflowRun:
        """Everything that has arrived so far."""
        return self._run

    def __iter__(self) -> Iterator[WorkflowEvent]:
        return self.increments()

    def text(self) -> Iterator[str]:
        """Iterate over the pieces that nodes give out, but for the End node's."""
        for event in self.increments():
            if isinstance(event, WorkflowMessage) and event.content and not event.is_end:
                yield event.content

    def until_done(self) -> WorkflowRun:
        """Read all of the stream and return the run."""
        for _ in self.batches():
            continue
        return self.run


class AsyncWorkflowStream(AsyncEventStream[WorkflowEvent]):
    """A workflow as it runs.

    Iterate over it for events, inside an `async with` block or not; `run` has all that has
    arrived.

    Raises:
        WorkflowFailedError: While iterating, if the run fails.
        IncompleteStreamError: While iterating, if the stream is cut.
        APITimeoutError: While iterating, if the server is silent for too long.

    Example:
        >>> async with client.workflows.stream(workflow_id="7389") as stream:  # doctest: +SKIP
        ...     async for event in stream:
        ...         print(event)
    """

    def __init__(
        self, driver: AsyncDriver, pump: WorkflowPump, request: StreamRequest, flows: StreamFlows
    ) -> None:
        super().__init__(driver, pump, request, flows)
        self._run = pump.run

    @property
    def run(self) -> WorkflowRun:
        """Everything that has arrived so far."""
        return self._run

    def __aiter__(self) -> AsyncIterator[WorkflowEvent]:
        return self.increments()

    async def text(self) -> AsyncGenerator[str, None]:
        """Iterate over the pieces that nodes give out, but for the End node's."""
        async with contextlib.aclosing(self.increments()) as events:
            async for event in events:
                if isinstance(event, WorkflowMessage) and event.content and not event.is_end:
                    yield event.content

    async def until_done(self) -> WorkflowRun:
        """Read all of the stream and return the run."""
        async with contextlib.aclosing(self.batches()) as batches:
            async for _ in batches:
                continue
        return self.run
