"""One decoder takes the bytes of a chat stream, however a server writes them, and gives events."""

import json
import sys

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
    st.sampled_from(["none", "all", "some"]),
)
def test_every_way_of_writing_deltas_gives_the_same_events(
    pieces, cuts, newline, space, ascii_only, separators, ids
):
    """Thoughts and answers, raw and escaped, with spaces and ids and without, cut anywhere."""
    wire = b""
    for n, (text, thinks) in enumerate(pieces):
        said = {"content": "", "reasoning_content": text} if thinks else {"content": text}
        data = json.dumps(
            {**FRAME, **said, "chat_id": "c"}, ensure_ascii=ascii_only, separators=separators
        )
        number = str(n) if ids == "all" or (ids == "some" and n % 3 == 0) else None
        wire += encode_event(NAME, data, id=number, newline=newline, space=space)
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
        "\t",  # JSON has no control characters in its texts
        "\x00",
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


around = st.lists(
    st.sampled_from(
        [
            ("created_at", 1),
            ("created_at", 2),
            ("content_type", "text"),
            ("content_type", "card"),
            ("id", "2"),
            ("meta_data", {"content": "x"}),
        ]
    ),
    max_size=3,
)


@given(st.lists(st.tuples(around, texts, around, st.booleans()), max_size=12), st.booleans())
def test_an_event_is_what_its_own_bytes_say_whatever_stood_around_the_text_before(said, one_by_one):
    objects = [{**dict(front), "content": text, **dict(back)} for front, text, back, _ in said]
    blocks = [encode_event(NAME, json.dumps(fields, separators=(",", ":"))) for fields in objects]
    for at, (_, _, _, twice) in enumerate(said):
        if twice:  # a second line of data, which is empty, is white space in the object
            blocks[at] = blocks[at].replace(b"\n\n", b"\ndata:\n\n")
    decoder = ChatEventDecoder()
    found = [
        event
        for block in (blocks if one_by_one else [b"".join(blocks)])
        for event in decoder.feed(block)
    ]
    assert [event.fields for event in found] == objects
    assert [event.content for event in found] == [fields["content"] for fields in objects]


def test_an_event_that_ends_in_another_way_than_those_before_keeps_its_end():
    decoder = ChatEventDecoder()
    decoder.feed(delta("a", created_at=1, inner=[1]) * 3)
    for more in ({"created_at": 2, "inner": [1]}, {"created_at": 1}, {}):
        [event] = decoder.feed(delta("four words and more", **more))
        assert event.fields == {**FRAME, "content": "four words and more", **more}


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


def calls_made_for(wire, block):
    """Return how many Python functions are called for each event of a stream."""
    decoder, events, calls = ChatEventDecoder(), 0, 0

    def count(frame, what, argument):
        nonlocal calls
        calls += what == "call"

    sys.setprofile(count)
    try:
        for start in range(0, len(wire), block):
            events += len(decoder.feed(wire[start : start + block]))
    finally:
        sys.setprofile(None)
    return calls / events


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("space", [True, False])
@pytest.mark.parametrize("block", [4000, 4096])
def test_numbered_events_take_the_short_cut_too(newline, space, block):
    """As Studio numbers those of chatflows: one call an event makes its delta, few do the rest."""

    def wire(*, numbered):
        return b"".join(
            encode_event(
                NAME,
                json.dumps({**FRAME, "content": f"{n} "}),
                id=str(n) if numbered else None,
                newline=newline,
                space=space,
            )
            for n in range(1000)
        )

    assert calls_made_for(wire(numbered=True), block) < 1.5 * calls_made_for(
        wire(numbered=False), block
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"id:1\nid:2\n" + delta("a") + b"id:3\n\n" + delta("b"),
        b"id:1\n" + delta("a") + delta("b").replace(b"\ndata", b"\nid:2\ndata"),
        b"id:1\n" + delta("a") + delta("b")[:-1] + b"id:2\n\n",
        b"id:1\n" + delta("a") + b"id\nid:\n: id:\n" + delta("b"),
    ],
    ids=["alone", "between", "behind", "without a number"],
)
def test_numbers_may_stand_anywhere(wire):
    for size in range(1, len(wire) + 1):
        decoder, found = ChatEventDecoder(), []
        for start in range(0, len(wire), size):
            found += decoder.feed(wire[start : start + size])
        found += decoder.close()
        assert [event.content for event in found] == ["a", "b"]


def test_text_that_looks_like_a_number_of_an_event_stays():
    """Data of several lines, as Studio writes it (section 3.1)."""
    decoder = ChatEventDecoder()
    wire = b'id:1\nevent:conversation.message.delta\ndata:{"content":\ndata:"id:5"}\n\n'
    [event] = decoder.feed(wire)
    assert event.content == "id:5"
    decoder = ChatEventDecoder()
    found = decoder.feed(b"id:1\n" + delta("a") + b'event:conversation.message.delta\ndata:{"co')
    found += decoder.feed(b'ntent":"')
    found += decoder.feed(b'id:7","x":1}\n\n')
    assert [event.content for event in found] == ["a", "id:7"]


def test_little_is_spent_on_deltas_that_have_nothing_in_common():
    """Seen as function calls for each of them, in a short answer and in a long one."""
    few, many = (
        b"".join(delta(f"{n} ", created_at=n) for n in range(count)) for count in (10, 1000)
    )
    assert calls_made_for(few, 4096) < 2 * calls_made_for(many, 4096)
