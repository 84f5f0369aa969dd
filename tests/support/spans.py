"""Spans of OpenTelemetry, kept for a test to look at."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """A provider whose spans are kept."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")

    def all(self):
        return self.exporter.get_finished_spans()

    def of(self, beginning):
        return [span for span in self.all() if span.name.startswith(beginning)]

    def one(self, beginning):
        [span] = self.of(beginning)
        return span

    def text(self):
        return "\n".join(span.to_json() for span in self.all())


def events(span, name):
    return [event for event in span.events if event.name == name]
