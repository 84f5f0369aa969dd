"""What Prometheus is told; `prometheus-client` is the extra `metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from openai_coze._exchange import Exchange

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """Counts the requests of one worker.

    Args:
        models: The names that may stand in a label; others are `other`, so that callers cannot
            make up any number of them.
    """

    def __init__(self, models: frozenset[str] = frozenset()) -> None:
        self._models = models
        self._registry = registry = CollectorRegistry()
        labels = ("route", "model")
        self._requests = Counter(
            "coze_gateway_requests",
            "Requests that were answered or given up",
            (*labels, "status"),
            registry=registry,
        )
        self._running = Gauge("coze_gateway_running", "Requests at work", registry=registry)
        self._time = Histogram(
            "coze_gateway_request_seconds",
            "Seconds from a request to the end of its answer",
            labels,
            buckets=_SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "coze_gateway_first_token_seconds",
            "Seconds from a request to the first token of its answer",
            labels,
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "coze_gateway_tokens",
            "Tokens that Coze has counted",
            (*labels, "kind"),
            registry=registry,
        )
        self._failed_ways = Counter(
            "coze_gateway_failed_ways",
            "Bots that did not answer, so that another was asked",
            labels,
            registry=registry,
        )

    def began(self, exchange: Exchange) -> None:  # noqa: ARG002 - the protocol's argument
        """Count a request that is at work."""
        self._running.inc()

    def ended(self, exchange: Exchange, seconds: float) -> None:
        """Count a request that has ended."""
        facts = exchange.facts
        route = exchange.route
        model = facts.get("model", "")
        model = model if not model or model in self._models else "other"
        self._running.dec()
        self._requests.labels(route, model, str(exchange.status or facts.get("outcome"))).inc()
        self._time.labels(route, model).observe(seconds)
        if "first_token_seconds" in facts:
            self._first.labels(route, model).observe(facts["first_token_seconds"])
        for kind in ("input", "output"):
            if f"{kind}_tokens" in facts:
                self._tokens.labels(route, model, kind).inc(facts[f"{kind}_tokens"])
        if "failed_ways" in facts:
            self._failed_ways.labels(route, model).inc(facts["failed_ways"])

    def text(self) -> bytes:
        """Return all of it, as Prometheus reads it."""
        return generate_latest(self._registry)
