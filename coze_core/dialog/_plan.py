"""From a message history to the request that continues it.

Two ways to remember: `client`, where every call is a new chat made from the messages given, and
`server`, where Coze's own conversation goes on and only what is new is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from coze_core._config import ProtocolName, check_protocol
from coze_core._endpoints._checks import MAX_MESSAGES
from coze_core._models import EnterMessage, MediaItem
from coze_core.dialog._chatflow import Chatflow
from coze_core.dialog._history import Entry, Media, digest
from coze_core.dialog._marker import Marker
from coze_core.dialog._plan_checks import check_media, check_patience, check_question
from coze_core.dialog._tools import written_calls, written_result

History: TypeAlias = Literal["client", "server"]
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
        conversation_id: A conversation to go on with; implies `history="server"`. In version 2,
            which keeps none, a name for it.
        limit: The most messages to send.
        protocol: The version of the chat API.
        chatflow: A chatflow in the bot's place; then bot_id is its id.

    Raises:
        ValueError: If an option is none of these.
    """

    bot_id: str
    history: History = "client"
    system: str = "prefix"
    conversation_id: str | None = None
    limit: int = MAX_MESSAGES
    protocol: ProtocolName = "v3"
    chatflow: Chatflow | None = None

    def __post_init__(self) -> None:
        check_protocol(self.protocol)
        if self.chatflow is not None and self.protocol == "v2":
            raise ValueError("a chatflow needs protocol='v3' / 对话流需要 protocol='v3'")
        if self.chatflow is not None and self.system.startswith("variable:"):
            raise ValueError(
                "a chatflow has no prompt variables: use system='prefix' / "
                "对话流没有提示词变量，请使用 system='prefix'"
            )
        if self.history not in {"client", "server"}:
            raise ValueError(
                f"history must be 'client' or 'server', not {self.history!r} / "
                "history 必须是 'client' 或 'server'"
            )
        check_system(self.system)
        if not self.remembers and self.history == "server":
            raise ValueError(
                "history='server' needs protocol='v3': v2 keeps no conversation, so use "
                "history='client' / v2 协议不保存会话，请使用 history='client'"
            )

    @property
    def remembers(self) -> bool:
        """Whether Coze keeps conversations and chats that one can go on with."""
        return self.protocol != "v2"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a request says besides the messages.

    Attributes:
        preamble: Said once, where a conversation begins: what tools there are.
        closing: Said with every question: what the answer must be like.
        calls_in_text: Whether earlier calls are shown in the form in which the bot writes them.
    """

    preamble: str = ""
    closing: str = ""
    calls_in_text: bool = False


@dataclass(frozen=True, slots=True)
class NewChat:
    """The request.

    Attributes:
        entries: What to send, users' and assistants' entries only, the question last.
        conversation_id: The conversation to go on with, or None for a new one.
        custom_variables: Variables that the system text goes into.
        dropped: How many messages of the history were too old to be sent.
        known_chats: The chats of the conversation that the history knows: if its newest one is
            another, it has gone another way since. Empty if that does not matter.
        said: Fingerprint of the instructions that the conversation has been given.
        abandoned: A chat that still waits for tool outputs which will not come.
    """

    entries: list[Entry]
    conversation_id: str | None = None
    custom_variables: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    known_chats: frozenset[str] = frozenset()
    said: str = ""
    abandoned: Marker | None = None

    @property
    def messages(self) -> list[EnterMessage]:
        """The entries as Coze takes them; their media must have been uploaded."""
        return messages_of(self.entries)


def messages_of(entries: Sequence[Entry]) -> list[EnterMessage]:
    """Return entries as Coze takes them.

    Args:
        entries: Users' and assistants', whose media have been uploaded.
    """
    return [_message(entry) for entry in entries]


def check_system(policy: str) -> None:
    """Refuse a system policy that does not exist.

    Raises:
        ValueError: If it is none of the three.
    """
    if policy not in {"prefix", "error"} and not _VARIABLE.fullmatch(policy):
        raise ValueError(
            f"system must be 'prefix', 'variable:<name>' with letters and underscores, or 'error', "
            f"not {policy!r} / "
            "system 必须是 'prefix'、'error' 或 'variable:<变量名>'（字母与下划线）"
        )


def plan(
    entries: Sequence[Entry],
    options: PlanOptions,
    wording: Wording | None = None,
    *,
    afresh: bool = False,
) -> NewChat:
    """Return the request that continues a history.

    Args:
        entries: The history, the question last.
        options: How.
        wording: What else to say.
        afresh: Whether to begin a new conversation in any case, unless the caller named one.

    Raises:
        ValueError: If there is nothing to ask: no message, an empty question, or an answer last.

    Example:
        >>> plan([Entry("user", "hi")], PlanOptions(bot_id="7379")).messages[0].content
        'hi'
    """
    wording = wording or Wording()
    system = _GAP.join(entry.text for entry in entries if entry.role == "system" and entry.text)
    spoken = [entry for entry in entries if entry.role != "system"]
    place = _Place.find(spoken, options, afresh=afresh)
    fresh = spoken[place.position :]
    if not fresh and system and not spoken:
        fresh, system = [Entry("user", system)], ""  # nothing but instructions: they are the query
    if wording.closing and _answered(spoken, options):
        # Agents that missed what they demanded ask again with nothing new: that is what is new.
        check_patience(spoken, lambda entry: own_marker(entry, options))
        fresh, wording = [*fresh, Entry("user", wording.closing)], replace(wording, closing="")
    check_question(fresh)
    variables = _variables(system, options.system)
    preamble = _GAP.join(filter(None, ("" if variables else system, wording.preamble)))
    said = _fingerprint(preamble)
    names = {call.id: call.name for entry in spoken for call in entry.tool_calls}
    sent, dropped = _newest(_turns(fresh, names, wording), options.limit)
    if preamble and place.said != said:
        sent = _prefixed(sent, preamble)
    if wording.closing:
        question = sent[-1]
        sent[-1] = replace(question, text=_GAP.join(filter(None, (question.text, wording.closing))))
    check_media(sent, options)
    abandoned = _abandoned(spoken, options)
    return NewChat(
        sent, place.conversation_id, variables, dropped, place.known_chats, said, abandoned
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a history meets a conversation that Coze keeps."""

    conversation_id: str | None = None
    position: int = 0  # of the first entry that the conversation does not know
    said: str = ""
    known_chats: frozenset[str] = frozenset()

    @classmethod
    def find(cls, entries: Sequence[Entry], options: PlanOptions, *, afresh: bool) -> _Place:
        named = options.conversation_id
        if not options.remembers:
            return cls(named)
        answers = [place for place, entry in enumerate(entries) if entry.role == "assistant"]
        for position in reversed(answers):
            marker = own_marker(entries[position], options)
            if named:
                # Whoever names a conversation knows what is in it: any answer marks the place.
                return cls(named, position + 1, marker.said if marker else "")
            if marker is None or afresh:
                continue
            chats = frozenset(
                other.chat_id
                for place in answers[: answers.index(position) + 1]
                if (other := own_marker(entries[place], options))
            )
            known = cls(marker.conversation_id, position + 1, marker.said, chats)
            if position == answers[-1] and marker.interrupted and not marker.pending:
                # The run paused to ask. It goes on where it is, and nothing of it is listed yet.
                return replace(known, known_chats=frozenset())
            if options.history == "client":
                return cls()
            # Edited, regenerated or trimmed histories are not what the conversation holds, nor
            # are answers that Coze did not keep (protocol notes, section 2.5). Answers without a
            # fingerprint, as those to client histories are, may have been edited since.
            linear = marker.digest == digest(entries[: position + 1])
            return known if linear and marker.status in {"", "completed"} else cls()
        return cls(named)


