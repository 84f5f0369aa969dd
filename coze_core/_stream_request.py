"""What is said of a stream before it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from coze_core._call import Call
from coze_core._desk import Busy, Lease
from coze_core._flow import Flow

if TYPE_CHECKING:
    from coze_core._decoding import Reader


@dataclass(slots=True)
class StreamRequest:
    """A stream to be opened; never changed once it is made (see `Call`).

    Attributes:
        call: The request.
        cancel_on_close: Whether leaving early cancels the chat on the server.
        deadline: Seconds for the whole stream, or None for no bound.
        chat_id: The chat, where it is known before it begins.
        conversation_id: Its conversation.
        reader: What makes the reader of its events, where these are not of version 3.
        can_cancel: Whether the server can be asked to cancel it.
        prepare: Makes the call that is sent in the end, after uploads for example.
        busy: What to do if its conversation has a running chat; None where that does not matter.
        lease: Its hold on the conversation.
    """

    call: Call
    cancel_on_close: bool = True
    deadline: float | None = None
    chat_id: str | None = None
    conversation_id: str | None = None
    reader: Callable[[], Reader] | None = None
    can_cancel: bool = True
    prepare: Callable[[Call], Flow[Call]] | None = None
    busy: Busy | None = None
    lease: Lease | None = None

    def leased(self, lease: Lease) -> StreamRequest:
        """Return the same request with a hold on its conversation."""
        request = StreamRequest(*_FIELDS_OF_REQUEST(self))
        request.lease = lease
        return request


_FIELDS_OF_REQUEST: Final = attrgetter(*(field.name for field in fields(StreamRequest)))
