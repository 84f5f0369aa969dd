"""What is known of an answer besides its text; pure."""

from __future__ import annotations

import base64
from typing import Any, Final

from coze_core.dialog import Result, playable

# A question is a whole answer. What ended in any other way (cancelled by somebody, given up by the
# server) is not, and OpenAI has one word for answers that lack their end.
_REASONS: Final = {"tool_calls": "tool_calls", "stop": "stop", "question": "stop"}
_CUT: Final = "length"


def finish_reason(result: Result) -> str:
    """Return why an answer ended, in OpenAI's words; Coze's own stand in its facts."""
    return _REASONS.get(result.finish_reason, _CUT)


def is_whole(result: Result) -> bool:
    """Whether an answer has its end."""
    return finish_reason(result) != _CUT


def usage_of(result: Result) -> dict[str, int] | None:
    """Return the tokens spent, or None if the server has not said them."""
    tokens = result.tokens
    if tokens is None:
        return None
    return {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": tokens[2]}


def facts_of(result: Result) -> dict[str, Any]:
    """Return the extension `coze` of an answer.

    Put into the assistant's message as its field `coze`, it lets the next request go on in the
    conversation that Coze keeps.

    Args:
        result: The whole answer.
    """
    turn = result.turn
    facts: dict[str, Any] = {**result.marker.dump(), "finish_reason": result.finish_reason}
    others: dict[str, Any] = {
        "logid": turn.log_id,
        "follow_ups": list(turn.follow_ups),
        "questions": [{"id": q.id, "text": q.question} for q in result.questions],
        "tool_activity": [
            {"kind": item.kind, "name": item.name, "content": item.content}
            for item in turn.tool_activity
        ],
        "attachments": [dict(item) for item in turn.attachments],
        "cards": list(turn.cards),
        "answer": result.whole_text,
        "dropped_messages": result.dropped,
    }
    facts |= {name: value for name, value in others.items() if value}
    if turn.audio:
        content, media_type = playable(turn.audio)
        facts["audio"] = {"data": base64.b64encode(content).decode(), "media_type": media_type}
    return facts
