"""JSON answers: the object is found in the words, and checked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coze_core.dialog import JsonFilter, ResponseFormat, mismatch

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "home": {"$ref": "#/$defs/home"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"home": {"type": "object", "required": ["city"]}},
}


def filtered(text, cuts=()):
    only = JsonFilter()
    found, start = "", 0
    for cut in [*sorted(cut for cut in cuts if cut < len(text)), len(text)]:
        found += only.feed(text[start:cut])
        start = cut
    found += only.close()
    return found, only


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "}{"}',
        'Here you are:\n{"a": "}{"}',
        '```json\n{"a": "}{"}\n```\nAnything else?',
        'Sure, {"a": "}{"} it is.',
        '  {"a": "}{"}',
    ],
)
def test_the_object_is_found_among_words(text):
    assert filtered(text)[0] == '{"a": "}{"}'
    assert filtered(text, range(len(text)))[0] == '{"a": "}{"}'


def test_an_empty_piece_after_a_backslash_changes_nothing():
    only = JsonFilter()
    pieces = ['{"a": "\\', "", '"}"}', " Bye."]
    assert "".join(only.feed(piece) for piece in pieces) == '{"a": "\\"}"}'


def test_words_without_an_object_are_kept():
    found, only = filtered("I cannot {do} that.")
    assert (found, only.found, only.words()) == ("", False, "I cannot {do} that.")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[]\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab"\\{}', max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text("ab}"), _json), st.lists(st.integers(0, 200)), st.booleans())
def test_any_object_passes_whole_however_it_is_cut(value, cuts, plain):
    text = json.dumps(value, indent=None if plain else 2)
    found, only = filtered(f"Well:\n{text}\nBye {{x}}.", cuts)
    assert found == text
    assert only.found


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"name": "Ada", "age": 3, "tags": ["a"], "home": {"city": "X"}, "note": None}, None),
        ({}, "has no 'name'"),
        ({"name": 3}, "must be of type string"),
        ({"name": ""}, "length"),
        ({"name": "x", "age": -1}, "at least 0"),
        ({"name": "x", "age": True}, "integer"),
        ({"name": "x", "age": 3.0}, None),
        ({"name": "x", "tags": ["a", "c"]}, "one of"),
        ({"name": "x", "home": {}}, "has no 'city'"),
        ({"name": "x", "note": 3}, "none of its types"),
        ({"name": "x", "other": 3}, "must not have 'other'"),
        ([], "must be of type object"),
    ],
)
def test_a_misfit_is_told_in_a_sentence(value, says):
    found = mismatch(value, SCHEMA)
    assert (found is None) if says is None else says in found


def test_a_schema_that_refers_to_itself_ends():
    loop = {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}}
    assert mismatch({}, loop) is None
    tree = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert "object" in mismatch({"next": {"next": 3}}, tree)


@pytest.mark.parametrize(
    "form",
    [
        {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
        {"type": "object", "title": "x", **SCHEMA},
    ],
)
def test_the_usual_forms_are_read(form):
    found = ResponseFormat.from_openai(form)
    assert found.name == "x"
    assert '"minLength": 1' in found.instructions()
    assert found.problem('{"name": "Ada"}') is None
    assert "not JSON" in found.problem("{")


def test_other_forms_are_refused_and_text_means_none():
    assert ResponseFormat.from_openai({"type": "text"}) is None
    assert ResponseFormat.from_openai({"type": "json_object"}).problem("{}") is None
    with pytest.raises(ValueError, match="response_format must be"):
        ResponseFormat.from_openai({"type": "yaml"})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "required": True, "properties": {"a": {"minLength": None}}},
        {"type": "object", "patternProperties": {"^a": {}}, "additionalProperties": False},
    ],
)
def test_odd_schemas_refuse_nothing_that_they_do_not_name(schema):
    assert mismatch({"a": "b"}, schema) is None
