"""Parameters of a workflow: files among them are uploaded, everything else must be JSON.

Protocol notes, section 6.6: a file goes in as its address, or as `{"file_id": ...}` in JSON text.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from coze_core._call import Call, FileInput
from coze_core._endpoints.files import upload
from coze_core._flow import Flow

WorkflowFile: TypeAlias = Path | bytes | BinaryIO | tuple[str, bytes] | tuple[str, bytes, str]


def is_file(value: object) -> bool:
    """Whether a value is a file to upload. Text never is: it may come from a model."""
    if isinstance(value, Path | bytes | io.IOBase):
        return True
    if not isinstance(value, tuple) or len(value) not in {2, 3}:
        return False
    return isinstance(value[0], str) and isinstance(value[1], bytes)


def file_parameter(file_id: str) -> str:
    """Return an uploaded file as the value of a parameter."""
    return json.dumps({"file_id": file_id}, separators=(",", ":"))


def check_parameters(parameters: Mapping[str, object] | None) -> dict[str, object]:
    """Refuse parameters that cannot be sent.

    Raises:
        TypeError: If one is neither JSON data nor a file.
        ValueError: If one holds NaN, or itself.
    """
    checked = dict(parameters or {})
    for name, value in checked.items():
        try:
            json.dumps(_without_files(value), allow_nan=False)
        except RecursionError:
            raise ValueError(f"the parameter {name!r} is nested too deeply to be sent") from None
        except ValueError:
            raise ValueError(
                f"the parameter {name!r} holds itself, or a number that JSON has none for: NaN or "
                f"infinity / 参数中含有 NaN、无穷大或循环引用，无法发送"
            ) from None
        except TypeError:
            raise TypeError(
                f"the parameter {name!r} is neither JSON data nor a file: {type(value).__name__}; "
                f"a file is a Path, bytes, an open binary file or (name, bytes)"
            ) from None
    return checked


def with_uploads(call: Call) -> Flow[Call]:
    """Upload the files among a call's parameters, and return the call that refers to them."""
    body = dict(call.json or {})
    given = body.get("parameters")
    if not isinstance(given, Mapping) or not _has_file(given):
        return call
    body["parameters"] = yield from _uploaded(given)
    return replace(call, json=body)


def _uploaded(value: object) -> Flow[Any]:
    if is_file(value):
        file = yield from upload(cast("FileInput", value))
        return file_parameter(file.id)
    if isinstance(value, Mapping):
        found = {}
        for name, each in value.items():
            found[name] = yield from _uploaded(each)
        return found
    if isinstance(value, list):
        items = []
        for each in value:
            items.append((yield from _uploaded(each)))  # noqa: PERF401 - one upload after another
        return items
    return value


def _has_file(value: object) -> bool:
    if is_file(value):
        return True
    if isinstance(value, Mapping):
        return any(map(_has_file, value.values()))
    return isinstance(value, list) and any(map(_has_file, value))


def _without_files(value: object) -> object:
    if is_file(value):
        return ""
    if isinstance(value, Mapping):
        return {name: _without_files(each) for name, each in value.items()}
    return [_without_files(each) for each in value] if isinstance(value, list) else value
