"""Spans of OpenTelemetry, by its semantic conventions for generative AI.

This module and its neighbours are imported only where somebody traces; see docs/tracing.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, Tracer

from coze_core import _tracing_facts as facts
from coze_core._call import Call
from coze_core._config import Tracing
from coze_core._environment import captures_content
from coze_core._flow import Flow
from coze_core._pump import StreamRequest
from coze_core._tracing_operation import Operation, watched
from coze_core._tracing_streams import WatchedPump, WatchedWorkflowPump
from coze_core._tracing_tools import tell_afterwards
from coze_core._turn import Turn
from coze_core._version import __version__

T = TypeVar("T")


class Spans:
    """Makes the spans of one client.

    Args:
        settings: How it is traced.
        base_url: The API host.
    """

    def __init__(self, settings: Tracing, base_url: str) -> None:
        self._settings = settings
        parts = urlsplit(base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._server: facts.Facts = {"server.address": parts.hostname or "", "server.port": port}
        self._tracer: tuple[object, Tracer] | None = None  # and the provider it is of

    def wanted(self) -> bool:
        """Whether there is a provider, so that spans go anywhere."""
        provider = self._settings.tracer_provider or trace.get_tracer_provider()
        if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
            return False
        if self._tracer is None or self._tracer[0] is not provider:
            self._tracer = provider, provider.get_tracer("coze_core", __version__)
        return True

    def watched(self, flow: Flow[T]) -> Flow[T]:
        """Return the same flow, with a span around it."""
        operation = self._operation()

        def returned(result: T) -> None:
            if isinstance(result, Turn):
                tell_afterwards(operation, result)
            operation.returned(result)

        return watched(flow, operation, returned)

    def chat_pump(
        self, request: StreamRequest, idle: float, clock: Callable[[], float]
    ) -> WatchedPump:
        """Return what reads a chat's stream and has a span."""
        return WatchedPump(request, idle, clock, self._operation(request.call))

    def workflow_pump(
        self, workflow_id: str, request: StreamRequest, idle: float, clock: Callable[[], float]
    ) -> WatchedWorkflowPump:
        """Return what reads a workflow's stream and has a span."""
        operation = self._operation(request.call)
        return WatchedWorkflowPump(workflow_id, idle, clock, operation, request.deadline)

    def _operation(self, call: Call | None = None) -> Operation:
        assert self._tracer is not None  # noqa: S101 - `wanted` comes first
        content = self._settings.capture_content
        content = captures_content() if content is None else content
        return Operation(self._tracer[1], self._server, content=content, call=call)
