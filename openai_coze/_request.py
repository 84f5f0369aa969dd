"""A request for an answer as the core takes it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from coze_core.dialog import (
    Ask,
    Entry,
    ResponseFormat,
    ask_of,
    bot_of_id,
)
from openai_coze._messages import entries_of
from openai_coze._options import bound_bot, mapping, options_of
from openai_coze._problems import Refused
from openai_coze._settings import BotModel, BotRoute
from openai_coze._wrong import OBJECT, SWITCH, TEXT, wrong

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
    "merge_reads": False,
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
# What asks for nothing besides what happens anyway; 0 is none of it, as in `temperature`.
_USUAL: Final[tuple[Any, ...]] = (None, [], {}, "", "auto", "default")
_USUAL_OF: Final[Mapping[str, tuple[Any, ...]]] = {
    "frequency_penalty": (0,),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "temperature": (1,),
    "top_logprobs": (0,),
    "top_p": (1,),
}
_BOT: Final = "bot_id"
_LONGEST_NAME: Final = 256
_MOST_STOPS: Final = 16


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
        account: The account that has the files of the history, or None if any may have them.
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
    account: str | None = None

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


def check_model(model: BotModel) -> None:
    """Refuse settings of a model with which no chat could begin.

    Args:
        model: The model.

    Raises:
        ValueError: What is wrong with them.
    """
    for route in model.routes:
        try:
            Wanted(model.name, []).ask(route, "-", model.options)
        except ValueError as error:
            raise ValueError(f"models[{model.name!r}].options: {error}") from error


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
        raise Refused(
            f"more than {most_messages} messages: send fewer / 消息超过 {most_messages} 条，请减少",
            param="messages",
        )
    streamed = is_streamed(body)
    usage = mapping(body, "stream_options").get("include_usage")
    if not isinstance(usage, bool | None):
        raise Refused(
            wrong("stream_options.include_usage", *SWITCH),
            param="stream_options.include_usage",
        )
    return Wanted(
        model=model_of(body),
        entries=entries_of(messages),
        streamed=streamed,
        with_usage=bool(usage),
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
    answers = body.get("n")
    if answers is not None and answers != 1:
        raise Refused(
            "n is not supported: a Coze bot gives one answer / 不支持 n：扣子机器人只给出一个回答",
            param="n",
        )
    if body.get("functions") or body.get("function_call"):
        raise Refused(
            "functions are an old form: send tools and tool_choice / "
            "functions 已过时，请改用 tools 与 tool_choice",
            param="functions",
        )
    if (body.get("modalities") or ["text"]) != ["text"]:
        raise Refused(
            "only text is answered: use /v1/audio/speech to have it said / "
            "仅支持文本回答，语音请使用 /v1/audio/speech",
            param="modalities",
        )


def is_streamed(body: Mapping[str, Any]) -> bool:
    """Return whether the answer is shown as it comes.

    Raises:
        Refused: It is neither said nor denied; who waits for events could not read an object.
    """
    streamed = body.get("stream")
    if not isinstance(streamed, bool | None):
        raise Refused(wrong("stream", *SWITCH), param="stream")
    return bool(streamed)


def model_of(body: Mapping[str, Any]) -> str:
    """Return the name of the model.

    Raises:
        Refused: There is none.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or len(model) > _LONGEST_NAME:
        raise Refused(wrong("model", "one of /v1/models", "是 /v1/models 之一"), param="model")
    return model


def user_of(body: Mapping[str, Any]) -> str | None:
    """Return the end user, or None."""
    given = body.get("user") or body.get("safety_identifier")
    user = given or mapping(body, "coze").get("user_id")
    if user is not None and not isinstance(user, str):
        raise Refused(wrong("user", *TEXT), param="user")
    return user


def format_of(value: Any) -> ResponseFormat | None:
    """Return what a JSON answer must look like, or None.

    Raises:
        Refused: A form that does not exist.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Refused(wrong("response_format", *OBJECT), param="response_format")
    try:
        found = ResponseFormat.from_openai(value)
    except ValueError as error:
        raise Refused(str(error), param="response_format") from error
    # One caller's regular expression could hold up all the others.
    return replace(found, patterns=False) if found is not None else None


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise Refused(
            wrong("stop", "text or a list of texts", "是字符串或字符串列表"), param="stop"
        )
    if len(stops) > _MOST_STOPS or any(len(stop) > _LONGEST_NAME for stop in stops):
        # Each piece of an answer is compared with the beginnings of all of them.
        raise Refused(
            f"stop may have {_MOST_STOPS} texts of {_LONGEST_NAME} characters / "
            f"stop 最多 {_MOST_STOPS} 项，每项最多 {_LONGEST_NAME} 个字符",
            param="stop",
        )
    return tuple(stops)


def ignored(body: Mapping[str, Any], known: frozenset[str]) -> tuple[str, ...]:
    """Return the fields that have no effect, so that the caller can be told."""
    return tuple(
        name for name, value in body.items() if name not in known and not _is_usual(name, value)
    )


def _is_usual(name: str, value: Any) -> bool:
    if name in _USUAL_OF:
        return value is None or value in _USUAL_OF[name]
    return value is False or value in _USUAL
