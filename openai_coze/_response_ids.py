"""Ids of responses that say where to go on, so that any worker can; pure."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from coze_core.dialog import CallPiece, Piece
from openai_coze._problems import Refused

_PORTABLE: Final = "resp_cz1"


def response_id(conversation_id: str | None, bot_id: str) -> str:
    """Return the id of a response.

    Args:
        conversation_id: Where it stands; of an unknown one nobody can go on.
        bot_id: Who gave it.

    Example:
        >>> place_of(response_id("7381", "7379"))
        ('7381', '7379')
    """
    unique = uuid.uuid4().hex[:12]
    if not conversation_id:
        return f"resp_{unique}"
    parts = json.dumps([conversation_id, bot_id, unique], separators=(",", ":"))
    return _PORTABLE + base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def place_of(id: str) -> tuple[str, str]:
    """Return the conversation and the bot of a response.

    Args:
        id: The response's id.

    Raises:
        Refused: It is not one of ours.
    """
    text = id.removeprefix(_PORTABLE)
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        conversation_id, bot_id, _ = parts
    except (ValueError, TypeError, RecursionError):
        conversation_id = bot_id = None
    if not (id.startswith(_PORTABLE) and conversation_id and bot_id):
        raise Refused(
            f"there is no response {id[:80]!r} to go on from: send the whole input instead / "
            "没有可继续的 response，请发送完整的 input",
            status=404,
            code="previous_response_not_found",
            param="previous_response_id",
        )
    return str(conversation_id), str(bot_id)


def conversation_of(first: Iterable[Sequence[Piece]]) -> str | None:
    """Return the conversation that the beginning of an answer tells of.

    Args:
        first: Its first pieces.
    """
    for pieces in first:
        for piece in pieces:
            if isinstance(piece, CallPiece):
                continue
            event = piece.event
            for source in (getattr(event, "chat", None), getattr(event, "message", None)):
                found = getattr(source, "conversation_id", None)
                if found:
                    return str(found)
    return None
