"""What can be known to be wrong before anything is sent (protocol notes, sections 2.2, 4.2, 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from coze_core._models import EnterMessage

MAX_MESSAGES: Final = 100  # in one request (section 2.2)
_VARIABLE: Final = re.compile(r"[A-Za-z_]+")
_WITHOUT_SAVING: Final = frozenset({"function_call", "tool_output", "tool_response"})


def check_id(name: str, value: object) -> str:
    """Return an id as it goes on the wire.

    Raises:
        TypeError: If it is not text; numbers lose digits on the way and Coze refuses them.
        ValueError: If it is empty.
    """
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be a string, not {type(value).__name__}: write it in quotes / "
            f"{name} 必须是字符串，请加引号"
        )
    if not value.strip():
        raise ValueError(f"{name} must not be empty")
    return value


def check_messages(
    messages: Sequence[EnterMessage], *, saved: bool, limit: int = MAX_MESSAGES
) -> list[dict[str, object]]:
    """Return messages as they go on the wire.

    Raises:
        TypeError: If one is not an `EnterMessage`.
        ValueError: If there are too many, or one has a type that may not be sent.
    """
    given: object = messages
    if isinstance(given, EnterMessage):
        raise TypeError("messages takes a list: write [message] / messages 必须是列表")
    if len(messages) > limit:
        raise ValueError(f"{len(messages)} messages are too many: Coze takes {limit} at a time")
    for message in messages:
        if not isinstance(message, EnterMessage):
            raise TypeError(
                f"messages takes EnterMessage values, such as EnterMessage.user('hi'), "
                f"not {type(message).__name__}"
            )
        if saved and message.type in _WITHOUT_SAVING:
            raise ValueError(
                f"a message of type {message.type!r} can only be sent with auto_save_history=False"
            )
        check_meta_data(message.meta_data)
    return [message.model_dump(exclude_none=True) for message in messages]


def check_meta_data(meta_data: Mapping[str, str] | None) -> None:
    """Refuse what Coze does not store.

    Raises:
        ValueError: If there are too many pairs, or one is too long.
    """
    if meta_data is None:
        return
    if len(meta_data) > 16:
        raise ValueError(f"meta_data takes 16 pairs, not {len(meta_data)} / meta_data 最多 16 对")
    for key, value in meta_data.items():
        if not isinstance(value, str):
            raise TypeError(f"meta_data values are strings; {key!r} is {type(value).__name__}")
        if not 1 <= len(key) <= 64 or not 1 <= len(value) <= 512:
            raise ValueError(
                f"meta_data keys have 1 to 64 and values 1 to 512 characters; see {key[:64]!r} / "
                "meta_data 键长 1 至 64，值长 1 至 512 个字符"
            )


def check_variables(variables: Mapping[str, str] | None) -> None:
    """Refuse variables that a prompt cannot use.

    Raises:
        ValueError: If a name has other characters than letters and underscores.
        TypeError: If a value is not a string.
    """
    for name, value in (variables or {}).items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(
                f"a prompt variable's name has letters and underscores only, not {name!r} / "
                "提示词变量名只能包含字母和下划线"
            )
        if not isinstance(value, str):
            raise TypeError(f"the prompt variable {name!r} must be a string")


def given(**fields: object) -> dict[str, object]:
    """Return those fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def check_seconds(name: str, value: float | None) -> float | None:
    """Return a time that can pass.

    Raises:
        ValueError: If it is not more than 0.
    """
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be more than 0 seconds")
    return value
