"""What a turn is made of: increments, activity of tools, answers and their pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from coze_core import _events as events
from coze_core._characters import json_of
from coze_core._reader import AnyChatEvent


class Increment(NamedTuple):
    """What one event adds to the turn.

    Attributes:
        text: New text of the answer; `""` for events that are not part of it.
        reasoning: New text of the reasoning.
        event: The event itself.
    """

    text: str
    reasoning: str
    event: AnyChatEvent


_MOST_PIECES: Final = 64  # that lie side by side: each takes 70 bytes besides its text
# What `Increment(...)` does, without the call of a Python function for each token.
increment: Final = tuple.__new__


@dataclass(frozen=True, slots=True)
class ToolActivity:
    """Something the bot did with one of its own tools, on the server.

    Attributes:
        kind: `call` or `response`.
        name: The tool's name as `plugin-tool`; `""` for a response.
        content: The arguments or the result, as text.
        message_id: The message that told of it.
    """

    kind: str
    name: str
    content: str
    message_id: str


class Pieces(list[str]):
    """The pieces of a text.

    Each costs many times its text, so those that have come are joined now and then; each of them
    once, or the work would grow with the square of the text.
    """

    __slots__ = ("full",)

    def __init__(self, pieces: Iterable[str] = ()) -> None:
        super().__init__(pieces)
        self.full = _MOST_PIECES

    def take(self, pieces: Iterable[str]) -> None:
        """Add pieces.

        Args:
            pieces: What has come.
        """
        self.extend(pieces)
        if len(self) >= self.full:
            self.join()

    def join(self) -> None:
        """Join the pieces that are not joined yet."""
        begun = self.full - _MOST_PIECES
        self[begun:] = ["".join(self[begun:])]
        self.full = len(self) + _MOST_PIECES


class Answer:
    """The text of one answer message, in pieces until it is complete."""

    __slots__ = ("complete", "frame", "held", "message_id", "parts", "reasoning", "text")

    def __init__(self, message_id: str) -> None:
        self.message_id = message_id
        self.frame: events.DeltaFrame | None = None  # of its last delta, if that was answer text
        self.parts = Pieces()
        self.reasoning = Pieces()
        self.complete = False
        self.held = False  # its pieces are JSON: nothing is shown before it can be read
        self.text = ""

    def value(self) -> str:
        if not self.complete and self.parts:
            self.text = "".join(self.parts)
        return self.text


def items_of(content: str) -> list[dict[str, str]] | None:
    """Return the items of a mixed message, or None if it is text after all."""
    try:
        items = json_of(content)
    except ValueError:
        return None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    return [
        {key: _plain(value) for key, value in item.items() if value is not None} for item in items
    ]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
