"""From a message history to the request that continues it.

Two ways to remember: `client`, where every call is a new chat made from the messages given, and
`server`, where Coze's own conversation goes on and only what is new is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from coze_core._models import EnterMessage
from coze_core.dialog._history import Entry

History: TypeAlias = Literal["client", "server"]
MAX_MESSAGES: Final = 100  # protocol notes, section 2.2
_VARIABLE: Final = re.compile(r"variable:([A-Za-z_]+)")
_GAP: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a history becomes a request.

    Attributes:
        bot_id: The bot that is asked; its own earlier answers are recognised by it.
        history: Who remembers.
        system: `prefix` puts system text before the first user message sent, `variable:<name>`
            into a variable of the bot's prompt, `error` refuses it. Coze has no system role.
        conversation_id: A conversation to go on with; implies `history="server"`.
        limit: The most messages to send.

    Raises:
        ValueError: If an option is none of these.
    """

    bot_id: str
    history: History = "client"
    system: str = "prefix"
    conversation_id: str | None = None
    limit: int = MAX_MESSAGES

    def __post_init__(self) -> None:
        if self.history not in {"client", "server"}:
            raise ValueError(f"history must be 'client' or 'server', not {self.history!r}")
        check_system(self.system)


@dataclass(frozen=True, slots=True)
class NewChat:
    """The request.

    Attributes:
        messages: What to send, the question last.
        conversation_id: The conversation to go on with, or None for a new one.
        custom_variables: Variables that the system text goes into.
        dropped: How many messages of the history were too old to be sent.
    """

    messages: list[EnterMessage]
    conversation_id: str | None = None
    custom_variables: dict[str, str] = field(default_factory=dict)
    dropped: int = 0


def check_system(policy: str) -> None:
    """Refuse a system policy that does not exist.

    Raises:
        ValueError: If it is none of the three.
    """
    if policy not in {"prefix", "error"} and not _VARIABLE.fullmatch(policy):
        raise ValueError(
            f"system must be 'prefix', 'variable:<name>' with letters and underscores, or 'error', "
            f"not {policy!r}"
        )


def plan(entries: Sequence[Entry], options: PlanOptions) -> NewChat:
    """Return the request that continues a history.

    Args:
        entries: The history, the question last.
        options: How.

    Raises:
        ValueError: If there is nothing to ask: no message, an empty question, or an answer last.

    Example:
        >>> plan([Entry("user", "hi")], PlanOptions(bot_id="7379")).messages[0].content
        'hi'
    """
    system = _GAP.join(entry.text for entry in entries if entry.role == "system" and entry.text)
    spoken = [entry for entry in entries if entry.role != "system"]
    known = _known_conversation(spoken, options)
    fresh = _news(spoken, options) if known else spoken
    if not fresh and system and not spoken:
        fresh, system = [Entry("user", system)], ""  # nothing but instructions: they are the query
    _check_question(fresh)
    # In a conversation that has begun, the system text has been said at its beginning.
    begun = known is not None and any(_is_ours(entry, options) for entry in spoken)
    variables = _variables(system, options.system)
    messages, dropped = _newest(fresh, options.limit)
    if system and not variables and not begun:
        messages = _prefixed(messages, system)
    return NewChat(_sent(messages), known, variables, dropped)


def _known_conversation(entries: Sequence[Entry], options: PlanOptions) -> str | None:
    """Return the conversation to go on with, if any."""
    if options.conversation_id:
        return options.conversation_id
    if options.history == "client":
        return None
    for entry in reversed(entries):
        if _is_ours(entry, options) and entry.marker is not None:
            return str(entry.marker["conversation_id"])
    return None


def _is_ours(entry: Entry, options: PlanOptions) -> bool:
    marker = entry.marker
    return (
        entry.role == "assistant"
        and marker is not None
        and marker.get("bot_id") == options.bot_id
        and isinstance(marker.get("conversation_id"), str)
        and (
            options.conversation_id is None
            or marker.get("conversation_id") == options.conversation_id
        )
    )


def _news(entries: Sequence[Entry], options: PlanOptions) -> list[Entry]:
    """Return what the server has not seen: all after the last answer of this conversation.

    With a conversation named by the caller, any answer marks the place: whoever names it knows
    what is in it.
    """
    for position in range(len(entries) - 1, -1, -1):
        entry = entries[position]
        named = options.conversation_id is not None and entry.role == "assistant"
        if named or _is_ours(entry, options):
            return list(entries[position + 1 :])
    return list(entries)


def _check_question(entries: Sequence[Entry]) -> None:
    if not entries:
        raise ValueError("there is nothing to ask: give at least one new user message")
    last = entries[-1]
    if last.role == "assistant":
        raise ValueError(
            "the last message must be the user's: Coze cannot continue an answer of its own"
        )
    if last.role == "user" and not last.text.strip():
        raise ValueError("the user's last message is empty: there is nothing to ask")


def _variables(system: str, policy: str) -> dict[str, str]:
    if not system:
        return {}
    if policy == "error":
        raise ValueError(
            "Coze has no system role and system='error' is set: put the instructions into the "
            "bot's prompt, or use system='prefix' or system='variable:<name>'"
        )
    match = _VARIABLE.fullmatch(policy)
    return {match.group(1): system} if match else {}


def _newest(entries: Sequence[Entry], limit: int) -> tuple[list[Entry], int]:
    """Return the newest entries that say something, and how many did not fit."""
    speaking = [entry for entry in entries if entry.text.strip() or entry.tool_calls]
    if len(speaking) <= limit:
        return speaking, 0
    kept = speaking[-limit:]
    question = next((entry for entry in reversed(speaking) if entry.role == "user"), None)
    if question is not None and not any(entry is question for entry in kept):
        kept = [question, *kept[1:]]
    return kept, len(speaking) - limit


def _prefixed(entries: list[Entry], system: str) -> list[Entry]:
    """Put the system text before the first user message."""
    for position, entry in enumerate(entries):
        if entry.role == "user":
            prefixed = Entry("user", system + _GAP + entry.text, entry.marker)
            return [*entries[:position], prefixed, *entries[position + 1 :]]
    return [Entry("user", system), *entries][: max(len(entries), 1) + 1]


def _sent(entries: Sequence[Entry]) -> list[EnterMessage]:
    names = {call.id: call.name for entry in entries for call in entry.tool_calls}
    return [_message(entry, names) for entry in entries]


def _message(entry: Entry, names: Mapping[str, str]) -> EnterMessage:
    """Return an entry as Coze takes it: with history kept, questions and answers only (4.2)."""
    if entry.role == "tool":
        name = names.get(entry.tool_call_id) or "tool"
        return EnterMessage.user(f"[result of {name}]\n{entry.text}")
    if entry.role == "assistant":
        calls = "\n".join(f"[called {call.name}({call.arguments})]" for call in entry.tool_calls)
        return EnterMessage.assistant("\n".join(filter(None, (entry.text, calls))))
    return EnterMessage.user(entry.text)
