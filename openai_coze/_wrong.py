"""What a value must be, in English and in Chinese, and whether it is that; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from coze_core import ModelSettings

Words = tuple[str, str]
TEXT: Final = ("text, in quotes", "是字符串，请加引号")
TEXTS: Final = ("a list of texts", "是字符串列表")
LIST: Final = ("a list", "是列表")
OBJECT: Final = ("an object", "是对象")
TABLE: Final = ("a table (an object)", "是表（对象）")
NUMBER: Final = ("a number", "是数字")
SWITCH: Final = ("true or false", "是 true 或 false")
_TABLE_OF_TEXTS: Final = ("a table (an object) of texts", "是值均为字符串的表（对象）")
_WORDS: Final[dict[Any, Words]] = {
    str: TEXT,
    bool: SWITCH,
    float: NUMBER,
    dict[str, str]: _TABLE_OF_TEXTS,
    dict[str, Any]: TABLE,
}


def wrong(where: str, must_be: str, must_be_zh: str) -> str:
    """Return the sentence about a value that is not what it must be.

    Args:
        where: Where it stands.
        must_be: What it must be.
        must_be_zh: The same, in Chinese.

    Example:
        >>> wrong("limits.body", "more than 0", "大于 0")
        'limits.body must be more than 0 / limits.body 必须大于 0'
    """
    return f"{where} must be {must_be} / {where} 必须{must_be_zh}"


def is_number(value: object) -> bool:
    """Whether a value is a number that can be counted with.

    Args:
        value: The value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def wrong_option(name: str, value: object) -> Words | None:
    """Return what an option of a chat must be, if a value is something else.

    Args:
        name: One of the options that there are.
        value: Its value.

    Example:
        >>> wrong_option("history", "none")
        ("'client' or 'server'", "是 'client' 或 'server'")
    """
    kind = _kinds(name)
    if any(_fits(value, each) for each in kind):
        return None
    return _words(kind[0])


def _kinds(name: str) -> tuple[Any, ...]:
    """Return what an option may be: as in the adapters, whose settings say it."""
    field = ModelSettings.model_fields.get(name)
    if field is None:  # the end user's id, which each framework has under a name of its own
        return (str, NoneType)
    of_union = () if get_origin(field.annotation) in {Literal, dict} else get_args(field.annotation)
    return of_union or (field.annotation,)


def _fits(value: object, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind is float:
        return is_number(value)
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is dict:
        of_name, of_value = get_args(kind)
        return isinstance(value, Mapping) and all(
            _fits(inner, of_name) and _fits(said, of_value) for inner, said in value.items()
        )
    return isinstance(value, kind)


def _words(kind: Any) -> Words:
    if get_origin(kind) is not Literal:
        return _WORDS[kind]
    *others, last = (repr(each) for each in get_args(kind))
    first = ", ".join(others)
    return f"{first} or {last}", f"是 {first} 或 {last}"
