"""Servers say things in shapes of their own: what is good is taken, the rest is a CozeError."""

import httpx
import pytest
from wire import CHAT, COMPLETED, CREATED, DONE, chat_event, completed, delta, event

from coze_core import ChatFailedError, CozeClient, CozeError, ProtocolError, Turn

DEEP = "[" * 100_000
PAUSED = {"type": "submit_tool_outputs"}


def streamed(*events):
    """The client's turn of a stream of these events."""
    headers = {"content-type": "text/event-stream"}
    body = b"".join(events)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    with CozeClient("pat_x", transport=transport) as client:
        return client.chat.stream(bot_id="1", user_id="u").until_done()


def polled(*replies, **options):
    """What `create_and_poll` makes of these replies; the last one goes on for ever."""
    waiting = list(replies)

    def answer(request):
        body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(body, httpx.Response):
            return body
        return httpx.Response(200, json=body)

    with CozeClient("pat_x", transport=httpx.MockTransport(answer), max_retries=0) as client:
        return client.chat.create_and_poll(bot_id="1", user_id="u", **options)


def calls(value):
    return {"required_action": {**PAUSED, "submit_tool_outputs": {"tool_calls": value}}}


@pytest.mark.parametrize(
    "fields",
    [
        {"last_error": ""},
        {"last_error": "none"},
        {"meta_data": []},
        {"meta_data": ""},
        {"required_action": []},
        {"required_action": ""},
        {"required_action": {"submit_tool_outputs": [1]}},
        {"status": 1},
        {"created_at": 1.5},
        {"created_at": "soon"},
        {"created_at": 10**30},
        {"id": 77, "bot_id": {"x": 1}},
        {"inserted_additional_messages": ["1"]},
        {"usage": {"token_count": 3.7, "input_count": "\u00b2", "output_count": []}},
        {"usage": [1]},
    ],
)
def test_an_odd_side_field_of_a_chat_hides_no_answer(fields):
    turn = streamed(
        chat_event("created", **fields), delta("hi"), chat_event("completed", **fields), DONE
    )
    assert (turn.answer, turn.status, turn.conversation_id) == ("hi", "completed", "88")


@pytest.mark.parametrize(
    "fields",
    [
        {"meta_data": []},
        {"meta_data": "{}"},
        {"reasoning_content": {"x": 1}},
        {"created_at": 1720098388.5},
        {"id": {"x": 1}},
        {"section_id": [1]},
        {"role": None},
    ],
)
def test_an_odd_side_field_of_a_message_hides_no_answer(fields):
    turn = streamed(CREATED, completed("hi", **{"id": "m1", **fields}), COMPLETED, DONE)
    assert turn.answer == "hi"


@pytest.mark.parametrize(
    ("content", "text"), [({"a": 1}, '{"a": 1}'), ([1, "é"], '[1, "é"]'), (True, "true"), (3, "3")]
)
def test_content_that_is_no_text_is_kept_as_json(content, text):
    assert streamed(CREATED, completed(content), COMPLETED, DONE).answer == text


@pytest.mark.parametrize("kind", ["verbose", "function_call", "follow_up", "tool_response"])
def test_side_messages_with_odd_content_hide_no_answer(kind):
    for content in (DEEP, '{"a":' * 100_000, '{"msg_type":5,"data":{"a":1}}', '{"name":{"a":1}}'):
        side = completed(content, "s", type=kind, content_type=7)
        assert streamed(CREATED, side, completed("hi"), COMPLETED, DONE).answer == "hi"


def test_a_mixed_answer_that_is_nested_without_end_is_text():
    turn = streamed(CREATED, completed(DEEP, content_type="object_string"), COMPLETED, DONE)
    assert turn.answer == DEEP


@pytest.mark.parametrize(
    ("arguments", "found"), [(5, "5"), (None, ""), ({"a": 1}, '{"a": 1}'), ('{"a":1}', '{"a":1}')]
)
def test_arguments_of_a_call_may_be_any_json(arguments, found):
    call = {"id": 1, "type": None, "function": {"name": None, "arguments": arguments}}
    for turn in (
        streamed(CREATED, chat_event("requires_action", **calls([call, 5])), DONE),
        polled(
            {"code": 0, "data": CHAT | {"status": "requires_action"} | calls([call, 5])},
            {"code": 0, "data": []},
        ),
    ):
        (made,) = turn.tool_calls
        assert (made.id, made.name, made.arguments, made.type) == ("1", "", found, "function")


def test_calls_that_are_no_list_are_none():
    assert streamed(CREATED, chat_event("requires_action", **calls(5)), DONE).tool_calls == []
    chat = {"code": 0, "data": CHAT | {"status": "requires_action"} | calls(5)}
    assert polled(chat, {"code": 0}).tool_calls == []


