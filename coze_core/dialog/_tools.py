"""Tools on any bot: calls made in text, because Coze takes no tool list with a request.

A bot's own local plugins are called by Coze itself (protocol notes, section 5). Every other tool
is described to the bot in the request, and the bot writes its calls as text. This is an emulation:
how well it works depends on the bot's model. This file has the words; `_parser` reads the answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from coze_core.dialog._history import CallEntry

ToolCalling: TypeAlias = Literal["auto", "native", "prompt"]
OPEN: Final = "<tool_call>"
CLOSE: Final = "</tool_call>"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a bot is told of it.

    Attributes:
        name: Its name.
        description: What it does.
        parameters: The JSON schema of its arguments.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_openai(cls, tool: Mapping[str, Any]) -> ToolSpec:
        """Read the form that OpenAI made common: `{"type": "function", "function": {...}}`.

        Args:
            tool: The tool.

        Raises:
            ValueError: If it is not a function with a name.
        """
        function = tool.get("function", tool)
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ValueError(  # noqa: TRY004 - the value is wrong, whatever its type
                f"a tool must be a function with a name, not {str(tool.get('type'))!r}: "
                "built-in tools of other providers do not exist in Coze"
            )
        return cls(
            function["name"],
            str(function.get("description") or ""),
            function.get("parameters") or {},
        )


def check_choice(choice: str | None, tools: Sequence[ToolSpec]) -> None:
    """Refuse a forced tool that does not exist.

    Args:
        choice: None or "auto", "none", "any", or a tool's name.
        tools: The tools.

    Raises:
        ValueError: If the name is none of theirs.
    """
    names = [tool.name for tool in tools]
    if choice not in {None, "auto", "none", "any", *names}:
        raise ValueError(
            f"tool_choice {choice!r} is not one of the tools {names}; "
            "other choices are 'auto', 'none' and 'any'"
        )


_HOW: Final = f"""\
To call a tool, write this block, starting on a line of its own and outside of code fences:

{OPEN}
{{"name": "<the tool's name>", "arguments": {{<its arguments, as JSON>}}}}
{CLOSE}

Write one block for each call and nothing after the last one; the results will then be given to \
you as <tool_result> blocks. Never make up a result. If you need no tool, just answer."""


def instructions(tools: Sequence[ToolSpec]) -> str:
    """Return what a bot has to be told to call tools.

    Args:
        tools: Those that it does not have of its own.
    """
    described = "\n".join(
        json.dumps(
            {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": tool.parameters,
            },
            ensure_ascii=False,
        )
        for tool in tools
    )
    return f"You can call these tools, described by JSON schemas:\n\n{described}\n\n{_HOW}"


def demand(choice: str | None) -> str:
    """Return how to ask for a call that the caller insists on, or `""`.

    Args:
        choice: As for `check_choice`.
    """
    if choice in {None, "auto"}:
        return ""
    if choice == "none":
        return "Do not call any tool now: answer in words."
    if choice == "any":
        return "You must call one of the tools now, whatever was said."
    return f"You must call the tool `{choice}` now, whatever was said."


def written_calls(calls: Iterable[CallEntry]) -> str:
    """Return calls of the past as a bot would have written them."""
    return "\n".join(map(_written, calls))


def _written(call: CallEntry) -> str:
    if call.arguments.startswith(OPEN):
        return call.arguments  # one that could not be read, as it was written
    name = json.dumps(call.name, ensure_ascii=False)
    return f'{OPEN}\n{{"name": {name}, "arguments": {call.arguments or "{}"}}}\n{CLOSE}'


def written_result(name: str, text: str) -> str:
    """Return the result of a call as a bot is told of it."""
    return f'<tool_result name="{name}">\n{text}\n</tool_result>'


def repair(problem: str) -> str:
    """Return how to ask for a call again that could not be read.

    Args:
        problem: What was wrong with it.
    """
    return (
        f"Your tool call could not be read: {problem}. Write that call again, in the form you were "
        "given, and nothing else."
    )
