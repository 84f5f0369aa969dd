"""Requests that no client of OpenAI's makes: each gets a clear error, and none hurts the others."""

import json
import logging
import time

import httpx
import pytest
from serving import KEY

from openai_coze import Limits, create_app
from openai_coze._logs import JsonLines

HEADERS = {"Authorization": f"Bearer {KEY}"}
HI = {"role": "user", "content": "hi"}


@pytest.fixture
def post(serve, settings_for):
    """Posts a body to a gateway before the bot `echo`: `post("chat/completions", {...})`."""
    url = serve(create_app(settings_for("echo")))

    def send(path, body, **others):
        if not isinstance(body, bytes):
            body = json.dumps({"model": "echo", **body}).encode()
        return httpx.post(f"{url}/v1/{path}", content=body, headers=HEADERS, **others)

    return send


def is_in_two_languages(text):
    english, _, chinese = text.partition(" / ")
    return english.isascii() and any("\u4e00" <= sign <= "\u9fff" for sign in chinese)


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": []}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [HI] * 1001}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"role": "x", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages[0].content[0]"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"response_format": 5}, "response_format"),
        ({"user": 5}, "user"),
        ({"coze": 5}, "coze"),
        ({"coze": {"bot": "1"}}, "coze.bot"),
        ({"coze": {"auto_save_history": "no"}}, "coze.auto_save_history"),
        ({"coze": {"on_busy": "never"}}, "coze.on_busy"),
        ({"tools": {}}, "tools"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": {"include_usage": "no"}}, "stream_options.include_usage"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"coze": {"conversation_id": 5}}, "coze.conversation_id"),
        ({"coze": {"custom_variables": {"a": 5}}}, "coze.custom_variables"),
        ({"coze": {"meta_data": {"a": {}}}}, "coze.meta_data"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": "x" * 257}, "stop"),
        ({"modalities": 5}, "modalities"),
        ({"model": "m" * 1000}, "model"),
        ({"tools": [None]}, "tools[0]"),
        ({"messages": [{"role": [], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": {}}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls"),
        ({"coze": {"history": []}}, "coze.history"),
        ({"coze": {"system": {}}}, "coze.system"),
        ({"coze": {"tool_calling": []}}, "coze.tool_calling"),
        ({"coze": {"on_stale_chat": {}}}, "coze.on_stale_chat"),
        ({"coze": {"meta_data": "x"}}, "coze.meta_data"),
        ({"coze": {"custom_variables": 1}}, "coze.custom_variables"),
        ({"coze": {"busy_timeout": {}}}, "coze.busy_timeout"),
    ],
)
def test_a_wrong_type_is_named(post, fields, param):
    reply = post("chat/completions", {"messages": [HI], **fields})
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["param"] == param
    assert is_in_two_languages(error["message"])


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("responses", {"input": [{"role": [], "content": "x"}]}, "input[0].role"),
        ("responses", {"input": "x", "instructions": ["x"]}, "instructions"),
        ("responses", {"input": 5}, "input"),
        ("responses", {"input": [5]}, "input[0]"),
        ("responses", {"input": [HI] * 1001}, "input"),
        ("responses", {"input": [{"type": "x"}]}, "input[0]"),
        ("responses", {"input": "x", "background": True}, "background"),
        ("responses", {"input": "x", "tools": {}}, "tools"),
        ("responses", {"input": "x", "tools": [{"type": "web_search"}]}, "tools[0]"),
        ("audio/speech", {"input": ""}, "input"),
        ("audio/speech", {"input": "x" * 4097}, "input"),
        ("responses", {"input": "x", "stream": "true"}, "stream"),
        ("responses", {"input": [{"type": "function_call"}]}, "input[0].name"),
        ("responses", {"input": "x", "conversation": "conv_1"}, "conversation"),
        ("responses", {"input": "x", "prompt": {"id": "pmpt_1"}}, "prompt"),
        ("responses", {"input": "x", "tool_choice": {"type": "web_search"}}, "tool_choice"),
        ("audio/speech", {"input": "x", "response_format": {"a": 1}}, "response_format"),
        ("audio/speech", {"input": "x", "stream_format": [1]}, "stream_format"),
        ("audio/speech", {"input": "x", "speed": []}, "speed"),
    ],
)
def test_a_wrong_type_is_named_on_the_other_routes(post, path, fields, param):
    reply = post(path, {"voice": "7350000000000000001", **fields})
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["param"] == param
    assert is_in_two_languages(error["message"])


def test_options_that_are_null_are_as_if_they_were_absent(post):
    options = dict.fromkeys(["system", "busy_timeout", "publish_status", "custom_variables"])
    assert post("chat/completions", {"messages": [HI], "coze": options}).status_code == 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_of_json_is_not_passed_on(post, number):
    body = f'{{"model": "echo", "input": "hi", "top_p": {number}}}'
    reply = post("responses", body.encode())
    assert reply.status_code == 400
    assert "not JSON" in reply.json()["error"]["message"]


def test_half_a_character_is_refused_in_words(post):
    reply = post("chat/completions", {"messages": [{"role": "user", "content": "\ud83d"}]})
    assert reply.status_code == 400
    assert "surrogate" in reply.json()["error"]["message"]
    whole = {"messages": [{"role": "user", "content": "\N{GRINNING FACE}"}]}
    answer = post("chat/completions", whole).json()
    assert answer["choices"][0]["message"]["content"] == "\N{GRINNING FACE}"


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
def test_bodies_nested_without_end_are_refused(post, path):
    schema = {"type": "json_schema", "name": "x", "schema": nested(900)}
    formats = {"response_format": {**schema, "json_schema": schema}, "text": {"format": schema}}
    reply = post(path, {"messages": [HI], "input": "hi", **formats})
    assert reply.status_code == 400
    assert "too deeply" in reply.json()["error"]["message"]


def test_ids_nested_without_end_are_no_ids(post):
    import base64

    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    reply = post("responses", {"input": "hi", "previous_response_id": f"resp_cz1{deep}"})
    assert reply.status_code == 404
    result = {"role": "tool", "tool_call_id": f"cz1.{deep}", "content": "4"}
    assert post("chat/completions", {"messages": [HI, result]}).status_code == 200


@pytest.mark.parametrize(
    "name", ["a\r\nset-cookie: x=1", "\0", "\N{CJK UNIFIED IDEOGRAPH-4E2D}", "a" * 100_000]
)
def test_names_of_fields_cannot_break_the_head_of_an_answer(post, name):
    reply = post("chat/completions", {"messages": [HI], name: 1})
    assert reply.status_code == 200
    assert "set-cookie" not in reply.headers
    assert len(reply.headers["x-coze-ignored"]) < 1000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5},
        {"type": [[]]},
        {"allOf": 5},
        {"properties": 5},
        {"required": [[]]},
    ],
)
def test_a_schema_that_is_none_does_no_harm(post, schema):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    said = [{"role": "user", "content": '{"a": 1}'}]
    reply = post("chat/completions", {"messages": said, "response_format": form})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"anyOf": [{"$ref": "#"}] * 4, "minProperties": 9, "required": ["b"]},
    ],
    ids=["pattern", "choices"],
)
def test_a_caller_s_schema_cannot_keep_the_gateway_busy(post, schema):
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    said = [{"role": "user", "content": json.dumps({"a": "a" * 40 + "!"})}]
    began = time.monotonic()
    post("chat/completions", {"messages": said, "response_format": form}, timeout=60)
    assert time.monotonic() - began < 30  # else it takes days


