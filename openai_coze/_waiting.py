"""Waiting chats that requests name: whether they are of the bot that is asked."""

from __future__ import annotations

from collections.abc import Sequence

from coze_core import NotFoundError, PermissionDeniedError
from coze_core.dialog import Entry, named_chats
from openai_coze._access import Way
from openai_coze._problems import Refused


async def check_waiting(entries: Sequence[Entry], ways: Sequence[Way]) -> None:
    """Ask Coze whose the chats are that a history names as waiting for its results.

    What names them comes from callers, who may have made it up: the bot that it tells may be one
    that is open to them, and the chat another one's, that the same account can reach.

    Args:
        entries: The history.
        ways: The bots that may answer.

    Raises:
        CozeError: Coze does not say.
        Refused: A chat is another bot's.
    """
    for marker in named_chats(entries):
        for way in ways:
            if way.id != marker.bot_id:
                continue
            try:
                chat = await way.client.chat.retrieve(
                    conversation_id=marker.conversation_id, chat_id=marker.chat_id
                )
            except (NotFoundError, PermissionDeniedError):
                continue  # out of reach of results as well
            # A chatflow's chats are of the bot that it belongs to, or of none.
            flow = {way.route.bot_id, "", "0"} if way.route.workflow_id else set()
            if chat.bot_id not in {way.id, *flow}:
                raise Refused(
                    "these results belong to a chat of another bot: send them to the model that "
                    "made the calls / 这些工具结果属于其他机器人的对话，请发送给发起调用的模型",
                    status=404,
                    code="tool_call_not_found",
                    param="messages",
                )
