"""What a conversation that Coze keeps holds, as LangChain's messages."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from coze_core.dialog import Entry, Media
from langchain_coze._names import PROVIDER


def stored_message(entry: Entry) -> BaseMessage:
    """Return an entry of a conversation as a message that a model can go on from."""
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