def test_a_caller_cannot_write_lines_into_the_log(post, serve, caplog):
    caplog.set_level(logging.INFO, logger="openai_coze")
    forged = "x\n2026-01-01 INFO request caller=key:admin status=200"
    assert post("chat/completions", {"messages": [HI], "model": forged}).status_code == 404
    serve.stop()
    (record,) = [r for r in caplog.records if r.name == "openai_coze" and hasattr(r, "facts")]
    assert "\n" not in record.getMessage()
    assert "caller=key:tests" in record.getMessage()
    record.facts["model"] = "\ud800"
    assert JsonLines().format(record).encode()


def test_a_body_that_does_not_come_gives_its_place_back(serve, settings_for):
    import socket

    limits = Limits(reading=0.2, running=1)
    url = serve(create_app(settings_for("echo", limits=limits)))
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 1000\r\n\r\n{"
    )
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(head.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 408")
        body = {"model": "echo", "messages": [HI]}
        assert httpx.post(f"{url}/v1/chat/completions", json=body, headers=HEADERS).is_success


@pytest.mark.parametrize("way", ["length", "chunks", "file"])
def test_large_bodies_together_have_a_bound_and_give_their_room_back(serve, settings_for, way):
    import socket

    limits = Limits(body=1_000_000, upload=1_000_000, held=1_000_000)
    url = serve(create_app(settings_for("echo", limits=limits)))
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 900000\r\n\r\n"
    )
    body = json.dumps({"model": "echo", "messages": [HI], "pad": "x" * 300_000}).encode()

    def ask():
        if way == "file":
            files = {"file": ("a.txt", b"x" * 300_000)}
            return httpx.post(f"{url}/v1/files", files=files, headers=HEADERS)
        content = body if way == "length" else iter([body[:200_000], body[200_000:]])
        return httpx.post(f"{url}/v1/chat/completions", content=content, headers=HEADERS)

    def ask_until(status):
        for _ in range(100):
            if (reply := ask()).status_code == status:
                break
            time.sleep(0.05)
        assert reply.status_code == status
        return reply

    assert ask().status_code == 200
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(head.encode() + b"x" * 800_000)
        refused = ask_until(503)  # as soon as what was sent has come
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1"
        small = httpx.post(
            f"{url}/v1/chat/completions",
            json={"model": "echo", "messages": [HI]},
            headers=HEADERS,
        )
        assert small.status_code == 200
    ask_until(200)


