"""A message history, as no framework calls it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

EntryRole: TypeAlias = Literal["user", "assistant", "tool", "system"]
MediaKind: TypeAlias = Literal["image", "file", "audio"]
# Frameworks complete cut JSON, which would make a call out of half of one, and take other JSON for
# arguments. Their readers give up at a bracket that closes nothing, and at once.
_UNREADABLE: Final = "]not JSON: "


@dataclass(frozen=True, slots=True)
class CallEntry:
    """A tool call within a history.

    Attributes:
        id: The call's id.
        name: The tool's name.
        arguments: JSON text; of a call that could not be read, what the bot wrote.
    """

    id: str
    name: str
    arguments: str


def unreadable(text: str) -> str:
    """Return a broken call's text as frameworks are given it, so that none makes a call of it.

    Args:
        text: What the bot wrote.

    Example:
        >>> unreadable('{"city": "Par')
        ']not JSON: {"city": "Par'
    """
    return _UNREADABLE + text


def is_unreadable(arguments: str | None) -> bool:
    """Whether arguments are those of a broken call, as `unreadable` made them.

    Args:
        arguments: What a framework has kept.
    """
    return arguments is not None and arguments.startswith(_UNREADABLE)


def raw_arguments(arguments: str) -> str:
    """Return arguments as the bot wrote them, whether they could be read or not.

    Args:
        arguments: What a framework has kept.
    """
    return arguments.removeprefix(_UNREADABLE)


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a file or a sound within a message: by address, by Coze's id, or as it is.

    Attributes:
        kind: What it is.
        url: A public address; Coze fetches it, we never do.
        file_id: An upload of the same account.
        data: The content, to be uploaded: bytes, base64 text that is decoded then, or a function
            that reads it then, away from the event loop.
        name: A file name with a suffix, by which Coze knows the type.
    """

    kind: MediaKind
    url: str | None = None
    file_id: str | None = None
    data: bytes | str | Callable[[], bytes] | None = field(default=None, repr=False)
    name: str = "file"

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.url, self.file_id, self.data)) != 1:
            raise ValueError(f"a medium ({self.kind}) has a url, a file_id or data: one of them")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a history.

    Attributes:
        role: Who speaks.
        text: What is said.
        marker: Where this answer stands in Coze, as `Result.marker` told, if it came from there.
        tool_calls: The calls that an assistant made.
        tool_call_id: The call that a tool answers.
        failed: Whether the tool failed, and the text says how.
        media: What goes with the text.
    """

    role: EntryRole
    text: str
    marker: Mapping[str, object] | None = None
    tool_calls: tuple[CallEntry, ...] = ()
    tool_call_id: str = ""
    failed: bool = False
    media: tuple[Media, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether there is anything to send."""
        return bool(self.text.strip() or self.tool_calls or self.media or self.role == "tool")


def digest(entries: Sequence[Entry]) -> str:
    """Return a fingerprint of what was said, to see later whether it was changed.

    Args:
        entries: The history; system messages and empty ones do not count.
    """
    said = hashlib.sha256()
    for entry in entries:
        if entry.role == "system" or not entry.says_something:
            continue
        if entry.role == "assistant" and not (entry.text.strip() or entry.tool_calls):
            continue
        # Frameworks keep broken calls apart from good ones, so their order is lost.
        calls = sorted((call.name, _canonical(call.arguments)) for call in entry.tool_calls)
        # Frameworks keep the media of an answer in several ways, and they are not sent again.
        media = [_media_key(item) for item in entry.media if entry.role != "assistant"]
        parts = [entry.role, entry.text.strip(), calls, entry.tool_call_id, media]
        said.update(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return said.hexdigest()[:32]


def _canonical(arguments: str) -> str:
    """Frameworks write the same arguments with other spaces and orders."""
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _media_key(item: Media) -> list[object]:
    # The ends and the length tell contents apart well enough, and cost nothing for a large file.
    data = item.data or ""
    if callable(data):
        return [item.kind, item.name]
    return [item.kind, item.url, item.file_id, len(data), str(data[:64]), str(data[-64:])]
