"""What callers over HTTP are told to do: nothing that only a program in Python could."""

import json
import logging

import httpx
import pytest
from serving import KEY, serving
from wire import CREATED, STREAM_HEAD, RawServer, chat_event, chunk, delta, reply

from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app

OWN = "pat_of_the_caller"
CHAT = {"model": "b", "messages": [{"role": "user", "content": "hi"}]}
OF_PYTHON = (".turn", ".run", "deadline", "timeout=", "COZE_API_TOKEN", "region=", "Timeouts")


def asked(answer, key, *, stream=False, **others):
    """The error that a caller with this key gets from a gateway before such a server."""

    def answered(connection, request, number):
        if b" /v3/chat/cancel" in request:
            connection.sendall(reply({"code": 0, "data": {"id": "77", "conversation_id": "88"}}))
            return True
        connection.sendall(answer)
        return False

    with RawServer(answered) as server:
        settings = Settings(
            models=(BotModel("b", (BotRoute("1"),)),),
            accounts={"default": "pat_of_the_gateway"},
            keys=(GatewayKey.of(KEY, name="tests"),),
            pass_through=True,
            base_url=server.base_url,
            **others,
        )
        with serving(create_app(settings)) as url:
            found = httpx.post(
                f"{url}/v1/chat/completions",
                json={**CHAT, "stream": stream},
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
            )
    if not stream:
        return found.json()["error"]
    last = [line for line in found.text.splitlines() if line.startswith("data: {")][-1]
    return json.loads(last.removeprefix("data: "))["error"]


def check(error, hint, hint_zh):
    """Whether these hints are told, in the message too, and none that is for Python."""
    assert hint in error["coze"]["hint"]
    assert hint_zh in error["coze"]["hint_zh"]
    assert f"{error['coze']['hint']} / {error['coze']['hint_zh']}" in error["message"]
    assert not [name for name in OF_PYTHON if name in json.dumps(error, ensure_ascii=False)]


@pytest.mark.parametrize("key", [KEY, OWN], ids=["key", "own token"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_stream_that_was_cut_says_what_it_means_to_ask_again(key, stream):
    cut = STREAM_HEAD + chunk(CREATED + delta("Hi"))
    check(asked(cut, key, stream=stream), "begins another one", "重新请求会发起新的对话")


@pytest.mark.parametrize("key", [KEY, OWN], ids=["key", "own token"])
def test_a_bot_that_is_too_slow_may_be_streamed(key):
    slow = STREAM_HEAD + chunk(CREATED)  # and nothing more, on a connection that stays
    started = []

    def answer(connection, request, number):
        connection.sendall(reply({"code": 0}) if b"/cancel" in request else slow)
        started.append(request)
        return True

    with RawServer(answer) as server:
        models = (BotModel("b", (BotRoute("1"),)),)
        settings = Settings(
            models=models,
            accounts={"default": "pat_of_the_gateway"},
            keys=(GatewayKey.of(KEY, name="tests"),),
            pass_through=True,
            base_url=server.base_url,
            timeout=0.3,
        )
        with serving(create_app(settings)) as url:
            headers = {"Authorization": f"Bearer {key}"}
            found = httpx.post(f"{url}/v1/chat/completions", json=CHAT, headers=headers, timeout=30)
    assert started
    assert found.status_code == 504
    assert found.headers["x-should-retry"] == "false"  # the chat may go on at Coze
    check(found.json()["error"], "streamed answer", "流式请求")


def test_a_caller_s_own_token_is_what_they_sent_as_their_key():
    error = asked(reply({"code": 4100, "msg": "authentication is invalid"}, "401 X"), OWN)
    check(error, "that you send as the API key", "API key")


@pytest.mark.parametrize(
    ("key", "told"), [(KEY, "whoever runs the gateway"), (OWN, "Give the token")]
)
def test_a_permission_is_asked_of_whose_token_it_is(key, told):
    assert told in asked(reply({"code": 4101, "msg": "no permission"}, "403 X"), key)["message"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("chat/completions", {"stream": "yes"}),
        ("chat/completions", {"stream_options": {"include_usage": "yes"}}),
        ("chat/completions", {"tool_choice": "required"}),
        ("responses", {"conversation": "conv_1"}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
    ],
)
def test_what_is_refused_is_told_in_two_languages(gateway, path, said):
    client = gateway("echo")
    body = {**CHAT, "model": "echo", "input": "hi", **said}
    headers = {"Authorization": f"Bearer {KEY}"}
    found = httpx.post(f"{client.base_url}{path}", json=body, headers=headers)
    assert found.status_code == 400
    english, _, chinese = found.json()["error"]["message"].partition(" / ")
    assert english.isascii()
    assert any("\u4e00" <= sign <= "\u9fff" for sign in chinese)


@pytest.mark.parametrize("key", [KEY, OWN], ids=["key", "own token"])
def test_the_address_of_coze_is_the_matter_of_who_runs_the_gateway(key):
    """A caller's own `base_url` is the gateway's, and right."""
    error = asked(reply({"code": 4000, "msg": "no such path"}, "404 X"), key)
    check(error, "whoever runs the gateway", "网关管理员")


def failing(code):
    failed = chat_event("failed", last_error={"code": code, "msg": "it failed"})
    return STREAM_HEAD + chunk(CREATED + failed)


@pytest.mark.parametrize(
    ("code", "hint", "hint_zh"), [(4011, "top up", "充值"), (4015, "publish_status", "发布")]
)
def test_errors_of_coze_s_own_keep_their_hints_for_who_pays(code, hint, hint_zh):
    error = asked(failing(code), OWN)
    check(error, hint, hint_zh)
    assert error["coze"]["code"] == code


def test_errors_that_a_caller_with_a_key_can_mend_keep_their_hints():
    check(asked(failing(4010), KEY), "shorter history", "缩短历史")


@pytest.mark.parametrize(
    ("code", "secret"),
    [
        (4011, "top up"),
        (4012, "Choose another model"),
        (4015, "publish_status"),
        (4021, "Give the bot a workflow"),
        (4028, "top up"),
        (103100001, "Coze Studio log"),
        (103100002, "published to the API"),
    ],
)
def test_what_only_the_owner_of_a_bot_can_do_is_told_to_the_owner(code, secret, caplog):
    caplog.set_level(logging.INFO, logger="openai_coze")
    error = asked(failing(code), KEY)
    check(error, "whoever runs the gateway", "网关管理员")
    assert secret not in json.dumps(error)
    (logged,) = [r.facts for r in caplog.records if hasattr(r, "facts")]
    assert f" {code}: " in logged["detail"]
    assert secret in logged["detail"]
