"""ChatCoze over a real socket."""

import asyncio
import copy
import gc
import pickle
import warnings

import pytest
from langchain_core import exceptions as langchain
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr, ValidationError

import coze_core
from coze_core.emulator import Bot, Delta, Fail, Fault, FollowUp, Pause, Reasoning, ToolCall, Usage
from langchain_coze import ChatCoze

SECRET = "pat_verysecret0123456789"


def add(emulator, run, name="special"):
    return emulator.add_bot(Bot(name, run)).name


class Recorder(BaseCallbackHandler):
    def __init__(self):
        self.events = []

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.events.append("start")
        self.params = kwargs["invocation_params"]

    def on_llm_new_token(self, token, **kwargs):
        self.events.append(token)

    def on_llm_end(self, response, **kwargs):
        self.events.append("end")

    def on_llm_error(self, error, **kwargs):
        self.events.append(type(error).__name__)


async def collected(model, *args, **kwargs):
    return [chunk async for chunk in model.astream(*args, **kwargs)]


def merged(chunks):
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


def all_ways(model, *args, **kwargs):
    """Ask in each of the four ways and return the four messages."""
    return [
        model.invoke(*args, **kwargs),
        asyncio.run(model.ainvoke(*args, **kwargs)),
        merged(list(model.stream(*args, **kwargs))),
        merged(asyncio.run(collected(model, *args, **kwargs))),
    ]


def test_the_four_ways_to_ask_give_the_same_answer(emulator, make):
    async def talks(messages, context):
        yield Reasoning("Let me think.")
        yield "Hello 你好, world."
        yield FollowUp("And now?")
        yield Usage(11, 7)

    found = all_ways(make(add(emulator, talks)), "hi")
    for message in found:
        assert message.text == "Hello 你好, world."
        assert message.additional_kwargs == {"reasoning_content": "Let me think."}
        assert message.usage_metadata == {
            "input_tokens": 11,
            "output_tokens": 7,
            "total_tokens": 18,
        }
        metadata = message.response_metadata
        assert metadata["model_provider"] == "coze"
        assert metadata["model_name"] == emulator.bot_id("special")
        assert metadata["finish_reason"] == "stop"
        assert metadata["follow_ups"] == ["And now?"]
        assert metadata["coze"]["status"] == "completed"
        assert metadata["chat_id"] == metadata["coze"]["chat_id"]
        assert metadata["logid"]
        assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
    assert len({tuple(sorted(message.response_metadata)) for message in found}) == 1


def test_metadata_and_usage_come_once_on_the_last_chunk(model):
    *pieces, last = list(model.stream("What is 2 + 3?"))
    assert all(isinstance(chunk, AIMessageChunk) for chunk in pieces)
    assert all(chunk.usage_metadata is None for chunk in pieces)
    assert all(set(chunk.response_metadata) == {"model_provider"} for chunk in pieces)
    assert last.chunk_position == "last"
    assert last.content == ""
    assert last.usage_metadata
    assert len({chunk.id for chunk in [*pieces, last]}) == 1


def test_unknown_usage_is_none(studio):
    model = ChatCoze(bot_id=studio.bot_id("echo"), api_key=studio.token, base_url=studio.base_url)
    message = model.invoke("hi")
    assert message.text == "hi"
    assert message.usage_metadata is None
    model.close()


def test_each_call_is_a_new_chat_made_of_the_messages_given(emulator, model):
    history = [
        HumanMessage("My name is Ada."),
        AIMessage("Hello"),
        HumanMessage("What is my name?"),
    ]
    assert model.invoke(history).text == "Your name is Ada."
    [request] = emulator.requests.to("/v3/chat")
    assert request.query.get("conversation_id") is None
    assert [m["content"] for m in request.json["additional_messages"]] == [
        "My name is Ada.",
        "Hello",
        "What is my name?",
    ]
    assert request.json["user_id"] == "u1"
    assert request.json["stream"] is True


def test_a_server_history_goes_on_in_the_conversation(emulator, make):
    model = make(history="server")
    history = [SystemMessage("Be brief."), HumanMessage("My name is Ada.")]
    first = model.invoke(history)
    history += [first, HumanMessage("What is my name?")]
    # The state survives what checkpointers and stores do to messages.
    history = loads(dumps(history), allowed_objects="messages")
    second = model.invoke(history)
    assert second.text == "Your name is Ada."
    assert second.response_metadata["conversation_id"] == first.response_metadata["conversation_id"]
    sent = emulator.requests.to("/v3/chat")[1].json["additional_messages"]
    assert [message["content"] for message in sent] == ["What is my name?"]


