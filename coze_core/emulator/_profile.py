"""How the two kinds of Coze differ on the wire (protocol notes, sections 3.1, 10.1 to 10.4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from coze_core._sse import encode_event

ProfileName: TypeAlias = Literal["cloud", "studio"]
_STATUS_ZEROS = {"completed_at": 0, "failed_at": 0}


@dataclass(frozen=True, slots=True)
class Profile:
    """The differences between the cloud and Coze Studio.

    Attributes:
        stream_by_default: What a create without `stream` means.
        canceled: How a cancelled chat is spelt.
        retrieve_methods: Which methods retrieve takes.
    """

    name: ProfileName
    stream_by_default: bool
    canceled: str
    log_id_header: str
    retrieve_methods: tuple[str, ...]

    @property
    def is_studio(self) -> bool:
        """Whether this is Coze Studio."""
        return self.name == "studio"

    def event(self, name: str, data: Mapping[str, Any]) -> bytes:
        """Encode an event of a chat stream."""
        if self.is_studio:
            data = self._studio_data(name, data)
        return encode_event(name, json.dumps(data, ensure_ascii=False, separators=(",", ":")))

    def end(self) -> bytes:
        """Encode the end of a chat stream; the cloud leaves the last blank line out."""
        if self.is_studio:
            return encode_event("conversation.stream.done", "")
        return encode_event("done", '"[DONE]"').rstrip(b"\n")

    def _studio_data(self, name: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        if name.startswith("conversation.chat."):
            kept = {key: value for key, value in data.items() if key != "usage"}
            return {**kept, **{key: kept.get(key) or 0 for key in _STATUS_ZEROS}}
        if name == "conversation.message.delta":
            return {"reasoning_content": "", **data}
        return data

    def chat(self, chat: Mapping[str, Any]) -> dict[str, Any]:
        """Return a chat as this server spells it."""
        shown = dict(chat)
        if shown["status"] == "canceled":
            shown["status"] = self.canceled
        return shown

    def envelope(self, place: str, data: object) -> dict[str, Any]:
        """Return a reply with its payload at the place where this server puts it."""
        if not self.is_studio:
            return {"code": 0, "msg": "", "data": data}
        if place == "cancel":
            return {"ChatV3ChatDetail": data, "BaseResp": None}
        key = {"messages": "Messages", "conversation": "ConversationData"}.get(place, "data")
        return {key: data, "code": 0, "msg": "", "BaseResp": None}


CLOUD = Profile(
    name="cloud",
    stream_by_default=False,
    canceled="canceled",
    log_id_header="x-tt-logid",
    retrieve_methods=("GET", "POST"),
)
STUDIO = Profile(
    name="studio",
    stream_by_default=True,
    canceled="cancelled",
    log_id_header="x-log-id",
    retrieve_methods=("GET",),
)
PROFILES: dict[str, Profile] = {"cloud": CLOUD, "studio": STUDIO}
