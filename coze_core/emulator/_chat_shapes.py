"""What a chat, its messages and its calls look like on the wire (protocol notes, section 3)."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any, Final

from coze_core.emulator import _bots as parts
from coze_core.emulator._store import Document

_HIDDEN: Final = frozenset(
    {"user_id", "auto_save_history", "custom_variables", "parameters", "tool_results"}
)


def shown_chat(chat: Document) -> Document:
    """Return a chat without what the server keeps to itself."""
    return {key: value for key, value in chat.items() if key not in _HIDDEN}


def message_frame(
    chat: Document, id: str, type: str, content: str, content_type: str
) -> dict[str, Any]:
    """Return a message of the assistant, as the events of a chat have it."""
    return {
        "id": id,
        "conversation_id": chat["conversation_id"],
        "bot_id": chat["bot_id"],
        "role": "assistant",
        "type": type,
        "content": content,
        "content_type": content_type,
        "chat_id": chat["id"],
        "section_id": chat["section_id"],
    }


def function_call(name: str, arguments: object, *, local: bool) -> str:
    """Return the content of a message that tells of a call of a plugin."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {}
    body = {
        "name": f"ts-{name}-{name}",
        "arguments": arguments,
        "plugin_id": 7374787648269074486,
        "plugin_name": name,
        "api_id": 7375048893094101003,
        "api_name": name,
        "plugin_type": 6 if local else 1,
        "thought": "",
    }
    return json.dumps(body, ensure_ascii=False)


def pending_call(call: parts.ToolCall | parts.Question) -> dict[str, Any]:
    """Return a call that a chat waits for, with an id of its own."""
    id = base64.b64encode(secrets.token_bytes(32)).decode()
    if isinstance(call, parts.Question):
        arguments = json.dumps({"question": call.text}, ensure_ascii=False)
        function, type = {"name": "reply_message", "arguments": arguments}, "reply_message"
    else:
        function, type = {"name": call.name, "arguments": call.arguments_text}, "function"
    return {"id": id, "type": type, "function": function, "require_info": None}