def _fingerprint(preamble: str) -> str:
    said = hashlib.sha256(preamble.encode("utf-8", "surrogatepass"))
    return said.hexdigest()[:16] if preamble else ""


def own_marker(entry: Entry, options: PlanOptions) -> Marker | None:
    """Return the marker of an answer that the bot of these options gave."""
    marker = Marker.read(entry.marker)
    if marker is None or entry.role != "assistant" or marker.bot_id != options.bot_id:
        return None
    if not options.remembers:
        return None  # what another version of the API may still hold cannot be reached
    if options.conversation_id not in {None, marker.conversation_id}:
        return None
    return marker


def _abandoned(entries: Sequence[Entry], options: PlanOptions) -> Marker | None:
    """Return the pending chat that a user has spoken past."""
    if not entries or entries[-1].role != "user":
        return None
    last = next((entry for entry in reversed(entries) if entry.role == "assistant"), None)
    marker = own_marker(last, options) if last is not None else None
    if marker is None or marker.interrupted:  # what pauses to ask gets its answer, and goes on
        return None
    return marker if marker.status == "requires_action" else None


def _answered(entries: Sequence[Entry], options: PlanOptions) -> bool:
    """Whether a history ends with an answer that waits for nothing."""
    if not entries or entries[-1].role != "assistant" or entries[-1].tool_calls:
        return False
    marker = own_marker(entries[-1], options)
    return marker is None or not marker.interrupted


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


