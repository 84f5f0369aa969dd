"""Logs of one JSON object a line, without anything that was said or any secret."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts = getattr(record, "facts", None)
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": "request" if facts else record.getMessage(),
            **(facts or {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        line = json.dumps(told, ensure_ascii=False, default=str)
        return line.encode("utf-8", "backslashreplace").decode()


def log_to_stderr(*, as_json: bool, level: str = "INFO") -> None:
    """Write the logs of the gateway, of its server and of the core to standard error.

    Args:
        as_json: Whether each line is a JSON object.
        level: The least important level that is written.
    """
    handler = logging.StreamHandler()
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JsonLines() if as_json else plain)
    for name in ("openai_coze", "coze_core", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level)
