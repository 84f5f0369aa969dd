"""Whatever is sent to the emulator, it answers, and goes on."""

import logging

import httpx
import pytest

from coze_core.emulator import Emulator, _others


@pytest.fixture(params=["cloud", "studio"])
def http(request):
    with Emulator(profile=request.param) as emulator:
        headers = {"authorization": f"Bearer {emulator.token}"}
        with httpx.Client(base_url=emulator.base_url, headers=headers, timeout=5) as client:
            yield client


DEEP = "[" * 100_000


@pytest.mark.parametrize("content", [DEEP, '{"bot_id":' * 100_000, "9" * 5000, "\xff", "{"])
def test_a_body_that_cannot_be_read_is_refused(http, content):
    for path in ("/v3/chat", "/v1/conversation/create"):
        reply = http.post(path, content=content.encode("latin-1"))
        assert reply.status_code in {200, 400}
        assert b"4000" in reply.content or b"400" in reply.content


@pytest.mark.parametrize("number", ["\u00b2", "x", "-1", "0", "9" * 5000])
def test_a_number_that_is_none_is_refused(http, number):
    reply = http.get("/v1/conversations", params={"bot_id": "1", "page_num": number})
    assert reply.status_code in {200, 400}
    assert reply.json()["code"] != 0


def test_a_mixed_message_that_is_nested_without_end_is_refused(http):
    message = {"role": "user", "content": DEEP, "content_type": "object_string"}
    body = {"bot_id": "1", "user_id": "u", "additional_messages": [message]}
    reply = http.post("/v3/chat", json=body)
    assert reply.status_code in {200, 400}


def test_a_mistake_of_the_emulator_is_a_500_and_logged(monkeypatch, caplog):
    def broken(state, request):
        raise ZeroDivisionError

    monkeypatch.setattr(_others.me, "__code__", broken.__code__)
    with Emulator() as emulator, caplog.at_level(logging.ERROR):
        headers = {"authorization": f"Bearer {emulator.token}"}
        with httpx.Client(base_url=emulator.base_url, headers=headers) as client:
            for _ in range(2):
                reply = client.get("/v1/users/me")
                assert (reply.status_code, reply.json()["code"]) == (500, 5000)
    assert "could not answer GET /v1/users/me" in caplog.text
