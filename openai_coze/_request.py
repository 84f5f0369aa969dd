"""A request for an answer as the core takes it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from coze_core.dialog import (
    Ask,
    Entry,
    ResponseFormat,
    ask_of,
    bot_of_id,
    suggestion,
)
from openai_coze._messages import entries_of
from openai_coze._problems import Refused
from openai_coze._settings import OPTIONS, BotRoute

# What every chat has unless a model's settings or the request say otherwise.
_DEFAULTS: Final[dict[str, Any]] = {
    "history": "client",
    "system": "prefix",
    "tool_calling": "auto",
    "on_stale_chat": "replay",
    "conversation_id": None,
    "custom_variables": None,
    "parameters": None,
    "meta_data": None,
    "auto_save_history": True,
    "extra_params": None,
    "shortcut_command": None,
    "enable_card": None,
    "publish_status": None,
    "bot_version": None,
    "connector_id": None,
    "cancel_on_close": True,
    "deadline": None,
    "protocol": "v3",
    "on_busy": "error",
    "busy_timeout": 60.0,
    # Clients of OpenAI keep nothing of an answer but the ids of its calls.
    "self_contained_tool_ids": True,
}
_KNOWN: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "response_format",
        "stop",
        "n",
        "user",
        "safety_identifier",
        "metadata",
        "coze",
    }
)
_NO_EFFECT: Final[tuple[Any, ...]] = (None, False, [], {}, "auto", "default")
_BOT: Final = "bot_id"
_VARIABLE: Final = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants, whichever of OpenAI's interfaces they use.

    Attributes:
        model: The model by its name.
        entries: The history.
        streamed: Whether the answer is shown as it comes.
        with_usage: Whether a stream ends with the tokens spent.
        user: The end user, or None.
        bot_id: The bot that has to answer, or None for any of the model's.
        ignored: Fields that a bot's own settings decide about.
        options: What `ask_of` takes.
        stops: Where to cut the text.
        response_format: What a JSON answer must look like.
    """

    model: str
    entries: list[Entry]
    streamed: bool = False
    with_usage: bool = False
    user: str | None = None
    bot_id: str | None = None
    ignored: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None

    @property
    def waiting_bot(self) -> str | None:
        """The bot whose chat waits for results in this history."""
        for entry in reversed(self.entries):
            if entry.role == "tool" and (bot := bot_of_id(entry.tool_call_id)):
                return bot
            if entry.role == "assistant":
                break
        return None

    @property
    def is_bound(self) -> bool:
        """Whether only one bot can answer, since the conversation is its."""
        return self.options.get("conversation_id") is not None or self.bot_id is not None

    def ask(self, route: BotRoute, user_id: str, settings: Mapping[str, Any]) -> Ask:
        """Return what is wanted of one bot.

        Args:
            route: The bot or chatflow.
            user_id: The end user.
            settings: Those of the model.

        Raises:
            ValueError: Options that do not go together.
        """
        options = {**_DEFAULTS, **settings, **self.options}
        variables = {
            **(settings.get("custom_variables") or {}),
            **(self.options.get("custom_variables") or {}),
        }
        options |= {
            _BOT: route.bot_id,
            "workflow_id": route.workflow_id,
            "app_id": route.app_id,
            "user_id": user_id,
            "custom_variables": variables or None,
        }
        return ask_of(
            options,
            stops=self.stops,
            streamed=self.streamed,
            response_format=self.response_format,
            warns=False,
        )


