"""Single values of the wire, which may come in another form: numbers as text, ids as numbers."""

from __future__ import annotations

import json
from typing import Final

_MOST: Final = (
    2**63
)  # no number on the wire is larger, and Python refuses to print those far larger


def whole_number(value: object) -> int | None:
    """Return a whole number, which may have come as text; None for anything else.

    Args:
        value: What the server sent.
    """
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if -_MOST <= number < _MOST else None


def some_text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return ""


def wire_id(value: object) -> str:
    """Return an id, which may have come as a number; `""` for anything else.

    Args:
        value: What the server sent.
    """
    if type(value) is str:  # as nearly all are
        return value
    return some_text(value) if isinstance(value, str | int) else ""