@pytest.mark.parametrize("piece", ["{},", "[],", "1.5,"])
def test_a_body_that_grows_in_memory_is_counted_by_what_it_takes(serve, settings_for, piece):
    limits = Limits(body=1_000_000, upload=1_000_000, held=4_000_000)
    url = serve(create_app(settings_for("echo", limits=limits)))
    pad = f"[{piece * (900_000 // len(piece))}0]"
    for said, status in ((pad, 413), (json.dumps(pad[:90_000]), 200)):
        body = f'{{"model": "echo", "messages": [{json.dumps(HI)}], "pad": {said}}}'
        reply = httpx.post(f"{url}/v1/chat/completions", content=body, headers=HEADERS)
        assert reply.status_code == status


def test_who_says_that_much_will_come_keeps_nobody_out(serve, settings_for):
    import socket

    limits = Limits(body=1_000_000, upload=1_000_000, held=1_000_000)
    url = serve(create_app(settings_for("echo", limits=limits)))
    host, port = url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Length: 1000000\r\n\r\nx"
    )
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(head.encode())
        content = {"model": "echo", "messages": [HI], "pad": "x" * 500_000}
        reply = httpx.post(f"{url}/v1/chat/completions", json=content, headers=HEADERS)
    assert reply.status_code == 200


def test_a_wrong_method_is_told_which_one_there_is(serve, settings_for):
    url = serve(create_app(settings_for("echo")))
    reply = httpx.put(f"{url}/v1/chat/completions", headers=HEADERS)
    assert reply.status_code == 405
    assert reply.headers["allow"] == "POST"
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("method", "path"), [("POST", "chat/completions/"), ("GET", "files/")])
def test_no_key_is_sent_on_to_another_address(serve, settings_for, method, path):
    url = serve(create_app(settings_for("echo")))
    headers = {**HEADERS, "Host": "elsewhere.example"}
    reply = httpx.request(method, f"{url}/v1/{path}", headers=headers)
    assert reply.status_code == 404
    assert "location" not in reply.headers


def test_what_is_repeated_of_a_request_has_a_bound(post):
    reply = post("chat/completions", {"messages": [{"role": "x" * 100_000, "content": "x"}]})
    assert reply.status_code == 400
    assert len(reply.content) < 5000


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"temperature": 0}, "temperature"),
        ({"seed": 0, "max_tokens": 0}, "seed, max_tokens"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"max_completion_tokens": 5, "logprobs": True}, "max_completion_tokens, logprobs"),
        ({"temperature": 1, "top_p": 1, "frequency_penalty": 0, "modalities": ["text"]}, None),
        ({"logprobs": False, "store": False, "logit_bias": {}, "service_tier": "auto"}, None),
    ],
)
def test_what_has_no_effect_is_told_even_if_it_is_0(post, fields, told):
    reply = post("chat/completions", {"messages": [HI], **fields})
    assert reply.status_code == 200
    assert reply.headers.get("x-coze-ignored") == told
