"""Whether a client's work is traced: the one place that knows, and all that others pay for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from coze_core._config import ClientConfig, Tracing
from coze_core._flow import Flow

if TYPE_CHECKING:
    from coze_core._pump import Pump
    from coze_core._stream_request import StreamRequest
    from coze_core._tracing import Spans
    from coze_core._workflow_pump import WorkflowPump

T = TypeVar("T")


class Observing:
    """Hands out what does a client's work, watched or not.

    It is asked anew for each piece of work: a tracer provider may be configured after the client.

    Raises:
        ImportError: If tracing is wanted and OpenTelemetry is not installed.
    """

    def __init__(self, config: ClientConfig) -> None:
        self._config = config
        self._spans: Spans | None = None
        if config.tracing:
            self._spans = self._made()

    def watched(self, flow: Flow[T]) -> Flow[T]:
        """Return the same flow, watched where it is wanted."""
        spans = self._active()
        return flow if spans is None else spans.watched(flow)

    def chat_pump(self, request: StreamRequest) -> Pump:
        """Return what reads a chat's stream."""
        from coze_core._pump import Pump

        spans = self._active()
        make = Pump if spans is None else spans.chat_pump
        return make(request, self._config.timeouts.idle, self._config.retry.clock)

    def workflow_pump(self, request: StreamRequest) -> WorkflowPump:
        """Return what reads a workflow's stream."""
        spans = self._active()
        idle, clock = self._config.timeouts.idle, self._config.retry.clock
        workflow_id = str((request.call.json or {}).get("workflow_id") or "")
        if spans is not None:
            return spans.workflow_pump(workflow_id, request, idle, clock)
        from coze_core._workflow_pump import WorkflowPump  # not everybody has workflows

        return WorkflowPump(workflow_id, idle, clock)

    def _active(self) -> Spans | None:
        """Return what makes spans, or None while nobody wants them."""
        spans = self._spans
        if spans is None:
            if self._config.tracing is False or "opentelemetry.trace" not in sys.modules:
                return None
            spans = self._spans = self._made()
        return spans if spans.wanted() else None

    def _made(self) -> Spans:
        try:
            # Only those who trace pay for it, and only they need have it.
            from coze_core._tracing import Spans
        except ImportError as error:
            raise ImportError(
                'tracing needs OpenTelemetry: pip install "coze-bridge[tracing]" / '
                '链路追踪需要 OpenTelemetry：pip install "coze-bridge[tracing]"'
            ) from error
        settings = self._config.tracing
        given = settings if isinstance(settings, Tracing) else Tracing()
        return Spans(given, self._config.base_url)
