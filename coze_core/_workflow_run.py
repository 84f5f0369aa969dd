"""A run of a workflow: what all its events come to, or what one reply says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from coze_core._call import Reply
from coze_core._characters import whole_json
from coze_core._codes import workflow_failed_error
from coze_core._errors import WorkflowFailedError
from coze_core._models import Usage
from coze_core._values import whole_number
from coze_core._workflow_events import (
    WorkflowDone,
    WorkflowErrorEvent,
    WorkflowEvent,
    WorkflowInterrupted,
    WorkflowMessage,
)
from coze_core._workflow_models import Interrupt, WorkflowExecution

RunStatus: TypeAlias = Literal["running", "completed", "interrupted", "failed"]


class NodeText:
    """What one node gave out.

    Attributes:
        title: The node's name.
        text: All of its pieces.
        finished: Whether it has said everything.
    """

    __slots__ = ("_pieces", "finished", "is_end", "node_id", "title", "uuid")

    def __init__(self, message: WorkflowMessage) -> None:
        self.title = message.node_title
        self.node_id = message.node_id
        self.uuid = message.node_execute_uuid
        self.is_end = message.is_end
        self.finished = False
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """All of its pieces."""
        if len(self._pieces) > 1:
            self._pieces[:] = ["".join(self._pieces)]  # joined once, however often it is read
        return "".join(self._pieces)

    @property
    def source(self) -> tuple[str, str, str]:
        """Which execution of which node this is, as far as the server tells."""
        return self.title, self.node_id, self.uuid

    def takes(self, message: WorkflowMessage) -> bool:
        """Whether a piece goes on with this output."""
        same = self.source == _source(message)
        return same and not self.finished and (message.position != 0 or not self._pieces)

    def add(self, message: WorkflowMessage) -> None:
        """Take a piece."""
        self._pieces.append(message.content)
        self.finished = message.finished
        self.is_end = self.is_end or message.is_end

    def __repr__(self) -> str:
        return f"NodeText({self.title!r}, {self.text[:80]!r})"


class WorkflowRun:
    """One run of a workflow.

    Attributes:
        workflow_id: The workflow.
        status: `running`, `completed`, `interrupted` or `failed`.
        nodes: What each node gave out, in order.
        interrupt: Why it waits, or None.
        execute_id: Its id, where it is known.
        debug_url: A page that shows what each node did; good for a week.
        usage: Tokens spent; None if unknown.
        error: Why it failed, or None.
        log_id: Coze's request id, or None.
        trimmed: Whether the server has cut the output because of its size.
    """

    def __init__(self, workflow_id: str = "", log_id: str | None = None) -> None:
        self.workflow_id = workflow_id
        self.log_id = log_id
        self.status: RunStatus = "running"
        self.nodes: list[NodeText] = []
        self._output = ""
        self._end: NodeText | None = None
        self._open: dict[tuple[str, str, str], NodeText] = {}  # that have not said everything
        self.interrupt: Interrupt | None = None
        self.execute_id = ""
        self.debug_url = ""
        self.usage: Usage | None = None
        self.error: WorkflowFailedError | None = None
        self.trimmed = False
        self.over = False  # nothing more will come by itself

    def __repr__(self) -> str:
        return f"WorkflowRun({self.workflow_id!r}, {self.status!r}, output={self.output[:80]!r})"

    @property
    def output(self) -> str:
        """What the End node gave, as text; `""` until then."""
        return self._end.text if self._end is not None else self._output

    @output.setter
    def output(self, value: str) -> None:
        self._end, self._output = None, value

    @property
    def value(self) -> Any:
        """The output as data: JSON decoded, or the text where it is none."""
        return decoded(self.output)

    @property
    def text(self) -> str:
        """The output as text for people: a single text value without its wrapping."""
        value = self.value
        if isinstance(value, Mapping) and len(value) == 1:
            [only] = value.values()
            if isinstance(only, str):
                return only
        return self.output

    # -- from a stream

    def apply(self, event: WorkflowEvent) -> None:
        """Take in an event."""
        if isinstance(event, WorkflowMessage):
            self._message(event)
        elif isinstance(event, WorkflowInterrupted):
            interrupt = event.interrupt
            if not interrupt.question and self.nodes:
                interrupt.question = self.nodes[-1].text
            # Should two nodes wait, the second asks again once the first has its answer.
            self.interrupt = self.interrupt or interrupt
            self.status, self.over = "interrupted", True
        elif isinstance(event, WorkflowErrorEvent):
            self.debug_url = str(event.fields.get("debug_url") or self.debug_url)
            self.fail(event.code, event.message)
        elif isinstance(event, WorkflowDone):
            self.debug_url = str(event.fields.get("debug_url") or self.debug_url)
            self.over = True
            if self.status == "running":
                self.status = "completed"
                self._settle_output()
        self.execute_id = str(event.fields.get("execute_id") or self.execute_id)

    def _message(self, message: WorkflowMessage) -> None:
        source = _source(message)
        node = self._open.get(source)  # nodes that run beside each other take turns
        if node is None or not node.takes(message):
            node = self._open[source] = NodeText(message)
            self.nodes.append(node)
        node.add(message)
        if node.finished:
            del self._open[source]
        if node.is_end:
            self._end = node
        self.usage = message.usage or self.usage
        if self.status == "completed":  # said behind its end
            self._settle_output()

    def _settle_output(self) -> None:
        """Without a recognisable End node the last thing said is the output."""
        if not any(node.is_end for node in self.nodes) and self.nodes:
            self.output = self.nodes[-1].text

    # -- from one reply

    @classmethod
    def from_reply(cls, workflow_id: str, reply: Reply) -> WorkflowRun:
        """Return the run that a reply tells of; there everything is at the top level."""
        payload = reply.payload
        body: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}
        run = cls(workflow_id, reply.log_id)
        run.execute_id = str(body.get("execute_id") or "")
        run.debug_url = str(body.get("debug_url") or "")
        run.usage = _usage(body.get("usage"))
        data = body.get("data")
        run.output = data if isinstance(data, str) else "" if data is None else json.dumps(data)
        waiting = body.get("interrupt_data")
        if isinstance(waiting, Mapping) and waiting.get("event_id"):
            run.interrupt, run.status = Interrupt.model_validate(waiting), "interrupted"
        elif data is not None or not run.execute_id:
            run.status = "completed"  # one that was started only has an id and no data
        run.over = run.status != "running"
        return run

    @classmethod
    def from_execution(cls, workflow_id: str, execution: WorkflowExecution) -> WorkflowRun:
        """Return the run that the server has kept."""
        run = cls(workflow_id, execution.logid or execution.log_id)
        run.execute_id, run.debug_url = execution.execute_id, execution.debug_url
        run.usage, run.trimmed = execution.usage, execution.is_output_trimmed
        wrapped = decoded(execution.output)
        inner = wrapped.get("Output") if isinstance(wrapped, Mapping) else None
        run.output = inner if isinstance(inner, str) else execution.output
        status = execution.execute_status.lower()
        if execution.interrupt is not None:
            run.interrupt, run.status = execution.interrupt, "interrupted"
        elif status == "fail":
            run.fail(whole_number(execution.error_code), execution.error_message)
        elif status == "success":
            run.status = "completed"
        run.over = run.status != "running"
        return run

    def fail(self, code: int | None, message: str) -> None:
        """Say that the run has failed."""
        self.status, self.over = "failed", True
        self.error = workflow_failed_error(code, message, log_id=self.log_id)
        self.error.run = self


def _source(message: WorkflowMessage) -> tuple[str, str, str]:
    return message.node_title, message.node_id, message.node_execute_uuid


def decoded(text: str) -> Any:
    """Return JSON as data; text that is none stays text."""
    try:
        return json.loads(whole_json(text)[0])
    except (ValueError, RecursionError):
        return text


def _usage(value: object) -> Usage | None:
    try:
        return Usage.model_validate(value) if isinstance(value, Mapping) and value else None
    except ValidationError:
        return None
