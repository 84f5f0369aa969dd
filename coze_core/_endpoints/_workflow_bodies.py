"""What requests to workflows hold (protocol notes, section 6.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from coze_core._call import Call
from coze_core._endpoints._checks import check_id, given
from coze_core._flow import Flow
from coze_core._workflow_inputs import check_parameters, with_uploads
from coze_core._workflow_models import Interrupt

_EXT: Final = frozenset({"latitude", "longitude", "user_id"})


def run_body(
    workflow_id: str,
    parameters: Mapping[str, object] | None,
    bot_id: str | None,
    app_id: str | None,
    ext: Mapping[str, str] | None,
    workflow_version: str | None,
    connector_id: str | None,
) -> dict[str, object]:
    """Return what says which workflow runs, and with what.

    Raises:
        ValueError: If it contradicts itself.
        TypeError: If a parameter cannot be sent.
    """
    if bot_id is not None and app_id is not None:
        raise ValueError("give bot_id or app_id, not both: Coze refuses the two together")
    _check_ext(ext)
    return given(
        workflow_id=check_id("workflow_id", workflow_id),
        parameters=check_parameters(parameters) if parameters is not None else None,
        bot_id=None if bot_id is None else check_id("bot_id", bot_id),
        app_id=None if app_id is None else check_id("app_id", app_id),
        ext=None if ext is None else dict(ext),
        workflow_version=workflow_version,
        connector_id=connector_id,
    )


def resume_body(
    workflow_id: str,
    interrupt: Interrupt,
    data: object,
    ext: Mapping[str, str] | None,
    connector_id: str | None,
) -> dict[str, object]:
    """Return what says which interrupt is answered, and how.

    Raises:
        ValueError: If the interrupt does not say which one it is.
        TypeError: If it is none, or the answer cannot be sent.
    """
    if not isinstance(interrupt, Interrupt):
        raise TypeError(
            f"interrupt must be a run's Interrupt, not {type(interrupt).__name__}; "
            f"Interrupt(event_id=..., type=...) makes one"
        )
    if not interrupt.event_id or interrupt.type is None:
        raise ValueError("the interrupt needs its event_id and type: they say what is answered")
    _check_ext(ext)
    return given(
        workflow_id=check_id("workflow_id", workflow_id),
        event_id=interrupt.event_id,
        interrupt_type=interrupt.type,
        # Prepared just before it is sent: files in it are uploaded then.
        parameters=check_parameters({"data": data}),
        ext=None if ext is None else dict(ext),
        connector_id=connector_id,
    )


def prepared_answer(call: Call) -> Flow[Call]:
    """Upload the files of an answer, and return the call with the answer as text."""
    body = dict((yield from with_uploads(call)).json or {})
    parameters: Any = body.pop("parameters")
    data = parameters["data"]
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return replace(call, json={**body, "resume_data": text})


def _check_ext(ext: Mapping[str, str] | None) -> None:
    for name, value in (ext or {}).items():
        if name not in _EXT:
            raise ValueError(f"ext takes {', '.join(sorted(_EXT))}; not {name!r}")
        if not isinstance(value, str):
            raise TypeError(f"ext[{name!r}] must be a string")
