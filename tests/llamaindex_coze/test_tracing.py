"""Chats of an LLM as spans."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coze_core import Tracing
from llamaindex_coze import Coze


def test_an_llms_chats_are_spans(emulator):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    llm = Coze(
        bot_id=emulator.bot_id("echo"),
        api_key=emulator.token,
        base_url=emulator.base_url,
        tracing=Tracing(provider),
    )
    assert llm.complete("hi").text == "hi"
    for _ in llm.stream_complete("hi"):
        continue
    names = [span.name.split()[0] for span in exporter.get_finished_spans()]
    assert names.count("chat") == 2
    assert "tracing" not in llm.to_dict()
    llm.close()
