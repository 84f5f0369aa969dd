"""Tokens that a server repeats stay out of errors; what is no token stays in replies."""

import asyncio
import pickle
import traceback

import pytest
from wire import CREATED, END, STREAM_HEAD, RawServer, chunk, delta, event, reply

from coze_core import AsyncCozeClient, CozeClient, CozeError

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
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.log_id)
        if error.response is not None:
            shown += repr(error.response.headers) + error.response.text
        # A text is cut wherever it is too long, so a token may be there in part.
        assert token[:14] not in shown
        assert token[:14].encode() not in pickle.dumps(error)


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
    assert str(caught.value).encode().startswith(b"a?b")


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
