"""A chatflow in a bot's place: the same dialogue through another endpoint (section 3.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from coze_core._endpoints import chatflows
from coze_core._models import EnterMessage
from coze_core._stream_request import StreamRequest

# What a chatflow is told too; leaving one early cannot cancel it, whatever is wanted.
_CARRIED: Final = frozenset(
    {"parameters", "connector_id", "deadline", "cancel_on_close", "busy_timeout"}
)
_ADVICE: Final = {
    "custom_variables": "pass them as parameters=, the chatflow's inputs",
    "bot_version": "pass workflow_version= to client.workflows.chat",
    "auto_save_history": "Coze keeps what is said in a chatflow",
    "on_busy": "only chats with bots can wait for one another",
}


@dataclass(frozen=True, slots=True)
class Chatflow:
    """A chatflow, and where it belongs.

    Attributes:
        workflow_id: The chatflow.
        app_id: The app it belongs to; or else
        bot_id: The bot.

    Raises:
        ValueError: If neither is given.
    """

    workflow_id: str
    app_id: str | None = None
    bot_id: str | None = None

    def __post_init__(self) -> None:
        if not self.app_id and not self.bot_id:
            raise ValueError(
                "a chatflow needs app_id= or bot_id=: where it belongs / "
                "对话流需要 app_id 或 bot_id"
            )

    def refuse(self, options: Mapping[str, object]) -> None:
        """Refuse arguments of a chat that a chatflow does not take.

        Raises:
            ValueError: Naming the first of them.
        """
        for name, value in options.items():
            wanted = value is False if name == "auto_save_history" else bool(value)
            if name == "on_busy":
                wanted = value not in {None, "error"}
            if name == "extra_params":
                wanted = bool(set(value or ()) - {"latitude", "longitude"})  # type: ignore[call-overload]  # a mapping
            if wanted and name not in _CARRIED:
                advice = _ADVICE.get(name, "leave it out")
                raise ValueError(f"a chatflow takes no {name}: {advice} / 对话流不支持 {name}")

    def request(
        self,
        options: Mapping[str, Any],
        *,
        user_id: str,
        messages: Sequence[EnterMessage],
        conversation_id: str | None,
    ) -> StreamRequest:
        """Return the stream that asks it.

        Args:
            options: The model's settings and the call's arguments.
            user_id: The end user.
            messages: What to send.
            conversation_id: The conversation to go on with, or None for a new one.
        """
        return chatflows.chat(
            workflow_id=self.workflow_id,
            messages=messages,
            parameters=options.get("parameters"),
            app_id=self.app_id or None,
            bot_id=None if self.app_id else self.bot_id,
            conversation_id=conversation_id,
            ext={"user_id": user_id, **(options.get("extra_params") or {})},
            connector_id=options.get("connector_id"),
            deadline=options.get("deadline"),
        )


def chatflow_of(options: Mapping[str, Any]) -> Chatflow | None:
    """Return the chatflow that settings name, or None: then they name a bot."""
    workflow_id = options.get("workflow_id")
    if not workflow_id:
        return None
    return Chatflow(workflow_id, options.get("app_id") or None, options.get("bot_id") or None)