def test_system_messages_follow_the_policy(emulator, make):
    messages = [SystemMessage("Be brief."), HumanMessage("hi")]
    make().invoke(messages)
    make(system="variable:rules").invoke(messages)
    first, second = (request.json for request in emulator.requests.to("/v3/chat"))
    assert first["additional_messages"][0]["content"] == "Be brief.\n\nhi"
    assert second["custom_variables"] == {"rules": "Be brief."}
    assert second["additional_messages"][0]["content"] == "hi"
    with pytest.raises(ValueError, match="no system role"):
        make(system="error").invoke(messages)


def test_more_than_a_hundred_messages_lose_the_oldest_with_a_warning(emulator, model):
    with pytest.warns(UserWarning, match="30 oldest"):
        model.invoke([HumanMessage(f"m{n}") for n in range(130)])
    sent = emulator.requests.to("/v3/chat")[0].json["additional_messages"]
    assert (len(sent), sent[0]["content"], sent[-1]["content"]) == (100, "m30", "m129")


def test_the_default_user_id_is_this_installations_own(emulator, make):
    coze_core.anonymous_user_id.cache_clear()
    make(user_id=None).invoke("hi")
    assert emulator.requests[-1].json["user_id"].startswith("anon-")
    coze_core.anonymous_user_id.cache_clear()


def test_arguments_of_a_call_win(emulator, make):
    model = make(custom_variables={"a": "field"})
    model.invoke(
        "hi", user_id="other", custom_variables={"a": "call"}, model=emulator.bot_id("echo")
    )
    request = emulator.requests[-1].json
    assert (request["user_id"], request["custom_variables"]) == ("other", {"a": "call"})
    assert request["bot_id"] == emulator.bot_id("echo")
    bound = model.bind(user_id="bound")
    assert bound.invoke("hi").text
    assert emulator.requests[-1].json["user_id"] == "bound"
    field = model.configurable_fields(user_id=ConfigurableField(id="user"))
    field.with_config(configurable={"user": "configured"}).invoke("hi")
    assert emulator.requests[-1].json["user_id"] == "configured"


@pytest.mark.parametrize("stop", [["wor"], ["o w"], ["zzz", "worl"]])
def test_stop_sequences_cut_the_same_everywhere_and_cancel_the_chat(emulator, make, stop):
    async def talks(messages, context):
        for piece in ("hel", "lo", " w", "or", "ld", " and so on"):
            yield Delta(piece)
        yield Pause(5)

    model = make(add(emulator, talks))
    expected = "hello world"[: "hello world".index(stop[-1])]
    for message in all_ways(model, "hi", stop=stop):
        assert message.text == expected
        assert message.response_metadata["finish_reason"] == "stop"
    assert len(emulator.requests.to("/v3/chat/cancel")) == 4
    assert make("special", stop=stop).invoke("hi").text == expected


def test_held_back_text_is_not_lost_when_no_stop_comes(emulator, make):
    async def talks(messages, context):
        yield Delta("the EN")

    for message in all_ways(make(add(emulator, talks)), "hi", stop=["END"]):
        assert message.text == "the EN"


def test_callbacks_come_in_order_and_once(model):
    recorder = Recorder()
    model.invoke("What is 2 + 3?", config={"callbacks": [recorder]})
    assert recorder.events[0] == "start"
    assert recorder.events[-1] == "end"
    assert recorder.events.count("end") == 1
    streamed = Recorder()
    text = "".join(
        chunk.text for chunk in model.stream("What is 2 + 3?", config={"callbacks": [streamed]})
    )
    assert "".join(streamed.events[1:-1]) == text == "2 + 3 = 5"
    awaited = Recorder()
    asyncio.run(collected(model, "What is 2 + 3?", config={"callbacks": [awaited]}))
    assert awaited.events == streamed.events


def test_an_error_is_told_to_callbacks_once(emulator, make):
    async def fails(messages, context):
        yield Delta("so far")
        yield Fail(4013, "model down")

    recorder = Recorder()
    with pytest.raises(langchain.ModelAPIError):
        list(make(add(emulator, fails)).stream("hi", config={"callbacks": [recorder]}))
    assert recorder.events[:2] == ["start", "so far"]
    assert recorder.events[-1].startswith("ChatFailed")
    assert len(recorder.events) == 3


