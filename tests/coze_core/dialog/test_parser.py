"""Tool calls read out of text, whatever way it comes in pieces."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coze_core.dialog import ToolCallParser, WrittenCall

ADD = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "x"}}\n</tool_call>'
CALL = WrittenCall("add", '{"a": 1, "b": "x"}')


def read(text, cuts=(), names=("add", "mul")):
    """The words, the calls and the broken calls of a text that comes cut in these places."""
    parser = ToolCallParser(names)
    found, start = [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(text)), len(text)]:
        found += parser.feed(text[start:cut])
        start = cut
    found += parser.close()
    words = "".join(piece for piece in found if isinstance(piece, str))
    calls = [piece for piece in found if isinstance(piece, WrittenCall)]
    return words, calls, [broken.text for broken in parser.broken]


@pytest.mark.parametrize(
    ("text", "words", "calls"),
    [
        ("just words", "just words", 0),
        (ADD, "", 1),
        (f"Let me see.\n\n{ADD}", "Let me see.", 1),
        (f"{ADD}\n{ADD}", "", 2),
        (f"{ADD}{ADD}", "", 2),
        (f"{ADD}\nThat is all.", "\nThat is all.", 1),
        ("<tool_call>[" + '{"name": "add"}, {"name": "mul"}' + "]</tool_call>", "", 2),
        ('<tool_call>```json\n{"name": "add"}\n```</tool_call>', "", 1),
        ('<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>', "", 1),
        ('<tool_call>{"name": "add", "parameters": {"a": 1}}</tool_call>', "", 1),
        (f"```x```\n{ADD}", "```x```", 1),
        # Models forget the line break, and the end.
        (f"Let me see. {ADD}\n", "Let me see.", 1),
        (f"Let me see. {ADD}\n{ADD}", "Let me see.", 2),
        ('<tool_call>{"name": "add"}', "", 1),
    ],
)
def test_calls_are_taken_out_and_words_are_left(text, words, calls):
    assert read(text)[0] == words
    assert len(read(text)[1]) == calls
    assert read(text)[2] == []


@pytest.mark.parametrize("key", ["arguments", "parameters", "args", "input"])
def test_arguments_are_found_under_every_name_that_models_give_them(key):
    text = json.dumps({"name": "add", key: {"a": 1}})
    assert read(f"<tool_call>{text}</tool_call>")[1] == [WrittenCall("add", '{"a": 1}')]


@pytest.mark.parametrize(
    "call",
    [
        {"name": "add"},
        {"name": "add", "arguments": None},
        {"name": "add", "arguments": "", "id": "1"},
        {"name": "add", "type": "function", "input": {}},
        {"name": "add", "type": "function"},
    ],
)
def test_a_call_may_have_no_arguments(call):
    text = json.dumps(call)
    assert read(f"<tool_call>{text}</tool_call>")[1] == [WrittenCall("add", "{}")]


@pytest.mark.parametrize(
    "call",
    [
        {"name": "add", "a": 1},
        {"name": "add", "id": 1},
        {"name": "add", "type": "int"},
        {"name": "add", "arguments": {}, "a": 1},
        {"name": "add", "arguments": {"a": 1}, "input": {"b": 2}},
        {"name": "add", "input": [1]},
        {"name": "add", "args": 0},
    ],
)
def test_arguments_elsewhere_are_never_dropped(call):
    text = f"<tool_call>{json.dumps(call)}</tool_call>"
    assert read(text) == ("", [], [text])


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{ADD}\n```\nThat is how.",
        f"~~~xml\n{ADD}\n~~~",
        f"````\n```\n{ADD}\n```\n````",
        f"`{ADD}`",
        f'Write "{ADD}" to add.',
        f"> {ADD}",
        f"The form is {ADD}, as I said.",
        '```json\n{"name": "add", "arguments": {}}\n```',
        '{"name": "add", "arguments": {"a": 1}}',
        "a < b and <tool",
        "<tools> and <tool_caller>",
        "Say <tool_call> to begin.",
        "</tool_call>",
    ],
)
def test_what_only_looks_like_a_call_is_text(text):
    assert read(text) == (text, [], [])


@pytest.mark.parametrize(
    ("text", "problem", "name"),
    [
        ('<tool_call>{"name": "add", "arguments": {"a": 1}</tool_call>', "not JSON", "add"),
        ('<tool_call>{"name": "sub"}</tool_call>', "no tool 'sub'", "sub"),
        ('<tool_call>{"name": "add", "arguments": [1]}</tool_call>', "not a JSON object", "add"),
        ('<tool_call>{"name": "add", "arguments": "x"}</tool_call>', "not JSON", "add"),
        ("<tool_call></tool_call>", "empty", ""),
        ('<tool_call>{"tool": "add"}</tool_call>', 'object with a "name"', ""),
        ('<tool_call>{"name": "add", "arg', "not finished", "add"),
    ],
)
def test_what_cannot_be_read_is_kept_with_what_is_wrong(text, problem, name):
    parser = ToolCallParser(["add"])
    found = [*parser.feed("Words.\n" + text), *parser.close()]
    assert found == ["Words."]
    [broken] = parser.broken
    assert broken.text.strip() == text
    assert problem in broken.problem
    assert broken.name == name


def test_a_string_may_hold_the_closing_tag():
    arguments = {"code": 'print("</tool_call>\\n")'}
    text = f"<tool_call>{json.dumps({'name': 'add', 'arguments': arguments})}</tool_call>"
    [call] = read(text)[1]
    assert json.loads(call.arguments) == arguments


def test_text_after_an_unclosed_string_is_not_lost():
    text = '<tool_call>{"name": "add", "arguments": {"a": "b}</tool_call>\nSorry, wait.'
    words, calls, broken = read(text)
    assert (words, calls, len(broken)) == ("\nSorry, wait.", [], 1)


_PIECES = [
    *(ADD, "```", "\n", " ", "words", "`", '"', "<tool_call>", "</tool_call>", "> ", "\n```\n"),
    *("{", "<tool_", "\\", '{"name": "add"}', "<tool_call>{bad}</tool_call>", "\n\n", "“", "你好"),
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(_PIECES), max_size=9), st.lists(st.integers(0, 300)))
def test_how_the_text_is_cut_makes_no_difference_and_nothing_is_lost(pieces, cuts):
    text = "".join(pieces)
    whole = read(text)
    assert read(text, cuts) == whole
    assert read(text, range(len(text))) == whole
    words, calls, broken = whole
    if not calls:
        squeezed = "".join(text.split())
        assert sum(len("".join(part.split())) for part in [words, *broken]) == len(squeezed)


def test_words_pass_as_soon_as_they_cannot_become_a_call():
    parser = ToolCallParser(["add"])
    assert parser.feed("Hello") == ["Hello"]
    assert parser.feed(" <") == []
    assert parser.feed("b> yes") == [" <b> yes"]
    assert parser.feed("\n<tool_call>{}") == []
