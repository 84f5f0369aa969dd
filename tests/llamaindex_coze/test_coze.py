"""`Coze` over a real socket: the eight endpoints, their chunks, events, life and secrets."""

import asyncio
import copy
import gc
import pickle
import threading
import time
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core import Settings
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from pydantic import ValidationError

import coze_core
from coze_core.emulator import Audio, Bot, Delta, Fault, FollowUp, Pause, Reasoning, Usage
from llamaindex_coze import Coze

SECRET = "pat_verysecret0123456789"
HI = [ChatMessage(role="user", content="hi")]


async def talks(messages, context):
    yield Reasoning("Let me think.")
    yield "Hello 你好, world."
    yield FollowUp("And now?")
    yield Usage(11, 7)


def test_it_is_an_llm_by_both_names():
    from llama_index.llms.coze import Coze as Conventional

    assert Conventional is Coze
    assert "BaseLLM" in [cls.__name__ for cls in Coze.__mro__]
    assert issubclass(Coze, BaseLLM)
    assert Coze.class_name() == "coze_llm"


def test_the_four_ways_to_chat_give_the_same_answer(ask, make):
    response = ask(make(talks), "hi")
    assert response.message.role == MessageRole.ASSISTANT
    assert response.message.content == "Hello 你好, world."
    thought, text = response.message.blocks
    assert isinstance(thought, ThinkingBlock)
    assert isinstance(text, TextBlock)
    assert thought.content == "Let me think."
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    assert response.raw["usage"] == usage
    assert response.additional_kwargs == {**usage, "follow_up": ["And now?"]}
    assert response.raw["coze"]["finish_reason"] == "stop"
    assert response.delta in {"", None}


def test_the_four_ways_to_complete_give_the_same_text(make):
    llm = make(talks)

    async def awaited():
        whole = await llm.acomplete("hi")
        return whole, [part async for part in await llm.astream_complete("hi")]

    whole, parts = asyncio.run(awaited())
    streamed = list(llm.stream_complete("hi"))
    for found in (llm.complete("hi"), whole, parts[-1], streamed[-1]):
        assert found.text == "Hello 你好, world."
        assert found.additional_kwargs["total_tokens"] == 18
    for found in (parts, streamed):
        assert "".join(part.delta for part in found) == "Hello 你好, world."


def check_chunks(chunks):
    """What every consumer of a stream relies on."""
    text = thoughts = ""
    for chunk in chunks:
        assert isinstance(chunk.delta, str)
        text += chunk.delta
        thoughts += chunk.additional_kwargs.get("thinking_delta", "")
        assert chunk.message.content == text
        assert chunk.message.role == MessageRole.ASSISTANT
        assert sum(isinstance(block, TextBlock) for block in chunk.message.blocks) == 1
    last = chunks[-1]
    found = [block.content for block in last.message.blocks if isinstance(block, ThinkingBlock)]
    assert "".join(found) == thoughts
    assert len({id(chunk.message) for chunk in chunks}) == len(chunks)
    assert all("coze" not in chunk.message.additional_kwargs for chunk in chunks[:-1])
    assert last.message.additional_kwargs["coze"]["chat_id"]
    return text


_parts = st.lists(
    st.one_of(
        st.builds(Delta, st.sampled_from(["a", "你", " ", "\n", "b"])),
        st.builds(Reasoning, st.sampled_from(["hm", "…"])),
        st.builds(FollowUp, st.just("And?")),
    ),
    max_size=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_parts)
def test_whatever_comes_deltas_add_up_and_the_last_chunk_is_whole(emulator, make, parts):
    async def bot(messages, context):
        for part in parts:
            yield part

    emulator.add_bot(Bot(f"bot-{time.monotonic_ns()}", bot))
    llm = make(list(emulator._state.bots.values())[-1].name)

    async def awaited():
        return [chunk async for chunk in await llm.astream_chat(HI)]

    whole = llm.chat(HI).message
    said = "".join(part.text for part in parts if isinstance(part, Delta))
    assert whole.content.replace("\n", "") == said.replace("\n", "")
    assert check_chunks(list(llm.stream_chat(HI))) == whole.content
    assert check_chunks(asyncio.run(awaited())) == whole.content
    assert list(llm.stream_chat(HI))[-1].message.blocks == whole.blocks


def test_unknown_usage_is_left_out(studio):
    llm = Coze(bot_id=studio.bot_id("echo"), api_key=studio.token, base_url=studio.base_url)
    response = llm.chat(HI)
    assert "usage" not in response.raw
    assert response.additional_kwargs == {}
    llm.close()


