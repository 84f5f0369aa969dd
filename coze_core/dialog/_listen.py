"""What is done to a bot's words on their way: calls taken out, JSON taken out, stops obeyed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from coze_core._turn import Turn
from coze_core._turn_parts import Increment, Pieces
from coze_core.dialog._format import JsonFilter
from coze_core.dialog._parser import BrokenCall, ToolCallParser
from coze_core.dialog._pieces import CallPiece, Piece, merged
from coze_core.dialog._stop import StopMatcher
from coze_core.dialog._written import WrittenCall

_TEXT_OF: Final = itemgetter(0)


class Listener:
    """Turns the increments of one stream into the pieces that the caller gets.

    Args:
        stops: Stop sequences.
        tools: The tools that the bot may call in text.
        json: Whether only the JSON object within the answer is wanted.
        first_call: The place of the first call.
        lead: What to put before the first words, which follow those of an earlier stream.
        lead_thoughts: The same for the first reasoning.
        round: What tells the ids of these calls from those of an earlier stream of the same chat.
        merges: Whether what one read brings of a text is handed out as one piece.

    Attributes:
        calls: The calls handed out so far.
        stopped: Whether a stop sequence has ended the answer.
        heard: Whether anything has come at all.
        plain: Whether everything passes as it is.
    """

    def __init__(
        self,
        *,
        stops: Sequence[str] = (),
        tools: Sequence[str] = (),
        json: bool = False,
        first_call: int = 0,
        lead: str = "",
        lead_thoughts: str = "",
        round: str = "",
        merges: bool = False,
    ) -> None:
        self.calls: list[CallPiece] = []
        self.stopped = False
        self.heard = False
        self.parser = ToolCallParser(tools) if tools else None
        self.json = JsonFilter() if json else None
        self._stop = StopMatcher(stops) if any(stops) else None
        self.plain = not (self.parser or self.json or self._stop)
        self._first_call = first_call
        self._lead = lead
        self._lead_thoughts = lead_thoughts
        self._round = round
        self._merges = merges
        self._said = Pieces()
        self._added: list[str] = []  # not in the bot's own words
        self._last: Increment | None = None  # the one whose text is on its way

    @property
    def said(self) -> str:
        """The bot's words that have been handed out."""
        return "".join(self._said)

    @property
    def text(self) -> str:
        """All text that has been handed out."""
        return self.said + "".join(self._added)

    def whole_text(self, turn: Turn) -> str:
        """Return the text of the whole answer, by the server's word where nothing was changed.

        Args:
            turn: The whole turn.
        """
        return turn.answer + "".join(self._added) if self.plain else self.text

    def hear(self, batch: list[Increment], turn: Turn) -> Sequence[Piece]:
        """Take what one read has brought and return what is to be handed out.

        Args:
            batch: The increments.
            turn: The turn so far.
        """
        self.heard = True
        if self.plain:
            self._said.take(map(_TEXT_OF, batch))
            return merged(batch) if self._merges else batch
        pieces: list[Piece] = []
        for increment in batch:
            if increment.reasoning and self._lead_thoughts:
                thought, self._lead_thoughts = self._lead_thoughts + increment.reasoning, ""
                increment = increment._replace(reasoning=thought)
            if not increment.text:
                pieces.append(increment)
                continue
            pieces += self._text(increment, turn)
            if self.stopped:
                break
        return merged(pieces) if self._merges else pieces

    def end(self, turn: Turn) -> list[Piece]:
        """Return what was held back, at the end of the stream.

        Args:
            turn: The whole turn.
        """
        if self.plain or self.stopped:
            return []
        pieces: list[Piece] = []
        if self.parser is not None:
            for part in self.parser.close():
                pieces += self._part(part, turn)
        if self.json is not None:
            pieces += self._pass_on(self.json.close())
        if self._stop is not None and not self.stopped:
            pieces += self._say(self._stop.flush())
        return pieces

    def add(self, increments: list[Increment]) -> list[Increment]:
        """Hand out text that is not the bot's own wording, as it is.

        Args:
            increments: The text.
        """
        self._added += [increment.text for increment in increments]
        return increments

    def words(self) -> list[Piece]:
        """Return the text that was withheld because no JSON object was in it."""
        if self.json is None or self.stopped:
            return []
        pieces = self._pass_on(self.json.words())
        if self._stop is not None and not self.stopped:
            pieces += self._say(self._stop.flush())
        return pieces

    def _text(self, increment: Increment, turn: Turn) -> list[Piece]:
        self._last = increment
        if self.parser is None:
            pieces = self._words(increment.text)
        else:
            pieces = []
            for part in self.parser.feed(increment.text):
                pieces += self._part(part, turn)
        if increment.reasoning:
            pieces.insert(0, Increment("", increment.reasoning, increment.event))
        return pieces

    def _part(self, part: str | WrittenCall, turn: Turn) -> list[Piece]:
        if isinstance(part, str):
            return self._words(part)
        return [] if self.stopped else [self.call(part.name, part.arguments, turn)]

    def call(
        self, name: str, arguments: str, turn: Turn, *, id: str = "", error: str | None = None
    ) -> CallPiece:
        """Record one call and return it.

        Args:
            name: The tool.
            arguments: JSON text.
            turn: The turn that made it.
            id: Its id, or `""` for one that is made here.
            error: What is wrong with it, if anything.
        """
        place = self._first_call + len(self.calls)
        if not id:  # a chat without an id must not have the calls of another
            chat = turn.chat_id or secrets.token_hex(8)
            id = f"call_{chat}_{self._round}{place}"
        piece = CallPiece(place, id, name, arguments, error)
        self.calls.append(piece)
        return piece

    def broken(self) -> list[BrokenCall]:
        """Return the calls that could not be read."""
        return [] if self.parser is None or self.stopped else self.parser.broken

    def _words(self, text: str) -> list[Piece]:
        return self._pass_on(text if self.json is None else self.json.feed(text))

    def _pass_on(self, text: str) -> list[Piece]:
        if not text:
            return []
        if self._stop is None:
            return self._say(text)
        if self.stopped:
            return []
        text = self._stop.feed(text)
        self.stopped = self._stop.stopped
        return self._say(text)

    def _say(self, text: str) -> list[Piece]:
        if not text or self._last is None:
            return []
        text, self._lead = self._lead + text, ""
        self._said.take((text,))
        return [Increment(text, "", self._last.event)]
