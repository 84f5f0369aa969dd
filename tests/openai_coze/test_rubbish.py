"""Bytes that no client of OpenAI's sends: each request ends in an error of OpenAI's form."""

import gzip
import json
import logging
import socket
import struct
import time

import httpx
import pytest
from serving import KEY

from openai_coze import Limits, create_app

CHAT = b'{"model": "echo", "messages": [{"role": "user", "content": "hi"}]}'
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--b--\r\n'
OF_FORM = "Content-Type: multipart/form-data; boundary=b"


def address_of(url):
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@pytest.fixture
def exchanged(serve, settings_for, caplog):
    """Sends bytes and returns the status and the body of each answer, until the connection ends."""
    url = serve(create_app(settings_for("echo", limits=Limits(reading=0.3))))

    def send(data):
        with socket.create_connection(address_of(url), timeout=30) as raw:
            raw.sendall(data)
            received = b""
            while block := raw.recv(65536):
                received += block
        assert not [record for record in caplog.records if record.exc_info]
        return list(answers(received))

    return send


def answers(received):
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", 0))
        yield status, rest[:length]
        received = rest[length:]


def request(path, body, *headers, method="POST", length=True, close=True):
    lines = [
        f"{method} /v1/{path} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {KEY}",
        *([f"Content-Length: {len(body)}"] if length else []),
        *(["Connection: close"] if close else []),
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(content):
    return CHAT.replace(b"hi", content)


BODIES = {
    "no UTF-8": saying(b"\xff\xfe"),
    "half a character in bytes": saying(b"\xed\xa0\x80"),
    "half a character in UTF-16": json.dumps({"model": "\ud800"}).encode("utf-16"),
    "half a character in an escape": saying(b"\\udc00"),
    "half a character in a name": CHAT.replace(b'"model"', b'"\\ud800": 1, "model"'),
    "no number": CHAT.replace(b"{", b'{"seed": NaN, ', 1),
    "too many digits": CHAT.replace(b"{", b'{"seed": ' + b"9" * 5000 + b", ", 1),
    "deep and cut": b"[" * 100_000,
    "deep": CHAT.replace(b"{", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b", ", 1),
    "a name twice": CHAT.replace(b"]}", b'], "messages": 5}'),
    "many messages": CHAT.replace(b"[", b"[" + b'{"role": "user", "content": "x"},' * 100_000),
    "nothing": b"",
    "null": b"null",
    "a second value": CHAT + b"{}",
    "a form": b"model=echo",
    "a text that is none": saying(b"").replace(b'""', b'[{"type": "text", "text": ["x"]}]'),
    "a number that is none": CHAT[:-1] + b', "coze": {"busy_timeout": ' + b"9" * 400 + b"}}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_rubbish_is_refused_in_openai_s_form(exchanged, body):
    ((status, told),) = exchanged(request("chat/completions", body))
    error = json.loads(told)["error"]
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert "codec" not in error["message"]
    assert "sys." not in error["message"]


@pytest.mark.parametrize("path", ["chat/completions", "responses", "audio/speech", "files"])
def test_a_compressed_body_is_refused_in_words(exchanged, path):
    packed = request(path, gzip.compress(CHAT), "Content-Encoding: gzip")
    ((status, told),) = exchanged(packed)
    assert status == 415
    assert json.loads(told)["error"]["code"] == "unsupported_encoding"
    ((status, told),) = exchanged(request(path, b"{}", "Content-Encoding: identity"))
    assert json.loads(told)["error"]["code"] != "unsupported_encoding"


def test_a_number_that_no_float_holds_is_none(exchanged):
    body = b'{"voice": "7350000000000000801", "input": "x", "speed": ' + b"9" * 400 + b"}"
    ((status, told),) = exchanged(request("audio/speech", body))
    assert status == 400
    assert json.loads(told)["error"]["param"] == "speed"


CHUNKED = "Transfer-Encoding: chunked"
CUT = {
    "length": request("chat/completions", CHAT[:-9], f"Content-Length: {len(CHAT)}", length=False),
    "chunks": request("chat/completions", b"ff\r\n{", CHUNKED, length=False),
    "form": request("files", FORM[:-9], f"Content-Length: {len(FORM)}", OF_FORM, length=False),
}


@pytest.mark.parametrize("part", CUT.values(), ids=CUT)
def test_a_body_that_stops_in_the_middle_is_an_error_and_not_a_hang(exchanged, part):
    ((status, told),) = exchanged(part)
    assert status == 408
    assert json.loads(told)["error"]["code"] == "request_timeout"


@pytest.mark.parametrize("part", CUT.values(), ids=CUT)
def test_who_leaves_in_the_middle_of_a_body_leaves_no_error(serve, settings_for, caplog, part):
    caplog.set_level(logging.INFO, logger="openai_coze")
    url = serve(create_app(settings_for("echo")))

    def wait_for(running):
        while httpx.get(f"{url}/healthz").json()["running"] != running:
            time.sleep(0.01)

    with socket.create_connection(address_of(url)) as raw:
        raw.sendall(part)
        wait_for(1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # resets it
    wait_for(0)
    serve.stop()
    (record,) = [record for record in caplog.records if record.name == "openai_coze"]
    assert record.facts["outcome"] == "gone"


def test_requests_one_behind_the_other_are_answered_in_order(exchanged):
    good = request("chat/completions", CHAT, close=False)
    bad = request("chat/completions", b"{", close=False)
    unread = request("nothing", b"x" * 100_000, close=False)
    unknown = good.replace(KEY.encode(), b"sk-unknown-0123456789")
    found = exchanged(good + bad + unread + unknown + request("chat/completions", CHAT))
    assert [status for status, _ in found] == [200, 400, 404, 401, 200]
    assert all("error" in json.loads(told) for status, told in found if status != 200)


def test_who_asks_whether_to_go_on_is_told_to_only_where_the_body_is_wanted(exchanged):
    expecting = request("chat/completions", CHAT, "Expect: 100-continue")
    assert [status for status, _ in exchanged(expecting)] == [100, 200]
    unknown = expecting.replace(KEY.encode(), b"sk-unknown-0123456789")
    assert [status for status, _ in exchanged(unknown)] == [401]


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE", "TRACE", "FOO"])
def test_a_method_that_is_not_there_is_refused_in_openai_s_form(exchanged, method):
    ((status, told),) = exchanged(request("chat/completions", b"", method=method))
    assert status == 405
    assert json.loads(told)["error"]["code"] == "unknown_route"


FORMS = {
    "no boundary": (FORM, "Content-Type: multipart/form-data"),
    "another boundary": (FORM, OF_FORM.replace("=b", "=c")),
    "nothing": (b"", OF_FORM),
    "no header": (FORM.replace(b"Content-Disposition", b"X"), OF_FORM),
    "no file": (FORM.replace(b'; filename="a"', b""), OF_FORM),
    "two files": (FORM[:-5] + b"\r\n" + FORM, OF_FORM),
    "many headers": (FORM.replace(b"--b\r\n", b"--b\r\n" + b"X: y\r\n" * 9999, 1), OF_FORM),
    "JSON": (CHAT, "Content-Type: application/json"),
    "a boundary without end": (FORM, OF_FORM + "b" * 5000),
}


@pytest.mark.parametrize("path", ["files", "audio/transcriptions"])
@pytest.mark.parametrize(("body", "header"), FORMS.values(), ids=FORMS)
def test_a_form_that_is_none_is_refused_in_openai_s_form(exchanged, path, body, header):
    ((status, told),) = exchanged(request(path, body, header))
    assert status == 400
    assert json.loads(told)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
def test_arguments_of_a_call_that_are_an_object_are_sent_as_json(emulator, exchanged, path):
    function = {"name": "f", "arguments": {"a": True}}
    said = [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "x", "function": function}],
        },
        {"role": "tool", "tool_call_id": "x", "content": "1"},
    ]
    items = [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "x", **function},
        {"type": "function_call_output", "call_id": "x", "output": "1"},
    ]
    body = {"model": "echo", "messages": said, "input": items}
    assert exchanged(request(path, json.dumps(body).encode()))[0][0] == 200
    sent = json.loads(emulator.requests.to("/v3/chat")[-1].body)
    assert '{"a": true}' in sent["additional_messages"][1]["content"]
