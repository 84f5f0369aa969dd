"""From recorded bytes to events and turns."""

import copy
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coze_core
from coze_core import (
    Chat,
    ChatEventReader,
    ChatFailedError,
    InternalServerError,
    Message,
    MessageDelta,
    ProtocolError,
    QuotaExceededError,
    ServerSentEvent,
    SSEDecoder,
    Turn,
    UnknownEvent,
    encode_event,
)
from coze_core._call import Call
from coze_core._codes import CODES
from coze_core._pump import Pump
from coze_core._stream_request import StreamRequest

STREAMS = Path(__file__).parents[1] / "streams"


def read(data, size=None):
    decoder, reader, events = SSEDecoder(), ChatEventReader(), []
    size = size or len(data) or 1
    for start in range(0, len(data), size):
        events += reader.read(decoder.feed(data[start : start + size]))
    return events + reader.read(decoder.close())


def turn_of(events):
    turn = Turn()
    shown = "".join(turn.apply(event).text for event in events)
    return turn, shown


def stream(*events):
    return b"".join(
        encode_event(name, data if isinstance(data, str) else json.dumps(data))
        for name, data in events
    )


def delta(text, id="m1", **fields):
    data = {"id": id, "role": "assistant", "type": "answer", "content": text, **fields}
    return "conversation.message.delta", {"content_type": "text", **data}


def whole(text, id="m1", type="answer", **fields):
    data = {"id": id, "role": "assistant", "type": type, "content": text, **fields}
    return "conversation.message.completed", {"content_type": "text", **data}


COMPLETED = (
    "conversation.chat.completed",
    {"id": "c", "conversation_id": "v", "status": "completed"},
)


@pytest.mark.parametrize(
    ("name", "status", "answer"),
    [
        ("chat_v3_stream_text", "completed", "2024 年 10 月 1 日是星期三。"),
        ("chat_v3_stream_reasoning", "completed", "The answer is 2."),
        ("chat_v3_stream_audio_short", "completed", "delta text"),
        (
            "chat_v3_stream_function_call",
            "completed",
            "这是一幅非常漂亮的森林图片，里面有小溪、石头和青苔覆盖的树木。",
        ),
        ("chat_v3_submit_tool_outputs_stream", "completed", "河南的降水概率为50%。"),
        ("chat_v3_stream_requires_action", "requires_action", ""),
        ("chat_v3_stream_failed", "failed", ""),
        ("chat_v3_stream_error_empty", "failed", ""),
        ("chat_v3_stream_unknown_event", "", ""),
        ("studio_chat_v3_stream", "completed", "Hello"),
        ("studio_chat_v3_stream_error", "failed", ""),
        ("studio_chatflow_requires_action", "requires_action", "Which city?"),
        ("workflows_chat_stream", "completed", "I'm fine, thank you. How about you?"),
        ("workflows_chat_interrupt", "in_progress", "中午吃啥了"),
    ],
)
def test_recorded_streams_give_the_same_turn_whole_and_byte_by_byte(name, status, answer):
    data = (STREAMS / f"{name}.sse").read_bytes()
    seen = []
    for size in (len(data), 1, 2, 3, 64):
        turn, shown = turn_of(read(data, size))
        assert (turn.status, turn.answer) == (status, answer)
        seen.append((shown, turn.usage, turn.follow_ups, turn.tool_calls, turn.message_ids))
    assert all(item == seen[0] for item in seen)


def test_usage_ids_and_reasoning_are_kept():
    turn, _ = turn_of(read((STREAMS / "chat_v3_stream_reasoning.sse").read_bytes()))
    assert (turn.usage.input_tokens, turn.usage.output_tokens, turn.usage.total_tokens) == (
        10,
        30,
        40,
    )
    assert turn.reasoning == "Let me think: 1+1=2."
    assert (turn.chat_id, turn.conversation_id) == ("7434369946098090003", "7434368393420996671")
    assert turn.bot_id == "7379165428687536000"


def test_unknown_usage_stays_unknown():
    turn, _ = turn_of(read((STREAMS / "studio_chat_v3_stream.sse").read_bytes()))
    assert turn.usage is None
    zeros = {"token_count": 0, "output_count": 0, "input_count": 0}
    turn, _ = turn_of(read(stream(("conversation.chat.completed", {"id": "c", "usage": zeros}))))
    assert turn.usage is None


def test_usage_is_read_under_its_other_names():
    usage = {"input_tokens": "5", "output_tokens": 7}
    turn, _ = turn_of(read(stream(("conversation.chat.completed", {"id": "c", "usage": usage}))))
    assert (turn.usage.input_tokens, turn.usage.output_tokens, turn.usage.total_tokens) == (
        5,
        7,
        None,
    )


