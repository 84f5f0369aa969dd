"""A bot's answers as LlamaIndex's responses; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    ContentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from coze_core import Turn
from coze_core.dialog import CallPiece, Piece, Result, playable
from llamaindex_coze._fast import make_response


class ResponseMaker:
    """Makes the responses of one streamed answer; each has the message so far."""

    def __init__(self) -> None:
        self._text = ""
        self._reasoning = ""

    def responses(self, pieces: Sequence[Piece]) -> Iterator[ChatResponse]:
        """Return the responses for what one read of the network has brought.

        Args:
            pieces: What it has brought.
        """
        for piece in pieces:
            if isinstance(piece, CallPiece):
                continue  # all calls come with the last response, which is the one that is kept
            text, reasoning, _ = piece
            if reasoning:
                self._reasoning += reasoning
                yield ChatResponse(
                    message=self._message(),
                    delta="",
                    additional_kwargs={"thinking_delta": reasoning},
                )
            if text:
                self._text += text
                if self._reasoning:
                    yield ChatResponse(message=self._message(), delta=text)
                else:
                    yield make_response(self._text, text)

    def _message(self) -> ChatMessage:
        thought = ThinkingBlock(content=self._reasoning)
        blocks = [thought, TextBlock(text=self._text)]
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)


def response_of(result: Result) -> ChatResponse:
    """Return a whole answer; also the last response of a stream, which all consumers keep.

    Args:
        result: The answer.
    """
    usage = _usage(result)
    raw: dict[str, Any] = {"coze": _facts(result)}
    if usage:
        raw["usage"] = usage
    extra: dict[str, Any] = dict(usage)
    if result.turn.follow_ups:
        extra["follow_up"] = list(result.turn.follow_ups)
    return ChatResponse(message=_message(result), delta="", raw=raw, additional_kwargs=extra)


def _message(result: Result) -> ChatMessage:
    blocks: list[ContentBlock] = []
    if result.reasoning:
        blocks.append(ThinkingBlock(content=result.reasoning))
    blocks.append(TextBlock(text=result.text))
    blocks += [_call_block(call) for call in result.calls]
    blocks += _media(result.turn)
    kwargs: dict[str, Any] = {"coze": result.marker.dump()}
    if result.calls:
        kwargs["tool_calls"] = [_plain_call(call) for call in result.calls]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kwargs)


def _call_block(call: CallPiece) -> ToolCallBlock:
    arguments = json.loads(call.arguments) if call.error is None else call.arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def _plain_call(call: CallPiece) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _media(turn: Turn) -> list[ContentBlock]:
    blocks: list[ContentBlock] = [
        ImageBlock(url=item["file_url"])
        for item in turn.attachments
        if item.get("type") == "image" and item.get("file_url")
    ]
    if turn.audio:
        content, media_type = playable(turn.audio)
        blocks.append(AudioBlock(audio=content, format=media_type.partition("/")[2]))
    return blocks


def _usage(result: Result) -> dict[str, int]:
    """Return the tokens under the names that LlamaIndex counts; empty if they are not known."""
    tokens = result.tokens
    if tokens is None:
        return {}
    return {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": tokens[2]}


def _facts(result: Result) -> dict[str, Any]:
    turn = result.turn
    facts: dict[str, Any] = {
        "conversation_id": turn.conversation_id,
        "chat_id": turn.chat_id,
        "bot_id": result.marker.bot_id,
        "logid": turn.log_id,
        "finish_reason": result.finish_reason,
        "questions": [{"id": q.id, "text": q.question} for q in result.questions],
        "cards": list(turn.cards),
        "tool_activity": [
            {"kind": item.kind, "name": item.name, "content": item.content}
            for item in turn.tool_activity
        ],
        "answer": result.whole_text,
    }
    return {name: value for name, value in facts.items() if value}