def test_nothing_is_sent_before_a_stream_is_iterated(emulator, llm):
    llm.stream_chat(HI).close()
    assert len(emulator.requests) == 0
    llm.stream_chat([])  # not an error either, yet
    with pytest.raises(ValueError, match="nothing to ask"):
        list(llm.stream_chat([]))


@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
def test_leaving_a_stream_cancels_the_chat_at_once(emulator, make, method):
    argument = HI if method == "stream_chat" else "hi"
    for chunk in getattr(make("slow"), method)(argument):
        if chunk.delta:
            break
    gc.collect()
    assert len(emulator.requests.to("/v3/chat/cancel")) == 1


@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
def test_closing_an_awaiting_stream_cancels_the_chat_at_once(emulator, make, method):
    argument = HI if method == "astream_chat" else "hi"

    async def main():
        llm = make("slow")
        stream = await getattr(llm, method)(argument)
        async for chunk in stream:
            if chunk.delta:
                break
        await stream.aclose()
        assert len(emulator.requests.to("/v3/chat/cancel")) == 1
        await llm.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
@pytest.mark.parametrize("streams", [1, 10])
@pytest.mark.parametrize("keep", [False, True])
def test_a_stream_left_as_the_program_ends_is_cancelled_and_nothing_is_reported(
    emulator, make, method, streams, keep
):
    argument = HI if method == "astream_chat" else "hi"
    reported = []

    kept = []

    async def leave(llm, together):
        stream = await getattr(llm, method)(argument)
        if keep:
            kept.append(stream)
        async for chunk in stream:
            if chunk.delta:
                await together.wait()
                break

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, said: reported.append(said))
        llm = make("slow")
        together = asyncio.Barrier(streams)
        await asyncio.gather(*(leave(llm, together) for _ in range(streams)))

    asyncio.run(main())
    gc.collect()
    assert reported == []
    cancelled = [request.json["chat_id"] for request in emulator.requests.to("/v3/chat/cancel")]
    assert len(cancelled) == len(set(cancelled)) == streams


def test_cancelling_a_task_cancels_the_chat(emulator, make):
    async def main():
        task = asyncio.create_task(make("slow").achat(HI))
        while not emulator.requests.to("/v3/chat"):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    deadline = time.monotonic() + 5
    while not emulator.requests.to("/v3/chat/cancel"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_cut_stream_is_an_error(ask, emulator, llm):
    emulator.faults.add(Fault(cut_after=900), path="/v3/chat")
    with pytest.raises(ConnectionError):
        ask(llm, "hi")


def test_a_sync_stream_may_be_read_in_another_thread(llm):
    stream, found = llm.stream_complete("What is 2 + 3?"), []
    reader = threading.Thread(target=lambda: found.extend(part.delta for part in stream))
    reader.start()
    reader.join()
    assert "".join(found) == "2 + 3 = 5"


def test_one_model_serves_many_loops_threads_and_tasks(make):
    llm = make()

    async def many():
        return await asyncio.gather(*(llm.acomplete(f"What is {n} + 1?") for n in range(40)))

    for _ in range(4):
        found = asyncio.run(many())
        assert [r.text for r in found] == [f"{n} + 1 = {n + 1}" for n in range(40)]


class Recorder(BaseEventHandler):
    seen: list

    @classmethod
    def class_name(cls):
        return "recorder"

    def handle(self, event, **kwargs):
        self.seen.append(event)


@pytest.fixture
def recorder():
    dispatcher = get_dispatcher()
    handler = Recorder(seen=[])
    dispatcher.add_event_handler(handler)
    yield handler
    dispatcher.event_handlers.remove(handler)


@pytest.mark.parametrize("method", ["chat", "complete", "achat", "acomplete"])
def test_each_call_is_one_start_and_one_end(recorder, make, method):
    llm = make(talks)
    argument = HI if "chat" in method else "hi"
    done = getattr(llm, method)(argument)
    if asyncio.iscoroutine(done):
        asyncio.run(done)
    names = [type(event).__name__ for event in recorder.seen]
    assert sum(name.endswith("StartEvent") for name in names) == 1, names
    assert sum(name.endswith("EndEvent") for name in names) == 1, names


def test_streams_are_observed_chunk_by_chunk(recorder, make):
    async def main():
        return [chunk async for chunk in await make(talks).astream_chat(HI)]

    chunks = asyncio.run(main())
    names = [type(event).__name__ for event in recorder.seen]
    assert names.count("LLMChatInProgressEvent") == len(chunks)
    assert names[0] == "LLMChatStartEvent"
    assert names[-1] == "LLMChatEndEvent"


def test_tokens_are_counted_by_llamaindexs_own_counter(make):
    counter = TokenCountingHandler(tokenizer=lambda text: [1])
    llm = make(talks, callback_manager=CallbackManager([counter]))
    llm.chat(HI)
    list(llm.stream_chat(HI))
    assert counter.prompt_llm_token_count == 22
    assert counter.completion_llm_token_count == 14


def test_a_rate_limiter_is_asked_once_a_call(make):
    class Counting:
        asked = 0

        def acquire(self):
            Counting.asked += 1

        async def async_acquire(self):
            Counting.asked += 1

    llm = make(rate_limiter=Counting())
    llm.complete("hi")
    asyncio.run(llm.acomplete("hi"))
    assert Counting.asked == 2


def test_system_prompts_and_settings_are_honoured(emulator, make):
    from llama_index.core.prompts import PromptTemplate

    llm = make("echo", system_prompt="Be brief.")
    Settings.llm = llm
    assert Settings.llm.predict(PromptTemplate("Say {x}."), x="hi") == "Be brief.\n\nSay hi."
    Settings.llm = None


def test_stops_formats_and_options_go_with_a_call(emulator, make):
    async def counts(messages, context):
        for word in ("one ", "two ", "three "):
            yield Delta(word)
        yield Pause(5)

    llm = make(counts)
    assert llm.complete("hi", stop=["two"]).text == "one "
    assert llm.complete("hi", stop="thr").text == "one two "
    llm.complete("hi", user_id="other", stop=["one"], formatted=True)
    assert emulator.requests.to("/v3/chat")[-1].json["user_id"] == "other"
    with pytest.warns(UserWarning, match="did you mean 'user_id'"):
        llm.complete("hi", userid="x", stop=["one"])


def test_what_is_told_of_a_model_holds_no_secret(make):
    llm = make(api_key=SECRET, default_headers={"X-Key": SECRET}, proxy=None)
    for text in (repr(llm), str(llm), str(llm.to_dict()), str(llm.to_payload())):
        assert SECRET not in text
    assert llm.to_payload()["model"] == llm.bot_id
    with pytest.raises(coze_core.AuthenticationError) as caught:
        llm.complete("hi")
    assert SECRET not in str(caught.value)


def test_a_model_is_pickled_copied_and_stored_before_and_after_use(
    make, caplog, emulator, monkeypatch
):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    llm = make(talks)
    for _ in range(2):
        stored = Coze.from_dict({**llm.to_dict(), "api_key": llm.api_key})
        for twin in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), stored):
            assert twin.complete("hi").text == "Hello 你好, world."
            twin.close()
        llm.complete("hi")
    assert "unpickleable" not in caplog.text


