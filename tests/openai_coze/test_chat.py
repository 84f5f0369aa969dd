"""Chat completions, asked with OpenAI's own Python client over loopback HTTP."""

import httpx
import openai
import pytest

from coze_core.emulator import Fail, Fault, Reasoning, Usage
from openai_coze import BotModel, BotRoute, Settings, create_app


def collected(stream):
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return chunks, text


def test_a_bot_answers_as_a_model(gateway, said):
    client = gateway("assistant")
    done = client.chat.completions.create(model="assistant", messages=said("What is 2 + 3?"))
    assert done.object == "chat.completion"
    assert done.id.startswith("chatcmpl-")
    assert done.model == "assistant"
    assert done.choices[0].message.content == "2 + 3 = 5"
    assert done.choices[0].message.reasoning_content == "Let me work that out."
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.coze["chat_id"]
    assert done.coze["conversation_id"]
    assert done.coze["logid"]
    assert done._request_id.startswith("req_")


def test_an_answer_streams_in_pieces_and_ends_with_the_tokens(gateway, said):
    client = gateway("assistant")
    stream = client.chat.completions.create(
        model="assistant",
        messages=said("What is 2 + 3?"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks, text = collected(stream)
    assert text == "2 + 3 = 5"
    assert chunks[0].choices[0].delta.role == "assistant"
    thoughts = [getattr(c.choices[0].delta, "reasoning_content", None) for c in chunks[:-1]]
    assert "".join(filter(None, thoughts)) == "Let me work that out."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-2].coze["chat_id"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_absent_where_the_server_does_not_say_it(gateway, said, add_bot):
    async def uncounted(messages, context):
        yield Usage(0, 0)
        yield "hello"

    client = gateway(add_bot(uncounted))
    done = client.chat.completions.create(model="uncounted", messages=said("hi"))
    assert done.usage is None
    stream = client.chat.completions.create(
        model="uncounted", messages=said("hi"), stream=True, stream_options={"include_usage": True}
    )
    assert all(chunk.usage is None for chunk in stream)


def test_follow_ups_come_in_the_extension(gateway, said):
    done = gateway("assistant").chat.completions.create(
        model="assistant", messages=said("Tell me something.")
    )
    assert done.coze["follow_ups"] == ["What can you do?"]


def test_a_history_is_sent_with_its_instructions(gateway, emulator):
    client = gateway("assistant")
    done = client.chat.completions.create(
        model="assistant",
        messages=[
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "Nice to meet you, Ada!"},
            {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
        ],
    )
    assert done.choices[0].message.content == "Your name is Ada."
    sent = emulator.requests.to("/v3/chat")[-1].json["additional_messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[0]["content"] == "Be kind.\n\nMy name is Ada."


def test_the_user_the_variables_and_the_conversation_are_passed_on(gateway, emulator, said):
    client = gateway("assistant")
    first = client.chat.completions.create(
        model="assistant",
        messages=said("My name is Ada."),
        user="ada",
        metadata={"mood": "good", "ticket-7": "open"},
    )
    sent = emulator.requests.to("/v3/chat")[-1].json
    assert sent["user_id"] == "ada"
    assert sent["custom_variables"] == {"mood": "good"}
    assert sent["meta_data"] == {"ticket-7": "open"}
    second = client.chat.completions.create(
        model="assistant",
        messages=said("What is my name?"),
        user="ada",
        metadata={"conversation_id": first.coze["conversation_id"]},
    )
    assert second.choices[0].message.content == "Your name is Ada."
    third = client.chat.completions.create(
        model="assistant",
        messages=said("What is my name?"),
        user="ada",
        extra_body={"coze": {"conversation_id": first.coze["conversation_id"]}},
    )
    assert third.choices[0].message.content == "Your name is Ada."


def test_the_extension_in_a_message_goes_on_in_the_conversation(gateway, emulator, said):
    client = gateway("assistant")
    history = said("My name is Ada.")
    extra = {"coze": {"history": "server"}}
    for _ in range(2):
        done = client.chat.completions.create(model="assistant", messages=history, extra_body=extra)
        answer = done.choices[0].message.content
        history.append({"role": "assistant", "content": answer, "coze": done.coze})
        history += said("What is my name?")
    assert answer == "Your name is Ada."
    second = emulator.requests.to("/v3/chat")[-1]
    assert second.query["conversation_id"] == done.coze["conversation_id"]
    assert len(second.json["additional_messages"]) == 1


def test_a_caller_without_a_user_is_told_apart_from_others(gateway, emulator, said):
    client = gateway("echo", keys=(), accounts={}, key=emulator.token)
    client.chat.completions.create(model="echo", messages=said("hi"))
    user = emulator.requests.to("/v3/chat")[-1].json["user_id"]
    assert user.startswith("token-")
    assert emulator.token not in user


def test_stop_sequences_cut_the_text(gateway, said):
    client = gateway("echo")
    done = client.chat.completions.create(
        model="echo", messages=said("one two three"), stop=" three"
    )
    assert done.choices[0].message.content == "one two"
    stream = client.chat.completions.create(
        model="echo", messages=said("one two three"), stop=["two"], stream=True
    )
    assert collected(stream)[1] == "one "


def test_fields_without_effect_are_named(gateway, said):
    client = gateway("echo")
    raw = client.chat.completions.with_raw_response.create(
        model="echo", messages=said("hi"), temperature=0.5, max_tokens=10, logprobs=False
    )
    assert raw.headers["x-coze-ignored"] == "max_tokens, temperature"


def test_messages_that_are_too_old_are_counted(gateway):
    history = [{"role": "user", "content": f"message {n}"} for n in range(105)]
    done = gateway("echo").chat.completions.create(model="echo", messages=history)
    assert done.coze["dropped_messages"] == 5
    assert done.choices[0].message.content == "message 104"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "thing"}]}]},
            "messages[0].content[0]",
        ),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"stop": 5}, "stop"),
        ({"user": 5}, "user"),
        ({"metadata": "x"}, "metadata"),
        ({"coze": {"histori": "server"}}, "coze.histori"),
        ({"messages": [{"role": "user", "content": ""}]}, None),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, None),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_sent(gateway, emulator, said, wrong, param):
    client = gateway("echo")
    body = {"messages": said("hi"), **wrong}
    messages = body.pop("messages")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="echo", messages=messages, extra_body=body)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.param == param
    assert not emulator.requests.to("/v3/chat")