@pytest.mark.parametrize("content", ["é", "abc", 5])
def test_sound_that_cannot_be_decoded_is_silence(content):
    sound = event("conversation.audio.delta", {"id": "a", "content": content})
    assert streamed(CREATED, sound, delta("hi"), COMPLETED, DONE).audio == b""


@pytest.mark.parametrize("code", ['"--5"', '"\u00b2"', "1e999", "NaN", "1" + "0" * 400, "[1]"])
def test_an_error_with_an_odd_code_is_an_error_without_one(code):
    data = f'{{"code":{code},"msg":"broken"}}'
    for name in ("error", "conversation.chat.failed"):
        with pytest.raises(ChatFailedError, match="broken") as caught:
            streamed(CREATED, event(name, data))
        assert caught.value.code is None
    body = httpx.Response(400, content=data)
    with pytest.raises(CozeError, match="broken"):
        polled(body)


def test_why_a_chat_failed_may_be_plain_text():
    with pytest.raises(ChatFailedError, match="boom"):
        streamed(CREATED, chat_event("failed", last_error="boom"))
    with pytest.raises(ChatFailedError, match="boom"):
        polled({"code": 0, "data": CHAT | {"status": "failed", "last_error": "boom"}})


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 200_000, "9" * 5000])
def test_a_reply_that_is_nested_without_end_is_no_coze_reply(body):
    with pytest.raises(ProtocolError):
        polled(httpx.Response(200, text=body))


@pytest.mark.parametrize("value", ["\u00b2", "1e999", "Mon, 01 Jan 0001 00:00:00"])
def test_an_odd_retry_after_is_as_good_as_none(value):
    asked = []

    def answer(request):
        asked.append(request)
        headers = {"retry-after": value.encode()}
        reply = {"code": 0, "data": {"user_id": "1"}}
        return httpx.Response(200 if len(asked) > 1 else 503, headers=headers, json=reply)

    with CozeClient("pat_x", transport=httpx.MockTransport(answer)) as client:
        assert client.users.me().user_id == "1"


def test_a_chat_that_is_not_named_cannot_be_waited_for():
    with pytest.raises(ProtocolError, match="which chat"):
        polled({"code": 0, "data": {"status": "in_progress"}}, conversation_id="88")
    with pytest.raises(ProtocolError, match="which chat"):
        polled({"code": 0, "data": {"id": "77", "status": "in_progress"}})


def test_the_conversation_that_was_asked_in_need_not_be_named_again():
    chat = {"code": 0, "data": {"id": "77", "status": "completed"}}
    assert polled(chat, {"code": 0, "data": []}, conversation_id="88").status == "completed"


def test_odd_fields_of_a_bot_hide_no_other():
    bot = {
        "bot_id": 1,
        "name": "helper",
        "model_info": "none",
        "plugin_info_list": [{"name": "p", "api_info_list": 5}, 7],
        "onboarding_info": {"Prologue": "hello", "SuggestedQuestions": [1, 2]},
        "shortcut_commands": {},
        "create_time": "x",
    }
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"code": 0, "data": bot}))
    with CozeClient("pat_x", transport=transport) as client:
        found = client.bots.retrieve(bot_id="1")
    assert (found.bot_id, found.name, found.create_time) == ("1", "helper", None)


def test_a_message_with_deep_unknown_fields_makes_a_turn():
    deep = {"x": 1}
    for _ in range(300):
        deep = {"x": deep}
    message = {"id": "m", "role": "assistant", "type": "answer", "content": "hi", "ext": deep}
    chat = {"code": 0, "data": CHAT | {"status": "completed"}}
    assert isinstance(turn := polled(chat, {"code": 0, "data": [message]}), Turn)
    assert turn.answer == "hi"


@pytest.mark.parametrize("code", ["9" * 5000, "\u00b2", "soon", 1e400, [4000]])
def test_a_workflow_may_number_its_pieces_and_failures_as_it_likes(code):
    piece = event("Message", {"content": "a", "node_title": "A", "node_seq_id": code})
    failed = event("Error", {"error_code": code, "error_message": "too bad"})
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers=headers, content=piece + failed)
    )
    with CozeClient("pat_x", transport=transport) as client:
        with client.workflows.stream(workflow_id="1") as stream:
            with pytest.raises(CozeError, match="too bad") as caught:
                for found in stream:
                    assert found.position is None
    assert caught.value.code is None


@pytest.mark.parametrize("blank", [1, 2, 3, 99_999, 100_000])
def test_any_number_of_empty_lines_stands_between_two_events(blank):
    events = [CREATED, delta("a"), delta("b"), completed("ab"), COMPLETED, DONE]
    # Cut behind the first empty line.
    blocks = [part for each in events for part in (each + b"\n", b"\n" * (blank - 1))]
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers=headers, content=filter(None, blocks))
    )
    with CozeClient("pat_x", transport=transport) as client:
        assert client.chat.stream(bot_id="1", user_id="u").until_done().answer == "ab"
