"""A bot's answers as LangChain's chunks and messages; pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    InvalidToolCall,
    ToolCall,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from coze_core import Turn
from coze_core.dialog import CallPiece, Piece, Result, playable
from langchain_coze._fast import chunk_maker
from langchain_coze._names import BLOCKS, PROVIDER

_chunk: Final = chunk_maker(PROVIDER)


def chunks_of(pieces: Sequence[Piece]) -> list[ChatGenerationChunk]:
    """Return the chunks for what one read of the network has brought.

    Args:
        pieces: What it has brought.
    """
    chunks: list[ChatGenerationChunk] = []
    for piece in pieces:
        if isinstance(piece, CallPiece):
            chunks.append(_call_chunk(piece))
            continue
        text, reasoning, _ = piece
        if reasoning:
            chunks.append(_chunk("", {"reasoning_content": reasoning}))
        if text:
            chunks.append(_chunk(text, {}))
    return chunks


def last_chunk(result: Result) -> ChatGenerationChunk:
    """Return the chunk that ends an answer, with all that is known of it.

    Args:
        result: The whole answer.
    """
    chunk = _chunk("", _blocks(result.turn))
    chunk.generation_info = {"finish_reason": result.finish_reason}
    message = chunk.message
    if isinstance(message, AIMessageChunk):
        message.response_metadata = metadata_of(result)
        message.usage_metadata = usage_of(result)
        message.chunk_position = "last"
    return chunk


def result_of(result: Result) -> ChatResult:
    """Return a whole answer.

    Args:
        result: The answer.
    """
    calls = [_tool_call(call) for call in result.calls if call.error is None]
    broken = [_invalid_call(call) for call in result.calls if call.error is not None]
    reasoning = {"reasoning_content": result.reasoning} if result.reasoning else {}
    message = AIMessage(
        content=result.text,
        additional_kwargs={**reasoning, **_blocks(result.turn)},
        tool_calls=calls,
        invalid_tool_calls=broken,
        response_metadata=metadata_of(result),
        usage_metadata=usage_of(result),
    )
    info = {"finish_reason": result.finish_reason}
    return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])


def _call_chunk(call: CallPiece) -> ChatGenerationChunk:
    piece = ToolCallChunk(
        name=call.name, args=call.arguments, id=call.id, index=call.place, type="tool_call_chunk"
    )
    message = AIMessageChunk(
        content="", tool_call_chunks=[piece], response_metadata={"model_provider": PROVIDER}
    )
    return ChatGenerationChunk(message=message)


def _tool_call(call: CallPiece) -> ToolCall:
    return ToolCall(name=call.name, args=json.loads(call.arguments), id=call.id, type="tool_call")


def _invalid_call(call: CallPiece) -> InvalidToolCall:
    return InvalidToolCall(
        name=call.name,
        args=call.arguments,
        id=call.id,
        error=call.error,
        type="invalid_tool_call",
    )


def usage_of(result: Result) -> UsageMetadata | None:
    """Return the tokens spent, or None if the server has not said them.

    Args:
        result: The answer.
    """
    tokens = result.tokens
    if tokens is None:
        return None
    return UsageMetadata(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=tokens[2])


def metadata_of(result: Result) -> dict[str, Any]:
    """Return the facts that go with a whole answer, in plain JSON types.

    Args:
        result: The answer.
    """
    turn = result.turn
    coze = result.marker.dump()
    if result.questions:
        coze["questions"] = [{"id": q.id, "text": q.question} for q in result.questions]
    if turn.tool_activity:
        coze["tool_activity"] = [
            {"kind": item.kind, "name": item.name, "content": item.content}
            for item in turn.tool_activity
        ]
    if turn.created_at is not None:
        coze["created_at"] = turn.created_at
    if result.whole_text is not None:
        coze["answer"] = result.whole_text
    metadata: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": result.marker.bot_id,
        "finish_reason": result.finish_reason,
        "conversation_id": turn.conversation_id,
        "chat_id": turn.chat_id,
        "logid": turn.log_id,
        "coze": coze,
    }
    if turn.follow_ups:
        metadata["follow_ups"] = list(turn.follow_ups)
    return metadata


def _blocks(turn: Turn) -> dict[str, Any]:
    """Return the parts of an answer that are not text, as standard content blocks."""
    blocks: list[dict[str, Any]] = []
    for item in turn.attachments:
        known: dict[str, Any] = {key: item[key] for key in ("file_id", "url") if key in item}
        if "file_url" in item:
            known["url"] = item["file_url"]
        if item["type"] in {"image", "file", "audio"} and known:
            blocks.append({"type": item["type"], **known})
        else:
            blocks.append({"type": "non_standard", "value": dict(item)})
    cards = [{"type": "card", "content": card} for card in turn.cards]
    blocks += [{"type": "non_standard", "value": card} for card in cards]
    if turn.audio:
        content, media_type = playable(turn.audio)
        encoded = base64.b64encode(content).decode()
        blocks.append({"type": "audio", "base64": encoded, "mime_type": media_type})
    return {BLOCKS: blocks} if blocks else {}