def test_what_is_no_json_is_refused(gateway):
    client = gateway("echo")
    headers = {"Authorization": f"Bearer {client.api_key}"}
    for body in (b"{", b"[]", b"\xff"):
        reply = httpx.post(f"{client.base_url}chat/completions", content=body, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"


# -- errors


def test_an_error_of_coze_has_its_code_logid_and_hint(gateway, emulator, said):
    client = gateway("unpublished")
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="unpublished", messages=said("hi"))
    body = caught.value.body
    assert body["coze"]["code"] == 4015
    assert body["coze"]["logid"]
    assert "published" in body["coze"]["hint"]
    assert "发布" in body["coze"]["hint_zh"]
    assert "4015" in body["message"]
    assert caught.value.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("code", "error", "name"),
    [
        (4010, openai.BadRequestError, "context_length_exceeded"),
        (4011, openai.RateLimitError, "insufficient_quota"),
        (4020, openai.RateLimitError, "rate_limit_exceeded"),
        (4101, openai.PermissionDeniedError, "permission_denied"),
        (4016, openai.ConflictError, "conversation_busy"),
        (4100, openai.InternalServerError, "upstream_authentication"),
        (5000, openai.InternalServerError, "upstream_error"),
    ],
)
def test_errors_have_openai_s_classes(gateway, emulator, said, code, error, name):
    emulator.faults.add(Fault(code=code), path="/v3/chat", times=9)
    with pytest.raises(error) as caught:
        gateway("echo").chat.completions.create(model="echo", messages=said("hi"))
    assert caught.value.code == name


@pytest.mark.parametrize("streamed", [False, True])
def test_a_chat_that_fails_before_its_first_word_is_an_http_error(gateway, add_bot, said, streamed):
    async def fails(messages, context):
        yield Fail(4010, "too long")

    client = gateway(add_bot(fails))
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="fails", messages=said("hi"), stream=streamed)
    assert caught.value.code == "context_length_exceeded"


def test_a_chat_that_fails_in_the_middle_ends_the_stream_with_an_error(gateway, add_bot, said):
    async def breaks(messages, context):
        yield "so far"
        yield Fail(5000, "event interval error")

    client = gateway(add_bot(breaks))
    stream = client.chat.completions.create(model="breaks", messages=said("hi"), stream=True)
    with pytest.raises(openai.APIError, match="event interval error") as caught:
        collected(stream)
    assert caught.value.body["coze"]["code"] == 5000


def test_a_cut_stream_is_an_error_and_no_short_answer(gateway, emulator, said):
    client = gateway("assistant")
    emulator.faults.add(Fault(cut_after=1500, cut="clean"), path="/v3/chat")
    stream = client.chat.completions.create(
        model="assistant", messages=said("Tell me something long."), stream=True
    )
    with pytest.raises(openai.APIError):
        collected(stream)


