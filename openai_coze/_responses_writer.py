"""Answers in the form of responses, whole and as they come; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from coze_core.dialog import CallPiece, Piece, Result
from openai_coze._chunks import data
from openai_coze._facts import facts_of, is_whole, usage_of
from openai_coze._items import Event, Items

# What a response repeats of its request.
_REPEATED: Final = (
    "instructions",
    "metadata",
    "previous_response_id",
    "reasoning",
    "temperature",
    "text",
    "top_p",
    "user",
)


class ResponseWriter:
    """Writes the events of one response.

    Args:
        body: The request.
        model: The model as the caller knows it.
        created: When it began, in seconds.
    """

    content_type: Final = "text/event-stream; charset=utf-8"

    def __init__(self, body: Mapping[str, Any], *, model: str, created: int) -> None:
        self.id = "resp_"
        self._body = body
        self._model = model
        self._created = created
        self._items = Items("")
        self._number = 0

    def identify(self, id: str) -> None:
        """Take the response's id, before anything is written.

        Args:
            id: The id.
        """
        self.id = id
        self._items = Items(id[-12:].replace("-", "").replace("_", ""))

    def begin(self) -> bytes:
        """Return what comes before the first piece."""
        response = self._response("in_progress")
        return self._events(
            {"type": f"response.{name}", "response": response}
            for name in ("created", "in_progress")
        )

    def pieces(self, pieces: Sequence[Piece]) -> bytes:
        """Return the events for what one read of the network has brought.

        Args:
            pieces: What it has brought.
        """
        return b"".join(self._events(events) for events in map(self._of, pieces))

    def _of(self, piece: Piece) -> Iterable[Event]:
        if isinstance(piece, CallPiece):
            yield from self._items.call(piece)
            return
        text, reasoning, _ = piece
        if reasoning:
            yield from self._items.add("reasoning", reasoning)
        if text:
            yield from self._items.add("text", text)

    def end(self, result: Result) -> bytes:
        """Return what comes after the last piece.

        Args:
            result: The whole answer.
        """
        last = self._events(self._items.close())
        response = self._ended(result)
        return last + self._events(
            [{"type": f"response.{response['status']}", "response": response}]
        )

    def failure(self, error: Mapping[str, Any]) -> bytes:
        """Return how a response ends that cannot go on.

        Args:
            error: The error, as it is told.
        """
        code = str(error.get("code") or error.get("type"))
        told = {"code": code, "message": error["message"]}
        failed = {**self._response("failed"), "error": told}
        # The second one is what clients raise.
        return self._events(
            [
                {"type": "response.failed", "response": failed},
                {"type": "error", **told, "param": error.get("param"), "error": dict(error)},
            ]
        )

    def whole(self, result: Result) -> dict[str, Any]:
        """Return a response that is not streamed.

        Args:
            result: The whole answer.
        """
        for kind, text in (("reasoning", result.reasoning), ("text", result.text)):
            if text or (kind == "text" and not result.calls):
                list(self._items.add(kind, text))
        list(self._items.close())
        for call in result.calls:
            list(self._items.call(call))
        return self._ended(result)

    def _ended(self, result: Result) -> dict[str, Any]:
        usage = usage_of(result)
        response = self._response("completed" if is_whole(result) else "incomplete")
        if not is_whole(result):
            response["incomplete_details"] = {"reason": "max_output_tokens"}  # as `length` in chats
        if usage is not None:
            # Coze tells no details; the clients' types want them all the same.
            response["usage"] = {
                "input_tokens": usage["prompt_tokens"],
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage["total_tokens"],
            }
        return {**response, "coze": facts_of(result)}

    def _response(self, status: str) -> dict[str, Any]:
        body = self._body
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": list(self._items.done),
            "parallel_tool_calls": True,
            "tool_choice": body.get("tool_choice") or "auto",
            "tools": body.get("tools") or [],
            "usage": None,
            **{name: body.get(name) for name in _REPEATED},
        }

    def _events(self, events: Iterable[Event]) -> bytes:
        found: list[bytes] = []
        for event in events:
            found.append(data({**event, "sequence_number": self._number}, event["type"]))
            self._number += 1
        return b"".join(found)
