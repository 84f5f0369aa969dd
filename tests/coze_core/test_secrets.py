"""Tokens that a server repeats stay out of errors; what is no token stays in replies."""

import asyncio
import pickle
import traceback
from urllib.parse import quote

import pytest
from wire import (
    CHAT,
    CREATED,
    END,
    STREAM_HEAD,
    RawServer,
    chat_event,
    chunk,
    delta,
    event,
    reply,
)

from coze_core import AsyncCozeClient, CozeClient, CozeError, FunctionAuth, TokenAuth

TOKENS = ["mycustomtoken-0001", "pat_Abcdef123456", "eyJhbGciOiJI.abcdefgh.signature"]


def streamed(*events):
    return STREAM_HEAD + chunk(b"".join(events)) + END


ECHOES = {
    "body": lambda token: reply({"code": 4100, "msg": f"token {token} bad"}, "401 X"),
    "page": lambda token: reply(f"<html>{token}".encode(), "502 X"),
    "page that is cut": lambda token: reply(b"y" * 190 + token.encode(), "502 X"),
    "not a stream": lambda token: reply({"code": 0, "data": {"x": token}}),
    "header": lambda token: reply({"code": 5, "msg": "x"}, headers=f"x-echo: {token}\r\n"),
    "redirect": lambda token: reply(b"", "302 X", f"location: http://e/?token={token}\r\n"),
    "log id": lambda token: reply({"code": 5, "msg": "x"}, headers=f"x-tt-logid: {token}\r\n"),
    "log id in the body": lambda token: reply({"code": 5, "msg": "x", "detail": {"logid": token}}),
    "status line": lambda token: b"HTTP/9.9 " + token.encode() + b"\r\n\r\n",
    "chunk head": lambda token: STREAM_HEAD + chunk(CREATED) + token.encode() + b"\r\n",
    "event": lambda token: streamed(CREATED, event("error", {"code": 4100, "msg": token})),
    "bad event": lambda token: streamed(CREATED, event("conversation.chat.completed", token)),
    "cut event": lambda token: streamed(
        CREATED, event("conversation.chat.completed", "y" * 180 + token)
    ),
    "failed chat": lambda token: streamed(
        CREATED, event("conversation.chat.failed", {"code": 5000, "msg": f"for {token}"})
    ),
    "ids of a failed chat": lambda token: streamed(
        chat_event("created", id=token, conversation_id=token), chat_event("failed", id=token)
    ),
    "ids of a cut chat": lambda token: streamed(
        chat_event("created", id=token, conversation_id=token)
    ),
}


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_token_that_the_server_repeats_is_nowhere_in_the_error(echo, token):
    def answer(connection, request, number):
        connection.sendall(reply({"code": 0}) if b"cancel" in request else echo(token))

    async def awaiting(base_url):
        client = AsyncCozeClient(token, base_url=base_url, max_retries=0)
        await client.chat.stream(bot_id="1", user_id="u").until_done()

    with RawServer(answer) as server:
        client = CozeClient(token, base_url=server.base_url, max_retries=0)
        with client, pytest.raises(CozeError) as blocking:
            client.chat.stream(bot_id="1", user_id="u").until_done()
        with pytest.raises(CozeError) as waiting:
            asyncio.run(awaiting(server.base_url))
    for error in (blocking.value, waiting.value):
        # A text is cut wherever it is too long, so a token may be there in part.
        assert token[:14] not in all_of(error)
        if getattr(error, "turn", None) is None:  # which is what was said, and no error
            assert token[:14].encode() not in pickle.dumps(error)


def all_of(error):
    """All that an error shows."""
    shown = "".join(traceback.format_exception(error)) + repr(error)
    shown += repr([error.log_id, error.chat_id, error.conversation_id])
    if error.response is not None:
        shown += repr(error.response.headers) + error.response.text
    return shown


def polled(client):
    return client.chat.create_and_poll(bot_id="1", user_id="u")


def said(client):
    return client.audio.speech("Hello!", voice_id="1").read()


def run_later(client):
    return client.workflows.wait(workflow_id="1", execute_id="2")


