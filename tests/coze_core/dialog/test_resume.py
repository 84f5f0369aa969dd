"""Which histories answer a chat that waits, and which are told to a new one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coze_core.dialog import (
    CallEntry,
    Entry,
    Marker,
    Pending,
    PlanOptions,
    portable_id,
    resume,
)

OPTIONS = PlanOptions(bot_id="b")
PENDING = (Pending("1", "f", "1"), Pending("2", "g", "2"), Pending("3", "h", "3"))
WAITS = Marker("c", "h", "b", "requires_action", PENDING)
CALLS = tuple(CallEntry(call.id, call.name, "{}") for call in PENDING)


def asked(marker=WAITS, calls=CALLS):
    return [Entry("user", "go"), Entry("assistant", "", marker.dump(), calls)]


def tool(id, text="out"):
    return Entry("tool", text, tool_call_id=id)


def outputs(found):
    return [(item.wire_id, item.entry.text) for item in found.outputs]


@given(st.permutations(["1", "2", "3"]))
def test_results_in_any_order_go_back_in_the_order_of_the_calls(order):
    found = resume([*asked(), *(tool(id, id * 2) for id in order)], OPTIONS)
    assert outputs(found) == [("1", "11"), ("2", "22"), ("3", "33")]


def test_of_two_results_for_a_call_the_last_counts():
    found = resume([*asked(), *map(tool, "123"), tool("2", "edited")], OPTIONS)
    assert outputs(found)[1] == ("2", "edited")


def test_a_missing_result_is_named():
    with pytest.raises(ValueError, match=r"g \(2\), h \(3\)"):
        resume([*asked(), tool("1")], OPTIONS)


@pytest.mark.parametrize(
    ("why", "entries"),
    [
        ("nothing answered", asked()),
        ("the user goes on", [*asked(), Entry("user", "never mind")]),
        ("the user goes on half-way", [*asked(), tool("1"), Entry("user", "never mind")]),
        ("the user speaks after all", [*asked(), *map(tool, "123"), Entry("user", "and?")]),
        ("another call as well", [*asked(), *map(tool, "1234")]),
        (
            "another bot",
            [*asked(Marker("c", "h", "x", "requires_action", PENDING)), *map(tool, "123")],
        ),
        ("a chat that has ended", [*asked(Marker("c", "h", "b", "completed")), *map(tool, "123")]),
        ("no marker", [Entry("assistant", "", None, CALLS), *map(tool, "123")]),
        ("an answer in between", [*asked(), Entry("assistant", "x"), *map(tool, "123")]),
        ("no call at all", [*map(tool, "123")]),
    ],
)
def test_other_histories_are_told_to_a_new_chat(why, entries):
    assert resume(entries, OPTIONS) is None, why


@pytest.mark.parametrize("rubbish", [{}, {"v": 2}, {"v": 1, "chat_id": 3}, {"v": 1, "pending": 7}])
def test_a_damaged_marker_is_no_marker(rubbish):
    assert Marker.read(rubbish) is None
    assert resume([Entry("assistant", "", rubbish, CALLS), tool("1")], OPTIONS) is None


@given(
    st.dictionaries(
        st.sampled_from(
            ["v", "conversation_id", "chat_id", "bot_id", "status", "pending", "spent", "answers"]
        ),
        st.none()
        | st.integers(0, 2)
        | st.sampled_from(["", "a"])
        | st.lists(
            st.dictionaries(
                st.sampled_from(["id", "name", "question"]), st.none() | st.sampled_from(["", "a"])
            )
        ),
    )
)
def test_no_marker_makes_it_raise(value):
    found = Marker.read(value)
    assert found is None or Marker.read(found.dump()) == found


def test_the_next_user_message_answers_a_question():
    marker = Marker("c", "h", "b", "requires_action", (Pending("q", "reply_message", "q", "Who?"),))
    entries = [Entry("user", "go"), Entry("assistant", "Who?", marker.dump())]
    assert outputs(resume([*entries, Entry("user", "Ada")], OPTIONS)) == [("q", "Ada")]
    assert outputs(resume([*entries, tool("q", "Ada")], OPTIONS)) == [("q", "Ada")]


def test_several_questions_want_as_many_answers():
    pending = (Pending("q", "r", "q", "Who?"), Pending("p", "r", "p", "Where?"))
    marker = Marker("c", "h", "b", "requires_action", pending)
    entries = [Entry("user", "go"), Entry("assistant", "", marker.dump())]
    both = [*entries, Entry("user", "Ada"), Entry("user", "Paris")]
    assert outputs(resume(both, OPTIONS)) == [("q", "Ada"), ("p", "Paris")]
    with pytest.raises(ValueError, match=r"Who\?; Where\?"):
        resume([*entries, Entry("user", "Ada")], OPTIONS)


def test_results_of_calls_in_text_go_along_with_the_last_output():
    marker = Marker("c", "h", "b", "requires_action", PENDING[:1], prompted=("t",))
    calls = (CALLS[0], CallEntry("t", "told", "{}"))
    found = resume([*asked(marker, calls), tool("t", "T"), tool("1", "N")], OPTIONS)
    assert outputs(found) == [("1", 'N\n\n<tool_result name="told">\nT\n</tool_result>')]
    with pytest.raises(ValueError, match=r"f \(1\)"):
        resume([*asked(marker, calls), tool("t", "T")], OPTIONS)


def test_missing_results_can_be_filled_in():
    found = resume([*asked(), tool("2", "two")], OPTIONS, fill=True)
    assert [item.entry.failed for item in found.outputs] == [True, False, True]
    assert outputs(found)[1] == ("2", "two")
    assert resume([*asked(), tool("1"), Entry("user", "never mind")], OPTIONS, fill=True) is None


def test_ids_that_say_where_they_belong_are_enough():
    ids = [portable_id(id, conversation_id="c", chat_id="h", bot_id="b") for id in ("1", "2")]
    calls = tuple(CallEntry(id, "f", "{}") for id in ids)
    results = [tool(id, f"out {n}") for n, id in enumerate(ids)]
    whole = [Entry("user", "go"), Entry("assistant", "", None, calls), *results]
    for history in (whole, results):
        found = resume(history, OPTIONS)
        assert (found.marker.conversation_id, found.marker.chat_id) == ("c", "h")
        assert outputs(found) == [("1", "out 0"), ("2", "out 1")]
    assert resume(whole, PlanOptions(bot_id="other")) is None
    assert resume([*results, tool("3")], OPTIONS) is None


@given(st.text("cz1.=-_aZ9", max_size=40))
def test_no_id_makes_it_raise(id):
    assert resume([tool("cz1." + id)], OPTIONS) is None


def test_instructions_at_the_very_end_go_along_with_the_last_output():
    found = resume([*asked(), *map(tool, "123"), Entry("system", "Answer now.")], OPTIONS)
    assert outputs(found)[-1] == ("3", "out\n\nAnswer now.")
    found = resume([Entry("system", "Be brief."), *asked(), *map(tool, "123")], OPTIONS)
    assert outputs(found)[-1] == ("3", "out")
