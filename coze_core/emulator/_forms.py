"""Data that fit a JSON schema, taken from a text as far as simple rules go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NAMES = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+)+|\b[A-Z]\w+")
_PLACE = re.compile(r"\b(?:in|for|at|to|from)\s+([A-Z]\w+(?: [A-Z]\w+)*)")
_PLACES = ("city", "place", "location", "country", "town")
_DEEPEST = 8


def schemas_in(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects within a text, those inside others left out.

    Args:
        text: The text.
    """
    found: list[dict[str, Any]] = []
    decoder = json.JSONDecoder()
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            if isinstance(value, dict):
                found.append(value)
        position = text.find("{", end)
    return found


def filled_in(schema: Mapping[str, Any], text: str) -> Any:
    """Return data for a schema, from the names, places and numbers of a text.

    Args:
        schema: The JSON schema.
        text: The text.
    """
    numbers = [float(found) for found in _NUMBER.findall(text)]
    return _value(schema, schema, "value", text, numbers, 0)


def _value(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    name: str,
    text: str,
    numbers: list[float],
    depth: int,
) -> Any:
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        found: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
        return _value(found, root, name, text, numbers, depth + 1)
    for some in ("anyOf", "oneOf", "allOf"):
        if schema.get(some):
            return _value(schema[some][0], root, name, text, numbers, depth + 1)
    if schema.get("enum"):
        fits = [item for item in schema["enum"] if str(item).lower() in text.lower()]
        return (fits or schema["enum"])[0]
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        members = schema.get("properties", {})
        return {
            key: _value(member, root, key, text, numbers, depth + 1)
            for key, member in members.items()
        }
    if kind == "array":
        return [_value(schema.get("items", {}), root, name, text, numbers, depth + 1)]
    if kind in {"integer", "number"}:
        number = numbers.pop(0) if numbers else 1.0
        return int(number) if kind == "integer" or number.is_integer() else number
    if kind == "boolean":
        return True
    return None if kind == "null" else _words(name, text)


def _words(name: str, text: str) -> str:
    """Return what a text says under this name; the text itself if nothing fits."""
    labelled = re.search(rf"\b{re.escape(name)}\s*[:=]\s*([^\n,;]+)", text, re.IGNORECASE)
    if labelled:
        return labelled.group(1).strip()
    place = _PLACE.search(text)
    if name.lower() in _PLACES:
        return place.group(1) if place else "Paris"
    if "name" in name.lower():
        names = [found for found in _NAMES.findall(text) if " " in found] or _NAMES.findall(text)
        return names[0] if names else "Ada"
    sentence = re.split(r"(?<=[.!?。])\s+", text.strip())[-1]
    return f"{name}: {sentence}"[:120]
