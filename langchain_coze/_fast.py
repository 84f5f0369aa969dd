"""Chunks of text, made as cheaply as LangChain's classes allow.

A chunk has a dozen fields of which one is new each time, and validating the others again is most of
the cost of a streamed token. So a chunk is copied from one that was validated. If a version of
LangChain has chunks of another make, every chunk is validated, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

MakeChunk: TypeAlias = Callable[[str, dict[str, Any]], ChatGenerationChunk]

# The fields of a message that must be its own, since somebody may change them.
_OWN: Final = frozenset(
    {
        "content",
        "additional_kwargs",
        "response_metadata",
        "tool_calls",
        "invalid_tool_calls",
        "tool_call_chunks",
    }
)
_GENERATION: Final = frozenset({"text", "generation_info", "type", "message"})
# A class leaves room for as many attributes, less one for each instance that it has had.
_INSTANCES: Final = 32


def validated(provider: str) -> MakeChunk:
    """Return what makes a chunk by its constructor.

    Args:
        provider: The provider that each chunk names.
    """

    def make(text: str, extra: dict[str, Any]) -> ChatGenerationChunk:
        message = AIMessageChunk(
            content=text,
            additional_kwargs=extra,
            response_metadata={"model_provider": provider},
        )
        return ChatGenerationChunk(message=message)

    return make


def copied(provider: str) -> MakeChunk | None:
    """Return what makes a chunk by copying; None if the classes are not what we know.

    Args:
        provider: The provider that each chunk names.
    """
    template = validated(provider)("text", {})
    message = template.message
    if not isinstance(message, AIMessageChunk) or not _as_known(template, message):
        return None
    inner_values, outer_values = _compact(message.__dict__), _compact(template.__dict__)
    inner_fields = frozenset(message.__pydantic_fields_set__)
    outer_fields = frozenset(template.__pydantic_fields_set__)
    inner_extra = message.__pydantic_extra__
    new, put = object.__new__, object.__setattr__
    # A set takes 216 bytes, for each of all the chunks that LangChain keeps, and only who dumps a
    # generation without its defaults reads this one: it is shared until somebody adds to it.
    outer_given = set(outer_fields)
    outer_size = len(outer_given)

    def make(text: str, extra: dict[str, Any]) -> ChatGenerationChunk:
        nonlocal outer_given
        if len(outer_given) != outer_size:
            outer_given = set(outer_fields)
        inner = new(AIMessageChunk)
        values = inner_values.copy()
        values["content"] = text
        values["additional_kwargs"] = extra
        values["response_metadata"] = {"model_provider": provider}
        values["tool_calls"] = []
        values["invalid_tool_calls"] = []
        values["tool_call_chunks"] = []
        put(inner, "__dict__", values)
        put(inner, "__pydantic_fields_set__", set(inner_fields))
        put(inner, "__pydantic_extra__", None if inner_extra is None else {})
        put(inner, "__pydantic_private__", None)
        outer = new(ChatGenerationChunk)
        values = outer_values.copy()
        values["text"] = text
        values["message"] = inner
        put(outer, "__dict__", values)
        put(outer, "__pydantic_fields_set__", outer_given)
        put(outer, "__pydantic_extra__", None)
        put(outer, "__pydantic_private__", None)
        return outer

    return make if _same(make, validated(provider)) else None


def _compact(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in a dictionary whose copies take less than half of the memory.

    LangChain keeps every chunk of a stream until its end, so their size counts. The dictionaries
    of a class's instances share their keys, and so do copies of these; each has its own values.
    """

    class Shape:
        pass

    for _ in range(_INSTANCES):
        shape = Shape()
        for name, value in values.items():
            setattr(shape, name, value)
    return vars(shape)


def _as_known(chunk: ChatGenerationChunk, message: AIMessageChunk) -> bool:
    """Whether the objects consist of what we copy, and share nothing that can be changed."""
    rest = [value for name, value in message.__dict__.items() if name not in _OWN]
    return (
        message.__dict__.keys() >= _OWN
        and all(isinstance(value, str | int | None) for value in rest)
        and chunk.__dict__.keys() == _GENERATION
        and not message.__pydantic_extra__
        and message.__pydantic_private__ is None
        and chunk.__pydantic_private__ is None
        and chunk.__pydantic_extra__ is None
    )


def _same(one: MakeChunk, other: MakeChunk) -> bool:
    for text, extra in (("words", {}), ("", {"reasoning_content": "hm"})):
        ours, theirs = one(text, extra), other(text, extra)
        if ours != theirs or ours.model_dump_json() != theirs.model_dump_json():
            return False
    return True


def chunk_maker(provider: str) -> MakeChunk:
    """Return the fastest way to make a chunk that the installed LangChain allows.

    Args:
        provider: The provider that each chunk names.
    """
    return copied(provider) or validated(provider)
