"""What a model may fill in: a pydantic model of a workflow's inputs, and parameters made of it.

Workflows may name their inputs as they like; Python, pydantic and the frameworks may not. So a
model sees a name that all of them take, and the workflow its own.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import keyword
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model

from coze_core._workflow_inputs import file_parameter
from coze_core._workflow_models import WorkflowParameter

_DATA_URL: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,")
_TYPES: Final[dict[str, Any]] = {
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict[str, Any],
}
# What the frameworks' own functions call their arguments, and hand to them by name.
_TAKEN: Final = frozenset({"self", "cls", "config", "ctx", "run_manager", "callbacks", "runtime"})


def argument_names(inputs: Iterable[str]) -> dict[str, str]:
    """Return the inputs' names by the names that they have as arguments.

    Args:
        inputs: The names of a workflow's inputs.

    Example:
        >>> argument_names(["city", "user name", "class"])
        {'city': 'city', 'user_name': 'user name', 'class_': 'class'}
    """
    all_names = list(inputs)
    found: dict[str, str] = {}
    for name in all_names:
        plain = _argument(name)
        each, number = plain, 1
        while each != name and (each in found or each in all_names):
            number += 1
            each = f"{plain}_{number}"
        found[each] = name
    return found


def _argument(name: str) -> str:
    plain = name
    if not name.isidentifier() or name.startswith("_"):
        plain = re.sub(r"\W+", "_", name).strip("_")
        if not plain.isidentifier():
            plain = f"input_{plain}".rstrip("_")
    taken = plain in _TAKEN or keyword.iskeyword(plain) or hasattr(BaseModel, plain)
    return f"{plain}_" if taken else plain


def arguments_model(name: str, inputs: Mapping[str, WorkflowParameter]) -> type[BaseModel]:
    """Return a pydantic model of these inputs.

    Args:
        name: The tool's name.
        inputs: The inputs, by name.

    Example:
        >>> model = arguments_model("weather", {"city": WorkflowParameter(required=True)})
        >>> model.model_validate({"city": "Paris"}).city
        'Paris'
    """
    fields: dict[str, Any] = {}
    for each, own in argument_names(inputs).items():
        parameter = inputs[own]
        kind = _type(f"{name}_{each}", parameter)
        schema = parameter.json_schema()
        about: dict[str, Any] = (
            {"description": schema["description"]} if "description" in schema else {}
        )
        if each != own:
            about.setdefault("description", own)
            about["validation_alias"] = AliasChoices(each, own)  # a person may write either
        if parameter.required and not parameter.default_value:
            fields[each] = (kind, Field(**about))
        else:
            # What is left out stays out: the workflow has its own default.
            fields[each] = (kind | None, Field(default=None, **about))
    # Models write numbers without quotes, such as a postcode's.
    config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        coerce_numbers_to_str=True,
        allow_inf_nan=False,  # JSON has no such numbers
    )
    return create_model(f"{name}_arguments", __config__=config, **fields)


def _type(name: str, parameter: WorkflowParameter) -> Any:
    if parameter.type == "array":
        item = _type(f"{name}_item", parameter.items) if parameter.items else Any
        return list[item]  # type: ignore[valid-type]  # made at run time
    if parameter.type == "object" and parameter.properties:
        return arguments_model(name, parameter.properties)
    return _TYPES.get(parameter.type, str)


def parameters_of(
    arguments: Mapping[str, Any], inputs: Mapping[str, WorkflowParameter]
) -> dict[str, Any]:
    """Return a model's arguments as the workflow takes them; files in them are made ready.

    A file may be an address, a `data:` URL (which is uploaded) or the id of an upload; text is
    never taken for a path, for a model could name any file of this machine.

    Args:
        arguments: What the model has filled in.
        inputs: The types.

    Raises:
        ValueError: If a file is none of these.
    """
    names = argument_names(inputs)
    found = {}
    for argument, value in arguments.items():
        name = names.get(argument, argument)
        if value is not None:
            found[name] = _ready(name, _plain(value), inputs.get(name, WorkflowParameter()))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(each) for name, each in value if each is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    # As the platform writes a time: 2026-01-31 09:30:00.
    is_text = isinstance(value, dt.date | dt.time | uuid.UUID)
    return str(value) if is_text else value


def _ready(name: str, value: Any, parameter: WorkflowParameter) -> Any:
    if parameter.is_file and isinstance(value, str):
        return _file(name, value)
    if parameter.type == "array" and parameter.items and isinstance(value, list):
        return [_ready(name, item, parameter.items) for item in value]
    if parameter.type == "object" and isinstance(value, Mapping):
        inner, names = parameter.properties, argument_names(parameter.properties)
        owned = ((names.get(str(key), str(key)), item) for key, item in value.items())
        return {
            own: _ready(f"{name}.{own}", item, inner.get(own, WorkflowParameter()))
            for own, item in owned
        }
    return value


def _file(name: str, value: str) -> Any:
    if value.startswith(("http://", "https://")):
        return value
    if value.isascii() and value.isdigit():
        return file_parameter(value)
    if value.lstrip().startswith("{") and "file_id" in value:
        return value
    head = _DATA_URL.match(value)
    if head is not None:
        try:
            content = base64.b64decode(value[head.end() :], validate=True)
        except binascii.Error:
            raise ValueError(f"{name} is a data: URL whose base64 cannot be read") from None
        media_type = head["type"] or "application/octet-stream"
        return (f"{name}.{media_type.partition('/')[2] or 'bin'}", content, media_type)
    raise ValueError(
        f"{name} must be the https:// address of a file, a data: URL or the id of an uploaded file"
    )
