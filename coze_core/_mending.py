"""Events with broken characters, mended before they are read.

A server that writes JSON with escapes and cuts its answer anywhere also cuts between the halves of
an emoji: one piece of a message ends with the first half, and the next one begins with the second.
They are joined; for whatever else is broken see `_characters`. Nothing of this is on the way of a
stream that is whole.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from coze_core import _events as events
from coze_core._characters import (
    REPLACEMENT,
    is_first_half,
    is_second_half,
    whole_characters,
    whole_json,
)
from coze_core._sse import ServerSentEvent

_LOG: Final = logging.getLogger("coze_core")
_TEXTS: Final = ("content", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of an event that is a piece of some message.

    Attributes:
        key: Which message.
        holder: The object that has its text.
        last: Whether nothing is added to the message any more.
        whole: Whether it tells all of the message anew.
    """

    key: str
    holder: dict[str, Any]
    last: bool = False
    whole: bool = False


# Told an event's name and data, returns the piece of a message that it brings, or None.
PieceOf: TypeAlias = Callable[[str, dict[str, Any]], Piece | None]


def chat_piece(name: str, fields: dict[str, Any]) -> Piece | None:
    """Return the piece that an event of a v3 chat brings (section 3.2)."""
    if not name.startswith("conversation.message."):
        return None
    whole = name != events.MessageDelta.name
    return Piece(str(fields.get("id") or ""), fields, last=whole, whole=whole)


def v2_piece(name: str, fields: dict[str, Any]) -> Piece | None:
    """Return the piece that an event of an old chat brings (section 9.3)."""
    message = fields.get("message")
    if str(fields.get("event") or name).lower() != "message" or not isinstance(message, dict):
        return None
    return Piece(str(fields.get("index")), message, last=fields.get("is_finish") is True)


def workflow_piece(name: str, fields: dict[str, Any]) -> Piece | None:
    """Return the piece that an event of a workflow brings (section 3.9)."""
    if name.lower() != "message":
        return None
    key = [fields.get(part) for part in ("node_title", "node_id", "node_execute_uuid")]
    return Piece(json.dumps(key), fields, last=fields.get("node_is_finish") is True)


def _is_ping(name: str, fields: object) -> bool:
    told = name or (fields.get("event") if isinstance(fields, dict) else "")
    return str(told).lower() == "ping"


class Mender:
    """Mends the events of one stream.

    Args:
        piece_of: Finds the pieces of messages.

    Attributes:
        halves: What the last piece ended with, by the name of the text, and the next one may end.
    """

    def __init__(self, piece_of: PieceOf) -> None:
        self.halves: dict[str, str] = {}
        self._piece_of = piece_of
        self._last: tuple[ServerSentEvent, dict[str, Any], Piece] | None = None
        self._warned = False

    def mend(self, frames: Iterable[ServerSentEvent]) -> list[ServerSentEvent]:
        """Return the same events, with whole characters."""
        return [mended for frame in frames for mended in self._mended(frame)]

    def finish(self) -> list[ServerSentEvent]:
        """Say that no event follows; return what is left to say."""
        return list(self._rest())

    def _mended(self, frame: ServerSentEvent) -> Iterator[ServerSentEvent]:
        text = frame.data
        mended, broken = whole_json(text)
        bad_bytes = REPLACEMENT in text and text.encode() != frame.data_bytes
        if not (broken or bad_bytes or self.halves):
            yield frame
            return
        try:
            fields, told = json.loads(mended), json.loads(text)
        except (ValueError, RecursionError):  # it is broken in other ways too, or no JSON at all
            fields = told = None
        piece = self._piece_of(frame.event, fields) if isinstance(fields, dict) else None
        if piece is None:
            if not _is_ping(frame.event, fields):
                yield from self._rest()
            made = mended.encode() if fields is not None else frame.data_bytes
        else:
            yield from self._before(piece)
            halves = self._piece_of(frame.event, told)
            broken -= self._join(piece, halves.holder if halves is not None else {})
            if not piece.whole:
                self._last = frame, fields, piece
            made = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        if broken > 0 or bad_bytes:
            self._warn()
        yield ServerSentEvent(frame.event, made, frame.id, frame.retry)

    def _before(self, piece: Piece) -> Iterator[ServerSentEvent]:
        """Yield what the last piece has left, if this one does not belong to it."""
        if self._last is None or self._last[2].key != piece.key:
            if not piece.whole:
                yield from self._rest()
        elif piece.whole:
            for name in _TEXTS:
                if piece.holder.get(name):  # which has the character as it should be
                    self.halves.pop(name, None)
            yield from self._rest()

    def _join(self, piece: Piece, told: dict[str, Any]) -> int:
        """Put the texts right; return how many halves found, or may still find, the other one."""
        found = 0
        for name in _TEXTS:
            text = told.get(name)
            if not isinstance(text, str) or not text:
                continue
            half = "" if piece.whole else self.halves.pop(name, "")
            if half and is_second_half(text):
                found += 1
            elif half:
                self._warn()
            text = half + text
            if not piece.last and is_first_half(text):
                self.halves[name], text = text[-1], text[:-1]
                found += 1
            piece.holder[name] = whole_characters(text)
        return found

    def _rest(self) -> Iterator[ServerSentEvent]:
        """Yield what stands for halves whose other one has not come."""
        if self.halves and self._last is not None:
            self._warn()
            frame, fields, piece = self._last
            for name in _TEXTS:
                piece.holder[name] = REPLACEMENT if name in self.halves else ""
            self.halves.clear()
            data = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
            yield ServerSentEvent(frame.event, data, frame.id)

    def _warn(self) -> None:
        """Say that something was lost, once for a stream."""
        if not self._warned:
            self._warned = True
            _LOG.warning("the server sent broken characters; U+FFFD stands in their place")
