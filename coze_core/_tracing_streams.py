"""Streams whose spans last from their opening to their end, however that comes.

Nothing is done for single tokens: what each read from the network brings is looked at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from coze_core._call import Reply
from coze_core._errors import APITimeoutError, CozeError
from coze_core._flow import Flow
from coze_core._pump import Item, Pump, StreamPump
from coze_core._stream_request import StreamRequest
from coze_core._tracing_facts import Facts
from coze_core._tracing_operation import Operation, watched
from coze_core._tracing_tools import Tools
from coze_core._turn import Turn
from coze_core._turn_parts import Increment
from coze_core._workflow_events import WorkflowEvent, WorkflowMessage
from coze_core._workflow_pump import WorkflowPump
from coze_core._workflow_run import WorkflowRun


class _Watched(StreamPump[Item]):
    """What is watched of any stream; the pump itself stands behind this in the order of classes."""

    operation: Operation
    _deadline: float | None = None
    _spoken = False  # whether something has been said
    _over_at: int | None = None

    def _watch(self, operation: Operation, deadline: float | None) -> None:
        self.operation = operation
        self._deadline = deadline

    def opening(self, flow: Flow[Reply]) -> Flow[Reply]:
        if self._deadline is not None:
            self.operation.due(self._clock() + self._deadline, self._clock)
        return watched(flow, self.operation, self._opened)

    def _opened(self, reply: Reply) -> None:
        if reply.stream is None:
            self.operation.failed(reply.not_a_stream())

    def feed(self, block: bytes) -> list[Item]:
        return self._look(super().feed(block))  # type: ignore[safe-super]  # see the class

    def finish(self) -> list[Item]:
        return self._look(super().finish())  # type: ignore[safe-super]  # see the class

    def broken(self, error: CozeError, *, closed: bool = False) -> CozeError | None:
        told = super().broken(error, closed=closed)  # type: ignore[safe-super]  # see the class
        if told is not None and not closed:
            self._failed(told)
        return told

    def too_slow(self, seconds: float) -> APITimeoutError:
        error = super().too_slow(seconds)  # type: ignore[safe-super]  # see the class
        self._failed(error)
        return error

    def left(self) -> None:
        error = self.error or self.failure
        if error is not None:
            self._failed(error)
            return
        self._settle(time.time_ns())
        if self._whole():
            self.operation.returned(self._outcome(), at=self._over_at)
        else:
            self.operation.cancelled(self._outcome())

    def _failed(self, error: CozeError) -> None:
        self._settle(time.time_ns())
        self.operation.failed(error, self._outcome())

    def _look(self, taken: list[Item]) -> list[Item]:
        now = time.time_ns()
        if not self._spoken and any(map(self._says, taken)):
            self._spoken = True
            self.operation.first_token(now)
        self._notice(now)
        if self.over and self._over_at is None:
            self._over_at = now
        return taken

    def _settle(self, now: int) -> None:
        """Tell of what has begun and will not end."""

    def _says(self, item: Item) -> bool:
        """Whether something is said with it."""
        raise NotImplementedError

    def _notice(self, now: int) -> None:
        """Look for news other than text."""
        raise NotImplementedError

    def _outcome(self) -> Turn | WorkflowRun:
        """Return what has arrived."""
        raise NotImplementedError

    def _whole(self) -> bool:
        """Whether all that matters has come, even if it was not read to its end."""
        raise NotImplementedError


class WatchedPump(_Watched[Increment], Pump):
    """A chat's stream that is watched."""

    def __init__(
        self,
        request: StreamRequest,
        idle: float,
        clock: Callable[[], float],
        operation: Operation,
    ) -> None:
        super().__init__(request, idle, clock)
        self._watch(operation, request.deadline)
        self._tools = Tools(operation)

    def _says(self, item: Increment) -> bool:
        return bool(item.text or item.reasoning)

    def _notice(self, now: int) -> None:
        self._tools.look(self.turn, now)

    def _settle(self, now: int) -> None:
        self._tools.settle(self.turn, now)

    def _outcome(self) -> Turn:
        return self.turn

    def _whole(self) -> bool:
        return self.turn.finished or bool(self.turn.ended_by)


class WatchedWorkflowPump(_Watched[WorkflowEvent], WorkflowPump):
    """A workflow's stream that is watched."""

    def __init__(
        self,
        workflow_id: str,
        idle: float,
        clock: Callable[[], float],
        operation: Operation,
        deadline: float | None,
    ) -> None:
        super().__init__(workflow_id, idle, clock)
        self._watch(operation, deadline)
        self._nodes = 0  # that have been told of

    def _says(self, item: WorkflowEvent) -> bool:
        return isinstance(item, WorkflowMessage) and bool(item.content)

    def _notice(self, now: int) -> None:
        for node in self.run.nodes[self._nodes :]:
            about: Facts = {"coze.node.title": node.title, "coze.node.id": node.node_id}
            self.operation.event("coze.workflow.node", about, now)
        self._nodes = len(self.run.nodes)

    def _outcome(self) -> WorkflowRun:
        return self.run

    def _whole(self) -> bool:
        return self.run.over