def test_calls_of_local_plugins_come_as_tool_calls(emulator, make):
    async def calls(messages, context):
        yield "Let me see."
        yield ToolCall("weather", {"city": "河南"})
        yield ToolCall("time")
        yield ToolCall("broken", "{x")

    for message in all_ways(make(add(emulator, calls)), "hi"):
        assert message.text == "Let me see."
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [
            ("weather", {"city": "河南"}),
            ("time", {}),
        ]
        assert [call["name"] for call in message.invalid_tool_calls] == ["broken"]
        assert message.response_metadata["finish_reason"] == "tool_calls"
        pending = message.response_metadata["coze"]["pending"]
        assert [call["name"] for call in pending] == ["weather", "time", "broken"]
    assert emulator.requests.to("/v3/chat/cancel") == []


def test_a_foreign_tool_history_is_replayed_as_text(emulator, make):
    call = {"name": "f", "args": {"x": 1}, "id": "abc", "type": "tool_call"}
    make("echo").invoke(
        [
            HumanMessage("go"),
            AIMessage("", tool_calls=[call]),
            ToolMessage("no", tool_call_id="abc", status="error"),
        ]
    )
    sent = emulator.requests[-1].json["additional_messages"]
    assert [m["content"] for m in sent] == [
        "go",
        '[called f({"x": 1})]',
        "[result of f]\nerror: no",
    ]


def test_the_whole_text_wins_over_its_pieces_and_the_stream_says_so(emulator, make, caplog):
    body = (
        b'event:conversation.message.delta\ndata:{"id":"1","type":"answer","content":"50$\\\\%$"}\n\n'
        b'event:conversation.message.completed\ndata:{"id":"1","type":"answer","content":"50%"}\n\n'
        b'event:conversation.chat.completed\ndata:{"id":"2"}\n\nevent:done\ndata:"[DONE]"'
    )
    emulator.faults.add(Fault(replay=body), path="/v3/chat", times=2)
    model = make()
    assert model.invoke("hi").text == "50%"
    whole = merged(list(model.stream("hi")))
    assert whole.text == "50$\\%$"
    assert whole.response_metadata["coze"]["answer"] == "50%"
    assert "differs" in caplog.text


@pytest.mark.parametrize(
    ("code", "ours", "theirs"),
    [
        (4000, coze_core.BadRequestError, langchain.ModelInvalidRequestError),
        (4010, coze_core.ContextLengthError, langchain.ContextOverflowError),
        (4015, coze_core.NotFoundError, langchain.ModelNotFoundError),
        (4016, coze_core.ConversationBusyError, langchain.ModelInvalidRequestError),
        (4028, coze_core.QuotaExceededError, langchain.ModelRateLimitError),
        (4100, coze_core.AuthenticationError, langchain.ModelAuthenticationError),
        (4102, coze_core.PermissionDeniedError, langchain.ModelPermissionDeniedError),
        (5000, coze_core.InternalServerError, langchain.ModelAPIError),
        (999, coze_core.APIStatusError, langchain.ModelAPIError),
    ],
)
def test_an_error_is_of_both_families(emulator, model, code, ours, theirs):
    ways = (
        lambda: model.invoke("hi"),
        lambda: asyncio.run(model.ainvoke("hi")),
        lambda: list(model.stream("hi")),
        lambda: asyncio.run(collected(model, "hi")),
    )
    for ask in ways:
        emulator.faults.add(Fault(code=code))
        with pytest.raises(ours) as caught:
            ask()
        error = caught.value
        assert isinstance(error, theirs)
        assert (error.code, error.request_id) == (code, error.log_id)
        assert error.is_retryable == error.retryable
        twin = pickle.loads(pickle.dumps(error))
        assert type(twin) is type(error)
        assert (twin.code, twin.hint, twin.message) == (error.code, error.hint, error.message)


def test_a_timeout_and_an_unreachable_host_are_of_both_families(emulator, make):
    emulator.faults.add(Fault(stall_after=3), path="/v3/chat")
    with pytest.raises(langchain.ModelTimeoutError) as caught:
        make(timeout=0.3).invoke("hi")
    assert isinstance(caught.value, TimeoutError)
    with pytest.raises(langchain.ModelConnectionError) as caught:
        make(base_url="http://127.0.0.1:9", max_retries=0).invoke("hi")
    assert isinstance(caught.value, ConnectionError)


