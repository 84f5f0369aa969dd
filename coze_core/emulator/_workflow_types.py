"""Whether what a workflow is given has the types of its inputs (protocol notes, section 6.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from coze_core.emulator._http import ApiError
from coze_core.emulator._state import State
from coze_core.emulator._workflows import Parameter, Workflow

_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def checked(state: State, workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs, with their defaults.

    Raises:
        ApiError: If one is missing or has another type.
    """
    found = dict(given)
    for name, parameter in workflow.inputs.items():
        if found.get(name) is None:
            if parameter.required and not parameter.default_value:
                raise ApiError(4000, f"Missing required parameters: {name}")
            if parameter.default_value:
                found[name] = _default(parameter)
        else:
            _check(state, name, parameter, found[name])
    return found


def _default(parameter: Parameter) -> Any:
    if parameter.type in _PYTHON and _PYTHON[parameter.type] == (str,):
        return parameter.default_value
    try:
        return json.loads(parameter.default_value)
    except ValueError:
        return parameter.default_value


def _check(state: State, name: str, parameter: Parameter, value: object) -> None:
    kind = parameter.type
    if kind == "array":
        if not isinstance(value, list):
            raise _wrong(name, kind)
        for item in value if parameter.items else []:
            _check(state, name, parameter.items or Parameter(), item)
    elif kind == "object":
        if not isinstance(value, dict):
            raise _wrong(name, kind)
        for field, each in parameter.properties.items():
            if field in value:
                _check(state, f"{name}.{field}", each, value[field])
            elif each.required:
                raise ApiError(4000, f"Missing required parameters: {name}.{field}")
    elif kind not in _PYTHON:  # one of the kinds of file
        _check_file(state, name, value)
    elif not isinstance(value, _PYTHON[kind]) or (kind != "boolean" and isinstance(value, bool)):
        raise _wrong(name, kind)


def _check_file(state: State, name: str, value: object) -> None:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return
    try:
        id = json.loads(value)["file_id"] if isinstance(value, str) else None
    except (ValueError, KeyError, TypeError):
        id = None
    if not isinstance(id, str) or state.store.get("file", id) is None:
        raise ApiError(4000, f"Invalid file in {name}: an address or an uploaded file is needed")


def _wrong(name: str, kind: str) -> ApiError:
    return ApiError(4000, f"Invalid type of parameter {name}: expected {kind}")