# -- what is said, by users and assistants only


def _turns(entries: Sequence[Entry], names: Mapping[str, str], wording: Wording) -> list[Entry]:
    """Return a history with calls and results told in words.

    With history kept, Coze takes questions and answers only (protocol notes, section 4.2).
    """
    turns: list[Entry] = []
    results: list[Entry] = []  # of calls made together; they are told together
    for entry in entries:
        if entry.role == "tool":
            results.append(entry)
            continue
        if results:
            turns.append(_told(results, names, wording))
            results = []
        if entry.role == "assistant":
            text = _GAP.join(filter(None, (entry.text, _calls(entry, wording), _shown(entry))))
            entry = Entry("assistant", text)
        if entry.says_something:
            turns.append(entry)
    if results:
        turns.append(_told(results, names, wording))
    return turns


def _calls(entry: Entry, wording: Wording) -> str:
    if wording.calls_in_text:
        return written_calls(entry.tool_calls)
    return "\n".join(f"[called {call.name}({call.arguments})]" for call in entry.tool_calls)


def _shown(entry: Entry) -> str:
    """Tell of the media of an answer; only a user's can be sent (protocol notes, section 4.4)."""
    spoken = entry.marker and entry.text.strip()  # the sound of Coze's own answers is their text
    return " ".join(
        f"[{item.kind}: {item.url or item.name}]"
        for item in entry.media
        if not (spoken and item.kind == "audio" and item.data is not None)
    )


def _told(results: Sequence[Entry], names: Mapping[str, str], wording: Wording) -> Entry:
    said = [
        written_result(name, output_text(entry))
        if wording.calls_in_text
        else f"[result of {name}]\n{output_text(entry)}"
        for entry in results
        for name in [names.get(entry.tool_call_id) or "tool"]
    ]
    media = tuple(item for entry in results for item in entry.media)
    return Entry("user", "\n".join(said), tool_call_id=results[0].tool_call_id, media=media)


def output_text(entry: Entry) -> str:
    """Return what a tool said, marked if it failed."""
    return f"error: {entry.text}" if entry.failed else entry.text


def _newest(entries: list[Entry], limit: int) -> tuple[list[Entry], int]:
    """Return the newest entries, with what the user asked last, and how many did not fit."""
    if len(entries) <= limit:
        return entries, 0
    kept = entries[-limit:]
    asked = (entry for entry in reversed(entries) if entry.role == "user")
    question = next((entry for entry in asked if not entry.tool_call_id), None)
    if question is not None and not any(entry is question for entry in kept):
        kept = [question, *kept[1:]]
    return kept, len(entries) - limit


def _prefixed(entries: list[Entry], preamble: str) -> list[Entry]:
    """Put the instructions before the first user message."""
    for position, entry in enumerate(entries):
        if entry.role == "user":
            text = _GAP.join(filter(None, (preamble, entry.text)))
            return [*entries[:position], replace(entry, text=text), *entries[position + 1 :]]
    return [Entry("user", preamble), *entries]


def _message(entry: Entry) -> EnterMessage:
    if entry.role == "assistant":
        return EnterMessage.assistant(entry.text)
    if not entry.media:
        return EnterMessage.user(entry.text)
    text = [MediaItem(type="text", text=entry.text)] if entry.text.strip() else []
    return EnterMessage.user([*text, *map(_item, entry.media)])


def _item(media: Media) -> MediaItem:
    if media.data is not None:
        raise ValueError(f"{media.name!r} has not been uploaded")
    if media.file_id is not None:
        return MediaItem(type=media.kind, file_id=media.file_id)
    return MediaItem(type=media.kind, file_url=media.url)