def test_a_fallback_takes_over_before_the_first_chunk(emulator, make):
    broken = make(bot_id="1")
    model = broken.with_fallbacks([make()])
    assert "".join(chunk.text for chunk in model.stream("What is 2 + 3?")) == "2 + 3 = 5"


def test_batches_threads_and_loops_share_one_model(make):
    model = make()
    questions = [f"What is {n} + 1?" for n in range(64)]
    expected = [f"{n} + 1 = {n + 1}" for n in range(64)]
    config = {"max_concurrency": 64}
    assert [m.text for m in model.batch(questions, config=config)] == expected
    for _ in range(5):
        found = asyncio.run(model.abatch(questions[:8]))
        assert [m.text for m in found] == expected[:8]
    gc.collect()


def test_one_failure_in_a_batch_stays_alone(emulator, model):
    found = model.batch(["What is 2 + 3?", "  "], return_exceptions=True)
    assert found[0].text == "2 + 3 = 5"
    assert isinstance(found[1], ValueError)


def test_a_model_is_pickled_and_copied_before_and_after_use(make, emulator, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    model = make(stop=["END"])
    for _ in range(2):
        for twin in (
            pickle.loads(pickle.dumps(model)),
            copy.deepcopy(model),
            model.model_copy(update={"user_id": "other"}),
        ):
            assert twin.invoke("What is 2 + 3?").text == "2 + 3 = 5"
            assert twin.stop == ["END"]
            twin.close()
        model.invoke("hi")


def test_a_changed_setting_takes_effect(emulator, model):
    model.invoke("hi")
    changed = model.model_copy(update={"api_key": SecretStr("pat_wrong")})
    with pytest.raises(coze_core.AuthenticationError):
        changed.invoke("hi")
    changed.close()


def test_no_secret_shows(make):
    model = make(api_key=SECRET, default_headers={"X-Key": SECRET})
    recorder = Recorder()
    with pytest.raises(coze_core.AuthenticationError) as caught:
        model.invoke("hi", config={"callbacks": [recorder]})
    shown = [
        repr(model),
        str(model),
        dumps(model),
        str(model._identifying_params),
        str(recorder.params),
        str(caught.value),
        repr(caught.value.__dict__),
    ]
    for text in shown:
        assert SECRET not in text


def test_a_key_given_with_a_call_has_no_effect_and_is_not_traced(make):
    recorder = Recorder()
    with pytest.warns(UserWarning, match="no per-call argument 'api_key'"):
        make().invoke("hi", api_key=SECRET, config={"callbacks": [recorder]})
    assert SECRET not in str(recorder.params)


@pytest.mark.parametrize("timeout", [None, 7, coze_core.Timeouts(read=5, idle=9)])
def test_a_model_is_serialized_and_loaded(emulator, make, monkeypatch, timeout):
    model = make(history="server", stop=["END"], timeout=timeout)
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    twin = loads(
        dumps(model),
        valid_namespaces=["langchain_coze"],
        secrets_from_env=True,
        allowed_objects=[ChatCoze],
    )
    assert twin == model
    assert twin.invoke("What is 2 + 3?").text == "2 + 3 = 5"
    twin.close()


def test_settings_come_from_the_environment_and_missing_ones_are_named(monkeypatch):
    with pytest.raises(ValidationError, match="COZE_BOT_ID"):
        ChatCoze()
    monkeypatch.setenv("COZE_BOT_ID", "7")
    model = ChatCoze()
    assert (model.bot_id, model.model, model.model_name) == ("7", "7", "7")
    with pytest.raises(ValueError, match="COZE_API_TOKEN"):
        model.invoke("hi")
    monkeypatch.setenv("COZE_API_TOKEN", "pat_env")
    monkeypatch.setenv("COZE_API_BASE", "http://127.0.0.1:9")
    model = ChatCoze(model="8", stop_sequences=["x"])
    assert (model.bot_id, model.stop) == ("8", ["x"])
    assert model.client.base_url == "http://127.0.0.1:9"
    assert ChatCoze(region="cn").client.base_url == "https://api.coze.cn"


def test_unknown_arguments_warn_with_the_nearest_name(model):
    with pytest.warns(UserWarning, match="did you mean 'user_id'"):
        ChatCoze(bot_id="7", userid="x")
    with pytest.warns(UserWarning, match="did you mean 'user_id'"):
        model.invoke("hi", user_idd="x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ChatCoze(bot_id="7", temperature=0, max_tokens=5, streaming=True)


def test_what_cannot_be_done_is_refused_in_a_sentence(model):
    with pytest.raises(ValueError, match="one answer"):
        model.invoke("hi", n=2)
    with pytest.raises(ValueError, match="function with a name"):
        model.invoke("hi", tools=[{"type": "web_search"}])
    with pytest.raises(ValueError, match="'hologram'"):
        model.invoke([HumanMessage([{"type": "hologram"}])])
    with pytest.raises(ValueError, match="system message cannot hold"):
        model.invoke([SystemMessage([{"type": "image", "url": "https://example.com/a.png"}])])
    with pytest.raises(ValueError, match="empty"):
        model.invoke("")
    with pytest.raises(ValueError, match="the last message must be"):
        model.invoke([HumanMessage("hi"), AIMessage("hello")])
    with pytest.raises(ValueError):
        ChatCoze(bot_id="7", history="both")
    with pytest.raises(ValidationError, match="system"):
        ChatCoze(bot_id="7", system="variable:1")


def test_text_blocks_and_roles_by_name_are_taken(emulator, make):
    make("echo").invoke(
        [
            ChatMessage(role="user", content="one"),
            ChatMessage(role="assistant", content="two"),
            HumanMessage([{"type": "text", "text": "three"}, "four"]),
        ]
    )
    sent = emulator.requests[-1].json["additional_messages"]
    assert [m["content"] for m in sent] == ["one", "two", "three\nfour"]
    with pytest.raises(ValueError, match="ChatMessage"):
        make("echo").invoke([ChatMessage(role="judge", content="x")])


def test_tokens_are_estimated_without_a_download(model):
    assert model.get_num_tokens("hello world") > 0
    assert model.get_num_tokens_from_messages([HumanMessage("hello world")]) > 0
    counting = model.model_copy(
        update={"custom_get_token_ids": lambda text: list(range(len(text)))}
    )
    assert counting.get_num_tokens("four") == 4
    assert counting.get_num_tokens_from_messages([HumanMessage("four")]) == 4


def test_chinese_text_is_not_taken_for_a_quarter_of_its_tokens(model):
    text = "扣子智能体可以记住用户说过的话。" * 10
    assert 0.5 <= model.get_num_tokens(text) / len(text) <= 1
    history = [HumanMessage(text), AIMessage(text), HumanMessage("你好")]
    assert model.get_num_tokens_from_messages(history) >= len(text)
    kept = trim_messages(history, max_tokens=len(text), token_counter=model, strategy="last")
    assert len(kept) == 2


def test_chinese_arguments_of_tools_are_counted_as_chinese_text_is(model):
    text = "扣子智能体可以记住用户说过的话。" * 10
    bare = AIMessage("", tool_calls=[{"name": "note", "args": {"text": ""}, "id": "1"}])
    call = AIMessage("", tool_calls=[{"name": "note", "args": {"text": text}, "id": "1"}])

    def more(of):
        return of.get_num_tokens_from_messages([call]) - of.get_num_tokens_from_messages([bare])

    assert abs(more(model) - model.get_num_tokens(text)) <= 2
    counting = model.model_copy(
        update={"custom_get_token_ids": lambda text: list(range(len(text)))}
    )
    assert more(counting) == len(text)


def test_what_tracing_is_told(model):
    params = model._get_ls_params(stop=["x"])
    assert (params["ls_provider"], params["ls_model_type"]) == ("coze", "chat")
    assert (params["ls_model_name"], params["ls_stop"]) == (model.bot_id, ["x"])
    assert model._get_ls_params(model="other")["ls_model_name"] == "other"
    assert model._llm_type == "coze-chat"


def test_the_newer_event_streams_and_content_format_work(model):
    async def events(version):
        return [event async for event in model.astream_events("What is 2 + 3?", version=version)]

    found = asyncio.run(events("v2"))
    assert found[-1]["event"] == "on_chat_model_end"
    assert found[-1]["data"]["output"].text == "2 + 3 = 5"
    assert found[-1]["data"]["output"].usage_metadata
    message = model.model_copy(update={"output_version": "v1"}).invoke("What is 2 + 3?")
    assert [block["type"] for block in message.content] == ["reasoning", "text"]
