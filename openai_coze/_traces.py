"""What OpenTelemetry is told; the user brings its library and sets it up."""

from __future__ import annotations

from typing import Final

from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from openai_coze._exchange import Exchange

# Our facts under the names of OpenTelemetry's conventions for generative AI.
_NAMES: Final = {
    "model": "gen_ai.request.model",
    "bot_id": "gen_ai.response.model",
    "chat_id": "gen_ai.response.id",
    "conversation_id": "gen_ai.conversation.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "first_token_seconds": "gen_ai.server.time_to_first_token",
    "error": "error.type",
    "logid": "coze.logid",
    "coze_code": "coze.code",
    "failed_ways": "coze.failed_ways",
    "outcome": "coze.outcome",
}


class Traces:
    """Makes a span of each request, within the caller's trace if they name one."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("openai_coze")
        self._spans: dict[str, Span] = {}

    def began(self, exchange: Exchange) -> None:
        """Begin the span of a request."""
        path = exchange.scope["path"]
        self._spans[exchange.id] = self._tracer.start_span(
            f"{exchange.scope['method']} {path}",
            context=propagate.extract(dict(exchange.headers)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": exchange.scope["method"], "url.path": path},
        )

    def ended(self, exchange: Exchange, seconds: float) -> None:  # noqa: ARG002 - spans have clocks
        """End the span of a request, with its facts."""
        span = self._spans.pop(exchange.id)
        facts = exchange.facts
        if "model" in facts:
            span.update_name(f"chat {facts['model']}")
            span.set_attribute("gen_ai.operation.name", "chat")
            span.set_attribute("gen_ai.provider.name", "coze")
        for name, attribute in _NAMES.items():
            if name in facts:
                span.set_attribute(attribute, facts[name])
        if "finish_reason" in facts:
            span.set_attribute("gen_ai.response.finish_reasons", [facts["finish_reason"]])
        span.set_attribute("http.response.status_code", exchange.status)
        if exchange.status >= 500 or "error" in facts:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