def test_an_unknown_route_and_method_have_openai_s_errors(gateway):
    client = gateway("echo")
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="echo", input="hi")
    assert caught.value.code == "unknown_route"
    assert httpx.get(f"{client.base_url}chat/completions").status_code == 405


# -- models


def test_configured_models_and_aliases_are_listed(gateway, emulator, said):
    model = BotModel("helper", (BotRoute(emulator.bot_id("echo")),), aliases=("gpt-4o", "a/b"))
    client = gateway(models=(model,))
    assert [found.id for found in client.models.list()] == ["helper", "gpt-4o", "a/b"]
    assert client.models.retrieve("gpt-4o").coze["alias_of"] == "helper"
    assert client.models.retrieve("a/b").id == "a/b"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"
    done = client.chat.completions.create(model="gpt-4o", messages=said("hi"))
    assert done.model == "gpt-4o"
    assert done.choices[0].message.content == "hi"


def test_without_configured_models_the_published_bots_are_the_models(serve, emulator, said):
    url = serve(create_app(Settings(base_url=emulator.base_url)))
    with openai.OpenAI(base_url=f"{url}/v1", api_key=emulator.token) as client:
        found = {model.id: model for model in client.models.list()}
        assert found[emulator.bot_id("assistant")].coze["name"] == "assistant"
        assert emulator.bot_id("unpublished") not in found
        assert client.models.retrieve(emulator.bot_id("echo")).id == emulator.bot_id("echo")
        done = client.chat.completions.create(model=emulator.bot_id("echo"), messages=said("hello"))
        assert done.choices[0].message.content == "hello"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="gpt-4o", messages=said("hello"))


def test_a_model_has_settings_of_its_own(gateway, emulator, said):
    options = {"system": "variable:instructions", "custom_variables": {"mood": "calm"}}
    model = BotModel("helper", (BotRoute(emulator.bot_id("echo")),), options=options)
    client = gateway(models=(model,))
    client.chat.completions.create(
        model="helper",
        messages=[{"role": "system", "content": "Be brief."}, *said("hi")],
        metadata={"name": "Ada"},
    )
    sent = emulator.requests.to("/v3/chat")[-1].json
    variables = {"mood": "calm", "name": "Ada", "instructions": "Be brief."}
    assert sent["custom_variables"] == variables


def test_it_says_that_it_is_well(gateway):
    client = gateway("echo")
    reply = httpx.get(str(client.base_url).removesuffix("/v1/") + "/healthz")
    assert reply.json()["status"] == "ok"


def test_it_runs_within_another_application(emulator, said):
    import asyncio

    app = create_app(Settings(base_url="https://coze.example"), transport=emulator.transport())

    async def ask():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.post(
                "/v1/chat/completions",
                json={"model": emulator.bot_id("echo"), "messages": said("hi")},
                headers={"Authorization": f"Bearer {emulator.token}"},
            )

    assert asyncio.run(ask()).json()["choices"][0]["message"]["content"] == "hi"


def test_text_that_is_no_unicode_does_not_break_the_stream(gateway, add_bot, said):
    async def odd(messages, context):
        yield Reasoning("why \u2028 not")
        yield 'a\u2028b \x00 "quoted" \\ é 你好'

    client = gateway(add_bot(odd))
    stream = client.chat.completions.create(model="odd", messages=said("hi"), stream=True)
    assert collected(stream)[1] == 'a\u2028b \x00 "quoted" \\ é 你好'


def test_a_coze_studio_is_served_as_well(serve, studio, said):
    url = serve(create_app(Settings(base_url=studio.base_url)))
    with openai.OpenAI(base_url=f"{url}/v1", api_key=studio.token, max_retries=0) as client:
        bot = studio.bot_id("assistant")
        stream = client.chat.completions.create(
            model=bot, messages=said("What is 2 + 3?"), stream=True
        )
        assert collected(stream)[1] == "2 + 3 = 5"
        with pytest.raises(openai.InternalServerError) as caught:
            client.models.list()  # it does not list its bots: name them as models
        assert caught.value.status_code == 501
        assert caught.value.code == "unsupported"


def test_the_user_may_be_an_option_of_the_request_or_of_the_model(gateway, emulator, said):
    routes = (BotRoute(emulator.bot_id("echo")),)
    client = gateway(models=(BotModel("echo", routes, options={"user_id": "everybody"}),))
    client.chat.completions.create(model="echo", messages=said("hi"))
    assert emulator.requests.to("/v3/chat")[-1].json["user_id"] == "everybody"
    extra = {"coze": {"user_id": "ada"}}
    client.chat.completions.create(model="echo", messages=said("hi"), extra_body=extra)
    assert emulator.requests.to("/v3/chat")[-1].json["user_id"] == "ada"