def test_pending_calls_are_those_of_required_action_only():
    turn, _ = turn_of(read((STREAMS / "chat_v3_stream_requires_action.sse").read_bytes()))
    [call] = turn.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("get_rain_probability", {"location": "河南"})
    assert [item.kind for item in turn.tool_activity] == ["call"]
    assert turn.interrupted


def test_the_bots_own_tools_and_side_messages_stay_out_of_the_answer():
    events = read(
        stream(
            whole('{"chunks":[]}', id="k", type="knowledge"),
            whole(json.dumps({"msg_type": "hook_call", "data": "x"}), id="v", type="verbose"),
            whole("not json", id="v2", type="verbose"),
            whole(
                json.dumps({"name": "p-t", "arguments": {"a": 1}, "plugin_id": 1}),
                id="f",
                type="function_call",
            ),
            whole("result", id="r", type="tool_response"),
            ("conversation.message.delta", {"id": "x", "type": "verbose", "content": "no"}),
            delta("yes"),
            whole("yes"),
            whole('{"card":1}', id="card", content_type="card"),
            whole("?", id="q", type="follow_up"),
            whole("?", id="n", type="new_kind"),
            COMPLETED,
        )
    )
    turn, shown = turn_of(events)
    assert turn.answer == shown == "yes"
    assert turn.follow_ups == ["?"]
    assert turn.knowledge == ['{"chunks":[]}']
    assert turn.verbose == [("hook_call", "x"), ("", "null")]
    assert turn.cards == ['{"card":1}']
    assert [(item.kind, item.name, item.content) for item in turn.tool_activity] == [
        ("call", "p-t", '{"a": 1}'),
        ("response", "", "result"),
    ]
    assert [type(event).__name__ for event in events[:5]] == [
        "KnowledgeCompleted",
        "VerboseCompleted",
        "VerboseCompleted",
        "FunctionCallCompleted",
        "ToolResponseCompleted",
    ]


def test_several_answers_are_kept_apart():
    turn, shown = turn_of(
        read(
            stream(
                delta("a", "1"), delta("b", "1"), whole("ab", "1"), delta("c", "2"), whole("c", "2")
            )
        )
    )
    assert turn.answers == ["ab", "c"]
    assert shown == turn.answer == "ab\n\nc"


def test_an_answer_without_deltas_is_shown_whole_and_lost_deltas_are_made_up_for():
    turn, shown = turn_of(read(stream(whole("all of it"))))
    assert shown == turn.answer == "all of it"
    turn, shown = turn_of(read(stream(delta("begin"), whole("begin and end"))))
    assert shown == turn.answer == "begin and end"


def test_an_answer_that_is_completed_twice_counts_once():
    turn, shown = turn_of(
        read(stream(delta("hi"), whole("hi"), whole("hi", meta_data={"token": "2"})))
    )
    assert (turn.answers, shown) == (["hi"], "hi")


def test_a_completed_answer_with_another_id_ends_the_one_in_progress():
    turn, shown = turn_of(read(stream(delta("hi", "1"), whole("hi", "2"))))
    assert (turn.answers, shown) == (["hi"], "hi")


def test_audio_is_decoded_and_may_come_after_the_end():
    turn, _ = turn_of(read((STREAMS / "chat_v3_stream_audio_short.sse").read_bytes()))
    assert len(turn.audio) == 300
    assert turn.ended_by == "done"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (("conversation.chat.failed", {"id": "c", "last_error": {"code": 4028, "msg": "m"}}), 4028),
        (("conversation.chat.failed", {"code": 4028, "msg": "m"}), 4028),
        (("conversation.chat.failed", {"code": "4028", "msg": "m"}), 4028),
        (("error", {"code": 4028, "msg": "m"}), 4028),
        (("error", {"code": "4028", "msg": "m", "debug_url": "u"}), 4028),
        (("Error", {"error_code": 4028, "error_message": "m"}), 4028),
    ],
)
def test_each_shape_of_failure_gives_the_same_error(event, code):
    turn, _ = turn_of(read(stream(event)))
    assert isinstance(turn.error, ChatFailedError)
    assert isinstance(turn.error, QuotaExceededError)
    assert (turn.error.code, turn.error.message, turn.status) == (code, "m", "failed")


@pytest.mark.parametrize("data", ["{}", "", "plain text"])
def test_an_error_event_without_a_code_is_a_failed_chat(data):
    turn, _ = turn_of(read(stream(("error", data))))
    assert type(turn.error) is ChatFailedError
    assert turn.error.message == (
        data if data == "plain text" else "the chat failed and the server gave no reason"
    )


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_failed_chat_has_exactly_the_class_of_its_code(code):
    turn, _ = turn_of(read(stream(("error", {"code": code, "msg": "m"}))))
    expected = CODES[code].error
    assert isinstance(turn.error, ChatFailedError)
    assert expected in type(turn.error).__bases__ or expected is coze_core.APIStatusError
    assert turn.error.hint_en == CODES[code].hint_en
    assert bool(turn.error.hint_en) == bool(turn.error.hint_zh)