def wanted_of_chat(body: Mapping[str, Any], *, most_messages: int) -> Wanted:
    """Return what a request to `/v1/chat/completions` wants.

    Args:
        body: The request.
        most_messages: The limit of the gateway.

    Raises:
        Refused: What is wrong with it.
    """
    refuse_others(body)
    messages = body.get("messages")
    if isinstance(messages, list) and len(messages) > most_messages:
        raise Refused(f"more than {most_messages} messages: send fewer", param="messages")
    streamed = body.get("stream") is True
    stream_options = mapping(body, "stream_options")
    return Wanted(
        model=model_of(body),
        entries=entries_of(messages),
        streamed=streamed,
        with_usage=bool(stream_options.get("include_usage")),
        user=user_of(body),
        bot_id=bound_bot(body),
        ignored=ignored(body, _KNOWN),
        options=options_of(body, body.get("tools"), body.get("tool_choice")),
        stops=_stops(body.get("stop")),
        response_format=format_of(body.get("response_format")),
    )


def refuse_others(body: Mapping[str, Any]) -> None:
    """Refuse what a bot cannot do and a caller would miss.

    Raises:
        Refused: What that is.
    """
    if body.get("n") not in {None, 1}:
        raise Refused("n is not supported: a Coze bot gives one answer", param="n")
    if body.get("functions") or body.get("function_call"):
        raise Refused("functions are an old form: send tools and tool_choice", param="functions")
    modalities = body.get("modalities") or ["text"]
    if list(modalities) != ["text"]:
        raise Refused(
            "only text is answered: use /v1/audio/speech to have it said", param="modalities"
        )


def model_of(body: Mapping[str, Any]) -> str:
    """Return the name of the model.

    Raises:
        Refused: There is none.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model.strip():
        raise Refused("model must name one of /v1/models", param="model")
    return model


def user_of(body: Mapping[str, Any]) -> str | None:
    """Return the end user, or None."""
    user = body.get("user") or body.get("safety_identifier")
    if user is not None and not isinstance(user, str):
        raise Refused("user must be text", param="user")
    return user


def bound_bot(body: Mapping[str, Any]) -> str | None:
    """Return the bot that the caller names, or None."""
    bot_id = mapping(body, "coze").get(_BOT)
    return str(bot_id) if bot_id else None


def options_of(body: Mapping[str, Any], tools: Any, choice: Any) -> dict[str, Any]:
    """Return the options of a chat: from `metadata`, `coze`, and the tools.

    Args:
        body: The request.
        tools: Its tools, in the form of chat completions.
        choice: Which of them must be called.

    Raises:
        Refused: An option that does not exist.
    """
    given = {name: value for name, value in mapping(body, "coze").items() if name != _BOT}
    for name in given.keys() - OPTIONS:
        raise Refused(
            f"coze has no option {name!r}{suggestion(name, OPTIONS)}", param=f"coze.{name}"
        )
    metadata = dict(mapping(body, "metadata"))
    conversation = metadata.pop("conversation_id", None)
    if conversation:
        given.setdefault("conversation_id", str(conversation))
    for name, value in metadata.items():
        # Names that a prompt can have are variables of it; others are stored with the chat.
        kind = "custom_variables" if _VARIABLE.fullmatch(name) else "meta_data"
        given[kind] = {name: str(value), **(given.get(kind) or {})}
    if tools is not None and not isinstance(tools, list):
        raise Refused("tools must be a list", param="tools")
    return {**given, "tools": tools or None, "tool_choice": choice if tools else None}


def format_of(value: Any) -> ResponseFormat | None:
    """Return what a JSON answer must look like, or None.

    Raises:
        Refused: A form that does not exist.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Refused("response_format must be an object", param="response_format")
    try:
        return ResponseFormat.from_openai(value)
    except ValueError as error:
        raise Refused(str(error), param="response_format") from error


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refused("stop must be text or a list of texts", param="stop")
    return tuple(stops)


def ignored(body: Mapping[str, Any], known: frozenset[str]) -> tuple[str, ...]:
    """Return the fields that have no effect, so that the caller can be told."""
    return tuple(
        name for name, value in body.items() if name not in known and value not in _NO_EFFECT
    )


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a field that is an object, or an empty one.

    Raises:
        Refused: It is something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Refused(f"{name} must be an object", param=name)
    return value
