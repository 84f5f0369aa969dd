"""Chunks that are copied are just what the constructors make."""

import pickle
import tracemalloc

import pytest
from langchain_core.load import dumps

from langchain_coze._fast import chunk_maker, copied, validated


@pytest.fixture
def copy():
    made = copied("coze")
    assert made is not None, "the installed LangChain has other chunks: see langchain_coze/_fast.py"
    return made


@pytest.mark.parametrize("text", ["", "word", "你好", "\ud83d\ude00"])
@pytest.mark.parametrize("extra", [{}, {"reasoning_content": "hm"}])
def test_a_copied_chunk_equals_a_validated_one(copy, text, extra):
    ours, theirs = copy(text, dict(extra)), validated("coze")(text, dict(extra))
    assert ours == theirs
    for one, other in ((ours, theirs), (ours.message, theirs.message)):
        assert type(one) is type(other)
        assert list(one.__dict__) == list(other.__dict__)
        assert one.__pydantic_fields_set__ == other.__pydantic_fields_set__
        assert one.__pydantic_extra__ == other.__pydantic_extra__
        assert one.model_dump() == other.model_dump()
        assert repr(one) == repr(other)
        assert pickle.loads(pickle.dumps(one)) == other
    assert dumps(ours.message) == dumps(theirs.message)
    assert (ours + copy("more", {})).message.content == text + "more"


def test_copies_share_nothing_that_can_be_changed(copy):
    one, other = copy("a", {}), copy("a", {})
    one.message.response_metadata["x"] = 1
    one.message.tool_calls.append({})
    one.message.tool_call_chunks.append({})
    one.message.invalid_tool_calls.append({})
    one.message.additional_kwargs["x"] = 1
    one.message.id = "1"
    one.message.unknown = "x"
    one.message.__dict__["added"] = "x"
    del one.message.__dict__["name"]
    one.generation_info = {}
    assert other == validated("coze")("a", {})
    assert copy("a", {}) == other
    assert copy("a", {}).model_dump(exclude_unset=True) == validated("coze")("a", {}).model_dump(
        exclude_unset=True
    )


def test_other_classes_are_made_by_their_constructors(monkeypatch):
    from langchain_coze import _fast

    monkeypatch.setattr(_fast, "_GENERATION", frozenset({"text"}))
    assert copied("coze") is None
    assert chunk_maker("coze")("a", {}).message.content == "a"


def test_a_copied_chunk_takes_less_memory_than_a_validated_one(copy):
    """LangChain keeps every chunk until the end of its stream."""
    assert size_of(copy) < 0.7 * size_of(validated("coze"))


def size_of(make):
    chunks = [None] * 1000
    tracemalloc.start()
    try:
        for place in range(len(chunks)):
            chunks[place] = make("word", {})
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
