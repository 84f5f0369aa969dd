"""Chats of an LLM as spans."""

from spans import Spans

from coze_core import Tracing
from llamaindex_coze import Coze


def test_an_llms_chats_are_spans(emulator):
    spans = Spans()
    llm = Coze(
        bot_id=emulator.bot_id("echo"),
        api_key=emulator.token,
        base_url=emulator.base_url,
        tracing=Tracing(spans.provider),
    )
    assert llm.complete("hi").text == "hi"
    for _ in llm.stream_complete("hi"):
        continue
    assert len(spans.of("chat")) == 2
    assert "tracing" not in llm.to_dict()
    llm.close()
