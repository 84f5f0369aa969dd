"""The wire models of voices, transcriptions and rooms (protocol notes, section 6.8)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from coze_core._models import Id, OptionalNumber, Text, WireModel


class Voice(WireModel):
    """A voice that speech can have.

    Attributes:
        model_type: `big` or `small`; speed goes from 0.5 to 2 for big ones, 0.2 to 3 for small.
        state: `init` before it is trained, `cloned` after.
        available_training_times: How often it can still be trained.
        support_emotions: The emotions it knows, as the server describes them.
    """

    voice_id: Id = ""
    name: str = ""
    is_system_voice: bool | None = None
    language_code: str = ""
    language_name: str = ""
    model_type: str = ""
    state: str = ""
    preview_text: str = ""
    preview_audio: str = ""
    available_training_times: OptionalNumber = None
    support_emotions: list[dict[str, Any]] = Field(default_factory=list)
    create_time: OptionalNumber = None
    update_time: OptionalNumber = None


class Transcription(WireModel):
    """What was heard."""

    text: Text = ""


class Room(WireModel):
    """A room for a spoken conversation.

    Attributes:
        token: The key to the room; it is not shown.
        app_id: The application to join it with.
    """

    room_id: Id = ""
    app_id: Id = ""
    uid: Id = ""
    token: str = Field(default="", repr=False)
