"""What a workflow's stream asks about its blocks: which events they hold, and when it is over."""

from __future__ import annotations

from collections.abc import Callable

from coze_core._errors import (
    APIConnectionError,
    APITimeoutError,
    CozeError,
    IncompleteStreamError,
    ProtocolError,
)
from coze_core._mending import Mender, workflow_piece
from coze_core._pump import StreamPump
from coze_core._sse import SSEDecoder
from coze_core._workflow_events import WorkflowEvent, WorkflowPing, read_workflow_events
from coze_core._workflow_run import WorkflowRun


class WorkflowPump(StreamPump[WorkflowEvent]):
    """One workflow stream's decoder and run."""

    def __init__(self, workflow_id: str, idle: float, clock: Callable[[], float]) -> None:
        super().__init__(idle, clock)
        self.run = WorkflowRun(workflow_id)
        self._decoder = SSEDecoder()
        self._mender = Mender(workflow_piece)

    @property
    def log_id(self) -> str | None:
        """Coze's request id, or None before the stream is open."""
        return self.run.log_id

    @log_id.setter
    def log_id(self, value: str | None) -> None:
        self.run.log_id = value

    @property
    def error(self) -> CozeError | None:
        """Why the run has failed, by the server's word; or None."""
        return self.run.error

    def feed(self, block: bytes) -> list[WorkflowEvent]:
        """Take a block.

        Raises:
            ProtocolError: If the bytes are not the protocol.
            APITimeoutError: If there have been only heartbeats for too long.
        """
        taken: list[WorkflowEvent] = []
        try:
            for frame in self._mender.mend(self._decoder.feed(block)):
                taken += self._take(read_workflow_events([frame]))
                if self.run.error is not None:
                    break
        except ProtocolError as error:  # what came before it is handed out first
            self.failure = error
        if all(isinstance(event, WorkflowPing) for event in taken):
            self._no_news()
        else:
            self._quiet_since = None
        return taken

    def finish(self) -> list[WorkflowEvent]:
        """Say that the body has ended; if the run had not, `failure` says so."""
        taken: list[WorkflowEvent] = []
        try:
            frames = self._mender.mend(self._decoder.close()) + self._mender.finish()
            taken = self._take(read_workflow_events(frames))
        except ProtocolError as error:  # half an event: the stream was cut inside it
            self.failure = self.incomplete()
            self.failure.__cause__ = error
        if not self.run.over and self.failure is None:
            self.failure = self.incomplete()
        self.over = self.failure is None
        return taken

    def _take(self, events: list[WorkflowEvent]) -> list[WorkflowEvent]:
        taken: list[WorkflowEvent] = []
        for event in events:
            self.run.apply(event)
            if self.run.over:  # what stands behind it in the same block is taken as well
                self.over = True
            if self.run.error is not None:
                break
            taken.append(event)
        return taken

    def broken(self, error: CozeError, *, closed: bool = False) -> CozeError | None:
        """Return what to raise for an error that ended the reading; None if nothing was lost."""
        self.over = True
        if self.run.over and self.run.error is None and isinstance(error, APIConnectionError):
            return None
        cut = isinstance(error, APIConnectionError) and not isinstance(
            error, APITimeoutError | IncompleteStreamError
        )
        if closed or cut:
            error = self.incomplete("it was closed" if closed else str(error.message))
        self.identify(error)
        return error

    def identify(self, error: CozeError) -> None:
        """Give an error the log id and the run, and take the token out of it."""
        error.log_id = error.log_id or self.run.log_id
        if isinstance(error, APIConnectionError):
            error.run = self.run
        error.hide(self.secret)

    def incomplete(self, cause: str = "") -> IncompleteStreamError:
        """Return the error for a stream that was cut."""
        error = IncompleteStreamError(
            "the stream ended before the workflow did" + (f": {cause}" if cause else ""),
            hint_en="What arrived is in .run; the workflow may go on, and has done what it did.",
            hint_zh="已收到的内容在 .run 中；工作流可能仍在执行，已执行的节点不会回滚。",
        )
        self.identify(error)
        return error

    def too_slow(self, seconds: float) -> APITimeoutError:
        """Return the error for a stream that took longer than its deadline."""
        error = APITimeoutError(
            f"the workflow was not over after {seconds:g} seconds",
            hint_en="Raise deadline=, or run it asynchronously with mode='async'.",
            hint_zh="请调大 deadline=，或使用 mode='async' 异步运行。",
        )
        self.identify(error)
        return error
