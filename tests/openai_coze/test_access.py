"""Who may call, what they may use, and how much of it."""

import logging

import httpx
import openai
import pytest
from serving import KEY

from openai_coze import BotModel, BotRoute, GatewayKey, Limits

OTHER = "sk-other-0123456789abcdef"


def test_a_caller_s_own_token_is_passed_through(gateway, emulator, said):
    emulator.add_token("pat_alice", bot_ids=[emulator.bot_id("echo")])
    client = gateway("echo", "assistant", keys=(), accounts={}, key="pat_alice")
    done = client.chat.completions.create(model="echo", messages=said("hi"))
    assert done.choices[0].message.content == "hi"
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="assistant", messages=said("hi"))


def test_a_wrong_token_is_the_caller_s_matter(gateway, said):
    client = gateway("echo", keys=(), accounts={}, key="pat_wrong")
    with pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="echo", messages=said("hi"))
    assert caught.value.body["coze"]["code"] in {4100, 4101}
    assert "pat_wrong" not in str(caught.value.body)


def test_what_one_token_uploads_is_not_known_to_another(gateway, emulator):
    emulator.add_token("pat_alice")
    emulator.add_token("pat_bob")
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
    ]
    client = gateway("assistant", keys=(), accounts={}, key="pat_alice")
    for token in ("pat_alice", "pat_alice", "pat_bob"):
        client.with_options(api_key=token).chat.completions.create(
            model="assistant", messages=[{"role": "user", "content": parts}]
        )
    assert len(emulator.requests.to("/v1/files/upload")) == 2


def test_without_pass_through_only_the_gateway_s_keys_are_let_in(gateway, emulator, said):
    client = gateway("echo")
    assert client.chat.completions.create(model="echo", messages=said("hi"))
    for wrong in (emulator.token, KEY + "x", KEY[:-1], "x", "ключ".encode().decode("latin-1")):
        reply = httpx.post(
            f"{client.base_url}chat/completions",
            json={"model": "echo", "messages": said("hi")},
            headers={b"Authorization": b"Bearer " + wrong.encode("latin-1")},
        )
        assert reply.status_code == 401
        assert reply.json()["error"]["code"] == "invalid_api_key"
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("header", ["", "Bearer", f"Basic {KEY}", KEY])
def test_without_a_key_nothing_is_answered(gateway, emulator, header):
    client = gateway("echo")
    for path in ("chat/completions", "models", "models/echo"):
        method = "POST" if path.startswith("chat") else "GET"
        reply = httpx.request(
            method, f"{client.base_url}{path}", headers={"Authorization": header}, content=b"{}"
        )
        assert reply.status_code == 401
    assert not emulator.requests


def test_a_key_sees_and_uses_its_own_models_only(gateway, emulator, said):
    models = tuple(
        BotModel(name, (BotRoute(emulator.bot_id(name)),), aliases=(f"my-{name}",))
        for name in ("echo", "assistant")
    )
    keys = (GatewayKey.of(KEY, name="a", models=("echo",)), GatewayKey.of(OTHER, name="b"))
    client = gateway(models=models, keys=keys)
    assert [model.id for model in client.models.list()] == ["echo", "my-echo"]
    assert client.chat.completions.create(model="my-echo", messages=said("hi"))
    for name in ("assistant", "my-assistant", emulator.bot_id("assistant")):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=name, messages=said("hi"))
        assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("assistant")
    with pytest.raises(openai.BadRequestError):
        extra = {"coze": {"bot_id": emulator.bot_id("assistant")}}
        client.chat.completions.create(model="echo", messages=said("hi"), extra_body=extra)
    other = client.with_options(api_key=OTHER)
    assert other.chat.completions.create(model="assistant", messages=said("hi"))


@pytest.mark.parametrize("name", ["publish_status", "bot_version", "connector_id"])
def test_what_the_payer_chooses_is_closed_to_keys(gateway, emulator, said, name):
    client = gateway("echo")
    asked = {"model": "echo", "messages": said("hi"), "extra_body": {"coze": {name: "1"}}}
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(**asked)
    assert caught.value.param == f"coze.{name}"
    assert not emulator.requests


def test_bots_that_are_no_models_are_closed_to_keys_and_open_to_tokens(gateway, emulator, said):
    client = gateway("echo", pass_through=True)
    slow = emulator.bot_id("assistant")
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=slow, messages=said("hi"))
    own = client.with_options(api_key=emulator.token)
    assert own.chat.completions.create(model=slow, messages=said("hi"))


