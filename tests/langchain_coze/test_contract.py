"""What LangChain asks of every model beyond answers: caches, limits, fallbacks, other names."""

import asyncio
import base64
import warnings

import anyio.to_thread
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import (
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr

import coze_core
from coze_core.emulator import Fault, Reasoning, ToolCall
from langchain_coze import ChatCoze


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


async def thinks_and_calls(messages, context):
    if context.tool_results:
        yield "So: " + context.tool_results[0].output
        return
    yield Reasoning("I need the weather.")
    yield "Let me look."
    yield ToolCall("weather", {"city": "Paris"})


def test_a_cached_answer_is_not_asked_for_again(emulator, make):
    model = make(cache=InMemoryCache())
    first, second = model.invoke("What is 2 + 3?"), model.invoke("What is 2 + 3?")
    assert first.text == second.text
    assert len(emulator.requests.to("/v3/chat")) == 1
    model.invoke("What is 2 + 3?", bot_id=emulator.bot_id("echo"))
    make("echo", cache=model.cache).invoke("What is 2 + 3?")
    assert len(emulator.requests.to("/v3/chat")) == 3  # another bot is another answer


def test_a_cached_call_of_a_finished_chat_is_answered_all_the_same(make):
    model = make(thinks_and_calls, tools=("weather",), cache=InMemoryCache())
    for _ in range(2):
        history = [HumanMessage("go")]
        history.append(model.invoke(history))
        call = history[1].tool_calls[0]
        history.append(ToolMessage("sunny", tool_call_id=call["id"]))
        assert model.invoke(history).text == "So: sunny"


def test_the_rate_limiter_is_asked_once_a_call(make):
    class Counting(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking=True):
            Counting.asked += 1
            return True

    make(rate_limiter=Counting()).invoke("hi")
    assert Counting.asked == 1


def test_a_fallback_and_a_retry_work(emulator, make):
    emulator.faults.add(Fault(status=500), path="/v3/chat", times=1)
    model = make(max_retries=0)
    assert model.with_fallbacks([make()]).invoke("What is 2 + 3?").text == "2 + 3 = 5"
    emulator.faults.add(Fault(status=500), path="/v3/chat", times=2)
    again = model.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    assert again.invoke("What is 2 + 3?").text == "2 + 3 = 5"


def test_bots_and_conversations_can_be_configured(emulator, make):
    model = make("echo").configurable_fields(
        bot_id=ConfigurableField(id="bot"), conversation_id=ConfigurableField(id="conversation")
    )
    config = {"configurable": {"bot": emulator.bot_id("assistant")}}
    assert model.invoke("What is 2 + 3?", config=config).text == "2 + 3 = 5"


def test_usage_is_counted_by_langchains_own_counter(make):
    counter = UsageMetadataCallbackHandler()
    model = make()
    message = model.invoke("What is 2 + 3?", config={"callbacks": [counter]})
    assert counter.usage_metadata == {model.bot_id: message.usage_metadata}
    assert all(c.usage_metadata is None for c in list(model.stream("hi"))[:-1])


def test_histories_are_trimmed_by_the_models_own_estimate(model):
    history = [SystemMessage("s"), *(HumanMessage("word " * 50) for _ in range(9))]
    kept = trim_messages(history, max_tokens=200, token_counter=model, strategy="last")
    assert 0 < len(kept) < 9


def test_events_show_reasoning_text_and_calls(make):
    model = make(thinks_and_calls, tools=("weather",))

    async def main():
        return [event async for event in model.astream_events("go", version="v2")]

    message = asyncio.run(main())[-1]["data"]["output"]
    assert message.text == "Let me look."
    assert message.additional_kwargs["reasoning_content"] == "I need the weather."
    assert message.tool_calls[0]["name"] == "weather"


def test_the_newest_event_stream_tells_the_same(make):
    model = make(thinks_and_calls, tools=("weather",))
    stream = model.stream_events("go", version="v3")
    assert "".join(stream.text) == "Let me look."
    message = stream.output
    assert [block["type"] for block in message.content] == ["reasoning", "text", "tool_call"]
    assert message.response_metadata["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_the_newer_content_format_carries_the_same_and_goes_back(make, way):
    model = make(thinks_and_calls, tools=("weather",), output_version="v1")
    if way == "invoke":
        message = model.invoke("go")
    else:
        message, *others = model.stream("go")
        for chunk in others:
            message += chunk
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "text", "tool_call"]
    result = ToolMessage("sunny", tool_call_id=message.tool_calls[0]["id"])
    assert model.invoke([HumanMessage("go"), message, result]).text == "So: sunny"


def test_the_community_packages_arguments_are_taken_with_a_note(emulator):
    with pytest.warns(DeprecationWarning, match="migration page") as noted:
        model = ChatCoze(
            coze_api_base=emulator.base_url,
            coze_api_key=emulator.token,
            bot_id=emulator.bot_id("assistant"),
            user="u7",
            conversation_id="",
            request_timeout=30,
            streaming=True,
        )
    assert {str(note.message).split("'")[2] for note in noted} == {
        "coze_api_base",
        "coze_api_key",
        "user",
        "request_timeout",
    }
    assert (model.user_id, model.timeout, model.conversation_id) == ("u7", 30, None)
    assert isinstance(model.api_key, SecretStr)
    assert model.invoke("What is 2 + 3?").text == "2 + 3 = 5"
    model.close()


def test_arguments_of_other_models_do_no_harm(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = model.invoke(
            "What is 2 + 3?", temperature=0.1, max_tokens=9, parallel_tool_calls=False, stream=True
        )
    assert answer.text == "2 + 3 = 5"


def test_an_event_loop_is_never_blocked_by_uploads(emulator, make):
    """While megabytes are decoded and hashed, the loop goes on."""
    image = {
        "type": "image",
        "mime_type": "image/png",
        "base64": base64.b64encode(bytes(12_000_000)).decode(),
    }

    async def main():
        before = anyio.to_thread.current_default_thread_limiter().statistics().borrowed_tokens
        question = HumanMessage([{"type": "text", "text": "hi"}, image])
        task = asyncio.create_task(make("echo").ainvoke([question]))
        worked = 0
        while not task.done():
            now = anyio.to_thread.current_default_thread_limiter().statistics().borrowed_tokens
            worked += now > before
            await asyncio.sleep(0)
        return worked, task.result().text

    worked, text = asyncio.run(main())
    assert worked > 0
    assert text == "hi"


def test_refused_content_is_a_refusal_only_where_data_was_asked_for(emulator, make):
    from langchain_core import exceptions

    refusal = getattr(exceptions, "ModelRefusalError", exceptions.ModelInvalidRequestError)
    emulator.faults.add(Fault(code=4105), path="/v3/chat")
    with pytest.raises(refusal) as caught:
        make().invoke("hi", response_format={"type": "json_object"})
    assert isinstance(caught.value, coze_core.BadRequestError)
