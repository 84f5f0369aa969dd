"""A conversation that Coze keeps, as a history that can be continued."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from coze_core._models import Message
from coze_core.dialog._history import Entry, Media, digest
from coze_core.dialog._marker import Marker

if TYPE_CHECKING:
    from coze_core._client import AsyncCozeClient, CozeClient


def stored_history(
    client: CozeClient, conversation_id: str, *, bot_id: str, limit: int | None = None
) -> list[Entry]:
    """Fetch a conversation as a history.

    Args:
        client: Whom to ask.
        conversation_id: The conversation.
        bot_id: The bot whose conversation it is.
        limit: The most messages, the newest ones; all of them if None.

    Raises:
        CozeError: The server refused.
    """
    newest: list[Message] = []
    for message in client.conversations.messages.list(
        conversation_id=conversation_id, order="desc"
    ):
        if limit is not None and len(newest) >= limit:
            break
        newest.append(message)
    return stored_entries(newest[::-1], bot_id=bot_id)


async def stored_history_async(
    client: AsyncCozeClient, conversation_id: str, *, bot_id: str, limit: int | None = None
) -> list[Entry]:
    """Fetch a conversation as a history; see `stored_history`."""
    newest: list[Message] = []
    async for message in client.conversations.messages.list(
        conversation_id=conversation_id, order="desc"
    ):
        if limit is not None and len(newest) >= limit:
            break
        newest.append(message)
    return stored_entries(newest[::-1], bot_id=bot_id)


def stored_entries(messages: Sequence[Message], *, bot_id: str) -> list[Entry]:
    """Return a conversation as a history.

    The list does not tell where the context of a conversation was cleared (section 6.2), so what
    stands before is in it as well.

    Args:
        messages: Its messages, the oldest first.
        bot_id: The bot whose conversation it is.
    """
    entries: list[Entry] = []
    of_chat = ""
    for message in messages:
        if message.role not in {"user", "assistant"}:
            continue
        text, media = _parts(message)
        if message.role == "user":
            entries.append(Entry("user", text, media=media))
        elif entries and entries[-1].role == "assistant" and of_chat == message.chat_id != "":
            # Several answers of one chat are one answer, as when they came.
            last = entries[-1]
            both = "\n\n".join(filter(None, (last.text, text)))
            entries[-1] = replace(last, text=both, media=(*last.media, *media))
        else:
            entries.append(Entry("assistant", text, media=media))
        of_chat = message.chat_id
        if message.role == "assistant" and message.chat_id and message.conversation_id:
            entries[-1] = replace(entries[-1], marker=_marker(message, entries, bot_id))
    return entries


def _marker(message: Message, entries: Sequence[Entry], bot_id: str) -> dict[str, object]:
    return Marker(
        message.conversation_id,
        message.chat_id,
        message.bot_id or bot_id,
        "completed",
        digest=digest(entries),
        answers=(message.id,) if message.id else (),
    ).dump()


def _parts(message: Message) -> tuple[str, tuple[Media, ...]]:
    if message.content_type != "object_string":
        return message.content, ()
    try:
        items = json.loads(message.content)
    except (ValueError, RecursionError):
        return message.content, ()
    texts: list[str] = []
    media: list[Media] = []
    for item in items if isinstance(items, list) else []:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "text":
            texts.append(str(item.get("text") or ""))
        elif kind in {"image", "file", "audio"} and (item.get("file_id") or item.get("file_url")):
            id = item.get("file_id")
            media.append(Media(kind, None if id else item["file_url"], id or None))
    return "\n".join(texts), tuple(media)
