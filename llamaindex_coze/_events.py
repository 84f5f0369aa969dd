"""What the tools tell an agent while they run."""

from __future__ import annotations

from typing import Any

from llama_index.core.workflow import Event, HumanResponseEvent, InputRequiredEvent


class CozeProgressEvent(Event):
    """What a workflow's node, or a bot, gives out on the way.

    Attributes:
        tool: The tool's name.
        text: The piece.
        node: The node's name; `""` for a bot.
    """

    tool: str
    text: str
    node: str = ""


class CozeQuestionEvent(InputRequiredEvent):
    """A workflow of Coze wants to know something before it goes on.

    Answer with `handler.ctx.send_event(event.answer("Paris"))`.

    Attributes:
        prefix: The question.
        question: The question with its kind, and the JSON schema of what an input node asks for.
        waiter_id: Goes back with the answer.
    """

    prefix: str
    question: dict[str, Any]
    waiter_id: str

    def answer(self, answer: Any) -> HumanResponseEvent:
        """Return the event that answers: text, or the values of an input node by name."""
        given: dict[str, Any] = {"response": answer, "waiter_id": self.waiter_id}
        return HumanResponseEvent(**given)
