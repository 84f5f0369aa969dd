"""What a bot does with its own tools, on the server: a span for each, below that of the chat."""

from __future__ import annotations

from collections import deque
from typing import Final

from coze_core import _tracing_facts as facts
from coze_core._tracing_operation import Operation
from coze_core._turn import Turn
from coze_core._turn_parts import ToolActivity

_KNOWLEDGE: Final = "coze.knowledge_recall"
_PENDING: Final = "coze.tool_call"


class Tools:
    """The tools of one chat that is streamed.

    A response does not say which call it answers, so calls are answered in their order.
    """

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._activities = 0  # that have been looked at
        self._recalled = 0
        self._running: deque[tuple[ToolActivity, int]] = deque()

    def look(self, turn: Turn, now: int) -> None:
        """Take in what is new."""
        for activity in turn.tool_activity[self._activities :]:
            if activity.kind == "call":
                self._running.append((activity, now))
            elif self._running:
                call, begun = self._running.popleft()
                self._tell(call, begun, now, activity.content)
            else:  # the output of a call of an earlier stream
                self._operation.event("coze.tool_response", self._result(activity.content), now)
        self._activities = len(turn.tool_activity)
        for content in turn.knowledge[self._recalled :]:
            told: facts.Facts = {"coze.knowledge": content} if self._operation.content else {}
            self._operation.event(_KNOWLEDGE, told, now)
        self._recalled = len(turn.knowledge)

    def settle(self, turn: Turn, now: int) -> None:
        """Take in that nothing more will come."""
        if turn.status != "requires_action":
            for call, begun in self._running:
                self._tell(call, begun, now, "")
        # Else they are the very calls that the caller is asked to make.
        self._running.clear()
        _tell_pending(self._operation, turn)

    def _tell(self, call: ToolActivity, begun: int, ended: int, output: str) -> None:
        about = {**of_activity(call, content=self._operation.content), **self._result(output)}
        self._operation.child(f"execute_tool {call.name}".rstrip(), about, begun, ended)

    def _result(self, output: str) -> facts.Facts:
        return {facts.TOOL_RESULT: output} if output and self._operation.content else {}


def of_activity(call: ToolActivity, *, content: bool) -> facts.Facts:
    """Return what a call of one of the bot's own tools says."""
    found: facts.Facts = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.provider.name": "coze",
        facts.TOOL_NAME: call.name,
        "gen_ai.tool.type": "extension",
        "coze.message.id": call.message_id,
    }
    return {**found, "gen_ai.tool.call.arguments": call.content} if content else found


def tell_afterwards(operation: Operation, turn: Turn) -> None:
    """Tell of the tools of a chat that was polled: nothing is known of their times."""
    for activity in turn.tool_activity:
        if activity.kind == "call":
            about = of_activity(activity, content=operation.content)
            operation.event("execute_tool", about)
    for content in turn.knowledge:
        operation.event(_KNOWLEDGE, {"coze.knowledge": content} if operation.content else {})
    _tell_pending(operation, turn)


def _tell_pending(operation: Operation, turn: Turn) -> None:
    for call in turn.tool_calls:
        operation.event(_PENDING, facts.of_pending(call))
