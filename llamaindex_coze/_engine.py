"""What a model needs to work, imported when one is made: importing its class stays cheap.

Not later: the first call may be made on an event loop, which must not wait for files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from coze_core import AsyncCozeClient, CozeClient, dialog
from coze_core.dialog import (
    OF_MODEL,
    PER_CALL,
    Ask,
    ResponseFormat,
    Unlisted,
    call_options,
    converse,
    converse_async,
    stored_history,
    stored_history_async,
)
from llamaindex_coze._messages import entries_of
from llamaindex_coze._responses import ResponseMaker, response_of
from llamaindex_coze._stored import stored_message

if TYPE_CHECKING:
    from llamaindex_coze._settings import CozeSettings

__all__ = [
    "AsyncCozeClient",
    "CozeClient",
    "ResponseMaker",
    "Unlisted",
    "ask_of",
    "check_settings",
    "converse",
    "converse_async",
    "entries_of",
    "response_of",
    "stored_history",
    "stored_history_async",
    "stored_message",
]


def check_settings(model: CozeSettings) -> None:
    """Refuse settings that do not exist or do not go together.

    Args:
        model: The model.

    Raises:
        ValueError: What is wrong.
    """
    dialog.ask_of({name: getattr(model, name) for name in (*PER_CALL, *OF_MODEL)}, streamed=True)


def ask_of(model: CozeSettings, kwargs: Mapping[str, Any], *, streamed: bool) -> Ask:
    """Return what is wanted, by fields and per-call arguments, the latter winning.

    Args:
        model: The model.
        kwargs: The call's arguments.
        streamed: Whether pieces are shown as they come.

    Raises:
        ValueError: Arguments that cannot be.
    """
    given = dict(kwargs)
    stop = given.pop("stop", None)
    stops = model.stop if stop is None else [stop] if isinstance(stop, str) else stop
    fields = {name: getattr(model, name) for name in (*PER_CALL, *OF_MODEL)}
    options = fields | call_options("Coze", given)
    wanted = options.get("response_format")
    if isinstance(wanted, Mapping):
        wanted = ResponseFormat.from_openai(wanted)
    return dialog.ask_of(
        options,
        stops=stops or (),
        streamed=streamed,
        response_format=wanted,
        on_missing="fill",  # agents stop with calls that were never run
    )
