"""Characters that came broken: what the server said otherwise is not lost for them.

Bytes that are no UTF-8 are read as the event stream standard says, with U+FFFD in their place. Half
of a character beyond the first plane (an emoji, say), as JSON's escapes can write it, stands for
nothing by itself and cannot be encoded: U+FFFD takes its place as well.
"""

from __future__ import annotations

import re
from typing import Any, Final

REPLACEMENT: Final = "\ufffd"
# Every escape, so that no backslash that is itself escaped is taken for the beginning of one.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    r"|u[dD][c-fC-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
_LENGTH_OF_HALF: Final = 6  # as an escape; other escapes are found as two characters, pairs as 12


def is_first_half(text: str) -> bool:
    """Whether a text ends with the first half of a character."""
    return "\ud800" <= text[-1:] <= "\udbff"


def is_second_half(text: str) -> bool:
    """Whether a text begins with the second half of a character."""
    return "\udc00" <= text[:1] <= "\udfff"


def whole_characters(text: str) -> str:
    """Return a text with halves that stand together joined, and others replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_json(text: str) -> tuple[str, int]:
    r"""Return JSON text with the halves of characters replaced, and how many there were.

    Example:
        >>> whole_json('{"a":"\\ud83d"}')
        ('{"a":"\\ufffd"}', 1)
    """
    if "\\ud" not in text and "\\uD" not in text:
        return text, 0
    halves = 0

    def mended(found: re.Match[str]) -> str:
        nonlocal halves
        if len(found[0]) != _LENGTH_OF_HALF:
            return found[0]
        halves += 1
        return "\\ufffd"

    return _ESCAPE.sub(mended, text), halves


def json_of(data: str | bytes) -> Any:
    """Return JSON as data, whatever its characters are.

    Raises:
        ValueError: If it is no JSON for other reasons.
    """
    from pydantic_core import from_json  # takes 20 ms, and a client alone reads nothing

    try:
        return from_json(data)
    except ValueError:
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        return from_json(whole_json(text)[0].encode("utf-8", "replace"))
