"""What became of a chat that does not take our outputs any more.

A node of a graph may run twice, a reply may get lost, a history may be taken up again later. If
the chat has been given the very same outputs, what it said then is the answer; else it is another
story.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from coze_core._endpoints import chat
from coze_core._errors import (
    APIConnectionError,
    BadRequestError,
    ChatFailedError,
    ConflictError,
    CozeError,
    InternalServerError,
    NotFoundError,
)
from coze_core._events import FunctionCallCompleted
from coze_core._models import Chat, Message, ToolOutput
from coze_core._polling import poll_until
from coze_core._turn import Turn, message_event
from coze_core._turn_parts import Increment
from coze_core._values import whole_number
from coze_core.dialog._history import Entry
from coze_core.dialog._marker import Marker, Pending
from coze_core.dialog._plan import output_text
from coze_core.dialog._resume import Resume
from coze_core.dialog._steps import Talk, do

if TYPE_CHECKING:
    from coze_core.dialog._answer import Ask

_LONGEST: Final = 600.0  # seconds to wait for a chat that is at work already
_LOCAL_PLUGIN: Final = 6  # protocol notes, section 4.5
# After these the outputs may have been taken before, or may have arrived after all.
_STALE: Final = (
    BadRequestError,
    NotFoundError,
    ConflictError,
    InternalServerError,
    APIConnectionError,
)


class Recorded(NamedTuple):
    """What a chat said after it had been given the same outputs.

    Attributes:
        turn: The turn.
        increments: What it adds to what was said before the chat waited.
    """

    turn: Turn
    increments: list[Increment]


def recorded(
    waiting: Resume,
    outputs: Sequence[ToolOutput],
    entries: Sequence[Entry],
    ask: Ask,
    error: CozeError,
) -> Talk[Recorded | None]:
    """Return what a chat made of these outputs earlier; None if all is to be told to a new chat.

    Args:
        waiting: The chat and its calls.
        outputs: What we wanted to give it.
        entries: The history.
        ask: What is wanted.
        error: What the server said to the outputs.

    Raises:
        CozeError: That error, if it does not mean that the chat has gone on.
    """
    if isinstance(error, ChatFailedError) or not isinstance(error, _STALE):
        raise error
    marker = waiting.marker
    found = yield from _ended(marker, ask, error)
    if found is not None and found.status in {"completed", "requires_action"}:
        if found.status == "requires_action" and {call.id for call in found.tool_calls} & {
            output.tool_call_id for output in outputs
        }:
            raise error  # it still waits: the outputs themselves were refused, or lost on the way
        ids = {"conversation_id": marker.conversation_id, "chat_id": marker.chat_id}
        messages = yield from do(chat.messages_of(**ids))
        if _same(messages, outputs, found, entries, waiting):
            return _since(found, _new(messages, outputs, marker))
    if ask.on_stale_chat == "raise":
        raise error
    return None


def _ended(marker: Marker, ask: Ask, error: CozeError) -> Talk[Chat | None]:
    """Return the chat once it stands still; None if there is no such chat."""
    ids = {"conversation_id": marker.conversation_id, "chat_id": marker.chat_id}
    try:
        found: Chat | None = yield from do(chat.retrieve(**ids))
        if found is not None and not found.ended:
            deadline = time.monotonic() + float(ask.chat.get("deadline") or _LONGEST)
            found = yield from do(
                poll_until(
                    lambda: chat.retrieve(**ids),
                    lambda seen: seen is not None and seen.ended,
                    clock=time.monotonic,
                    deadline=deadline,
                )
            )
    except (BadRequestError, NotFoundError):
        return None
    except CozeError:
        raise error from None  # nothing can be found out; the first error says more
    if found is None:
        raise error
    return found


def _same(
    messages: Sequence[Message],
    outputs: Sequence[ToolOutput],
    found: Chat,
    entries: Sequence[Entry],
    waiting: Resume,
) -> bool:
    """Whether the chat was given just these outputs, and none that this history does not know."""
    # The messages do not say which call they answer, so it is their order that tells.
    marker = waiting.marker
    told = [m.content for m in sorted(messages, key=_when) if m.type == "tool_response"]
    given = [*_given_before(entries, marker), *(output.output for output in outputs)]
    if not waiting.in_order:
        told, given = sorted(told), sorted(given)
    left = iter(told)
    if not all(output in left for output in given):
        return False
    events = [message_event(message) for message in messages]
    local = sum(
        isinstance(event, FunctionCallCompleted) and event.plugin_type == _LOCAL_PLUGIN
        for event in events
    )
    if not local:
        return True  # a server that does not keep them
    known = {call.wire_id for entry in entries for call in _pending_of(entry, marker)}
    known |= {call.wire_id for call in marker.pending}
    waits = len([call for call in found.tool_calls if not call.is_question])
    return local <= len(known) + waits


def _given_before(entries: Sequence[Entry], marker: Marker) -> list[str]:
    """Return what this chat was given in earlier rounds."""
    results = {e.tool_call_id: e for e in entries if e.role == "tool" and not e.media}
    waiting = {call.wire_id for call in marker.pending}
    earlier = [call for entry in entries for call in _pending_of(entry, marker)]
    return [
        output_text(results[call.id])
        for call in earlier
        if call.wire_id not in waiting and call.id in results
    ]


def _pending_of(entry: Entry, marker: Marker) -> Sequence[Pending]:
    other = Marker.read(entry.marker)
    return other.pending if other is not None and other.chat_id == marker.chat_id else ()


def _new(
    messages: Sequence[Message], outputs: Sequence[ToolOutput], marker: Marker
) -> list[Message]:
    """Return the messages without the answers that were given before the chat waited."""
    if marker.answers:
        known = set(marker.answers)
    else:  # nothing but the ids of calls was kept: what came before the outputs
        texts = {output.output for output in outputs}
        told = [m for m in messages if m.type == "tool_response" and m.content in texts]
        begin = min(map(_when, told))
        known = {m.id for m in messages if m.type == "answer" and _when(m) < begin}
    return [m for m in messages if not (m.type == "answer" and m.id in known)]


def _when(message: Message) -> tuple[int, int]:
    """The list is not in the order of time (section 2.4); times and ids are."""
    return (message.created_at or 0, whole_number(message.id) or 0)


def _since(found: Chat, new: Sequence[Message]) -> Recorded:
    ordered = sorted(new, key=_when)
    turn = Turn.from_messages(found, ordered)
    increments = []
    shown = Turn()
    for message in ordered:
        increment = shown.apply(message_event(message))
        if increment.text or increment.reasoning:
            increments.append(increment)
    return Recorded(turn, increments)
