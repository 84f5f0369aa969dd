"""What an answer carries with it, so that any process can go on from there.

The state of a dialogue travels in the messages and nowhere else: adapters keep the mapping that
`Marker.dump` returns in a place that their framework stores with a message.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_VERSION: Final = 1
_PORTABLE: Final = "cz1."


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that a chat waits for.

    Attributes:
        id: The call's id as the caller knows it.
        name: The tool's name.
        wire_id: The id as Coze gave it; the same but for empty and repeated ones.
        question: What the user is asked, if this is a question and no tool.
    """

    id: str
    name: str
    wire_id: str
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """Where an answer stands in Coze.

    Attributes:
        conversation_id: Its conversation.
        chat_id: Its chat.
        bot_id: The bot that gave it.
        status: How the chat stood: `completed`, `requires_action` and so on.
        pending: The calls that the chat waits for.
        prompted: Ids of calls that were made in text, not by Coze.
        interrupted: Whether the run paused to ask something; the next message is the answer.
        digest: Fingerprint of the history up to and with this answer; `""` if the client keeps it.
        said: Fingerprint of the instructions that the conversation has been given.
        answers: Ids of the answer messages of this chat so far.
        spent: Tokens of this chat that have been reported so far: input, output, total.
    """

    conversation_id: str
    chat_id: str
    bot_id: str
    status: str = ""
    pending: tuple[Pending, ...] = ()
    prompted: tuple[str, ...] = ()
    interrupted: bool = False
    digest: str = ""
    said: str = ""
    answers: tuple[str, ...] = ()
    spent: tuple[int, int, int] = (0, 0, 0)

    @property
    def questions(self) -> list[Pending]:
        """Those pending calls that ask the user."""
        return [call for call in self.pending if call.question is not None]

    def dump(self) -> dict[str, Any]:
        """Return plain JSON types; `read` takes them back."""
        found: dict[str, Any] = {
            "v": _VERSION,
            "conversation_id": self.conversation_id,
            "chat_id": self.chat_id,
            "bot_id": self.bot_id,
            "status": self.status,
        }
        if self.pending:
            found["pending"] = [_dump_call(call) for call in self.pending]
        if self.interrupted:
            found["interrupted"] = True
        for name in ("prompted", "answers"):
            if getattr(self, name):
                found[name] = list(getattr(self, name))
        for name in ("digest", "said"):
            if getattr(self, name):
                found[name] = getattr(self, name)
        if any(self.spent):
            found["spent"] = list(self.spent)
        return found

    @classmethod
    def read(cls, value: Mapping[str, object] | None) -> Marker | None:
        """Return the marker of a message, or None if it has none that can be used.

        Histories come from stores and from other programs; nothing in them makes this raise.

        Args:
            value: What `dump` returned, perhaps changed on its way.
        """
        if not isinstance(value, Mapping) or value.get("v") != _VERSION:
            return None
        conversation_id, chat_id, bot_id = (
            value.get(name) for name in ("conversation_id", "chat_id", "bot_id")
        )
        if not (isinstance(conversation_id, str) and conversation_id):
            return None
        if not (isinstance(chat_id, str) and chat_id and isinstance(bot_id, str) and bot_id):
            return None
        spent = [item for item in _list(value.get("spent")) if isinstance(item, int)]
        return cls(
            conversation_id,
            chat_id,
            bot_id,
            status=str(value.get("status") or ""),
            pending=tuple(
                call for item in _list(value.get("pending")) if (call := _read_call(item))
            ),
            prompted=tuple(map(str, _list(value.get("prompted")))),
            interrupted=value.get("interrupted") is True,
            digest=str(value.get("digest") or ""),
            said=str(value.get("said") or ""),
            answers=tuple(map(str, _list(value.get("answers")))),
            spent=(spent[0], spent[1], spent[2]) if len(spent) == 3 else (0, 0, 0),
        )


def _dump_call(call: Pending) -> dict[str, str]:
    found = {"id": call.id, "name": call.name}
    if call.wire_id != call.id:
        found["wire_id"] = call.wire_id
    if call.question is not None:
        found["question"] = call.question
    return found


def _read_call(value: object) -> Pending | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("id"), str):
        return None
    id = str(value["id"])
    question = value.get("question")
    return Pending(
        id,
        str(value.get("name") or ""),
        str(value.get("wire_id", id)),
        None if question is None else str(question),
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


# -- call ids that say where they belong, for programs that keep nothing else


def portable_id(id: str, *, conversation_id: str, chat_id: str, bot_id: str) -> str:
    """Return a call id that tells which chat waits for the call.

    Args:
        id: Coze's id of the call.
        conversation_id: The chat's conversation.
        chat_id: The chat.
        bot_id: The bot.
    """
    parts = json.dumps([id, conversation_id, chat_id, bot_id], separators=(",", ":"))
    return _PORTABLE + base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def marker_of_ids(calls: Sequence[tuple[str, str]]) -> Marker | None:
    """Return the marker that portable ids make up for, or None if they are not of one chat.

    Args:
        calls: The id and the tool's name of every call of one answer.
    """
    found: list[Pending] = []
    chats: set[tuple[str, ...]] = set()
    for id, name in calls:
        parts = _unpacked(id)
        if parts is None:
            return None
        found.append(Pending(id, name, parts[0]))
        chats.add(tuple(parts[1:]))
    if len(chats) != 1:
        return None
    conversation_id, chat_id, bot_id = chats.pop()
    return Marker(conversation_id, chat_id, bot_id, "requires_action", tuple(found))


def bot_of_id(id: str) -> str | None:
    """Return the bot that a portable id names, or None if it is another kind of id.

    Args:
        id: The id of a call.

    Example:
        >>> bot_of_id(portable_id("c", conversation_id="1", chat_id="2", bot_id="7379"))
        '7379'
    """
    parts = _unpacked(id)
    return parts[3] if parts is not None else None


def _unpacked(id: str) -> list[str] | None:
    if not id.startswith(_PORTABLE):
        return None
    text = id.removeprefix(_PORTABLE)
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != 4:
        return None
    return parts if all(isinstance(part, str) for part in parts) else None
