"""The endpoints of variables (protocol notes, section 6.5).

A bot that declares variables has no others; any name will do for one that declares none, and for
apps, of which the emulator has none: every app id is an app.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from coze_core.emulator import _checks as check
from coze_core.emulator._http import ApiError, Request
from coze_core.emulator._state import Reply, State
from coze_core.emulator._store import Document


def _owner(state: State, asked: Mapping[str, object]) -> tuple[str, Mapping[str, str]]:
    """Return whose variables are meant, and the default values."""
    bot_id, app_id = check.text(asked, "bot_id"), check.text(asked, "app_id")
    if bool(bot_id) == bool(app_id):
        raise ApiError(4000, "Exactly one of bot_id and app_id is required")
    uid = check.text(asked, "connector_uid", required=True)
    connector = check.text(asked, "connector_id") or "1024"
    owner = json.dumps(["bot" if bot_id else "app", bot_id or app_id, connector, uid])
    if app_id:
        return owner, {}
    if bot_id not in state.bots:
        raise ApiError(4200, f"Requested resource bot_id={bot_id} does not exist.")
    return owner, state.bots[bot_id].variables


def read(state: State, request: Request) -> Reply:
    """Return the variables of one user: what was set, and the defaults of the others."""
    owner, defaults = _owner(state, request.query)
    found: dict[str, Document] = {
        name: {"keyword": name, "value": value, "create_time": 0, "update_time": 0}
        for name, value in defaults.items()
    }
    found |= {item["keyword"]: item for item in state.store.all("variable", owner)}
    wanted = request.query.get("keywords") or ""
    names = wanted.split(",") if wanted else list(found)
    return {"code": 0, "msg": "", "data": {"items": [found[n] for n in names if n in found]}}


def write(state: State, request: Request) -> Reply:
    """Set variables of one user."""
    body = request.json
    owner, declared = _owner(state, body)
    data = body.get("data")
    if not isinstance(data, list) or not data:
        raise ApiError(4000, "The field data is required")
    pairs = [_pair(item) for item in data]
    unknown = [name for name, _ in pairs if declared and name not in declared]
    if unknown:
        raise ApiError(4000, f"The variable {unknown[0]} does not exist")
    now = state.clock.seconds()
    for name, value in pairs:
        id = json.dumps([owner, name])
        known = state.store.get("variable", id)
        variable: Document = {
            "keyword": name,
            "value": value,
            "create_time": known["create_time"] if known else now,
            "update_time": now,
        }
        state.store.put("variable", id, variable, parent=owner)
    return {"code": 0, "msg": ""}


def _pair(item: object) -> tuple[str, str]:
    if not isinstance(item, dict):
        raise ApiError(4000, "Invalid type of data: expected objects")
    return check.text(item, "keyword", required=True), check.text(item, "value")