def test_a_failure_of_the_server_is_also_an_internal_server_error():
    turn, _ = turn_of(read((STREAMS / "chat_v3_stream_failed.sse").read_bytes()))
    assert isinstance(turn.error, InternalServerError)
    assert turn.error.chat_id == "7390342853760696354"


@pytest.mark.parametrize("spelling", ["canceled", "cancelled"])
def test_a_cancelled_chat_has_one_spelling(spelling):
    turn, _ = turn_of(read(stream((f"conversation.chat.{spelling}", {"id": "c"}))))
    assert turn.status == "canceled"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("done", "x"),
        ("Done", "{}"),
        ("conversation.stream.done", ""),
        ("", "[DONE]"),
        ("", '"[DONE]"'),
    ],
)
def test_every_end_mark_is_known(name, data):
    turn, _ = turn_of(ChatEventReader().read([ServerSentEvent(name, data.encode())]))
    assert turn.ended_by == "done"


def test_unknown_events_are_kept():
    [event] = read(b'event:invalid\ndata:{"a":1}\n\n')
    assert isinstance(event, UnknownEvent)
    assert (event.name, event.raw, event.fields) == ("invalid", '{"a":1}', {"a": 1})
    [event] = read(b"event:PING\ndata:x\n\n")
    assert isinstance(event, coze_core.Ping)


@pytest.mark.parametrize(
    "name",
    ["conversation.message.delta", "conversation.message.completed", "conversation.chat.created"],
)
@pytest.mark.parametrize("data", ["not json", "[1]", "{"])
def test_an_event_that_matters_must_hold_an_object(name, data):
    with pytest.raises(ProtocolError, match=name):
        read(stream((name, data)))


_content = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.lists(st.tuples(st.sampled_from(["m1", "m2"]), _content, st.booleans()), max_size=12),
    st.booleans(),
)
def test_reading_by_template_equals_parsing_every_delta(pieces, ascii_only):
    events = []
    for id, text, reasoning in pieces:
        data = {
            "note": 'a "content":" trap',
            "id": id,
            "type": "answer",
            "content": "" if reasoning else text,
            "reasoning_content": text if reasoning else "",
            "chat_id": "c",
        }
        body = json.dumps(data, ensure_ascii=ascii_only, separators=(",", ":"))
        events.append((data, encode_event("conversation.message.delta", body)))
    found = read(b"".join(block for _, block in events))
    assert [event.fields for event in found] == [data for data, _ in events]
    assert all(isinstance(event, MessageDelta) for event in found)


def _compact(body):
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))  # as Coze writes it


@given(
    st.lists(st.tuples(st.sampled_from(["m1", "m2"]), _content), max_size=12),
    st.lists(st.integers(0, 3000), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_pump_adds_the_same_however_the_bytes_are_split(pieces, cuts, newline, space):
    """Whole runs of deltas are read in one pass; that must not show."""
    data = b"".join(
        encode_event(name, _compact(body), newline=newline, space=space)
        for name, body in [*(delta(text, id) for id, text in pieces), COMPLETED, ("done", "x")]
    )
    plain = [Turn(), ""]
    for event in read(data):
        plain[1] += plain[0].apply(event).text
    pump = Pump(StreamRequest(Call("POST", "/")), 60, lambda: 0.0)
    shown, start = "", 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        if cut > start and not pump.over:
            shown += "".join(increment.text for increment in pump.feed(data[start:cut]))
        start = max(start, cut)
    assert (shown, pump.turn.answers, pump.turn.status) == (
        plain[1],
        plain[0].answers,
        plain[0].status,
    )


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), _content.filter(bool)), max_size=20))
def test_the_accumulated_turn_equals_the_polled_one(pieces):
    texts: dict[str, str] = {}
    events = []
    for id, text in pieces:
        texts[id] = texts.get(id, "") + text
        events.append(delta(text, id))
    events += [whole(text, id) for id, text in texts.items()]
    streamed, _ = turn_of(read(stream(*events, COMPLETED)))
    chat = Chat(id="c", conversation_id="v", status="completed")
    polled = Turn.from_messages(
        chat,
        [
            Message(id=id, type="answer", role="assistant", content=text)
            for id, text in texts.items()
        ],
    )
    assert streamed.answers == polled.answers == list(texts.values())
    assert (streamed.status, streamed.chat_id) == (polled.status, polled.chat_id)


def test_a_turn_can_be_copied_and_pickled():
    turn, _ = turn_of(read((STREAMS / "chat_v3_submit_tool_outputs_stream.sse").read_bytes()))
    for twin in (copy.deepcopy(turn), pickle.loads(pickle.dumps(turn))):
        assert (twin.answer, twin.follow_ups, twin.usage) == (
            turn.answer,
            turn.follow_ups,
            turn.usage,
        )
