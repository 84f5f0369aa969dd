"""One client object in many threads, loops and processes; what it never shows."""

import asyncio
import copy
import gc
import json
import logging
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from coze_core import (
    AsyncCozeClient,
    AuthenticationError,
    CozeClient,
    CozeError,
    EnterMessage,
    TokenAuth,
    anonymous_user_id,
)
from coze_core.emulator import Bot, Delta, Fault, Pause

SECRET = "pat_verysecret0123456789"


async def answer(client, ask):
    return (await client.chat.stream(**ask("What is 2 + 3?")).until_done()).answer


def test_sixty_four_threads_share_one_client(client, ask):
    def one(_):
        return client.chat.stream(**ask("What is 2 + 3?")).until_done().answer

    with ThreadPoolExecutor(64) as threads:
        assert set(threads.map(one, range(256))) == {"2 + 3 = 5"}


def test_five_loops_one_after_another_share_one_client(emulator, ask):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    for _ in range(5):
        assert asyncio.run(answer(client, ask)) == "2 + 3 = 5"
    gc.collect()


def test_four_loops_at_once_share_one_client(emulator, ask):
    client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda _: asyncio.run(answer(client, ask)), range(8))
        assert set(found) == {"2 + 3 = 5"}


def test_two_hundred_calls_at_once(emulator, ask):
    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        return await asyncio.gather(*(answer(client, ask) for _ in range(200)))

    assert set(asyncio.run(main())) == {"2 + 3 = 5"}


def test_a_thousand_streams_at_once_on_one_loop(emulator, ask):
    """All of them are open at the same time: none ends before the last one has begun."""
    begun = threading.Semaphore(0)
    all_begun = threading.Event()

    async def waits(messages, context):
        yield Delta("begin ")
        begun.release()
        while not all_begun.is_set():
            yield Pause(0.05)
        yield Delta("end")

    emulator.add_bot(Bot("waits", waits))

    def watch():
        for _ in range(1000):
            begun.acquire(timeout=60)
        all_begun.set()

    async def one(client):
        return (await client.chat.stream(**ask("go", "waits")).until_done()).answer

    async def main():
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
        found = await asyncio.gather(*(one(client) for _ in range(1000)))
        assert len(asyncio.all_tasks()) == 1
        return found

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert set(asyncio.run(main())) == {"begin end"}
    watcher.join()


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_a_client_is_pickled_before_and_after_use(emulator, ask, kind, monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", emulator.token)
    client = kind(emulator.token, base_url=emulator.base_url, max_retries=5)
    for _ in range(2):
        for twin in (pickle.loads(pickle.dumps(client)), copy.deepcopy(client), copy.copy(client)):
            assert twin.base_url == client.base_url
            if isinstance(twin, CozeClient):
                assert twin.users.me().user_name == "emulated"
                twin.close()
            else:
                assert asyncio.run(twin.users.me()).user_name == "emulated"
        if isinstance(client, CozeClient):
            client.users.me()
    if isinstance(client, CozeClient):
        client.close()


def test_a_client_with_an_injected_part_says_why_it_cannot_be_pickled(emulator):
    client = CozeClient("pat_x", transport=emulator.transport())
    with pytest.raises(TypeError, match="make it anew"):
        pickle.dumps(client)


def test_an_injected_http_client_is_used_and_never_closed(emulator, ask):
    with httpx.Client(headers={"X-Mine": "1"}) as mine:
        with CozeClient(emulator.token, base_url=emulator.base_url, http_client=mine) as client:
            client.chat.stream(**ask("hi")).until_done()
        assert not mine.is_closed
    assert emulator.requests[-1].headers["x-mine"] == "1"

    async def main():
        async with httpx.AsyncClient(headers={"X-Mine": "2"}) as mine:
            async with AsyncCozeClient(
                emulator.token, base_url=emulator.base_url, http_client=mine
            ) as client:
                await answer(client, ask)
            assert not mine.is_closed

    asyncio.run(main())
    assert emulator.requests[-1].headers["x-mine"] == "2"


def test_a_client_works_again_after_it_was_closed(client, ask):
    client.users.me()
    client.close()
    assert client.users.me().user_name == "emulated"


def test_options_change_a_copy(emulator, client):
    changed = client.with_options(timeout=3, max_retries=0, headers={"X-A": "b"})
    changed.users.me()
    assert emulator.requests[-1].headers["x-a"] == "b"
    client.users.me()
    assert "x-a" not in emulator.requests[-1].headers
    changed.close()


def test_no_secret_shows_anywhere(emulator, ask, caplog):
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"code": 4100, "msg": f"the token {SECRET} and {SECRET[4:]} is bad"})
    emulator.faults.add(Fault(status=401, body=echo.encode(), headers={"X-Echo": SECRET}), times=1)
    client = CozeClient(SECRET, base_url=emulator.base_url)
    with pytest.raises(AuthenticationError) as caught, client:
        client.chat.stream(**ask("hi")).until_done()
    error = caught.value
    shown = [
        *(repr(thing) for thing in (client, error, error.response, TokenAuth(SECRET))),
        str(error),
        error.hint,
        error.response.text,
        str(error.response.headers),
        str(error.response.json()),
        repr(client._config),
        repr(client.__dict__),
        repr(emulator.requests[-1]),
        str(emulator.requests[-1].headers),
        # The HTTP library's own debug log shows the headers that a server sent; ours shows none.
        *(record.getMessage() for record in caplog.records if record.name.startswith("coze")),
    ]
    unpickled = pickle.loads(pickle.dumps(error))
    shown += [str(unpickled), repr(unpickled.__dict__)]
    for text in shown:
        assert SECRET not in text


