"""Responses of text, made as cheaply as LlamaIndex's classes allow.

A streamed response has three objects in it, of which one string is new each time. So it is copied
from one that was validated. If a version of LlamaIndex has responses of another make, every one is
validated, as everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole, TextBlock

MakeResponse: TypeAlias = Callable[[str, str], ChatResponse]

# What each object must have of its own, since somebody may change it.
_RESPONSE: Final = {"message", "delta", "additional_kwargs"}
_MESSAGE: Final = {"additional_kwargs", "blocks"}


def validated(text: str, delta: str) -> ChatResponse:
    """Return a response by the constructors.

    Args:
        text: The text so far.
        delta: What is new of it.
    """
    message = ChatMessage(content=text, role=MessageRole.ASSISTANT)
    return ChatResponse(message=message, delta=delta)


def copied() -> MakeResponse | None:
    """Return what makes a response by copying; None if the classes are not what we know."""
    template = validated("text", "delta")
    message = template.message
    block = message.blocks[0]
    if not (_plain(template, _RESPONSE) and _plain(message, _MESSAGE) and _plain(block, {"text"})):
        return None
    parts = [
        (dict(item.__dict__), frozenset(item.__pydantic_fields_set__))
        for item in (template, message, block)
    ]
    (outer, outer_set), (middle, middle_set), (inner, inner_set) = parts
    new, put = object.__new__, object.__setattr__

    def fill(made: Any, values: dict[str, Any], fields: frozenset[str]) -> Any:
        put(made, "__dict__", values)
        put(made, "__pydantic_fields_set__", set(fields))
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made

    def make(text: str, delta: str) -> ChatResponse:
        values = inner.copy()
        values["text"] = text
        said = fill(new(TextBlock), values, inner_set)
        values = middle.copy()
        values["additional_kwargs"] = {}
        values["blocks"] = [said]
        message = fill(new(ChatMessage), values, middle_set)
        values = outer.copy()
        values["message"] = message
        values["delta"] = delta
        values["additional_kwargs"] = {}
        response: ChatResponse = fill(new(ChatResponse), values, outer_set)
        return response

    ours, theirs = make("words", "s"), validated("words", "s")
    return make if ours == theirs and ours.model_dump() == theirs.model_dump() else None


def _plain(item: Any, own: set[str]) -> bool:
    """Whether an object consists of what we copy, and shares nothing that can be changed."""
    rest = [value for name, value in item.__dict__.items() if name not in own]
    return (
        item.__dict__.keys() >= own
        and all(isinstance(value, str | int | None) for value in rest)
        and item.__pydantic_extra__ is None
        and item.__pydantic_private__ is None
    )


make_response: Final[MakeResponse] = copied() or validated
