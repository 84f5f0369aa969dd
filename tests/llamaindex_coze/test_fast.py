"""Responses that are copied are just what the constructors make."""

import pickle

import pytest

from llamaindex_coze import _fast


@pytest.fixture
def copy():
    made = _fast.copied()
    assert made is not None, "the installed LlamaIndex has other responses: see _fast.py"
    return made


@pytest.mark.parametrize("text", ["", "word", "你好"])
def test_a_copied_response_equals_a_validated_one(copy, text):
    ours, theirs = copy(text, text[-1:]), _fast.validated(text, text[-1:])
    assert ours == theirs
    pairs = [
        (ours, theirs),
        (ours.message, theirs.message),
        (ours.message.blocks[0], theirs.message.blocks[0]),
    ]
    for one, other in pairs:
        assert type(one) is type(other)
        assert list(one.__dict__) == list(other.__dict__)
        assert one.__pydantic_fields_set__ == other.__pydantic_fields_set__
        assert one.model_dump() == other.model_dump()
        assert repr(one) == repr(other)
        assert pickle.loads(pickle.dumps(one)) == other


def test_copies_share_nothing_that_can_be_changed(copy):
    one, other = copy("a", "a"), copy("a", "a")
    one.message.additional_kwargs["x"] = 1
    one.message.blocks.append(one.message.blocks[0])
    one.message.blocks[0].text = "b"
    one.additional_kwargs["x"] = 1
    one.raw = {}
    assert other == copy("a", "a") == _fast.validated("a", "a")


def test_other_classes_are_made_by_their_constructors(monkeypatch):
    monkeypatch.setattr(_fast, "_MESSAGE", {"nothing"})
    assert _fast.copied() is None
