"""What a call may say: arguments that replace a field, and those that mean nothing to Coze."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from coze_core import anonymous_user_id
from coze_core.dialog import Ask, PlanOptions, ResponseFormat, ToolSpec
from langchain_coze._settings import ChatCozeSettings, suggestion
from langchain_coze._structured import ResponseSchema, checks_of

# Arguments of `client.chat.stream` that are fields of the model as well.
CHAT: Final = frozenset(
    {
        "custom_variables",
        "parameters",
        "meta_data",
        "auto_save_history",
        "extra_params",
        "shortcut_command",
        "enable_card",
        "publish_status",
        "bot_version",
        "connector_id",
        "cancel_on_close",
        "deadline",
    }
)
# Per-call arguments that replace a field of the same name.
PER_CALL: Final = CHAT | {
    "bot_id",
    "user_id",
    "conversation_id",
    "history",
    "system",
    "tool_calling",
    "on_stale_chat",
    "self_contained_tool_ids",
}
# Those that are of the call alone.
_OF_CALL: Final = frozenset({"tools", "tool_choice", "response_format"})
# Arguments of other models that mean nothing to a Coze bot, and do no harm.
_IGNORED: Final = frozenset(
    {
        "temperature",
        "max_tokens",
        "stream",
        "stream_usage",
        "strict",
        "parallel_tool_calls",
        "ls_structured_output_format",
    }
)


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
    options = {name: getattr(model, name) for name in PER_CALL} | per_call(kwargs)
    tools = tool_specs(options.get("tools"))
    return Ask(
        plan=PlanOptions(
            bot_id=options["bot_id"],
            history=options["history"],
            system=options["system"],
            conversation_id=options["conversation_id"],
        ),
        user_id=options["user_id"] or anonymous_user_id(),
        tools=tools,
        tool_calling=options["tool_calling"],
        tool_choice=tool_choice_of(options.get("tool_choice"), tools),
        response_format=response_format_of(options.get("response_format")),
        stops=tuple((stop if stop is not None else model.stop) or ()),
        on_stale_chat=options["on_stale_chat"],
        portable_ids=options["self_contained_tool_ids"],
        streamed=streamed,
        chat={name: options[name] for name in CHAT},
    )


def check_settings(model: ChatCozeSettings) -> None:
    """Refuse settings that do not exist or do not go together.

    Args:
        model: The model.

    Raises:
        ValueError: What is wrong.
    """
    Ask(
        PlanOptions(bot_id=model.bot_id, history=model.history, system=model.system),
        user_id="-",
        chat={"auto_save_history": model.auto_save_history},
    )


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


def per_call(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call that mean something; warn of those that do not exist.

    Args:
        kwargs: What was given.

    Raises:
        ValueError: More than one answer is wanted.
    """
    given = dict(kwargs)
    if "model" in given:
        given["bot_id"] = given.pop("model")
    if given.pop("n", None) not in {None, 1}:
        raise ValueError("n is not supported: a Coze bot gives one answer; use batch()")
    known = PER_CALL | _OF_CALL
    for name in given.keys() - known - _IGNORED:
        warnings.warn(
            f"ChatCoze has no per-call argument {name!r}, it is ignored{suggestion(name, known)}",
            stacklevel=2,
        )
    return {name: value for name, value in given.items() if name in known}


def tool_specs(tools: Sequence[Mapping[str, Any]] | None) -> tuple[ToolSpec, ...]:
    """Return bound tools as the core takes them.

    Args:
        tools: In OpenAI's form.

    Raises:
        ValueError: Something that is no function.
    """
    return tuple(ToolSpec.from_openai(tool) for tool in tools or ())


def tool_choice_of(choice: Any, tools: Sequence[ToolSpec]) -> str | None:
    """Return a choice of tools in one of its few forms: None, `none`, `any` or a name.

    Args:
        choice: As other models take it: a name, `auto`, `none`, `any`, `required`, a boolean, or a
            mapping of OpenAI's or Anthropic's form.
        tools: The tools.

    Raises:
        ValueError: A form that does not exist.
    """
    if choice in (None, False, "auto"):
        return None
    if choice is True:
        return tools[0].name if len(tools) == 1 else "any"
    if isinstance(choice, str):
        return "any" if choice == "required" and "required" not in _names(tools) else choice
    if isinstance(choice, Mapping):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, Mapping) else choice.get("name")
        return tool_choice_of(name or choice.get("type"), tools)
    raise ValueError(f"tool_choice must be a tool's name, 'auto', 'none' or 'any', not {choice!r}")


def _names(tools: Sequence[ToolSpec]) -> list[str]:
    return [tool.name for tool in tools]


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
