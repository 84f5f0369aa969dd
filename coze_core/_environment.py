"""What the environment says: the only place that reads it, and that knows when it says nothing.

| variable | meaning |
| --- | --- |
| `COZE_API_TOKEN` | the access token |
| `COZE_API_BASE` | the API host, `https://api.coze.com` if unset |
| `COZE_BOT_ID` | the bot to talk to, for the framework adapters |
| `COZE_USER_ID` | the end user's id, for the framework adapters |
| `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` | whether spans hold what was said |
| `COZE_HTTP_ENGINE` | `httpx` or `aiohttp`, where the choice is not to be left to `_engine.py` |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Setting: TypeAlias = Literal["token", "base_url", "bot_id", "user_id", "engine"]

_VARIABLES: Final[dict[Setting, str]] = {
    "token": "COZE_API_TOKEN",
    "base_url": "COZE_API_BASE",
    "bot_id": "COZE_BOT_ID",
    "user_id": "COZE_USER_ID",
    "engine": "COZE_HTTP_ENGINE",
}
_WANTS_CONTENT: Final = frozenset({"true", "1", "span_only", "span_and_event"})


def environment_variable(*names: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the first of these variables that says something, without the white space around it.

    A variable that is empty or blank counts as unset, as where a deployment leaves one out.

    Args:
        names: The variables, the one that goes first in front.
        environment: Where they stand; this process's if None.

    Example:
        >>> environment_variable("A", "B", environment={"A": " ", "B": "b"})
        'b'
    """
    found = os.environ if environment is None else environment
    return next(filter(None, (found.get(name, "").strip() for name in names)), None)


def from_environment(setting: Setting, *others: str) -> str | None:
    """Return a setting from the environment, or None if no variable says it.

    Args:
        setting: The setting.
        others: Variables that may say it too; its own goes first.

    Example:
        >>> from_environment("bot_id")  # doctest: +SKIP
        '7379462189365198898'
    """
    return environment_variable(_VARIABLES[setting], *others)


def environment_text(setting: Setting) -> str | None:
    """Return a setting of the environment as it stands there, white space and all."""
    return os.environ.get(_VARIABLES[setting])


def captures_content() -> bool:
    """Whether the environment wants the content of messages in spans."""
    said = environment_variable("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") or ""
    return said.lower() in _WANTS_CONTENT
