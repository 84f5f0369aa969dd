"""Whether a JSON value fits a JSON schema, as far as a bot can be told what is wrong with it.

Not a validator for every keyword: what models get wrong is missing and mistyped fields. The
framework validates the result in full.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_TYPES: Final[dict[str, Callable[[object], bool]]] = {
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: (
        not isinstance(value, bool)
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_BOUNDS: Final[tuple[tuple[str, Callable[[float, float], bool], str], ...]] = (
    ("minimum", operator.lt, "at least"),
    ("exclusiveMinimum", operator.le, "more than"),
    ("maximum", operator.gt, "at most"),
    ("exclusiveMaximum", operator.ge, "less than"),
)
_DEEPEST: Final = 40  # schemas may refer to themselves
_MOST: Final = 100_000  # steps of one check: choices that refer to choices double with each level


class _Root:
    """The whole schema, and how much work it may still make.

    Args:
        schema: The schema.
        patterns: Whether patterns are tried.
    """

    __slots__ = ("left", "patterns", "schema")

    def __init__(self, schema: Mapping[str, Any], *, patterns: bool) -> None:
        self.schema = schema
        self.patterns = patterns
        self.left = _MOST


def mismatch(value: object, schema: Mapping[str, Any], *, patterns: bool = True) -> str | None:
    """Return in a sentence how a value does not fit, or None if it does.

    Args:
        value: The value.
        schema: The JSON schema.
        patterns: Whether regular expressions in it are tried: those of strangers can take forever.

    Example:
        >>> mismatch({}, {"type": "object", "required": ["name"]})
        "the value has no 'name'"
    """
    return _mismatch(value, schema, _Root(schema, patterns=patterns), "the value", 0)


def _mismatch(value: object, schema: object, root: _Root, where: str, depth: int) -> str | None:
    root.left -= 1
    if not isinstance(schema, Mapping) or depth > _DEEPEST or root.left < 0:
        return None
    if isinstance(schema.get("$ref"), str):
        return _mismatch(value, _resolved(schema["$ref"], root.schema), root, where, depth + 1)
    for some in ("anyOf", "oneOf"):
        choices = schema.get(some)
        if isinstance(choices, list) and choices:
            wrong = [_mismatch(value, choice, root, where, depth + 1) for choice in choices]
            if all(wrong):
                return wrong[0] if len(wrong) == 1 else f"{where} fits none of its types"
    parts = schema.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        if wrong_part := _mismatch(value, part, root, where, depth + 1):
            return wrong_part
    return (
        _wrong_kind(value, schema, where)
        or _wrong_range(value, schema, where)
        or (_wrong_pattern(value, schema, where) if root.patterns else None)
        or _wrong_members(value, schema, root, where, depth)
    )


def _resolved(ref: str, root: Mapping[str, Any]) -> object:
    found: object = root
    for name in ref.removeprefix("#").strip("/").split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if name else found
    return found


def _wrong_kind(value: object, schema: Mapping[str, Any], where: str) -> str | None:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    names = [k for k in kinds if isinstance(k, str)] if isinstance(kinds, list | tuple) else []
    if names and not any(name not in _TYPES or _TYPES[name](value) for name in names):
        return f"{where} must be of type {' or '.join(names)}"
    options = schema.get("enum")
    if isinstance(options, list) and value not in options:
        return f"{where} must be one of {options}"
    if "const" in schema and value != schema["const"]:
        return f"{where} must be {schema['const']!r}"
    return None


def _wrong_range(value: object, schema: Mapping[str, Any], where: str) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for name, wrong, words in _BOUNDS:
            bound = schema.get(name)
            if isinstance(bound, int | float) and wrong(value, bound):
                return f"{where} must be {words} {bound}"
    if isinstance(value, str | list):
        least = schema.get("minLength" if isinstance(value, str) else "minItems", 0)
        most = schema.get("maxLength" if isinstance(value, str) else "maxItems", len(value))
        least = least if isinstance(least, int) else 0
        most = most if isinstance(most, int) else len(value)
        if not least <= len(value) <= most:
            return f"{where} has the wrong length, {len(value)}"
    return None


def _wrong_pattern(value: object, schema: Mapping[str, Any], where: str) -> str | None:
    pattern = schema.get("pattern")
    if isinstance(value, str) and isinstance(pattern, str):
        try:
            fits = re.search(pattern, value)
        except re.error:  # a pattern of another dialect is for the framework to judge
            return None
        return None if fits else f"{where} must match {pattern!r}"
    return None


def _wrong_members(
    value: object, schema: Mapping[str, Any], root: _Root, where: str, depth: int
) -> str | None:
    if isinstance(value, Mapping):
        required = schema.get("required")
        for name in required if isinstance(required, list) else ():
            if isinstance(name, str) and name not in value:
                return f"{where} has no {name!r}"
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        patterns = schema.get("patternProperties")
        for name, member in value.items():
            inner = properties.get(name, None if patterns else schema.get("additionalProperties"))
            if inner is False:
                return f"{where} must not have {name!r}"
            if wrong := _mismatch(member, inner, root, f"{name!r}", depth + 1):
                return wrong
    if isinstance(value, list):
        for position, member in enumerate(value):
            place = f"item {position} of {where}"
            if wrong := _mismatch(member, schema.get("items"), root, place, depth + 1):
                return wrong
    return None
