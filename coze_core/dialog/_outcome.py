"""What came of the streams of one answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

from coze_core._models import Message, ToolCall, Usage
from coze_core._turn import Turn, message_event
from coze_core._turn_parts import Increment
from coze_core.dialog._history import CallEntry, Entry, digest, raw_arguments, unreadable
from coze_core.dialog._listen import Listener
from coze_core.dialog._marker import Marker, Pending, portable_id
from coze_core.dialog._pieces import CallPiece, Piece, Result
from coze_core.dialog._plan import PlanOptions

_GAP: Final = "\n\n"
_LOG: Final = logging.getLogger("coze_core")


class Outcome:
    """One answer: the turn, what was made of it, and what an earlier, useless one left.

    Args:
        turn: The turn.
        listener: Who heard it.
        before: The marker of the same chat when it was left waiting, if it was.
    """

    def __init__(self, turn: Turn, listener: Listener, before: Marker | None = None) -> None:
        self.turn = turn
        self.listener = listener
        self._before = before
        self._text = ""
        self._whole: list[str] = [turn.answer]
        self._reasoning: list[str] = [turn.reasoning]
        self._calls: list[CallPiece] = []
        self._usage = _beyond(turn.usage, before)
        self._pending: list[Pending] = []

    def followed_by(self, turn: Turn, listener: Listener, *, replaces: bool) -> Outcome:
        """Return the outcome with the second answer in.

        Args:
            turn: The second turn.
            listener: Who heard it.
            replaces: Whether JSON text of the first one does not count any more.
        """
        outcome = Outcome(turn, listener)
        dropped = replaces and self.listener.json is not None
        outcome._text = "" if dropped else self.listener.text
        outcome._calls = self.listener.calls
        outcome._whole = [*self._whole, turn.answer]
        outcome._reasoning = [*self._reasoning, turn.reasoning]
        outcome._usage = _sum(self._usage, turn.usage)
        return outcome

    @property
    def calls(self) -> list[CallPiece]:
        """All calls so far."""
        return [*self._calls, *self.listener.calls]

    def pends(self, call: Pending) -> None:
        """Note a call that the chat waits for."""
        self._pending.append(call)

    def left_over(self, native: list[Piece]) -> list[Piece]:
        """Return what comes last: the chat's own calls, broken ones, words without an object."""
        pieces: list[Piece] = []
        for broken in self.listener.broken():
            if broken.name:
                text = unreadable(broken.text.strip())
                pieces.append(
                    self.listener.call(broken.name, text, self.turn, error=broken.problem)
                )
            else:
                pieces += self.say(broken.text)
        return [*self.listener.words(), *pieces, *native]

    def say(self, text: str) -> list[Piece]:
        """Hand out text that is not of the stream's answers."""
        message = Message(role="assistant", type="answer", content=text, content_type="text")
        event: Any = message_event(message)
        increment = Increment(text, "", event)
        return list(self.listener.add([increment]))

    def result(
        self, entries: Sequence[Entry], *, options: PlanOptions, said: str, streamed: bool
    ) -> Result:
        """Return the whole answer.

        Args:
            entries: The history that it answers.
            options: How it was planned.
            said: Fingerprint of the instructions that the conversation has been given.
            streamed: Whether the pieces have been shown.
        """
        turn, listener = self.turn, self.listener
        text = self._text + (listener.text if streamed else listener.whole_text(turn))
        calls = tuple(self.calls)
        made = tuple(CallEntry(c.id, c.name, raw_arguments(c.arguments)) for c in calls)
        native = {call.id for call in self._pending}
        before = self._before
        # Frameworks count a message's state as tokens and show it to models: as little as it takes.
        waits = turn.status == "requires_action"
        # A chatflow has no tools that it could wait for: it asks, though not all say so besides.
        paused = turn.interrupted or (waits and options.chatflow is not None)
        serves = options.history == "server" or options.conversation_id is not None
        # What a stop has cut the server may have whole, if all of it came at once: nothing that
        # follows may build on it.
        cut = listener.stopped and turn.status == "completed"
        answers = (*(before.answers if before else ()), *turn.message_ids)
        answer = Entry("assistant", text, tool_calls=made)
        marker = Marker(
            turn.conversation_id or "",
            turn.chat_id or "",
            options.bot_id,
            "canceled" if cut else turn.status,
            tuple(self._pending),
            tuple(call.id for call in calls if call.id not in native),
            paused and not self._pending,
            digest([*entries, answer]) if serves else "",
            said if serves else "",
            answers if waits else (),
            _counts(turn.usage) if waits else (0, 0, 0),
        )
        return Result(
            text,
            _GAP.join(filter(None, self._reasoning)),
            calls,
            tuple(marker.questions),
            self._usage,
            _finish_reason(turn, calls, marker, stopped=listener.stopped),
            marker,
            turn,
            self._left_out(text, streamed=streamed),
        )

    def _left_out(self, text: str, *, streamed: bool) -> str | None:
        """Return all that was said, if the caller does not get all of it."""
        listener = self.listener
        if listener.stopped:
            return None
        if listener.plain:
            if not streamed or listener.said == self.turn.answer:
                return None
            # The server's whole text differs from its own pieces (protocol notes, section 3.3).
            _LOG.warning("the streamed text differs from the whole answer; see Result.whole_text")
            return self.turn.answer
        whole = _GAP.join(filter(None, self._whole))
        unread = listener.json is not None or len(self._whole) > 1 or bool(listener.broken())
        return whole if unread and whole != text else None


