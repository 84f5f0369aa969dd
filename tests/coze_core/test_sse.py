"""The decoder of event streams."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coze_core import ProtocolError, ServerSentEvent, SSEDecoder, encode_event


def decode(data, *cuts):
    decoder = SSEDecoder()
    events = []
    start = 0
    for cut in sorted({min(cut, len(data)) for cut in cuts}):
        events += decoder.feed(data[start:cut])
        start = cut
    return events + decoder.feed(data[start:]) + decoder.close()


def facts(events):
    return [(event.event, event.data, event.id) for event in events]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"event:a\ndata:1\n\n", [("a", "1", None)]),
        (b"event: a\ndata: 1\n\n", [("a", "1", None)]),
        (b"data:  two spaces\n\n", [("", " two spaces", None)]),
        (b"data:1\ndata:2\ndata\n\n", [("", "1\n2\n", None)]),
        (b"id: 0\nevent: Message\ndata: {}\n\n", [("Message", "{}", "0")]),
        (b"id:7\ndata:a\n\ndata:b\n\n", [("", "a", "7"), ("", "b", "7")]),
        (b"id:a\0b\ndata:x\n\n", [("", "x", None)]),
        (b": comment\n\n: more\ndata:x\n\n", [("", "x", None)]),
        (b"data:x\n\n\n\n\ndata:y\n\n", [("", "x", None), ("", "y", None)]),
        (b"event:named\n\ndata:x\n\n", [("", "x", None)]),
        (b"event:done\ndata:", [("done", "", None)]),
        (b"event:done\ndata:\n\n", [("done", "", None)]),
        (b'event:done\ndata:"[DONE]"', [("done", '"[DONE]"', None)]),
        (b"unknown:field\nnocolon\ndata:x\n\n", [("", "x", None)]),
        (b"\xef\xbb\xbfdata:x\n\n", [("", "x", None)]),
        (b"data:\xef\xbb\xbfx\n\n", [("", "\ufeffx", None)]),
        (
            "data:a\u2028b\u2029c\u0085d\x0be\x0cf\n\n".encode(),
            [("", "a\u2028b\u2029c\u0085d\x0be\x0cf", None)],
        ),
        (b"data:\xff\n\n", [("", "\ufffd", None)]),
        (b"", []),
        (b"event:only a name", []),
    ],
)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_decodes_each_form_whatever_the_line_ends_and_wherever_it_is_cut(data, expected, newline):
    data = data.replace(b"\n", newline)
    assert facts(decode(data)) == expected
    assert facts(decode(data, *range(len(data)))) == expected
    for cut in range(len(data)):
        assert facts(decode(data, cut)) == expected


def test_reads_the_reconnection_time():
    assert [event.retry for event in decode(b"retry: 1500\ndata:x\n\nretry:soon\ndata:y\n\n")] == [
        1500,
        None,
    ]


_text = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))
_event = st.tuples(
    st.one_of(st.none(), _text.filter(bool)),
    st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])),
    st.one_of(st.none(), _text),
)


@given(
    events=st.lists(_event, max_size=6),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 400), max_size=20),
)
@example(events=[(None, "", None)], newline="\r", cuts=[])
def test_what_is_encoded_is_decoded_under_any_split(events, newline, cuts):
    data = b""
    expected = []
    last_id = None
    for name, text, id in events:
        last_id = id if id is not None else last_id
        # With spaces, so that text that begins with one comes back whole.
        data += encode_event(name, text, id=id, space=True, newline=newline)
        expected.append((name or "", text, last_id))
    assert facts(decode(data, *cuts)) == expected


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=10))
def test_any_bytes_decode_the_same_under_any_split(data, cuts):
    assert facts(decode(data, *cuts)) == facts(decode(data))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_past_the_limit_is_an_error_and_one_within_it_is_not(size):
    limit = 2000
    small = b"data:" + b"x" * (limit - 5)
    decoder = SSEDecoder(max_event_bytes=limit)
    for start in range(0, len(small), size):
        decoder.feed(small[start : start + size])
    assert len(decoder.feed(b"\n\n")) == 1
    large = b"data:" + b"x" * limit
    with pytest.raises(ProtocolError, match="larger than 2000 bytes"):
        for start in range(0, len(large), size):
            decoder.feed(large[start : start + size])
    with pytest.raises(ProtocolError, match="larger than 2000 bytes"):
        decoder.close()  # and not the part of it that has come


def test_an_event_past_the_limit_is_an_error_when_it_comes_in_one_block():
    with pytest.raises(ProtocolError, match="max_event_bytes"):
        SSEDecoder(max_event_bytes=10).feed(b"data:0123456789\n\n")


@pytest.mark.parametrize("large", [b"data:0123456789", b"data:0123456789\n\ndata:3\n\n"])
def test_what_came_before_an_event_past_the_limit_is_handed_out_first(large):
    decoder = SSEDecoder(max_event_bytes=10)
    assert [event.data for event in decoder.feed(b"data:1\n\ndata:2\n\n" + large)] == ["1", "2"]
    for call in (lambda: decoder.feed(b"data:4\n\n"), lambda: decoder.feed(b""), decoder.close):
        with pytest.raises(ProtocolError, match="max_event_bytes"):
            call()


def test_a_large_event_in_small_blocks_takes_linear_work():
    # Quadratic work would copy gigabytes here and run into the test's time limit.
    data = b"data:" + b"x" * (6 << 20) + b"\n\n"
    decoder = SSEDecoder()
    events = []
    for start in range(0, len(data), 16):
        events += decoder.feed(data[start : start + 16])
    assert len(events[0].data_bytes) == 6 << 20


def test_events_compare_and_show_themselves():
    event = ServerSentEvent("a", b"1")
    assert event == ServerSentEvent("a", b"1")
    assert event != ServerSentEvent("a", b"2")
    assert event != "a"
    assert repr(event) == "ServerSentEvent(event='a', data='1', id=None, retry=None)"


def test_a_limit_must_be_positive():
    with pytest.raises(ValueError, match="at least 1"):
        SSEDecoder(max_event_bytes=0)


def test_a_reconnection_time_that_no_number_holds_is_none():
    (event,) = SSEDecoder().feed(b"retry:" + b"9" * 5000 + b"\ndata:x\n\n")
    assert event.retry is None
