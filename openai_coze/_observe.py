"""Who is told of each request: logs, metrics and traces; none of them learns what was said."""

from __future__ import annotations

import logging
import time
from typing import Any, Final, Protocol

from openai_coze._exchange import Exchange
from openai_coze._settings import Settings

LOG: Final = logging.getLogger("openai_coze")
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Observer(Protocol):
    """Somebody who is told of each request."""

    def began(self, exchange: Exchange) -> None:
        """A request has come."""

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """It has been answered, or given up."""


class Observers:
    """All of them.

    Args:
        settings: The gateway's.
    """

    def __init__(self, settings: Settings) -> None:
        self._all: list[Observer] = [_Lines()]
        self.metrics: Any = None
        if settings.metrics:
            try:
                from openai_coze._metrics import Metrics  # its library is an extra
            except ImportError as error:
                raise ImportError(
                    'metrics need the library of Prometheus: pip install "coze-bridge[metrics]" / '
                    '指标需要 Prometheus 库：pip install "coze-bridge[metrics]"'
                ) from error

            self.metrics = Metrics(frozenset(name for m in settings.models for name in m.names))
            self._all.append(self.metrics)
        if settings.traces:
            from openai_coze._traces import Traces  # its library is the user's

            self._all.append(Traces())

    def began(self, exchange: Exchange) -> None:
        """A request has come."""
        for observer in self._all:
            observer.began(exchange)

    def ended(self, exchange: Exchange) -> None:
        """It has been answered, or given up."""
        seconds = time.monotonic() - exchange.began
        for observer in self._all:
            observer.ended(exchange, seconds)


class _Lines:
    """One log record for each request."""

    def began(self, exchange: Exchange) -> None:
        """Say nothing yet."""

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """Log the request with its facts."""
        if not LOG.isEnabledFor(logging.INFO):
            return
        facts = {
            "request_id": exchange.id,
            "method": exchange.scope["method"],
            "path": exchange.scope["path"],
            "status": exchange.status,
            "seconds": round(seconds, 4),
            "caller": exchange.caller.name if exchange.caller is not None else None,
            **exchange.facts,
        }
        told = {name: value for name, value in facts.items() if value is not None}
        text = " ".join(f"{name}={_in_a_line(value)}" for name, value in told.items())
        LOG.info("request %s", text, extra={"facts": told})


def _in_a_line(value: object) -> str:
    """Return a fact so that no caller can write a line of their own with it."""
    text = str(value)
    return text if text.isprintable() and " " not in text else repr(text)