@pytest.mark.parametrize("token", ["", "a b", "pat_x\n", "pat_é", "Bearer pat_x"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(token):
    with pytest.raises(ValueError) as caught:
        CozeClient(token)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
@pytest.mark.parametrize("token", [lambda: "pat_x", b"pat_secret", ["pat_secret"]])
def test_what_is_no_text_is_refused_as_a_token_and_told_where_it_goes(kind, token):
    with pytest.raises(TypeError, match="auth=") as caught:
        kind(token)
    assert "pat_secret" not in str(caught.value)


def test_settings_come_from_arguments_then_from_the_environment(monkeypatch):
    with pytest.raises(ValueError, match="COZE_API_TOKEN"):
        CozeClient()
    monkeypatch.setenv("COZE_API_TOKEN", "pat_env")
    assert CozeClient().base_url == "https://api.coze.com"
    assert CozeClient(region="cn").base_url == "https://api.coze.cn"
    monkeypatch.setenv("COZE_API_BASE", "https://coze.example.com/prefix/")
    assert CozeClient().base_url == "https://coze.example.com/prefix"
    assert CozeClient(base_url="http://localhost:8888").base_url == "http://localhost:8888"


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "api.coze.com"},
        {"base_url": "https://u:p@host"},
        {"base_url": "https://a", "region": "cn"},
        {"region": "de"},
        {"timeout": 0},
        {"max_retries": -1},
        {"headers": {"Authorization": "Bearer x"}},
        {"headers": {"X": "a\nb"}},
        {"auth": TokenAuth("pat_y")},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        CozeClient("pat_x", **wrong)


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"bot_id": 123}, TypeError, "quotes"),
        ({"bot_id": ""}, ValueError, "empty"),
        ({"user_id": 5}, TypeError, "user_id"),
        ({"conversation_id": 5}, TypeError, "conversation_id"),
        ({"messages": [EnterMessage.user("x")] * 101}, ValueError, "100"),
        ({"messages": ["hi"]}, TypeError, "EnterMessage"),
        ({"messages": EnterMessage.user("hi")}, TypeError, "a list"),
        ({"meta_data": {"k": "v" * 513}}, ValueError, "512"),
        ({"meta_data": {str(n): "v" for n in range(17)}}, ValueError, "16"),
        ({"custom_variables": {"a1": "x"}}, ValueError, "letters"),
        ({"custom_variables": {"a": 1}}, TypeError, "string"),
        ({"deadline": 0}, ValueError, "deadline"),
        ({"publish_status": "unpublished_draft", "bot_version": "1"}, ValueError, "bot_version"),
        (
            {"messages": [EnterMessage(role="assistant", type="tool_response", content="x")]},
            ValueError,
            "auto_save_history",
        ),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    emulator, client, ask, wrong, kind, says
):
    with pytest.raises(kind, match=says):
        client.chat.stream(**{**ask("hi"), **wrong})
    assert emulator.requests == []


def test_other_bad_arguments_are_refused_too(emulator, client, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for call in (
        lambda: client.files.upload(b""),
        lambda: client.files.upload(empty),
        lambda: client.files.upload(tmp_path / "missing"),
        lambda: client.conversations.list(bot_id="1", page_size=51),
        lambda: client.conversations.rename(conversation_id="1", name=""),
        lambda: client.conversations.delete(conversation_id="../v3/chat"),
        lambda: client.chat.submit_tool_outputs(conversation_id="1", chat_id="2", tool_outputs=[]),
        lambda: client.chat.create(bot_id="1", user_id="u", auto_save_history=False),
        lambda: client.conversations.messages.modify(conversation_id="1", message_id="2"),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        client.files.upload(5)
    assert emulator.requests == []


def test_the_anonymous_user_id_is_made_once_and_kept(tmp_path):
    code = "import coze_core; print(coze_core.anonymous_user_id())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(found) == 1
    assert found.pop().startswith("anon-")
    anonymous_user_id.cache_clear()
    assert (
        len((tmp_path / "coze-bridge" / "user_id").read_text() if anonymous_user_id() else "") == 29
    )
    anonymous_user_id.cache_clear()


def test_retries_wait_as_long_as_the_server_asks(emulator, client):
    client.detect()
    emulator.faults.add(Fault(status=429, body=b"", headers={"Retry-After": "0"}), times=2)
    assert client.users.me().user_name == "emulated"
    assert len(emulator.requests.to("/v1/users/me")) == 3


def test_a_chat_that_may_have_begun_is_never_sent_again(emulator, client, ask):
    for fault in (Fault(status=500, body=b""), Fault(status=502, body=b""), Fault(code=5000)):
        emulator.requests.clear()
        emulator.faults.add(fault, times=1)
        with pytest.raises(CozeError):
            client.chat.stream(**ask("hi")).until_done()
        assert len(emulator.requests) == 1


def test_a_chat_that_was_turned_away_is_sent_again(emulator, client, ask):
    emulator.faults.add(Fault(status=429, body=b"", headers={"Retry-After": "0"}))
    assert client.chat.stream(**ask("What is 2 + 3?")).until_done().answer == "2 + 3 = 5"
    assert len(emulator.requests.to("/v3/chat")) == 2


def test_reading_is_repeated_after_a_server_fault_and_retries_can_be_off(emulator, client):
    emulator.faults.add(Fault(status=503, body=b"", headers={"Retry-After": "0"}))
    assert client.users.me().user_id
    emulator.faults.add(Fault(status=503, body=b""))
    with pytest.raises(CozeError):
        client.with_options(max_retries=0).users.me()


def test_a_wait_that_is_too_long_is_not_waited_for(emulator, client):
    client.detect()
    emulator.faults.add(Fault(status=429, body=b"", headers={"Retry-After": "3600"}))
    started = time.monotonic()
    with pytest.raises(CozeError):
        client.users.me()
    assert time.monotonic() - started < 30
