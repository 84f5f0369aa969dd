"""The items of a response, each opened, filled and closed with the events that OpenAI has; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coze_core.dialog import CallPiece

Event = dict[str, Any]


class Items:
    """The output of a response as it grows.

    Args:
        unique: What tells its items from those of others.

    Attributes:
        done: The items that are whole.
    """

    def __init__(self, unique: str) -> None:
        self.done: list[dict[str, Any]] = []
        self._unique = unique
        self._kind = ""
        self._texts: list[str] = []

    @property
    def _place(self) -> dict[str, Any]:
        prefix = {"text": "msg", "reasoning": "rs", "call": "fc"}[self._kind]
        index = len(self.done)
        return {"item_id": f"{prefix}_{self._unique}{index}", "output_index": index}

    # -- text and reasoning

    def add(self, kind: str, text: str) -> Iterator[Event]:
        """Add a piece of text or of reasoning.

        Args:
            kind: `text` or `reasoning`.
            text: The piece.
        """
        if self._kind != kind:
            yield from self.close()
            self._kind = kind
            yield from self._open()
        self._texts.append(text)
        if kind == "text":
            yield self._event("output_text.delta", content_index=0, delta=text, logprobs=[])
        else:
            yield self._event("reasoning_summary_text.delta", summary_index=0, delta=text)

    def _open(self) -> Iterator[Event]:
        yield self._added(self._item("in_progress", []))
        if self._kind == "text":
            yield self._event("content_part.added", content_index=0, part=_output_text(""))
        else:
            yield self._event("reasoning_summary_part.added", summary_index=0, part=_summary(""))

    def close(self) -> Iterator[Event]:
        """End the item that is being filled, if there is one."""
        if not self._kind:
            return
        text = "".join(self._texts)
        if self._kind == "text":
            part = _output_text(text)
            yield self._event("output_text.done", content_index=0, text=text, logprobs=[])
            yield self._event("content_part.done", content_index=0, part=part)
        else:
            part = _summary(text)
            yield self._event("reasoning_summary_text.done", summary_index=0, text=text)
            yield self._event("reasoning_summary_part.done", summary_index=0, part=part)
        yield from self._finish(self._item("completed", [part]))

    def _item(self, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
        id = self._place["item_id"]
        if self._kind == "text":
            fixed = {"type": "message", "role": "assistant"}
            return {"id": id, **fixed, "status": status, "content": parts}
        return {"id": id, "type": "reasoning", "summary": parts}

    # -- calls

    def call(self, call: CallPiece) -> Iterator[Event]:
        """Add a whole call.

        Args:
            call: The call.
        """
        yield from self.close()
        self._kind = "call"
        item = {
            "id": self._place["item_id"],
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
        }
        yield self._added({**item, "arguments": "", "status": "in_progress"})
        yield self._event("function_call_arguments.delta", delta=call.arguments)
        yield self._event("function_call_arguments.done", name=call.name, arguments=call.arguments)
        yield from self._finish({**item, "arguments": call.arguments, "status": "completed"})

    # -- events

    def _event(self, kind: str, /, **fields: Any) -> Event:
        return {"type": f"response.{kind}", **self._place, **fields}

    def _added(self, item: dict[str, Any]) -> Event:
        index = self._place["output_index"]
        return {"type": "response.output_item.added", "output_index": index, "item": item}

    def _finish(self, item: dict[str, Any]) -> Iterator[Event]:
        index = self._place["output_index"]
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
        self.done.append(item)
        self._kind = ""
        self._texts = []


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
