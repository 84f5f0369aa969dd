"""Chats of the old version 2 (protocol notes, section 9): one request, nothing kept.

The cloud only; Coze Studio never had it. Unverified, for want of a record: what a bot that waits
for outputs of local plugins does here (it fails), and the code for a bot that is not published.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from coze_core._sse import encode_event
from coze_core.emulator import _bots as parts
from coze_core.emulator import _checks as check
from coze_core.emulator._bots import Bot
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._runs import ChatRun
from coze_core.emulator._state import AsItIs, Reply, State, Stream
from coze_core.emulator._store import Document

_COMPLETED = "conversation.message.completed"
_MESSAGE_EVENTS = {"conversation.message.delta", _COMPLETED}
_MESSAGE_TYPES = {"", "question", "answer", "function_call", "tool_response"}


def chat(state: State, request: Request) -> Reply:
    """Answer a question."""
    body = request.json
    bot_id = check.text(body, "bot_id", required=True)
    user = check.text(body, "user", required=True)
    query = check.text(body, "query", required=True)
    conversation_id = check.text(body, "conversation_id") or state.clock.new_id()
    stream = check.flag(body, "stream", default=False)
    history = _history(body.get("chat_history"))
    variables = check.variables(body)
    bot = state.bots.get(bot_id)
    if bot is None:
        raise ApiError(4200, f"Requested resource bot_id={bot_id} does not exist.")
    if not bot.published:
        refusal = {"code": 700007, "msg": "invalid permission"}
        return Stream(_refused(refusal)) if stream else AsItIs(refusal)
    question = {"role": "user", "type": "question", "content": query, "content_type": "text"}
    context = {"user_id": user, "conversation_id": conversation_id, "custom_variables": variables}
    run = _run(state, bot, [*history, question], context)
    if stream:
        return Stream(_streamed(run, conversation_id), bot.fault)
    return _whole(run, conversation_id)


def _history(value: object) -> list[Document]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ApiError(4000, "Invalid type of chat_history: expected array")
    return [_said(item) for item in value]


def _said(item: object) -> Document:
    if not isinstance(item, dict) or item.get("role") not in {"user", "assistant"}:
        raise ApiError(4000, "Invalid chat_history: a role is user or assistant")
    kind = check.text(item, "type")
    if kind not in _MESSAGE_TYPES or item.get("content_type", "text") != "text":
        raise ApiError(4000, "Invalid chat_history: text only")
    kind = kind or ("question" if item["role"] == "user" else "answer")
    content = check.text(item, "content")
    return {"role": item["role"], "type": kind, "content": content, "content_type": "text"}


def _run(
    state: State, bot: Bot, messages: list[Document], context: Mapping[str, Any]
) -> _UnkeptRun:
    made: Document = {
        "id": state.clock.new_id(),
        "bot_id": bot.id,
        "status": "created",
        "section_id": "",
        "auto_save_history": False,
        "tool_results": [],
        "parameters": {},
        "meta_data": {},
        **context,
    }
    return _UnkeptRun(
        made, bot, messages, store=state.store, clock=state.clock, profile=state.profile
    )


class _UnkeptRun(ChatRun):
    """A chat that leaves no trace, and cannot wait for anybody."""

    def _set_status(self, status: str) -> None:
        self.chat["status"] = status

    def _stored(self) -> list[Document]:
        return []

    def _verbose(self, kind: str, data: str = "") -> None:
        news = {"msg_type": kind, "data": data}
        self._message("verbose", json.dumps(news, ensure_ascii=False, separators=(",", ":")))

    def _finish_answers(self, reason: int) -> None:  # noqa: ARG002 - not told here
        self._verbose("generate_answer_finish")

    def _wait_for(self, pending: list[parts.ToolCall | parts.Question]) -> None:  # noqa: ARG002
        self._fail(parts.Fail(5000, "a chat of version 2 cannot wait for tool outputs"))

    def _fail(self, failure: parts.Fail) -> None:
        self._end_answer()
        self._set_status("failed")
        empty = failure.form == "empty_error"
        self._say("error", {} if empty else {"code": failure.code, "msg": failure.message})


# -- on the wire


def _frame(data: Mapping[str, Any]) -> bytes:
    return encode_event(None, json.dumps(data, ensure_ascii=False, separators=(",", ":")))


async def _refused(refusal: Mapping[str, Any]) -> AsyncIterator[bytes]:
    yield _frame({"event": "ping"})
    yield _frame({"event": "error", "error_information": refusal})


async def _streamed(run: ChatRun, conversation_id: str) -> AsyncIterator[bytes]:
    run.start()
    places: dict[str, int] = {}  # of messages, in the order in which they begin
    try:
        async with contextlib.aclosing(run.told(0)) as told:
            async for name, data in told:
                if name == "error":
                    yield _frame({"event": "error", "error_information": data})
                    return
                if name in _MESSAGE_EVENTS:
                    message = _piece(name, data, places)
                    if message is not None:
                        yield _frame({**message, "conversation_id": conversation_id})
        yield _frame({"event": "done"})
    finally:
        run.stop()


def _piece(name: str, data: Mapping[str, Any], places: dict[str, int]) -> dict[str, Any] | None:
    ended = name == _COMPLETED
    if not ended and not data["content"]:
        return None  # nothing but reasoning, which this version does not have
    content = "" if ended and data["id"] in places else data["content"]
    return {
        "event": "message",
        "message": {**_shown(data), "content": content, "extra_info": None},
        "is_finish": ended,
        "index": places.setdefault(data["id"], len(places)),
    }


async def _whole(run: ChatRun, conversation_id: str) -> Mapping[str, Any]:
    run.start()
    try:
        said = [event async for event in run.told(0)]
    finally:
        run.stop()
    for name, data in said:
        if name == "error":
            return AsItIs({"code": 5000, "msg": "", **data})
    messages = [_shown(data) for name, data in said if name == _COMPLETED]
    return AsItIs(
        {"messages": messages, "conversation_id": conversation_id, "code": 0, "msg": "success"}
    )


def _shown(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("role", "type", "content", "content_type")}