@pytest.mark.parametrize("auth", ["static", "renewed"])
@pytest.mark.parametrize("ask", [polled, said, run_later])
@pytest.mark.parametrize("place", ["failure", "id", "chunk"])
def test_a_token_is_not_in_what_a_reply_of_success_tells_of_a_failure(ask, auth, place):
    token = "mycustomtoken-0001"

    def answer(connection, request, number):
        if place == "chunk":
            head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n"
            connection.sendall(head + b"\r\n" + token.encode() + b"\r\n")
            return False
        words = f"for {token}" if place == "failure" else "no"
        chat = {**CHAT, "status": "failed", "last_error": {"code": 5000, "msg": words}}
        run = {"execute_id": "2", "execute_status": "Fail", "error_code": 1, "error_message": words}
        ids = {"conversation_id": token} if place == "id" else {}
        data = [run] if b"run_histories" in request else {**chat, **ids}
        connection.sendall(reply({"code": 0, "data": data, "x": token}))
        return True

    async def awaiting(base_url):
        async with AsyncCozeClient(auth=credential(), base_url=base_url, max_retries=0) as client:
            await ask(client)

    def credential():
        return FunctionAuth(lambda: token) if auth == "renewed" else TokenAuth(token)

    with RawServer(answer) as server:
        client = CozeClient(auth=credential(), base_url=server.base_url, max_retries=0)
        with client, pytest.raises(CozeError) as blocking:
            ask(client)
        with pytest.raises(CozeError) as waiting:
            asyncio.run(awaiting(server.base_url))
    for error in (blocking.value, waiting.value):
        assert token not in all_of(error)


def test_a_token_is_found_where_it_stands_quoted_in_an_address():
    token = "my/custom+token=0001"

    def answer(connection, request, number):
        where = f"location: http://e/?token={quote(token, safe='')}\r\n"
        connection.sendall(reply(b"", "302 X", where))
        return True

    with (
        RawServer(answer) as server,
        CozeClient(token, base_url=server.base_url, max_retries=0) as client,
        pytest.raises(CozeError) as caught,
    ):
        client.users.me()
    assert "token=***" in str(caught.value)
    assert "0001" not in all_of(caught.value)


@pytest.mark.parametrize("token", ["test", "a", "id", "dummy", "this is a test".replace(" ", "_")])
def test_a_reply_is_never_changed_whatever_words_the_token_is_made_of(token):
    text = "this is a test of dummy data: this_is_a_test"
    body = {"code": 0, "data": [{"id": "1", "type": "answer", "content": text}]}

    def answer(connection, request, number):
        connection.sendall(reply(body))
        return True

    with RawServer(answer) as server, CozeClient(token, base_url=server.base_url) as client:
        (found,) = client.chat.messages(conversation_id="8", chat_id="7")
    assert (found.id, found.content) == ("1", text)


def test_a_short_token_is_not_cut_out_of_the_words_of_an_error():
    def answer(connection, request, number):
        connection.sendall(reply({"code": 4000, "msg": "this is a test"}))

    with (
        RawServer(answer) as server,
        CozeClient("test", base_url=server.base_url) as client,
        pytest.raises(CozeError, match="this is a test"),
    ):
        client.users.me()


def test_an_error_keeps_a_part_of_an_endless_text():
    """What is kept is searched for tokens, which must not take for ever."""
    error = CozeError("-eyJaaaaaa" * 100_000, log_id="-eyJaaaaaa" * 100_000)
    assert len(error.message) < 5000
    assert len(error.log_id) < 5000


def test_an_error_can_be_printed_whatever_characters_the_server_sends():
    def answer(connection, request, number):
        connection.sendall(reply(b'{"code":5,"msg":"a\\ud800b","detail":{"logid":"\\ud800"}}'))

    with (
        RawServer(answer) as server,
        CozeClient("pat_x", base_url=server.base_url) as client,
        pytest.raises(CozeError) as caught,
    ):
        client.users.me()
    assert str(caught.value).encode().decode().startswith("a\ufffdb")


def test_an_error_event_can_be_printed_as_well():
    def answer(connection, request, number):
        error = b'event:error\ndata:{"code":5,"msg":"a\\ud800b"}\n\n'
        connection.sendall(streamed(CREATED, delta("x"), error))

    with (
        RawServer(answer) as server,
        CozeClient("pat_x", base_url=server.base_url) as client,
        pytest.raises(CozeError) as caught,
    ):
        client.chat.stream(bot_id="1", user_id="u").until_done()
    assert str(caught.value).encode()