def test_a_key_has_so_many_requests_a_minute(gateway, said):
    keys = (GatewayKey.of(KEY, name="a", per_minute=2), GatewayKey.of(OTHER, name="b"))
    client = gateway("echo", keys=keys)
    for _ in range(2):
        client.chat.completions.create(model="echo", messages=said("hi"))
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="echo", messages=said("hi"))
    assert 0 < int(caught.value.response.headers["retry-after"]) <= 30
    other = client.with_options(api_key=OTHER)
    assert other.chat.completions.create(model="echo", messages=said("hi"))


def test_a_bad_credential_of_the_gateway_is_not_the_caller_s_matter(gateway, said):
    client = gateway("echo", accounts={"default": "pat_expired"})
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="echo", messages=said("hi"))
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_authentication"


def test_no_secret_is_logged_or_shown(gateway, serve, emulator, said, caplog):
    caplog.set_level(logging.DEBUG)
    client = gateway("echo", pass_through=True)
    client.chat.completions.create(model="echo", messages=said("the password is swordfish"))
    with pytest.raises(openai.NotFoundError):
        client.with_options(api_key=emulator.token).chat.completions.create(
            model="none", messages=said("hi")
        )
    serve.stop()
    ours = [r.getMessage() + str(r.__dict__) for r in caplog.records if "coze" in r.name]
    assert ours
    assert not any(emulator.token in line or KEY in line for line in ours)
    assert not any("swordfish" in line for line in ours)
    assert any("key:tests" in line for line in ours)


# -- browsers


def test_other_web_pages_may_not_call_unless_they_are_named(gateway):
    origin = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"}
    closed = gateway("echo")
    reply = httpx.options(f"{closed.base_url}chat/completions", headers=origin)
    assert "access-control-allow-origin" not in reply.headers
    opened = gateway("echo", cors_origins=("https://chat.example",))
    asked = {**origin, "Access-Control-Request-Headers": "authorization,x-stainless-lang"}
    reply = httpx.options(f"{opened.base_url}chat/completions", headers=asked)
    assert reply.headers["access-control-allow-origin"] == "https://chat.example"
    assert "x-stainless-lang" in reply.headers["access-control-allow-headers"]
    refused = httpx.post(f"{opened.base_url}chat/completions", headers=origin)
    assert "x-should-retry" in refused.headers["access-control-expose-headers"]
    other = {**asked, "Origin": "https://evil.example"}
    reply = httpx.options(f"{opened.base_url}chat/completions", headers=other)
    assert "access-control-allow-origin" not in reply.headers


# -- limits


def test_a_body_that_is_too_large_is_refused(gateway, emulator, said):
    client = gateway("echo", limits=Limits(body=1000))
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="echo", messages=said("x" * 2000))
    assert caught.value.status_code == 413

    def chunked():
        for _ in range(100):
            yield b" " * 100

    reply = httpx.post(
        f"{client.base_url}chat/completions",
        content=chunked(),
        headers={"Authorization": f"Bearer {KEY}"},
    )
    assert reply.status_code == 413
    assert not emulator.requests


def test_too_many_messages_are_refused(gateway, said):
    client = gateway("echo", limits=Limits(messages=3))
    with pytest.raises(openai.BadRequestError, match="more than 3 messages"):
        client.chat.completions.create(model="echo", messages=said("hi") * 4)


def test_looking_counts_as_a_request(gateway, emulator):
    keys = (GatewayKey.of(KEY, name="a", per_minute=2),)
    client = gateway(models=(), keys=keys)
    client.models.list()
    with pytest.raises(openai.APIStatusError):
        client.files.retrieve("7369000000000000000")
    asked = len(emulator.requests)
    for look in (client.models.list, lambda: client.files.retrieve("7369000000000000000")):
        with pytest.raises(openai.RateLimitError):
            look()
    assert len(emulator.requests) == asked


def test_too_many_requests_at_once_are_told_to_come_again(gateway, said):
    client = gateway("slow", "echo", limits=Limits(running=1))
    with client.chat.completions.create(model="slow", messages=said("hi"), stream=True) as stream:
        next(iter(stream))
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="echo", messages=said("hi"))
        assert caught.value.status_code == 503
        assert caught.value.code == "overloaded"
        assert caught.value.response.headers["retry-after"] == "1"


def test_an_answer_that_takes_too_long_is_cut_off_and_cancelled(gateway, emulator, add_bot, said):
    from coze_core.emulator import Pause

    async def sleeps(messages, context):
        yield Pause(60)

    client = gateway(add_bot(sleeps), "slow", limits=Limits(seconds=0.3))
    with pytest.raises(openai.InternalServerError) as caught:
        client.with_options(max_retries=2).chat.completions.create(
            model="sleeps", messages=said("hi")
        )
    assert caught.value.status_code == 504
    assert len(emulator.requests.to("/v3/chat")) == 1  # three would cost three times as much
    stream = client.chat.completions.create(model="slow", messages=said("hi"), stream=True)
    with pytest.raises(openai.APIError, match="too long"):
        list(stream)
