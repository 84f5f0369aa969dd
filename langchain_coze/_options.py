"""A model's fields and a call's arguments as the core takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from coze_core import dialog
from coze_core.dialog import (
    OF_MODEL,
    PER_CALL,
    Ask,
    PlanOptions,
    ResponseFormat,
    call_options,
    tool_choice_of,
    tool_specs,
)
from langchain_coze._settings import ChatCozeSettings
from langchain_coze._structured import ResponseSchema, checks_of

_SETTINGS: Final = (*PER_CALL, *OF_MODEL)


def ask_of(
    model: ChatCozeSettings,
    stop: Sequence[str] | None,
    kwargs: Mapping[str, Any],
    *,
    streamed: bool,
) -> Ask:
    """Return what is wanted, by fields and per-call arguments, the latter winning.

    Args:
        model: The model.
        stop: Stop sequences of the call.
        kwargs: The call's other arguments.
        streamed: Whether pieces are shown as they come.

    Raises:
        ValueError: Arguments that cannot be.
    """
    options = _settings_of(model)
    if kwargs:
        options |= call_options("ChatCoze", kwargs)
    return dialog.ask_of(
        options,
        stops=(stop if stop is not None else model.stop) or (),
        streamed=streamed,
        response_format=response_format_of(options.get("response_format")),
    )


def check_settings(model: ChatCozeSettings) -> None:
    """Refuse settings that do not exist or do not go together.

    Args:
        model: The model.

    Raises:
        ValueError: What is wrong.
    """
    dialog.ask_of(_settings_of(model), streamed=True)


def _settings_of(model: ChatCozeSettings) -> dict[str, Any]:
    fields = model.__dict__  # `getattr` takes a model of pydantic's many times as long
    return {name: fields[name] for name in _SETTINGS}


def bound_tools(bot_id: str, tools: Sequence[Any], choice: Any) -> dict[str, Any]:
    """Return the arguments of a call that bind tools.

    Args:
        bot_id: The bot.
        tools: Functions, tools, classes or mappings.
        choice: As other models take it.

    Raises:
        ValueError: Something that is no function, or a choice that is none of them.
    """
    formatted = [convert_to_openai_tool(tool) for tool in tools]
    specs = tool_specs(formatted)
    chosen = tool_choice_of(choice, specs)
    if specs or chosen not in {None, "any", "none"}:
        Ask(PlanOptions(bot_id=bot_id), user_id="-", tools=specs, tool_choice=chosen)
    return {"tools": formatted, **({"tool_choice": chosen} if chosen and specs else {})}


def response_format_of(value: Any) -> ResponseFormat | None:
    """Return what an answer must look like.

    Args:
        value: A mapping as OpenAI takes it, a JSON schema, or a class that describes data.

    Raises:
        ValueError: Something else.
    """
    if value is None or isinstance(value, ResponseFormat):
        return value
    if isinstance(value, ResponseSchema):
        return ResponseFormat.from_openai(value, checks_of(value.schema))
    if isinstance(value, Mapping):
        return ResponseFormat.from_openai(value)
    if isinstance(value, type) and (
        is_basemodel_subclass(value) or hasattr(value, "__annotations__")
    ):
        return ResponseFormat.from_openai(convert_to_json_schema(value), checks_of(value))
    raise ValueError(f"response_format must be a mapping or a class, not {type(value).__name__}")
