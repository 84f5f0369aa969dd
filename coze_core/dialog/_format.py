"""Answers in JSON: what a bot is told, and how the JSON is taken out of what it says.

Coze takes no schema with a request, so the schema is put into words and the answer is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from coze_core.dialog._schema import mismatch

_BEGIN: Final = re.compile(r"(?:^|\n)[ \t]*(?=\{)")
_BRACKETS: Final = re.compile(r'["\\{}]')


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """What a JSON answer must look like.

    Attributes:
        schema: The JSON schema, or None for any JSON object.
        name: What the schema is called.
        check: What decides instead of the schema, if there is a class behind it that may take more
            (`"3"` for 3): returns what is wrong with the JSON text, or None.
        patterns: Whether regular expressions of the schema are tried; not those of strangers.
    """

    schema: Mapping[str, Any] | None = None
    name: str = ""
    check: Callable[[str], str | None] | None = field(default=None, repr=False, compare=False)
    patterns: bool = True

    @classmethod
    def from_openai(
        cls, value: Mapping[str, Any], check: Callable[[str], str | None] | None = None
    ) -> ResponseFormat | None:
        """Read the forms that OpenAI made common, or a bare JSON schema.

        Args:
            value: `{"type": "json_schema", "json_schema": {"name": ..., "schema": ...}}`,
                `{"type": "json_object"}`, `{"type": "text"}`, or a schema with `properties`.
            check: As in the class.

        Raises:
            ValueError: If it is none of these.
        """
        kind = value.get("type")
        if kind == "text":
            return None
        if kind == "json_object":
            return cls(check=check)
        if kind == "json_schema":
            inner = value.get("json_schema")
            schema = inner.get("schema") if isinstance(inner, Mapping) else None
            if isinstance(inner, Mapping) and isinstance(schema, Mapping):
                return cls(schema, str(inner.get("name") or schema.get("title") or ""), check)
        if isinstance(value.get("properties"), Mapping):
            return cls(value, str(value.get("title") or ""), check)
        raise ValueError(
            "response_format must be {'type': 'json_schema', 'json_schema': {'name': ..., "
            f"'schema': ...}}}} or {{'type': 'json_object'}}, not {dict(value)!r}"
        )

    def instructions(self, *, with_tools: bool = False) -> str:
        """Return what a bot has to be told.

        Args:
            with_tools: Whether it may call a tool instead.
        """
        told = (
            f"{'Unless you call a tool, answer' if with_tools else 'Answer'} with one JSON object "
            "and nothing else: no code fence, no explanation."
        )
        if self.schema is None:
            return told
        schema = json.dumps(self.schema, ensure_ascii=False)
        return f"{told} It must fit this JSON schema:\n{schema}"

    def problem(self, text: str) -> str | None:
        """Return what is wrong with an answer, or None if nothing is.

        Args:
            text: The JSON text.
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            return f"it is not JSON ({error})"
        if not isinstance(value, dict):
            return "it is not a JSON object"
        if self.check is not None:
            return self.check(text)
        if self.schema is not None:
            return mismatch(value, self.schema, patterns=self.patterns)
        return None

    def repair(self, problem: str) -> str:
        """Return how to ask again for an answer that does not do.

        Args:
            problem: What was wrong with it.
        """
        return f"Your answer cannot be used: {problem}. " + self.instructions()


class JsonFilter:
    r"""Passes on the JSON object within an answer, and leaves out the words around it.

    Attributes:
        found: Whether a whole object has been passed on.
        begun: Whether anything has been passed on.

    Example:
        >>> only = JsonFilter()
        >>> only.feed('Here you are:\n```json\n{"a"'), only.feed(': "}"}\n```')
        ('{"a"', ': "}"}')
    """

    def __init__(self) -> None:
        self.found = False
        self.begun = False
        self._held: list[str] = []
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        """Take a piece and return what of it belongs to the object.

        Args:
            text: The next piece.
        """
        if self.found:
            return ""
        if not self.begun:
            self._held.append(text)
            if "{" not in text:
                return ""
            whole = "".join(self._held)
            match = _BEGIN.search(whole)
            if match is None:
                self._held = [whole]
                return ""
            self.begun = True
            self._held = []
            text = whole[match.end() :]
        return self._within(text)

    def _within(self, text: str) -> str:
        position = 0
        if self._escaped and text:
            position, self._escaped = 1, False
        while match := _BRACKETS.search(text, position):
            position = match.end()
            mark = match.group()
            if mark == "\\":
                if self._in_string:
                    if position == len(text):
                        self._escaped = True
                    position += 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark == "{" else -1
                if not self._depth:
                    self.found = True
                    return text[:position]
        return text

    def close(self) -> str:
        """Return the object if it stands in the middle of a line, else `""`."""
        if self.begun:
            return ""
        inside = _object_in("".join(self._held))
        self.found = self.begun = bool(inside)
        return inside

    def words(self) -> str:
        """Return all text, if there was no object in it."""
        return "" if self.begun else "".join(self._held)


def _object_in(text: str) -> str:
    decoder = json.JSONDecoder()
    for match in re.finditer(r"\{", text):
        try:
            _, end = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        return text[match.start() : end]
    return ""
