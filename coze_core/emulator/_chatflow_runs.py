"""Chats of chatflows: like those of bots, with another end (protocol notes, section 3.10)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from coze_core._sse import encode_event
from coze_core.emulator import _bots as parts
from coze_core.emulator._runs import ChatRun


class ChatflowRun(ChatRun):
    """One chat of a chatflow. A question ends it; the next chat of the conversation goes on."""

    async def events(self, position: int) -> AsyncIterator[bytes]:
        """Yield what is said from this position on; the end tells the debug page."""
        ended = self._profile.end()
        async for block in super().events(position):
            yield self._end() if block == ended else _spaced(block)

    def _end(self) -> bytes:
        url = f"https://www.coze.com/work_flow?execute_id={self.chat['id']}&workflow_id=1"
        if self._profile.is_studio:
            return encode_event("conversation.stream.done", json.dumps({"debug_url": url}))
        return _spaced(encode_event("done", json.dumps({"debug_url": url})))

    def _wait_for(self, pending: list[parts.ToolCall | parts.Question]) -> None:
        self._ask_in_words(pending)
        self._finish_answers(1)
        self._set_status("requires_action")
        if self._profile.is_studio:
            self._say_status("requires_action")

    def _frame(self, id: str, type: str, content: str, content_type: str) -> dict[str, Any]:
        frame = super()._frame(id, type, content, content_type)
        del frame["bot_id"]
        return frame

    def _say(self, name: str, data: dict[str, Any]) -> None:
        super()._say(name, {key: value for key, value in data.items() if key != "bot_id"})


def _spaced(block: bytes) -> bytes:
    """Put a space after the colons, as these streams have it."""
    return block.replace(b"event:", b"event: ", 1).replace(b"\ndata:", b"\ndata: ", 1)
