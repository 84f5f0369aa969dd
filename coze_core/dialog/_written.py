"""What stands in a block that a bot wrote to call a tool."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from coze_core._characters import whole_json

_FENCED: Final = re.compile(r"\s*```\w*\n(.*?)\n?\s*```\s*", re.DOTALL)
# What models call the arguments of a call; the first is what they were told to write.
_ARGUMENTS: Final = ("arguments", "args", "input", "parameters")
_KINDS: Final = ("function", "tool_call", "tool_use")  # what a call may say of its type


class WrittenCall(NamedTuple):
    """A call that was read.

    Attributes:
        name: The tool's name.
        arguments: JSON text of an object.
    """

    name: str
    arguments: str


def calls_in(body: str, names: Sequence[str]) -> list[WrittenCall] | tuple[str, str]:
    """Return the calls in a block, or what is wrong with it and the name that it has.

    Args:
        body: What stands between the tags.
        names: The tools that may be called.
    """
    fenced = _FENCED.fullmatch(body)
    text, _ = whole_json((fenced.group(1) if fenced else body).strip())
    values: list[object] = []
    position = 0
    while position < len(text):
        try:
            value, position = json.JSONDecoder().raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            guess = re.search(r'"name"\s*:\s*"([^"]*)"', text)
            return f"it is not JSON ({error})", guess.group(1) if guess else ""
        values += value if isinstance(value, list) else [value]
        position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
    if not values:
        return "it is empty", ""
    found = [_call(value, names) for value in values]
    wrong = next((item for item in found if not isinstance(item, WrittenCall)), None)
    if wrong is not None:
        return wrong[0], wrong[1]
    return [item for item in found if isinstance(item, WrittenCall)]


def _call(value: object, names: Sequence[str]) -> WrittenCall | tuple[str, str]:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return 'it is not an object with a "name"', ""
    name = value["name"]
    if name not in names:
        return f"there is no tool {name!r}, only {', '.join(names)}", name
    arguments, problem = _arguments(value)
    if problem:
        return problem, name
    return WrittenCall(name, json.dumps(arguments, ensure_ascii=False))


def _arguments(value: Mapping[str, object]) -> tuple[dict[str, object], str]:
    """Return the arguments of a call, and what is wrong with them or `""`.

    A call has none only if it says so, or says nothing but its name: arguments that stand
    elsewhere are asked for again, since it is not known what of it was meant.
    """
    given = [key for key in _ARGUMENTS if value.get(key) not in (None, "", {})]
    if len(given) > 1:
        return {}, f"its arguments stand in several places: {', '.join(given)}"
    if given:
        return _read(value[given[0]])
    says_none = any(key in value for key in _ARGUMENTS)
    aside = {"type", "id"} if says_none else {"type"} if value.get("type") in _KINDS else set()
    others = sorted(value.keys() - {"name", *_ARGUMENTS} - aside)
    if others:
        return {}, f'its arguments must stand under "arguments": {", ".join(others)}'
    return {}, ""


def _read(arguments: object) -> tuple[dict[str, object], str]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError) as error:
            return {}, f"its arguments are not JSON ({error})"
    if not isinstance(arguments, dict):
        return {}, "its arguments are not a JSON object"
    return arguments, ""