def _finish_reason(turn: Turn, calls: Sequence[CallPiece], marker: Marker, *, stopped: bool) -> str:
    if stopped:
        return "stop"
    if calls:
        return "tool_calls"
    if marker.questions or marker.interrupted:
        return "question"
    return "stop" if turn.status in {"completed", ""} else turn.status


# -- calls of the chat itself


def native_calls(outcome: Outcome, *, bot_id: str, portable: bool) -> list[Piece]:
    """Return the calls that the chat waits for, questions left out; note all of them as pending.

    Args:
        outcome: The answer.
        bot_id: The bot that was asked.
        portable: Whether their ids are to say where they belong.
    """
    turn, listener = outcome.turn, outcome.listener
    if listener.stopped:
        return []
    pieces: list[Piece] = []
    seen: set[str] = set()
    for call in turn.tool_calls:
        # Frameworks find results by id, so it must not be empty nor come twice.
        id = call.id if call.id and call.id not in seen else f"{call.id or 'call'}_{len(seen)}"
        seen.add(id)
        if portable:
            id = portable_id(
                id,
                conversation_id=turn.conversation_id or "",
                chat_id=turn.chat_id or "",
                bot_id=bot_id,
            )
        question = _question(call) if call.is_question else None
        outcome.pends(Pending(id, call.name, call.id, question))
        if question is None:
            arguments, error = _arguments(call)
            pieces.append(listener.call(call.name, arguments, turn, id=id, error=error))
    return pieces


def _arguments(call: ToolCall) -> tuple[str, str | None]:
    if not call.arguments.strip():
        return "{}", None
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError) as error:
        return unreadable(call.arguments), f"its arguments are not JSON: {error}"
    if not isinstance(arguments, dict):
        return unreadable(call.arguments), "its arguments are no JSON object"
    return json.dumps(arguments, ensure_ascii=False), None


def _question(call: ToolCall) -> str:
    """Return what a workflow asks; the form of the arguments is not documented (section 5.2)."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments
    if isinstance(arguments, dict):
        for name in ("question", "content", "text", "message"):
            if isinstance(arguments.get(name), str):
                return str(arguments[name])
    return call.arguments


def question_text(turn: Turn) -> str:
    """Return what has to be said so that a user sees the questions, or `""`."""
    asked = [_question(call) for call in turn.questions]
    missing = _GAP.join(text for text in asked if text and text not in turn.answer)
    return _GAP + missing if missing and turn.answer else missing


# -- tokens


def _counts(usage: Usage | None) -> tuple[int, int, int]:
    if usage is None:
        return (0, 0, 0)
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    return (given, made, usage.total_tokens or given + made)


def _beyond(usage: Usage | None, before: Marker | None) -> Usage | None:
    """Return what has been spent since a chat was left waiting; its counters may go on."""
    if usage is None or before is None or not any(before.spent):
        return usage
    now = _counts(usage)
    if any(new < old for new, old in zip(now, before.spent, strict=True)):
        return usage  # it counts anew after every pause
    given, made, total = (new - old for new, old in zip(now, before.spent, strict=True))
    return Usage(input_count=given, output_count=made, token_count=total)


def _sum(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return first or second
    given, made, total = (a + b for a, b in zip(_counts(first), _counts(second), strict=True))
    return Usage(input_count=given, output_count=made, token_count=total)
