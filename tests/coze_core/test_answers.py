"""Answers in unusual forms: none is lost, and what is yielded is what the turn has."""

import httpx
import pytest
from wire import COMPLETED, CREATED, DONE, completed, delta, event

from coze_core import CozeClient


def streamed(*events):
    """The pieces that were yielded, and the turn."""
    headers = {"content-type": "text/event-stream"}
    body = b"".join([CREATED, *events, COMPLETED, DONE])
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    with CozeClient("pat_x", transport=transport) as client:
        stream = client.chat.stream(bot_id="1", user_id="u")
        return list(stream.text()), stream.turn


def test_a_fixed_reply_in_the_midst_of_another_answer_takes_nothing_from_it():
    pieces, turn = streamed(
        delta("Hello ", "A"),
        completed("Notice", "B"),
        delta("world", "A"),
        completed("Hello world", "A"),
    )
    assert turn.answers == ["Hello world", "Notice"]
    assert pieces == ["Hello ", "\n\nNotice", "world"]


def test_an_answer_that_is_never_completed_is_not_replaced_by_another():
    pieces, turn = streamed(delta("Hello world", "A"), completed("Notice", "B"))
    assert turn.answers == ["Hello world", "Notice"]
    assert "".join(pieces) == turn.answer


def test_a_completed_answer_with_an_id_of_its_own_ends_the_one_in_progress():
    pieces, turn = streamed(delta("Hi", "x"), completed("Hi you", "y"), delta("Yo", "z"))
    assert turn.answers == ["Hi you", "Yo"]
    assert "".join(pieces) == turn.answer


@pytest.mark.parametrize(
    ("kind", "field"),
    [("follow_up", "follow_ups"), ("verbose", "verbose"), ("function_call", "tool_activity")],
)
def test_side_messages_that_share_an_id_are_all_kept_but_once(kind, field):
    one = completed('{"name":"a","msg_type":"a"}', "f", type=kind)
    other = completed('{"name":"b","msg_type":"b"}', "f", type=kind)
    _, turn = streamed(one, other, one)
    assert len(getattr(turn, field)) == 2
    assert len(turn.messages) == 2


MIXED = '[{"type":"text","text":"hi \\"you\\""},{"type":"image","file_url":"u"}]'


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("told", [True, False], ids=["completed", "never completed"])
def test_a_mixed_answer_in_pieces_is_shown_as_text_when_it_is_whole(size, told):
    pieces = [MIXED[start : start + size] for start in range(0, len(MIXED), size)]
    events = [delta(piece, "o", content_type="object_string") for piece in pieces]
    end = [completed(MIXED, "o", content_type="object_string")] if told else []
    shown, turn = streamed(*events, *end)
    assert "".join(shown) == turn.answer == 'hi "you"'
    assert turn.attachments == [{"type": "image", "file_url": "u"}]


def test_a_mixed_answer_that_comes_as_text_is_shown_as_it_comes():
    events = [delta(piece, "o", content_type="object_string") for piece in ("hi ", "you")]
    shown, turn = streamed(*events, completed("hi you", "o", content_type="object_string"))
    assert shown == ["hi ", "you"]
    assert turn.answers == ["hi you"]


def test_an_item_without_text_adds_none():
    items = '[{"type":"text","text":null},{"type":"text","text":{"a":1}}]'
    _, turn = streamed(completed(items, content_type="object_string"))
    assert turn.answer == '{"a": 1}'


def test_a_text_that_looks_like_another_field_is_read_where_it_stands():
    def odd(inner, text):
        fields = {"id": "m", "type": "answer", "meta_data": {"content": inner}, "content": text}
        return event("conversation.message.delta", fields)

    for text in "?!":
        pieces, _ = streamed(odd(text, text), odd("Z", text), odd(text, "x"))
        assert pieces == [text, text, "x"]
