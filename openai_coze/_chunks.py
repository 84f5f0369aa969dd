"""Answers in the form of chat completions, whole and in pieces; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from coze_core.dialog import CallPiece, Piece, Result
from openai_coze._facts import facts_of, finish_reason, usage_of

_SLOT: Final = "\x00"
_text: Final = json.JSONEncoder(ensure_ascii=False).encode
DONE: Final = b"data: [DONE]\n\n"


def data(value: Mapping[str, Any], event: str = "") -> bytes:
    """Return one server-sent event.

    Args:
        value: What it holds.
        event: Its name, if it has one.
    """
    name = f"event: {event}\n" if event else ""
    text = json.dumps(value, ensure_ascii=False)
    return f"{name}data: {text}\n\n".encode("utf-8", "replace")


class ChunkWriter:
    """Writes the chunks of one answer.

    Args:
        id: The id of the answer.
        model: The model as the caller knows it.
        created: When it began, in seconds.
        with_usage: Whether the tokens are told at the end.
    """

    content_type: Final = "text/event-stream; charset=utf-8"

    def __init__(self, id: str, *, model: str, created: int, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._base: dict[str, Any] = {
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        # A token costs no more than the escaping of its text.
        self._before, self._after = self._template("content")
        self._before_thought, self._after_thought = self._template("reasoning_content")

    def _template(self, name: str) -> tuple[str, str]:
        before, _, after = data(self._chunk({name: _SLOT})).decode().partition(json.dumps(_SLOT))
        return before, after

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._with_usage else {}
        return {**self._base, "choices": [choice], **usage}

    def begin(self) -> bytes:
        """Return what comes before the first piece."""
        return data(self._chunk({"role": "assistant", "content": ""}))

    def pieces(self, pieces: Sequence[Piece]) -> bytes:
        """Return the chunks for what one read of the network has brought.

        Args:
            pieces: What it has brought.
        """
        found: list[str] = []
        for piece in pieces:
            if isinstance(piece, CallPiece):
                call = {"index": piece.place, **call_of(piece)}
                found.append(data(self._chunk({"tool_calls": [call]})).decode())
                continue
            text, reasoning, _ = piece
            if reasoning:
                found += (self._before_thought, _text(reasoning), self._after_thought)
            if text:
                found += (self._before, _text(text), self._after)
        return "".join(found).encode("utf-8", "replace")

    def end(self, result: Result) -> bytes:
        """Return what comes after the last piece.

        Args:
            result: The whole answer.
        """
        last = {**self._chunk({}, finish_reason(result)), "coze": facts_of(result)}
        found = data(last)
        usage = usage_of(result)
        if self._with_usage and usage is not None:
            found += data({**self._base, "choices": [], "usage": usage})
        return found + DONE

    def failure(self, error: Mapping[str, Any]) -> bytes:
        """Return how an answer ends that cannot go on.

        Args:
            error: The error, as it is told.
        """
        return data({"error": error})


def call_of(call: CallPiece) -> dict[str, Any]:
    """Return one call of a function.

    Args:
        call: The call; the arguments of a broken one are no JSON, so that nobody runs it.
    """
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def completion_of(result: Result, id: str, *, model: str, created: int) -> dict[str, Any]:
    """Return a whole answer.

    Args:
        result: The answer.
        id: Its id.
        model: The model as the caller knows it.
        created: When it began, in seconds.
    """
    calls = [call_of(call) for call in result.calls]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": result.text if result.text or not calls else None,
        "refusal": None,
    }
    if result.reasoning:
        message["reasoning_content"] = result.reasoning
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(result),
    }
    usage = usage_of(result)
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        **({"usage": usage} if usage is not None else {}),
        "coze": facts_of(result),
    }
