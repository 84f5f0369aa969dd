"""Passages out of a workflow's output: for retrievers, since Coze has no search of its own.

Protocol notes, section 6.7: recall happens inside a chat or a workflow only. So a workflow with a
knowledge node in it is the one way to search, and its output is what it found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_TEXTS: Final = ("output", "content", "text", "page_content", "chunk", "data")
_LISTS: Final = ("outputList", "output", "documents", "results", "items", "data", "chunks")
_SCORES: Final = ("score", "similarity", "relevance")


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that was found.

    Attributes:
        text: The passage.
        score: How well it fits, if the workflow says it.
        metadata: What else the workflow says of it.
    """

    text: str
    score: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def passages_of(value: Any, name: str | None = None) -> list[Passage]:
    """Return the passages in a workflow's output.

    Args:
        value: The output as data: a list, or an object that holds one.
        name: The field that holds the list; the usual ones are looked for if None.

    Raises:
        ValueError: If there is no list, or what is in it has no text.

    Example:
        >>> passages_of({"outputList": [{"output": "Paris is a city.", "score": 0.9}]})
        [Passage(text='Paris is a city.', score=0.9, metadata={})]
    """
    found = _list(value, name)
    if found is None:
        where = f"field {name!r}" if name else f"any of {', '.join(_LISTS)}"
        raise ValueError(
            f"the workflow's output has no list of passages in {where}: {str(value)[:200]!r}"
        )
    return [_passage(item) for item in found]


def _list(value: Any, name: str | None) -> list[Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, list):
        return value
    if not isinstance(value, Mapping):
        return None
    names = (name,) if name else _LISTS
    for each in names:
        inner = value.get(each)
        if inner is not None:
            return _list(inner, None)
    return None


def _passage(item: Any) -> Passage:
    if isinstance(item, str):
        return Passage(item)
    if isinstance(item, Mapping):
        text = next((item[key] for key in _TEXTS if isinstance(item.get(key), str)), None)
        if text is not None:
            score = next((item[key] for key in _SCORES if _is_number(item.get(key))), None)
            rest = {
                key: inner
                for key, inner in item.items()
                if inner is not text and key not in _SCORES
            }
            return Passage(text, None if score is None else float(score), rest)
    raise ValueError(f"a passage of the workflow's output has no text: {str(item)[:200]!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
