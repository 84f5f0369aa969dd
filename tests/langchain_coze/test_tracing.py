"""Chats of a model as spans."""

import asyncio

import pytest
from langchain_core.load import dumps
from opentelemetry.sdk.trace import TracerProvider
from spans import Spans

from coze_core import Tracing
from langchain_coze import ChatCoze


def test_a_models_chats_are_spans_below_the_callers(emulator):
    spans = Spans()
    model = ChatCoze(
        bot_id=emulator.bot_id("echo"),
        api_key=emulator.token,
        base_url=emulator.base_url,
        tracing=Tracing(spans.provider),
    )
    with spans.tracer.start_as_current_span("mine"):
        assert model.invoke("hi").text == "hi"
        asyncio.run(model.ainvoke("hi"))
        list(model.stream("hi"))
    mine, chats = spans.one("mine"), spans.of("chat")
    assert len(chats) == 3
    assert {span.parent.span_id for span in chats} == {mine.context.span_id}
    model.close()


def test_tracing_is_no_part_of_a_serialized_model_and_is_checked():
    model = ChatCoze(bot_id="1", api_key="pat_x", tracing=Tracing(TracerProvider()))
    assert "racing" not in dumps(model) + repr(model)
    assert model.model_copy(deep=True).client is not model.client
    with pytest.raises(TypeError, match="tracing must be"):
        _ = ChatCoze(bot_id="1", api_key="pat_x", tracing="yes").client
