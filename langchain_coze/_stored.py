"""A conversation that Coze keeps, as LangChain's messages."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from coze_core import AsyncCozeClient, CozeClient
from coze_core.dialog import Entry, Media, stored_history, stored_history_async
from langchain_coze._names import PROVIDER


def load_messages(
    client: CozeClient, conversation_id: str, bot_id: str, limit: int | None
) -> list[BaseMessage]:
    """Load it, blocking.

    Args:
        client: Through which to ask.
        conversation_id: The conversation.
        bot_id: The bot whose conversation it is.
        limit: The most messages; all of them if None.
    """
    found = stored_history(client, conversation_id, bot_id=bot_id, limit=limit)
    return [_message(entry) for entry in found]


async def aload_messages(
    client: AsyncCozeClient, conversation_id: str, bot_id: str, limit: int | None
) -> list[BaseMessage]:
    """Load it, awaiting.

    Args:
        client: Through which to ask.
        conversation_id: The conversation.
        bot_id: The bot whose conversation it is.
        limit: The most messages; all of them if None.
    """
    found = await stored_history_async(client, conversation_id, bot_id=bot_id, limit=limit)
    return [_message(entry) for entry in found]


def _message(entry: Entry) -> BaseMessage:
    if entry.role == "user":
        if not entry.media:
            return HumanMessage(entry.text)
        text: list[Any] = [{"type": "text", "text": entry.text}] if entry.text else []
        return HumanMessage([*text, *map(_block, entry.media)])
    metadata: dict[str, Any] = {"model_provider": PROVIDER}
    if entry.marker is not None:
        coze = dict(entry.marker)
        metadata |= {
            "model_name": coze["bot_id"],
            "conversation_id": coze["conversation_id"],
            "chat_id": coze["chat_id"],
            "coze": coze,
        }
    return AIMessage(entry.text, response_metadata=metadata)


def _block(item: Media) -> dict[str, Any]:
    address = {"file_id": item.file_id} if item.file_id else {"url": item.url}
    return {"type": item.kind, **address}
