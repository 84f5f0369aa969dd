"""What the endpoints of one emulator share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from coze_core.emulator._access import Access
from coze_core.emulator._bots import Bot
from coze_core.emulator._faults import Fault
from coze_core.emulator._http import ApiError, Clock
from coze_core.emulator._profile import Profile
from coze_core.emulator._runs import ChatRun
from coze_core.emulator._store import Document, Store
from coze_core.emulator._workflow_runs import WorkflowExecution
from coze_core.emulator._workflows import Workflow

WORKSPACE_ID = "7350000000000000900"
USER_ID = "7350000000000000901"


@dataclass(frozen=True, slots=True)
class Stream:
    """A reply that is a stream of events."""

    events: AsyncIterator[bytes]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """A reply that sends a browser elsewhere."""

    location: str


class AsItIs(dict[str, Any]):
    """A reply that gets no envelope and no log id."""


@dataclass(frozen=True, slots=True)
class Download:
    """A reply that is a file."""

    content: bytes
    content_type: str


PlainReply: TypeAlias = Mapping[str, Any] | Stream | Redirect | Download
Reply: TypeAlias = PlainReply | Awaitable[Mapping[str, Any]]


@dataclass
class OAuthState:
    """The sign-ins that are under way."""

    codes: dict[str, Document] = field(default_factory=dict)
    refresh_tokens: dict[str, Document] = field(default_factory=dict)
    devices: dict[str, Document] = field(default_factory=dict)
    used_jwts: set[str] = field(default_factory=set)


@dataclass
class State:
    """The bots, the store, the chats that run, and who may do what."""

    store: Store
    profile: Profile
    bots: dict[str, Bot] = field(default_factory=dict)
    runs: dict[str, ChatRun] = field(default_factory=dict)
    workflows: dict[str, Workflow] = field(default_factory=dict)
    executions: dict[str, WorkflowExecution] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    oauth: OAuthState = field(default_factory=OAuthState)

    def __post_init__(self) -> None:
        self.access = Access(self.clock)

    def new_conversation(
        self,
        *,
        bot_id: str = "",
        name: str = "",
        meta_data: Mapping[str, str] | None = None,
        connector_id: str = "1024",
    ) -> Document:
        """Make and store a conversation."""
        now = self.clock.seconds()
        id = self.clock.new_id()
        conversation: Document = {
            "id": id,
            "name": name,
            "meta_data": dict(meta_data or {}),
            "created_at": now,
            "updated_at": now,
            "creator_id": USER_ID,
            "connector_id": connector_id or "1024",
            "last_section_id": id,
            "bot_id": bot_id,
        }
        self.store.put("conversation", id, conversation)
        return conversation

    def conversation(self, id: str) -> Document:
        """Return a conversation.

        Raises:
            ApiError: If there is none of this id.
        """
        found = self.store.get("conversation", id)
        if found is None:
            if self.profile.is_studio:
                raise ApiError(103000002, "conversation not found", plain=True)
            raise ApiError(4002, "Invalid conversation: it does not exist")
        return found

    def new_message(
        self, conversation_id: str, message: Document, *, chat: Document | None = None
    ) -> Document:
        """Make and store a message."""
        now = self.clock.seconds()
        conversation = self.conversation(conversation_id)
        stored: Document = {
            "id": self.clock.new_id(),
            "conversation_id": conversation_id,
            "bot_id": chat["bot_id"] if chat else "",
            "chat_id": chat["id"] if chat else "",
            "section_id": conversation["last_section_id"],
            "created_at": now,
            "updated_at": now,
            **message,
        }
        self.store.put("message", stored["id"], stored, parent=conversation_id)
        return stored
