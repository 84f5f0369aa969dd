"""The old version 2 of the chat API: what is asked in version 3, said in the older words.

Protocol notes, section 9. One request asks and brings the whole answer, as JSON or as a stream.
There are no chats to come back to, so nothing can be looked up, cancelled or handed in later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, ParamSpec, cast

from coze_core._call import Call, Reply
from coze_core._endpoints import chat
from coze_core._endpoints._checks import check_seconds
from coze_core._errors import APITimeoutError, PollTimeoutError
from coze_core._flow import Flow, send
from coze_core._models import Chat, Id, Message, WireModel
from coze_core._stream_request import StreamRequest
from coze_core._turn import Turn
from coze_core._v2_reader import V2EventReader

P = ParamSpec("P")

PATH: Final = "/open_api/v2/chat"

_ANSWERED_AT_ONCE: Final = "use stream() or create_and_poll(), which bring the whole answer"
_ABSENT: Final = {
    chat.CREATE: f"chats that go on by themselves: {_ANSWERED_AT_ONCE}",
    chat.RETRIEVE: f"chats to look up: {_ANSWERED_AT_ONCE}",
    chat.MESSAGES: f"messages to list: {_ANSWERED_AT_ONCE}",
    chat.CANCEL: "cancelling: close the stream",
    chat.SUBMIT: "tool outputs to submit: tell the results in a message",
}
# Arguments that have a place in version 2, or need none because they never leave this process.
_CARRIED: Final = frozenset(
    {
        "bot_id",
        "user_id",
        "additional_messages",
        "stream",
        "custom_variables",
        "cancel_on_close",
        "deadline",
        "busy_timeout",
    }
)
# Saving is on unless it is switched off; that it cannot be is what must be said.
_USUAL: Final = {"auto_save_history": True, "on_busy": "error"}
_ADVICE: Final = {
    "auto_save_history": "leave it out; calls of tools and their results go in words",
    "meta_data": "keep it on your side",
    "on_busy": "leave it out: its conversations are only names",
    "parameters": "pass custom_variables instead",
    "publish_status": "publish the bot and leave it out",
    "bot_version": "leave it out: the published version answers",
}


def refuse_options(options: Mapping[str, object]) -> None:
    """Refuse arguments of a chat that version 2 cannot carry.

    Args:
        options: The arguments, or the body of a version 3 request.

    Raises:
        ValueError: Naming the first of them.
    """
    for name, value in options.items():
        usual = _USUAL.get(name)
        wanted = bool(value) if usual is None else value not in {usual, None}
        if wanted and name not in _CARRIED:
            raise ValueError(
                f"v2 has no {name}: {_ADVICE.get(name, 'leave it out')}, or use protocol='v3' / "
                f"v2 协议不支持 {name}，请去掉该参数或改用 protocol='v3'"
            )


def text_only() -> ValueError:
    """Return the error for a message of images, files or sound."""
    return ValueError(
        "v2 takes text only: say in words what is on the image or in the file, or use "
        "protocol='v3' / v2 协议仅支持文本消息，请改用 protocol='v3'"
    )


def check_call(call: Call) -> None:
    """Refuse a call that only version 3 has.

    Raises:
        ValueError: Saying what to do instead.
    """
    absent = _ABSENT.get(call.path)
    if absent is not None:
        raise ValueError(f"v2 has no {absent} / v2 协议不支持该操作")


def stream_request(request: StreamRequest) -> StreamRequest:
    """Return the version 2 form of a stream; leaving it does no more than close it.

    Raises:
        ValueError: If version 2 has no such stream, or cannot carry all of it.
    """
    if request.busy is not None:
        refuse_options({"on_busy": request.busy.policy})
    call = replace(_translated(request.call), stream=True)
    return replace(
        request,
        call=call,
        reader=V2EventReader,
        cancel_on_close=False,
        can_cancel=False,
    )


def _like(
    model: Callable[P, Flow[Turn]],
) -> Callable[[Callable[..., Any]], Callable[P, Flow[Turn]]]:
    """Give a flow the signature and the documentation of another."""

    def dressed(flow: Callable[..., Any]) -> Callable[P, Flow[Turn]]:
        return cast("Callable[P, Flow[Turn]]", functools.wraps(model)(flow))

    return dressed


@_like(chat.create_and_poll)
def create_and_poll(*, poll_timeout: float = 600.0, **arguments: Any) -> Flow[Turn]:
    """Ask in one request and wait for the reply (section 9.2)."""
    check_seconds("poll_timeout", poll_timeout)
    call = _translated(chat.stream(**arguments).call)
    body = {**(call.json or {}), "stream": False}
    try:
        reply = yield from send(replace(call, json=body, stream=False, patience=poll_timeout))
    except APITimeoutError as error:
        if not error.request_sent:
            raise
        raise PollTimeoutError(
            f"the chat did not end within {poll_timeout:g} seconds",
            hint_en="Raise poll_timeout=, or use stream().",
            hint_zh="请调大 poll_timeout=，或改用 stream()。",
        ) from error
    return _turn(reply)


# -- the reply


class _Answer(WireModel):
    """All messages of a chat at once (section 9.2)."""

    messages: list[Message]
    conversation_id: Id = ""


def _turn(reply: Reply) -> Turn:
    answer = reply.parse(_Answer, reply.payload)
    ended = {"conversation_id": answer.conversation_id, "status": "completed"}
    return Turn.from_messages(reply.parse(Chat, ended), answer.messages)


# -- the request (section 9.1)


def _translated(call: Call) -> Call:
    if call.path != chat.CREATE:
        check_call(call)
    asked = cast("Mapping[str, Any]", call.json)
    refuse_options(asked)
    body: dict[str, object] = {"bot_id": asked["bot_id"], "user": asked["user_id"]}
    if call.query.get("conversation_id") is not None:
        body["conversation_id"] = call.query["conversation_id"]
    *earlier, question = map(_entry, _said(asked))
    body["query"] = question["content"]
    body["chat_history"] = earlier
    if asked.get("custom_variables"):
        body["custom_variables"] = asked["custom_variables"]
    return replace(call, path=PATH, query={}, json={**body, "stream": asked["stream"]})


def _said(asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages: list[Mapping[str, Any]] = asked["additional_messages"]
    last = messages[-1] if messages else None
    if last is None or last["role"] != "user" or not last["content"].strip():
        raise ValueError("v2 needs a question: the last message must be the user's and have text")
    return messages


def _entry(message: Mapping[str, Any]) -> dict[str, object]:
    if message["content_type"] != "text":
        raise text_only()
    refuse_options({"meta_data": message.get("meta_data")})
    entry = {name: message[name] for name in ("role", "content", "content_type")}
    if message["role"] == "assistant":
        entry["type"] = message["type"]
    return entry
