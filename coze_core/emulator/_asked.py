"""A bot that is asked: what it sees of a chat, and its answer part by part."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Final

from coze_core.emulator._bots import Bot, BotContext, BotMessage, Part, ToolResult
from coze_core.emulator._store import Document, Store

_SEEN: Final = frozenset({"question", "answer", "function_call", "tool_response", "tool_output"})


def context_messages(store: Store, chat: Document) -> list[Document]:
    """Return the stored messages that are the context of a chat."""
    canceled = {
        other["id"]
        for other in store.all("chat", chat["conversation_id"])
        if other["status"] == "canceled" and other["id"] != chat["id"]
    }
    return [
        message
        for message in store.all("message", chat["conversation_id"])
        if message["type"] in _SEEN
        and message["section_id"] == chat["section_id"]
        and message["chat_id"] not in canceled  # a cancelled turn leaves no context
    ]


def bot_message(message: Document) -> BotMessage:
    """Return a message as bots see it."""
    return BotMessage(
        message["role"],
        message["type"],
        message["content"],
        message.get("content_type", "text"),
    )


def context_of(chat: Document) -> BotContext:
    """Return what a bot is told besides the messages."""
    return BotContext(
        bot_id=chat["bot_id"],
        user_id=chat["user_id"],
        conversation_id=chat["conversation_id"],
        chat_id=chat["id"],
        custom_variables=chat["custom_variables"],
        parameters=chat["parameters"],
        meta_data=chat["meta_data"],
        tool_results=[ToolResult(**result) for result in chat["tool_results"]],
    )


async def parts_of(
    bot: Bot, messages: list[BotMessage], context: BotContext
) -> AsyncGenerator[Part, None]:
    """Yield what a bot answers, part by part, however its function gives it."""
    answer = bot.run(messages, context)
    if isinstance(answer, AsyncIterator):
        try:
            async for part in answer:
                yield part
        finally:
            close = getattr(answer, "aclose", None)
            if close is not None:
                await close()
        return
    given = await answer
    if isinstance(given, Iterable) and not isinstance(given, str):
        for part in given:
            yield part
    else:
        yield given
