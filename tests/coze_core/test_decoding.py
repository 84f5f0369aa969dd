"""One decoder takes the bytes of a chat stream, however a server writes them, and gives events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coze_core import ChatEventDecoder, MessageDelta, ProtocolError, StreamDone, Turn, encode_event

NAME = "conversation.message.delta"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FRAME = {"id": "1", "role": "assistant", "type": "answer"}


@given(
    st.lists(st.tuples(texts, st.booleans()), min_size=1, max_size=20),
    st.lists(st.integers(0, 4000), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_every_way_of_writing_deltas_gives_the_same_events(
    pieces, cuts, newline, space, ascii_only, separators
):
    """Thoughts and answers, raw and escaped, with spaces and without, cut anywhere."""
    wire = b""
    for text, thinks in pieces:
        said = {"content": "", "reasoning_content": text} if thinks else {"content": text}
        data = json.dumps(
            {**FRAME, **said, "chat_id": "c"}, ensure_ascii=ascii_only, separators=separators
        )
        wire += encode_event(NAME, data, newline=newline, space=space)
    decoder, found, start = ChatEventDecoder(), [], 0
    for cut in [*sorted(cuts), len(wire)]:
        found += decoder.feed(wire[start:cut])
        start = max(start, cut)
    found += decoder.close()
    assert [(event.content or event.reasoning_content) for event in found] == [
        text for text, _ in pieces
    ]
    assert all(
        not event.content for event, (_, thinks) in zip(found, pieces, strict=True) if thinks
    )
    assert all(event.message_id == "1" and event.is_answer for event in found)


def delta(text, **more):
    data = json.dumps({**FRAME, "content": text, **more}, separators=(",", ":"))
    return encode_event(NAME, data)


@pytest.mark.parametrize(
    "trap",
    [
        'x","content":"y',  # two texts of one name: the last one counts
        'x","y":["a',
        "x\\",
        '\\"',
        'a","b',
        "\\ud83d",
        "\\x",
        '"],["',
    ],
)
def test_text_that_only_looks_like_a_text_is_left_to_the_parser(trap):
    """Put where the text stands, it makes another object of the event, or none."""
    plain = delta("?")
    wire = plain.replace(b"?", trap.encode())
    outcomes = []
    for before in (b"", plain * 3):  # without a template and with one
        decoder = ChatEventDecoder()
        decoder.feed(before)
        try:
            outcomes.append([event.fields for event in decoder.feed(wire + wire)])
        except ProtocolError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_what_came_before_an_event_that_cannot_be_read_is_handed_out_first():
    decoder = ChatEventDecoder()
    found = decoder.feed(delta("a") + encode_event(NAME, "rubbish") + delta("b"))
    assert [event.content for event in found] == ["a"]
    with pytest.raises(ProtocolError, match="rubbish"):
        decoder.feed(delta("c"))
    with pytest.raises(ProtocolError, match="rubbish"):
        decoder.close()


def test_an_event_that_cannot_be_read_is_an_error_at_once_where_nothing_came_before_it():
    with pytest.raises(ProtocolError, match="rubbish"):
        ChatEventDecoder().feed(encode_event(NAME, "rubbish"))


def test_the_last_event_needs_no_blank_line():
    decoder = ChatEventDecoder()
    assert decoder.feed(b'event:done\ndata:"[DONE]"') == []
    [event] = decoder.close()
    assert isinstance(event, StreamDone)


@pytest.mark.parametrize("seconds", [1, 5])
def test_a_time_stamp_that_changes_now_and_then_does_not_stop_the_short_cut(seconds):
    """Seen as events that share their frame: each of those was read without parsing."""
    decoder, turn, frames = ChatEventDecoder(), Turn(), set()
    for n in range(400):
        for event in decoder.feed(delta(f"{n} ", created_at=n // (4 * seconds))):
            assert isinstance(event, MessageDelta)
            turn.apply(event)
            frames.add(event.frame)
    assert turn.answer == "".join(f"{n} " for n in range(400))
    assert len(frames) < 400 / seconds
