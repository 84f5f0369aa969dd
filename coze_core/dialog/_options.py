"""What a call may say: arguments that replace a setting, and those that mean nothing to Coze.

Every adapter has the same settings under the same names, and takes the same arguments with a call.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from coze_core._endpoints._checks import MAX_MESSAGES
from coze_core._endpoints.chatflows import MAX_MESSAGES as CHATFLOW_MESSAGES
from coze_core.dialog._answer import Ask
from coze_core.dialog._chatflow import chatflow_of
from coze_core.dialog._format import ResponseFormat
from coze_core.dialog._plan import PlanOptions
from coze_core.dialog._tools import ToolSpec

# Arguments of `client.chat.stream` that are settings of a model as well.
_CHAT: Final = frozenset(
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
        "on_busy",
        "busy_timeout",
    }
)
# Arguments of a call that replace a setting of the same name.
PER_CALL: Final = _CHAT | {
    "bot_id",
    "user_id",
    "conversation_id",
    "history",
    "system",
    "tool_calling",
    "on_stale_chat",
    "self_contained_tool_ids",
    "merge_reads",
}
# Settings that say what is talked to; no call changes them.
OF_MODEL: Final = ("protocol", "workflow_id", "app_id")
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
        "formatted",
    }
)

# What other models call a setting or an argument that we have under another name.
_PEERS: Final = {
    "api_base": "base_url",
    "openai_api_base": "base_url",
    "openai_api_key": "api_key",
    "request_timeout": "timeout",
    "timeout": "deadline",
    "user": "user_id",
    "extra_headers": "default_headers",
}


def call_options(model: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call that mean something; warn of those that do not exist.

    Args:
        model: The adapter's class, for the warning.
        kwargs: What was given.

    Raises:
        ValueError: More than one answer is wanted.
    """
    given = dict(kwargs)
    if "model" in given:
        given["bot_id"] = given.pop("model")
    if given.pop("n", None) not in {None, 1}:
        raise ValueError("n is not supported: a Coze bot gives one answer; ask several times")
    known = PER_CALL | _OF_CALL
    for name in given.keys() - known - _IGNORED:
        warnings.warn(
            f"{model} has no per-call argument {name!r}, it is ignored{suggestion(name, known)}",
            stacklevel=3,
        )
    return {name: value for name, value in given.items() if name in known}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return which name may have been meant, as the end of a sentence.

    Args:
        name: The name that does not exist.
        known: Those that do.
    """
    names = sorted(known)
    peer = _PEERS.get(name)
    # Less alike than this, the name of something else: 'seed' is not 'server'.
    near = [peer] if peer in names else difflib.get_close_matches(name, names, n=1, cutoff=0.72)
    return f"; did you mean {near[0]!r}?" if near else ""


def ask_of(
    options: Mapping[str, Any],
    *,
    stops: Sequence[str] = (),
    streamed: bool,
    response_format: ResponseFormat | None = None,
    on_missing: Literal["raise", "fill"] = "raise",
    warns: bool = True,
) -> Ask:
    """Return what is wanted.

    Args:
        options: The settings, and over them the arguments of the call.
        stops: Where to cut the text.
        streamed: Whether pieces are shown as they come.
        response_format: What a JSON answer must look like.
        on_missing: What to do if a waiting chat has not all its results.
        warns: Whether to warn of messages that are too old to be sent.

    Raises:
        ValueError: Options that do not exist, or do not go together.
    """
    tools = tool_specs(options.get("tools"))
    chatflow = chatflow_of(options)
    return Ask(
        plan=PlanOptions(
            bot_id=chatflow.workflow_id if chatflow else options["bot_id"],
            history=options["history"],
            system=options["system"],
            conversation_id=options["conversation_id"],
            protocol=options["protocol"],
            chatflow=chatflow,
            limit=CHATFLOW_MESSAGES if chatflow else MAX_MESSAGES,
        ),
        user_id=options["user_id"] or None,
        tools=tools,
        tool_calling=options["tool_calling"],
        tool_choice=tool_choice_of(options.get("tool_choice"), tools),
        response_format=response_format,
        stops=tuple(stops),
        on_stale_chat=options["on_stale_chat"],
        on_missing=on_missing,
        portable_ids=options["self_contained_tool_ids"],
        streamed=streamed,
        merge_reads=options["merge_reads"],
        warns=warns,
        chat={name: options[name] for name in _CHAT},
    )


def tool_specs(tools: Sequence[Mapping[str, Any]] | None) -> tuple[ToolSpec, ...]:
    """Return tools in OpenAI's form as ours.

    Args:
        tools: The tools.

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
