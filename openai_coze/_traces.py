"""What OpenTelemetry is told; the user brings its library and sets it up."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from openai_coze._exchange import Exchange

# What the core's own spans within this one do not tell.
_NAMES: Final = {
    "model": "coze.gateway.model",
    "bot_id": "coze.gateway.bot_id",
    "first_token_seconds": "coze.gateway.first_token_seconds",
    "failed_ways": "coze.gateway.failed_ways",
    "outcome": "coze.gateway.outcome",
    "error": "error.type",
}


class Traces:
    """Makes a span of each request, within the caller's trace if they name one."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("openai_coze")
        self._spans: dict[str, tuple[Span, Any]] = {}

    def began(self, exchange: Exchange) -> None:
        """Begin the span of a request."""
        method, path = exchange.scope["method"], exchange.scope["path"]
        span = self._tracer.start_span(
            f"{method} {exchange.route}",
            context=propagate.extract(dict(exchange.headers)),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "http.route": exchange.route,
                "url.path": path,
            },
        )
        # The spans of the core stand within this one.
        token = context.attach(trace.set_span_in_context(span))
        self._spans[exchange.id] = span, token

    def ended(self, exchange: Exchange, seconds: float) -> None:  # noqa: ARG002 - spans have clocks
        """End the span of a request, with its facts."""
        span, token = self._spans.pop(exchange.id)
        context.detach(token)
        facts = exchange.facts
        if exchange.caller is not None:
            span.set_attribute("coze.gateway.caller", exchange.caller.name)
        for name, attribute in _NAMES.items():
            if name in facts:
                span.set_attribute(attribute, facts[name])
        span.set_attribute("http.response.status_code", exchange.status)
        if exchange.status >= 500 or "error" in facts:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