def test_a_changed_setting_takes_effect(make):
    llm = make()
    llm.complete("hi")
    llm.max_retries = 0
    assert llm.client._config.retry.max_retries == 0
    llm.context_window = 5
    assert llm.metadata.context_window == 5


def test_settings_come_from_the_environment_and_missing_ones_are_named(monkeypatch):
    with pytest.raises(ValidationError, match="COZE_BOT_ID"):
        Coze(api_key="x")
    with pytest.raises(ValidationError, match="COZE_API_TOKEN"):
        Coze(bot_id="7")
    monkeypatch.setenv("COZE_BOT_ID", "7")
    monkeypatch.setenv("COZE_API_TOKEN", "pat_env")
    assert Coze().metadata.model_name == "7"
    assert Coze(model="8", token="x").bot_id == "8"
    with pytest.warns(UserWarning, match="did you mean 'user_id'"):
        Coze(userid="x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Coze(bot_id="9", callback_manager=None, system_prompt="x")
    with pytest.raises(ValidationError, match="system"):
        Coze(system="loud")
    with pytest.raises(ValidationError, match="auto_save_history"):
        Coze(history="server", auto_save_history=False)


def test_media_of_another_models_answer_are_told_whatever_their_address(ask, emulator, make):
    image = ImageBlock(url="gs://bucket/a.png")
    answer = ChatMessage(role="assistant", blocks=[TextBlock(text="Look."), image])
    ask(make(talks), [*HI, answer, *HI])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert sent[1]["content"] == "Look.\n\n[image: gs://bucket/a.png]"
    with pytest.raises(ValueError, match="cannot fetch"):
        ask(make(talks), [ChatMessage(role="user", blocks=[TextBlock(text="Look."), image])])


def test_the_sound_of_an_answer_is_its_text(ask, emulator, make):
    async def speaks(messages, context):
        yield "Listen."
        yield Audio(bytes(200))

    model = make(speaks)
    first = ask(model, "hi").message
    assert any(isinstance(block, AudioBlock) for block in first.blocks)
    ask(model, [*HI, first, *HI])
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert [message["content"] for message in sent] == ["hi", "Listen.", "hi"]
