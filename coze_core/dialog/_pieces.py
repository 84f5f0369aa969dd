"""What a dialogue hands out while it runs, and what is known at its end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from coze_core._events import MessageDelta
from coze_core._models import Usage
from coze_core._turn import Turn
from coze_core._turn_parts import Increment
from coze_core.dialog._history import CallEntry
from coze_core.dialog._marker import Marker, Pending


class CallPiece(NamedTuple):
    """One whole tool call, handed out as soon as it is certain.

    Attributes:
        place: Its place among the calls of this answer.
        id: Its id, never empty and never the same twice.
        name: The tool's name.
        arguments: JSON text of an object; of a broken call `unreadable` text.
        error: What is wrong with it, or None.
    """

    place: int
    id: str
    name: str
    arguments: str
    error: str | None = None


Piece: TypeAlias = Increment | CallPiece


def merged(pieces: Sequence[Piece]) -> list[Piece]:
    """Return pieces of which those of one message and one kind, that follow each other, are one.

    What they have in common is that of the last one; nothing of the text is lost.

    Args:
        pieces: What one read of the network has brought.
    """
    found: list[Piece] = []
    for key, group in itertools.groupby(pieces, _kind_of):
        together = list(group)
        if key is None or len(together) == 1:
            found += together
            continue
        said = [piece for piece in together if isinstance(piece, Increment)]
        text = "".join(piece.text for piece in said)
        reasoning = "".join(piece.reasoning for piece in said)
        found.append(Increment(text, reasoning, said[-1].event))
    return found


def _kind_of(piece: Piece) -> tuple[str, str, bool] | None:
    """Return what pieces must have in common to be joined; None for what stands alone."""
    if isinstance(piece, CallPiece) or bool(piece.text) == bool(piece.reasoning):
        return None
    event = piece.event
    if not isinstance(event, MessageDelta):
        return None
    return event.message_id, event.type, bool(piece.text)


@dataclass(frozen=True, slots=True)
class Result:
    """A whole answer.

    Attributes:
        text: What the bot said, as far as it was handed out.
        reasoning: What its model thought.
        calls: The calls that the caller has to run, in order; broken ones have an `error`.
        questions: What the bot's workflow asks the user; the next user message answers it.
        usage: Tokens of this answer, without those of earlier answers of the same chat.
        finish_reason: `stop`, `tool_calls`, `question`, or the status of the chat.
        marker: What a framework keeps with the message, so that the next call can go on.
        turn: All that is known of the (last) turn on the wire.
        whole_text: What the bot said in full, where `text` leaves words out.
        dropped: How many messages of the history were too old to be sent.
    """

    text: str
    reasoning: str
    calls: tuple[CallPiece, ...]
    questions: tuple[Pending, ...]
    usage: Usage | None
    finish_reason: str
    marker: Marker
    turn: Turn
    whole_text: str | None = None
    dropped: int = 0

    @property
    def tokens(self) -> tuple[int, int, int] | None:
        """Tokens of the prompt, of the answer and of both; None if the server has not said them."""
        usage = self.usage
        if usage is None:
            return None
        given, made, total = usage.input_tokens, usage.output_tokens, usage.total_tokens
        if given is None and made is not None and total is not None:
            given = total - made
        if made is None and given is not None and total is not None:
            made = total - given
        if given is None or made is None:
            return None
        return given, made, given + made if total is None else total

    @property
    def good_calls(self) -> tuple[CallEntry, ...]:
        """The calls that can be run."""
        return tuple(CallEntry(c.id, c.name, c.arguments) for c in self.calls if c.error is None)
