"""Parameters of a workflow as they are written on a command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from coze_core._call import path_of


def parameters_of(whole: str | None, pairs: Sequence[str]) -> dict[str, object]:
    """Return the parameters: those of one JSON object, then single ones over them.

    Args:
        whole: A JSON object, `@file` with one, or `@-` to read it from stdin.
        pairs: `name=text`, `name:=JSON`, or `name=@path` for a file to upload.

    Raises:
        ValueError: If one is written in another way.
    """
    found = {} if whole is None else _whole(whole)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip(":"):
            raise ValueError(
                f"-p takes NAME=TEXT, NAME:=JSON or NAME=@FILE, not {pair!r} / "
                f"-p 的格式为 名称=文本、名称:=JSON 或 名称=@文件"
            )
        if name.endswith(":"):
            found[name[:-1]] = _json(value, f"the parameter {name[:-1]!r}")
        else:
            found[name] = _file(value[1:]) if value.startswith("@") else value
    return found


def _whole(text: str) -> dict[str, object]:
    if text.startswith("@"):
        text = sys.stdin.read() if text == "@-" else _file(text[1:]).read_text(encoding="utf-8")
    value = _json(text, "--parameters")
    if not isinstance(value, dict):
        raise ValueError('--parameters takes a JSON object, such as \'{"city": "Paris"}\'')  # noqa: TRY004 - input
    return value


def _json(text: str, what: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {error}") from None


def _file(text: str) -> Path:
    return path_of(Path(text).expanduser())
