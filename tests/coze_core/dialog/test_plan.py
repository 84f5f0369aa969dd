"""From a history to a request."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coze_core.dialog import CallEntry, Entry, Marker, PlanOptions, StopMatcher, digest, plan

HERE = Marker("c1", "h1", "b", "completed").dump()


def options(**others):
    return PlanOptions(**{"bot_id": "b", **others})


def sent(planned):
    return [(message.role, message.type, message.content) for message in planned.messages]


def test_a_client_history_is_sent_whole_as_a_new_chat():
    entries = [Entry("user", "one"), Entry("assistant", "two", HERE), Entry("user", "three")]
    planned = plan(entries, options())
    assert planned.conversation_id is None
    assert sent(planned) == [
        ("user", "question", "one"),
        ("assistant", "answer", "two"),
        ("user", "question", "three"),
    ]


def answered(*entries, **facts):
    """A history that the conversation `c1` holds, with the answer last."""
    return [
        *entries[:-1],
        replace(entries[-1], marker={**HERE, "digest": digest(entries), **facts}),
    ]


def test_a_server_history_sends_what_is_new_to_the_conversation_it_came_from():
    entries = [
        *answered(Entry("user", "one"), Entry("assistant", "two")),
        Entry("user", "three"),
        Entry("user", "four"),
    ]
    planned = plan(entries, options(history="server"))
    assert planned.conversation_id == "c1"
    assert [content for _, _, content in sent(planned)] == ["three", "four"]


def test_a_server_history_of_another_bot_begins_a_new_conversation():
    entries = [Entry("user", "one"), Entry("assistant", "two", HERE), Entry("user", "three")]
    planned = plan(entries, options(history="server", bot_id="other"))
    assert (planned.conversation_id, len(planned.messages)) == (None, 3)


def test_a_named_conversation_gets_the_messages_after_the_last_answer():
    entries = [Entry("user", "one"), Entry("assistant", "two"), Entry("user", "three")]
    planned = plan(entries, options(conversation_id="c9"))
    assert planned.conversation_id == "c9"
    assert [content for _, _, content in sent(planned)] == ["three"]


def test_system_text_goes_before_the_first_user_message_sent():
    entries = [Entry("system", "Be brief."), Entry("assistant", "hello"), Entry("user", "hi")]
    assert sent(plan(entries, options()))[1] == ("user", "question", "Be brief.\n\nhi")
    assert sent(plan([Entry("system", "Say hi.")], options())) == [("user", "question", "Say hi.")]


def test_system_text_can_go_into_a_variable_or_be_refused():
    entries = [Entry("system", "Be brief."), Entry("system", "Be kind."), Entry("user", "hi")]
    planned = plan(entries, options(system="variable:rules"))
    assert planned.custom_variables == {"rules": "Be brief.\n\nBe kind."}
    assert [content for _, _, content in sent(planned)] == ["hi"]
    with pytest.raises(ValueError, match="no system role"):
        plan(entries, options(system="error"))
    assert plan([Entry("user", "hi")], options(system="error"))


def test_a_conversation_that_goes_on_is_not_told_the_system_text_again():
    begin = [Entry("system", "Be brief."), Entry("user", "one")]
    first = plan(begin, options(history="server"))
    assert "Be brief." in sent(first)[0][2]
    more = [*answered(*begin, Entry("assistant", "two"), said=first.said), Entry("user", "three")]
    assert sent(plan(more, options(history="server"))) == [("user", "question", "three")]
    other = [Entry("system", "Be verbose."), *more[1:]]
    assert sent(plan(other, options(history="server")))[0][2] == "Be verbose.\n\nthree"


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([], "nothing to ask"),
        ([Entry("user", "  ")], "empty"),
        ([Entry("user", "hi"), Entry("assistant", "hello")], "the last message must be"),
    ],
)
def test_a_history_without_a_question_is_refused(entries, says):
    with pytest.raises(ValueError, match=says):
        plan(entries, options())


@pytest.mark.parametrize("wrong", [{"history": "both"}, {"system": "x"}, {"system": "variable:1"}])
def test_options_that_do_not_exist_are_refused(wrong):
    with pytest.raises(ValueError):
        options(**wrong)


def test_tool_traffic_is_replayed_as_plain_text():
    call = CallEntry("1", "weather", '{"city": "Paris"}')
    entries = [
        Entry("user", "weather?"),
        Entry("assistant", "", None, (call,)),
        Entry("tool", "sunny", tool_call_id="1"),
    ]
    assert sent(plan(entries, options()))[1:] == [
        ("assistant", "answer", '[called weather({"city": "Paris"})]'),
        ("user", "question", "[result of weather]\nsunny"),
    ]


_entry = st.builds(
    Entry,
    st.sampled_from(["user", "assistant", "system"]),
    st.sampled_from(["", "a", "b c"]),
)


@given(st.lists(_entry, max_size=30), st.integers(1, 10))
def test_however_long_the_history_what_is_sent_fits_and_ends_with_the_question(entries, limit):
    entries = [*entries, Entry("user", "the question")]
    planned = plan(entries, options(limit=limit))
    speaking = [e for e in entries if e.role != "system" and e.text]
    assert len(planned.messages) == min(limit, len(speaking))
    assert planned.dropped == len(speaking) - len(planned.messages)
    assert planned.messages[-1].content.endswith("the question")
    system = "\n\n".join(e.text for e in entries if e.role == "system" and e.text)
    assert any(message.content.startswith(system) for message in planned.messages)


def test_the_last_user_message_is_kept_even_behind_many_tool_results():
    rounds = [
        entry
        for n in range(9)
        for entry in (Entry("assistant", f"step {n}"), Entry("tool", f"r{n}", tool_call_id=str(n)))
    ]
    planned = plan([Entry("user", "the question"), *rounds], options(limit=3))
    assert [message.content.split("\n")[-1] for message in planned.messages] == [
        "the question",
        "step 8",
        "r8",
    ]


@given(st.text("abEND", max_size=40), st.lists(st.integers(0, 40), max_size=8))
def test_text_is_cut_at_the_same_stop_however_it_comes(text, cuts):
    stops = ["END", "bb", "Da"]
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    matcher = StopMatcher(stops)
    found, start = "", 0
    for cut in [*sorted(cuts), len(text)]:
        found += matcher.feed(text[start:cut])
        start = max(start, cut)
    found += matcher.flush()
    assert matcher.stopped is bool(places)
    # A stop that begins earlier may end later: then the text may be cut at the one that ended.
    assert text.startswith(found)
    assert found == (text[: min(places)] if places else text) or len(places) > 1


def test_without_stops_all_text_passes_at_once():
    matcher = StopMatcher(["", *()])
    assert (matcher.feed("abc"), matcher.flush(), matcher.stopped) == ("abc", "", False)
