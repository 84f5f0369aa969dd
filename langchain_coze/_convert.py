"""Between LangChain's messages and ours; pure."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from coze_core import Increment, Turn
from coze_core import ToolCall as CozeToolCall
from coze_core.dialog import CallEntry, Entry, StopMatcher

PROVIDER: Final = "coze"
_LOG: Final = logging.getLogger("langchain_coze")
_IGNORED_BLOCKS: Final = frozenset(
    {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "tool_call_chunk"}
)
_TEXT_BLOCKS: Final = frozenset({"text", "text-plain"})
_ROLES: Final = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant"}
_FINISH: Final = {"completed": "stop", "requires_action": "tool_calls"}


def entries_of(messages: Sequence[BaseMessage]) -> list[Entry]:
    """Return a history as the planner takes it.

    Raises:
        ValueError: A message or a content block that cannot be sent.
    """
    return [_entry(message) for message in messages]


def _entry(message: BaseMessage) -> Entry:
    text = text_of(message)
    if isinstance(message, HumanMessage):
        return Entry("user", text)
    if isinstance(message, SystemMessage):
        return Entry("system", text)
    if isinstance(message, AIMessage):
        calls = tuple(
            CallEntry(call["id"] or "", call["name"], json.dumps(call["args"], ensure_ascii=False))
            for call in message.tool_calls
        )
        return Entry("assistant", text, message.response_metadata.get("coze"), calls)
    if isinstance(message, ToolMessage):
        if message.status == "error":
            text = f"error: {text}"
        return Entry("tool", text, tool_call_id=message.tool_call_id)
    if isinstance(message, ChatMessage):
        role = message.role.lower()
        if role == "system":
            return Entry("system", text)
        if role in _ROLES:
            return Entry("user" if _ROLES[role] == "user" else "assistant", text)
    raise ValueError(f"a message of type {type(message).__name__} cannot be sent to Coze")


def text_of(message: BaseMessage) -> str:
    """Return the text of a message.

    Raises:
        ValueError: A content block that is not text, named.
    """
    content = message.content
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, (_block_text(block) for block in content)))


def _block_text(block: str | dict[str, Any]) -> str:
    if isinstance(block, str):
        return block
    kind = str(block.get("type"))
    if kind in _TEXT_BLOCKS:
        return str(block.get("text") or "")
    if kind in _IGNORED_BLOCKS:
        return ""
    raise ValueError(
        f"a content block of type {kind!r} cannot be sent yet: this version of ChatCoze takes text"
    )


# -- answers


class ChunkMaker:
    """Makes the chunks of one streamed answer.

    Args:
        bot_id: The bot that answers.
        stops: Where to cut the text.
    """

    def __init__(self, bot_id: str, stops: Sequence[str]) -> None:
        self.matcher = StopMatcher(stops)
        self._bot_id = bot_id
        self._sent: list[str] = []

    def chunks(self, increment: Increment) -> Iterator[ChatGenerationChunk]:
        """Return the chunks for what one event adds: none, or one for each kind of text."""
        if increment.reasoning:
            yield _chunk("", {"reasoning_content": increment.reasoning})
        if increment.text:
            text = self.matcher.feed(increment.text)
            if text:
                self._sent.append(text)
                yield _chunk(text)

    def last(self, turn: Turn) -> Iterator[ChatGenerationChunk]:
        """Return what comes at the end: held back text, tool calls, and the facts of the turn."""
        held = "" if self.matcher.stopped else self.matcher.flush()
        if held:
            self._sent.append(held)
            yield _chunk(held)
        calls, invalid = tool_calls_of(turn)
        for index, call in enumerate(calls):
            args = json.dumps(call["args"], ensure_ascii=False)
            yield _call_chunk(call["name"], args, call["id"], index)
        for index, broken in enumerate(invalid, len(calls)):
            # Core completes cut JSON when it merges chunks, which would make a call out of half
            # of one; text within a JSON string it leaves alone, and calls invalid.
            args = json.dumps(broken["args"], ensure_ascii=False)
            yield _call_chunk(broken["name"] or "", args, broken["id"], index)
        metadata = metadata_of(turn, self._bot_id, stopped=self.matcher.stopped)
        sent = "".join(self._sent)
        if not self.matcher.stopped and sent != turn.answer:
            # The server's whole text differs from its own pieces (protocol notes, section 3.3).
            _LOG.warning("the streamed text differs from the whole answer; see coze.answer")
            metadata["coze"]["answer"] = turn.answer
        message = AIMessageChunk(
            content="",
            response_metadata=metadata,
            usage_metadata=usage_of(turn),
            chunk_position="last",
        )
        yield ChatGenerationChunk(
            message=message, generation_info={"finish_reason": metadata["finish_reason"]}
        )


def _chunk(text: str, extra: dict[str, Any] | None = None) -> ChatGenerationChunk:
    message = AIMessageChunk(
        content=text,
        additional_kwargs=extra or {},
        response_metadata={"model_provider": PROVIDER},
    )
    return ChatGenerationChunk(message=message)


def _call_chunk(name: str, args: str, id: str | None, index: int) -> ChatGenerationChunk:
    piece = ToolCallChunk(name=name, args=args, id=id, index=index, type="tool_call_chunk")
    message = AIMessageChunk(
        content="",
        tool_call_chunks=[piece],
        response_metadata={"model_provider": PROVIDER},
    )
    return ChatGenerationChunk(message=message)


def result_of(turn: Turn, maker: ChunkMaker, bot_id: str, text: str | None) -> ChatResult:
    """Return the whole answer.

    Args:
        turn: What came.
        maker: Which knows whether a stop sequence cut the text.
        bot_id: The bot that answered.
        text: The text up to that cut, or None if there was none.
    """
    calls, invalid = tool_calls_of(turn)
    metadata = metadata_of(turn, bot_id, stopped=maker.matcher.stopped)
    extra = {"reasoning_content": turn.reasoning} if turn.reasoning else {}
    message = AIMessage(
        content=turn.answer if text is None else text,
        additional_kwargs=extra,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        response_metadata=metadata,
        usage_metadata=usage_of(turn),
    )
    info = {"finish_reason": metadata["finish_reason"]}
    return ChatResult(generations=[ChatGeneration(message=message, generation_info=info)])


def tool_calls_of(turn: Turn) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls that the caller has to run, and those whose arguments are broken."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in turn.tool_calls:
        if call.is_question:
            continue  # asks the user; not a tool (protocol notes, section 5.2)
        arguments, error = _arguments(call)
        if error is None:
            calls.append(ToolCall(name=call.name, args=arguments, id=call.id, type="tool_call"))
        else:
            invalid.append(
                InvalidToolCall(
                    name=call.name,
                    args=call.arguments,
                    id=call.id,
                    error=error,
                    type="invalid_tool_call",
                )
            )
    return calls, invalid


def _arguments(call: CozeToolCall) -> tuple[dict[str, Any], str | None]:
    if not call.arguments.strip():
        return {}, None
    try:
        arguments = json.loads(call.arguments)
    except ValueError as error:
        return {}, f"the arguments are not JSON: {error}"
    if not isinstance(arguments, dict):
        return {}, "the arguments are not a JSON object"
    return arguments, None


def usage_of(turn: Turn) -> UsageMetadata | None:
    """Return the tokens spent, or None while the server has not said them."""
    usage = turn.usage
    if usage is None:
        return None
    given, made, total = usage.input_tokens, usage.output_tokens, usage.total_tokens
    if given is None and made is not None and total is not None:
        given = total - made
    if made is None and given is not None and total is not None:
        made = total - given
    if given is None or made is None:
        return None
    return UsageMetadata(
        input_tokens=given,
        output_tokens=made,
        total_tokens=given + made if total is None else total,
    )


def metadata_of(turn: Turn, bot_id: str, *, stopped: bool) -> dict[str, Any]:
    """Return the facts of a turn that go with the whole answer, in plain JSON types."""
    coze: dict[str, Any] = {
        "v": 1,
        "conversation_id": turn.conversation_id,
        "chat_id": turn.chat_id,
        "bot_id": bot_id,
        "status": turn.status,
    }
    if turn.tool_calls:
        coze["pending"] = [{"id": call.id, "name": call.name} for call in turn.tool_calls]
    if turn.questions:
        coze["questions"] = [call.arguments for call in turn.questions]
    if turn.tool_activity:
        coze["tool_activity"] = [
            {"kind": item.kind, "name": item.name, "content": item.content}
            for item in turn.tool_activity
        ]
    if turn.created_at is not None:
        coze["created_at"] = turn.created_at
    metadata: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": bot_id,
        "finish_reason": "stop" if stopped else _FINISH.get(turn.status, turn.status or "stop"),
        "conversation_id": turn.conversation_id,
        "chat_id": turn.chat_id,
        "logid": turn.log_id,
        "coze": coze,
    }
    if turn.follow_ups:
        metadata["follow_ups"] = list(turn.follow_ups)
    return metadata
