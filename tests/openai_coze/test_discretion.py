"""What callers with a key never learn: the gateway's credential, and what stands behind it."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from keys import key_pair
from opentelemetry import trace
from serving import KEY, serving
from spans import Spans
from wire import CREATED, END, STREAM_HEAD, RawServer, chat_event, chunk, delta, event, reply

from coze_core import JWTAuth
from openai_coze import BotModel, BotRoute, GatewayKey, Settings, create_app
from openai_coze._logs import JsonLines

TOKEN = "mycustomtoken-0001"
SAID = "swordfish"
HEADERS = {"Authorization": f"Bearer {KEY}"}
CHAT = {"model": "b", "messages": [{"role": "user", "content": SAID}]}


def streamed(*events):
    return STREAM_HEAD + chunk(b"".join(events)) + END


# What a server may answer that repeats the token.
ECHOES = {
    "code": reply({"code": 4000, "msg": f"token {TOKEN} bad"}),
    "credential": reply({"code": 4100, "msg": f"token {TOKEN} bad"}, "401 X"),
    "log id": reply({"code": 5, "msg": "x", "detail": {"logid": TOKEN}}),
    "retry-after": reply({"code": 4011, "msg": "x"}, "429 X", f"retry-after: {TOKEN}\r\n"),
    "page": reply(f"<html>{TOKEN} at http://inside.example".encode(), "502 X"),
    "redirect": reply(b"", "302 X", f"location: http://inside.example/?token={TOKEN}\r\n"),
    "status line": b"HTTP/9.9 " + TOKEN.encode() + b"\r\n\r\n",
    "something else": reply({"code": 0, "data": [TOKEN]}),
    "event": streamed(CREATED, event("error", {"code": 4100, "msg": TOKEN})),
    "ids": streamed(
        chat_event("created", id=TOKEN, conversation_id=TOKEN),
        delta("Hi"),
        chat_event("failed", id=TOKEN, last_error={"code": 5000, "msg": f"for {TOKEN}"}),
    ),
    "chunk head": STREAM_HEAD + chunk(CREATED + delta("Hi")) + TOKEN.encode() + b"\r\n",
    "bad event": streamed(
        CREATED, delta("Hi"), event("conversation.chat.completed", f"{SAID} {TOKEN}")
    ),
}
REQUESTS = {
    "chat": {"url": "chat/completions", "json": CHAT},
    "streamed chat": {"url": "chat/completions", "json": {**CHAT, "stream": True}},
    "response": {"url": "responses", "json": {"model": "b", "input": SAID}},
    "streamed response": {
        "url": "responses",
        "json": {"model": "b", "input": SAID, "stream": True},
    },
    "upload": {"url": "files", "files": {"file": ("a.txt", b"x")}},
    "file": {"method": "GET", "url": "files/7"},
    "speech": {"url": "audio/speech", "json": {"voice": "1", "input": SAID}},
    "recording": {"url": "audio/transcriptions", "files": {"file": ("a.mp3", b"x")}},
}


@pytest.fixture
def before(caplog):
    """Serves a gateway before a server that answers so; returns its address and what was told."""
    caplog.set_level(logging.DEBUG)
    spans = Spans()
    known = trace._TRACER_PROVIDER
    trace._TRACER_PROVIDER = spans.provider

    def told():
        ours = [record for record in caplog.records if "coze" in record.name]
        logs = "\n".join(record.getMessage() + JsonLines().format(record) for record in ours)
        return logs, spans.text()

    yield told
    trace._TRACER_PROVIDER = known
    spans.provider.shutdown()


def settings(base_url, credential=TOKEN, **others):
    return Settings(
        models=(BotModel("b", (BotRoute("1"),)),),
        accounts={"default": credential},
        keys=(GatewayKey.of(KEY, name="tests"),),
        base_url=base_url,
        **others,
    )


def credential_of(kind, base_url):
    if kind == "static":
        return TOKEN
    private, _ = key_pair()
    return JWTAuth("1", private_key=private, public_key_id="k", base_url=base_url)


@pytest.mark.parametrize("kind", ["static", "granted"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_the_gateway_s_token_is_nowhere_whatever_the_server_repeats(before, echo, kind):
    def answer(connection, request, number):
        if b"/oauth2/token" in request:
            connection.sendall(reply({"access_token": TOKEN, "expires_in": 900}))
            return True
        connection.sendall(reply({"code": 0}) if b"/cancel" in request else echo)
        return echo not in {ECHOES["status line"], ECHOES["chunk head"]}

    def ask(name):
        request = {"method": "POST", **REQUESTS[name], "headers": HEADERS}
        return name, httpx.request(**{**request, "url": f"{url}/v1/{request['url']}"}, timeout=60)

    with RawServer(answer) as server:
        credential = credential_of(kind, server.base_url)
        app = create_app(settings(server.base_url, credential, metrics=True, traces=True))
        with serving(app) as url, ThreadPoolExecutor() as pool:
            for name, found in pool.map(ask, REQUESTS):
                shown = f"{found.headers}{found.text}"
                assert found.status_code >= 400 or "error" in found.text, name
                assert TOKEN not in shown, name
                assert "127.0.0.1" not in shown, name
                assert "inside.example" not in shown, name
            metrics = httpx.get(f"{url}/metrics").text
        sent = [request for request in server.requests if f"Bearer {TOKEN}".encode() in request]
    assert len(sent) >= len(REQUESTS)
    logs, spans = before()
    assert all(TOKEN not in told for told in (logs, spans, metrics))
    assert len(spans.split('"POST /v1/')) > 7
    assert "request_id=" in logs
    assert SAID not in logs


def test_the_log_says_what_callers_with_a_key_are_not_told(before):
    with serving(create_app(settings("http://127.0.0.1:9"))) as url:
        found = httpx.post(f"{url}/v1/chat/completions", json=CHAT, headers=HEADERS)
    error = found.json()["error"]
    assert found.status_code == 502
    assert error["message"].startswith("Coze could not be reached / ")
    assert "hint" not in error["coze"]
    logs, _ = before()
    (line,) = [line for line in logs.splitlines() if found.headers["x-request-id"] in line][-1:]
    assert "the connection to 127.0.0.1 failed" in json.loads(line[line.index("{") :])["detail"]


def test_callers_with_tokens_of_their_own_are_told_all():
    with serving(create_app(Settings(base_url="http://127.0.0.1:9"))) as url:
        body = {**CHAT, "model": "7379"}
        headers = {"Authorization": "Bearer pat_x"}
        found = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers)
    assert "127.0.0.1" in found.json()["error"]["message"]
    assert "base_url" in found.json()["error"]["coze"]["hint"]


async def no_token_later():
    raise ValueError(f"the vault says {TOKEN}")


def no_token():
    raise ValueError(f"the vault says {TOKEN}")


@pytest.mark.parametrize(
    "function",
    [no_token, no_token_later, partial(no_token_later), lambda: "", lambda: 5],
    ids=["blocking", "awaiting", "awaitable", "empty", "number"],
)
def test_a_token_that_cannot_be_had_is_the_gateway_s_matter(before, function):
    with serving(create_app(settings("http://127.0.0.1:9", function))) as url:
        found = httpx.post(f"{url}/v1/chat/completions", json=CHAT, headers=HEADERS)
    assert found.status_code == 502
    assert found.json()["error"]["code"] == "upstream_authentication"
    logs, _ = before()
    assert TOKEN not in found.text + logs
    assert "the account 'default' has no token" in logs


def test_another_account_answers_if_one_has_no_token(gateway, emulator, said):
    routes = tuple(BotRoute(emulator.bot_id("echo"), account) for account in ("first", "second"))
    accounts = {"first": no_token, "second": emulator.token}
    client = gateway(models=(BotModel("echo", routes),), accounts=accounts)
    done = client.chat.completions.create(model="echo", messages=said("hi"))
    assert done.choices[0].message.content == "hi"
