"""Chats that are polled: how they end, and what is known of them when looking fails."""

import asyncio

import httpx
import pytest
from wire import CHAT

from coze_core import (
    AsyncCozeClient,
    ChatFailedError,
    CozeClient,
    CozeError,
    EnterMessage,
    InternalServerError,
    ProtocolError,
    ToolOutput,
)

pytestmark = pytest.mark.usefixtures("quick_polls")


def transport(*replies):
    """Answers with these in turn; the last one goes on for ever. Returns the requests as well."""
    waiting, asked = list(replies), []

    def answer(request):
        asked.append(request.url.path)
        reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        return httpx.Response(status, json=body, headers={"retry-after": "0"})

    return httpx.MockTransport(answer), asked


def errors(*replies):
    """What both clients raise of a polled chat."""
    options = {"bot_id": "1", "user_id": "u"}
    client = CozeClient("pat_x", transport=transport(*replies)[0], max_retries=0)
    with client, pytest.raises(CozeError) as blocking:
        client.chat.create_and_poll(**options)
    other = AsyncCozeClient("pat_x", transport=transport(*replies)[0], max_retries=0)
    with pytest.raises(CozeError) as awaiting:
        asyncio.run(other.chat.create_and_poll(**options))
    return blocking.value, awaiting.value


@pytest.mark.parametrize("status", ["failed", "expired", "deleted"])
def test_a_chat_that_ends_without_an_answer_has_failed(status):
    for error in errors({"code": 0, "data": CHAT}, {"code": 0, "data": CHAT | {"status": status}}):
        assert isinstance(error, ChatFailedError)
        assert (error.chat_id, error.conversation_id) == ("77", "88")
        assert status in error.message or status == "failed"


def test_an_error_after_the_beginning_names_the_chat():
    begun = {"code": 0, "data": CHAT}
    ended = {"code": 0, "data": CHAT | {"status": "completed"}}
    for replies, kind in (
        ((begun, ["no", "envelope"]), ProtocolError),
        ((begun, ended, {"code": 5000, "msg": "x"}), InternalServerError),
        ((begun, ended, {"code": 0, "data": "x"}), ProtocolError),
    ):
        for error in errors(*replies):
            assert type(error) is kind
            assert (error.chat_id, error.conversation_id) == ("77", "88")


CALLS = {
    "create": lambda client: client.chat.create(bot_id="1", user_id="u"),
    "stream": lambda client: client.chat.stream(bot_id="1", user_id="u").until_done(),
    "submit": lambda client: client.chat.submit_tool_outputs(
        conversation_id="1", chat_id="2", tool_outputs=[ToolOutput(tool_call_id="3", output="x")]
    ),
    "message": lambda client: client.conversations.messages.create(
        conversation_id="1", message=EnterMessage.user("x")
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("status", "code", "times"),
    [(200, 4009, 1), (500, 4009, 1), (503, 4020, 1), (200, 4013, 1), (200, 4020, 2), (429, 0, 2)],
)
def test_what_may_have_been_done_is_not_asked_for_again(call, status, code, times):
    answers, asked = transport((status, {"code": code, "msg": "busy"}))
    with CozeClient("pat_x", transport=answers, max_retries=1) as client, pytest.raises(CozeError):
        call(client)
    assert len(asked) == times
