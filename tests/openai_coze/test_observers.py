"""Logs, metrics and traces: each request is told of, and nothing that was said."""

import json
import logging

import httpx
import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coze_core.emulator import Fault
from openai_coze._logs import JsonLines


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = provider
    yield exporter
    trace._TRACER_PROVIDER = before
    provider.shutdown()


def test_a_request_is_one_line_of_json(gateway, serve, said, caplog):
    caplog.set_level(logging.INFO, logger="openai_coze")
    client = gateway("assistant")
    done = client.chat.completions.create(
        model="assistant", messages=said("What is 2 + 3?"), stream=True
    )
    last = list(done)[-1]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="none", messages=said("hi"))
    serve.stop()
    lines = [json.loads(JsonLines().format(r)) for r in caplog.records if hasattr(r, "facts")]
    good, bad = lines
    assert good["event"] == "request"
    assert good["path"] == "/v1/chat/completions"
    assert good["status"] == 200
    assert good["streamed"] is True
    assert good["chat_id"] == last.coze["chat_id"]
    assert good["logid"] == last.coze["logid"]
    assert good["input_tokens"] > 0
    assert 0 < good["first_token_seconds"] <= good["seconds"]
    assert bad["status"] == 404
    assert bad["error"] == "model_not_found"
    assert "2 + 3" not in json.dumps(lines)


def test_other_records_are_lines_of_json_as_well():
    try:
        raise ValueError("wrong\nin two lines")
    except ValueError as error:
        problem = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "it %s", ("broke",), problem)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["event"] == "it broke"
    assert "ValueError" in json.loads(line)["exception"]


def test_prometheus_is_told_what_happened(gateway, emulator, said):
    client = gateway("assistant", metrics=True)
    for stream in (False, True):
        done = client.chat.completions.create(
            model="assistant", messages=said("What is 2 + 3?"), stream=stream
        )
        if stream:
            list(done)
    for name in ("none-1", "none-2"):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=name, messages=said("hi"))
    emulator.faults.add(Fault(code=4010), path="/v3/chat")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="assistant", messages=said("hi"))
    text = httpx.get(str(client.base_url).replace("/v1/", "/metrics")).text
    labels = 'model="assistant",route="/v1/chat/completions"'
    assert f'coze_gateway_requests_total{{{labels},status="200"}} 2.0' in text
    assert f'coze_gateway_requests_total{{{labels},status="400"}} 1.0' in text
    assert f"coze_gateway_first_token_seconds_count{{{labels}}} 2.0" in text
    assert f"coze_gateway_failed_ways_total{{{labels}}} 1.0" in text
    assert f'coze_gateway_tokens_total{{kind="output",{labels}}}' in text
    assert 'model="other"' in text
    assert "none-1" not in text
    assert "coze_gateway_running 0.0" in text


def test_metrics_are_off_unless_asked_for(gateway):
    url = str(gateway("echo").base_url).replace("/v1/", "/metrics")
    assert httpx.get(url).status_code == 404


def test_opentelemetry_gets_a_span_within_the_caller_s_trace(gateway, serve, emulator, said, spans):
    client = gateway("assistant", traces=True)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    done = client.chat.completions.create(
        model="assistant",
        messages=said("What is 2 + 3?"),
        extra_headers={"traceparent": parent},
    )
    emulator.faults.add(Fault(code=4011), path="/v3/chat")
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="assistant", messages=said("hi"))
    serve.stop()
    ours = [span for span in spans.get_finished_spans() if span.name.startswith("POST")]
    inner = [span for span in spans.get_finished_spans() if span.name.startswith("chat")]
    good, bad = ours
    assert f"{good.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    facts = dict(good.attributes)
    assert facts["coze.gateway.model"] == "assistant"
    assert facts["coze.gateway.caller"] == "key:tests"
    assert facts["http.response.status_code"] == 200
    assert dict(bad.attributes)["error.type"] == "insufficient_quota"
    assert not bad.status.is_ok
    # What the model did stands in the core's own span, within ours.
    assert inner[0].parent.span_id == good.context.span_id
    told = dict(inner[0].attributes)
    assert told["gen_ai.usage.input_tokens"] == done.usage.prompt_tokens
    assert not any("2 + 3" in str(value) for value in [*facts.values(), *told.values()])
