"""What a server lacks is refused before the request, with what to do instead."""

import asyncio
import copy
import pickle
import threading

import anyio
import httpx
import pytest

from coze_core import AsyncCozeClient, CozeClient, EnterMessage, ToolOutput, UnsupportedError
from coze_core._call import Call
from coze_core._capabilities import lacking
from coze_core._flow import send
from coze_core.emulator import Fault

PROBE = "/v3/chat/retrieve"
OUTPUTS = {
    "conversation_id": "1",
    "chat_id": "2",
    "tool_outputs": [ToolOutput(tool_call_id="x", output="y")],
}

# What Coze Studio has not, by the capability that tells of it, and a word of what to do instead.
LACKING = {
    "submit_tool_outputs": (lambda c: c.chat.submit_tool_outputs(**OUTPUTS), "describe tools"),
    "message_writes": (
        lambda c: c.conversations.messages.retrieve(conversation_id="1", message_id="2"),
        "messages.list",
    ),
    "feedback": (
        lambda c: c.conversations.messages.feedback.delete(conversation_id="1", message_id="2"),
        "database",
    ),
    "files_retrieve": (lambda c: c.files.retrieve(file_id="1"), "files.upload"),
    "users_me": (lambda c: c.users.me(), "bots.retrieve"),
}


def paths(emulator):
    return [request.path for request in emulator.requests]


@pytest.fixture
def studio_client(studio):
    with CozeClient(studio.token, base_url=studio.base_url) as made:
        yield made


@pytest.mark.parametrize("name", list(LACKING))
@pytest.mark.parametrize("server", ["auto", "studio"])
def test_studio_is_not_sent_what_it_lacks(studio, name, server):
    call, instead = LACKING[name]
    with CozeClient(studio.token, base_url=studio.base_url, server=server) as client:
        for _ in range(2):
            with pytest.raises(UnsupportedError, match=f"(?i){instead}") as caught:
                call(client)
        assert not getattr(client.capabilities, name)
    error = caught.value
    assert error.code is None
    assert not error.retryable
    assert error.hint_en
    assert any("\u4e00" <= char <= "\u9fff" for char in error.hint_zh)
    assert paths(studio) == ([PROBE] if server == "auto" else [])


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", list(LACKING))
def test_studio_is_not_sent_what_it_lacks_by_the_awaiting_client(studio, name, backend):
    call, instead = LACKING[name]

    async def main():
        async with AsyncCozeClient(studio.token, base_url=studio.base_url) as client:
            with pytest.raises(UnsupportedError, match=f"(?i){instead}"):
                await call(client)

    anyio.run(main, backend=backend)
    assert paths(studio) == [PROBE]


def test_streams_and_lists_are_refused_as_well(studio, studio_client):
    with pytest.raises(UnsupportedError), studio_client.chat.stream_tool_outputs(**OUTPUTS):
        raise AssertionError("it was opened")
    with pytest.raises(UnsupportedError):
        list(studio_client.bots.list(workspace_id="1"))
    with pytest.raises(UnsupportedError):
        list(studio_client.workspaces.list())
    assert paths(studio) == [PROBE]


def test_the_probe_carries_no_token_and_is_made_once_for_all_copies(studio, studio_client):
    copies = [studio_client.with_options(timeout=9), copy.copy(studio_client)]
    for client in (studio_client, *copies):
        with pytest.raises(UnsupportedError):
            client.users.me()
        client.close()
    assert paths(studio) == [PROBE]
    assert "authorization" not in studio.requests[0].headers


def test_many_threads_and_tasks_probe_once(studio):
    client = CozeClient(studio.token, base_url=studio.base_url)
    refused = []

    def one():
        try:
            client.users.me()
        except UnsupportedError as error:
            refused.append(error)

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert len(refused) == 16
    assert paths(studio) == [PROBE]


def test_the_cloud_is_asked_once_and_then_gets_everything(emulator, client):
    assert client.capabilities.server == "unknown"
    assert client.capabilities.users_me
    assert client.users.me().user_name == "emulated"
    assert client.capabilities.server == "cloud"
    client.users.me()
    assert paths(emulator) == [PROBE, "/v1/users/me", "/v1/users/me"]


def test_a_reply_tells_which_server_it_is_without_a_probe(studio, studio_client):
    question = [EnterMessage.user("hi")]
    chat = {"bot_id": studio.bot_id("echo"), "user_id": "u", "messages": question}
    studio_client.chat.stream(**chat).until_done()
    assert studio_client.capabilities.server == "studio"
    with pytest.raises(UnsupportedError):
        studio_client.chat.submit_tool_outputs(**OUTPUTS)
    assert paths(studio) == ["/v3/chat"]


def test_what_both_have_needs_no_probe(emulator, client, ask):
    client.chat.stream(**ask("hi")).until_done()
    assert paths(emulator) == ["/v3/chat"]


def test_detect_tells_what_a_server_can_do(emulator, studio):
    async def both():
        found = []
        for server in (emulator, studio):
            async with AsyncCozeClient(server.token, base_url=server.base_url) as client:
                found.append(await client.detect())
                assert await client.detect() == client.capabilities
        return found

    cloud, own = asyncio.run(both())
    assert (cloud.server, own.server) == ("cloud", "studio")
    names = ("submit_tool_outputs", "variables", "audio", "oauth", "message_writes", "bots_list")
    for name in (*names, "files_retrieve", "v2"):
        assert (getattr(cloud, name), getattr(own, name)) == (True, False)
    assert paths(studio) == [PROBE]


def test_the_public_hosts_and_what_is_told_need_no_request(monkeypatch):
    monkeypatch.setenv("COZE_API_TOKEN", "pat_x")
    for options, server in (
        ({}, "cloud"),
        ({"region": "cn"}, "cloud"),
        ({"base_url": "http://localhost:8888"}, "unknown"),
        ({"base_url": "http://localhost:8888", "server": "studio"}, "studio"),
        ({"server": "studio"}, "studio"),
    ):
        client = CozeClient("pat_x", **options)
        twin = pickle.loads(pickle.dumps(client.with_options(timeout=3)))
        assert client.capabilities.server == twin.capabilities.server == server
        if server != "unknown":
            assert client.detect().server == server


def test_a_server_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="studio"):
        CozeClient("pat_x", server="opencoze")


@pytest.mark.parametrize(
    ("status", "code", "server"),
    [(401, 700012006, "cloud"), (200, 700012006, "studio"), (404, 4000, "unknown")],
)
def test_without_its_header_a_server_is_known_by_its_refusal(status, code, server):
    def answer(request):
        return httpx.Response(status, json={"code": code, "msg": "no"})

    transport = httpx.MockTransport(answer)
    with CozeClient("pat_x", base_url="http://proxy", transport=transport) as client:
        assert client.detect().server == server


def test_who_does_not_tell_is_sent_everything_and_not_probed_each_time():
    seen = []

    def answer(request):
        seen.append(request.url.path)
        return httpx.Response(200, json={"code": 0, "data": {"user_id": "1"}})

    transport = httpx.MockTransport(answer)
    with CozeClient("pat_x", base_url="http://proxy", transport=transport) as client:
        client.users.me()
        assert client.users.me().user_id == "1"
    assert seen == [PROBE, "/v1/users/me", "/v1/users/me"]


def test_a_probe_that_fails_leaves_the_word_to_the_call(emulator, client):
    emulator.faults.add(Fault(status=502, body=b"", headers={"x-tt-logid": ""}))
    assert client.users.me().user_name == "emulated"
    assert client.capabilities.server == "cloud"


def test_studio_takes_no_media_in_answers(studio, studio_client):
    picture = EnterMessage(role="assistant", content="[]", content_type="object_string")
    messages = [picture, EnterMessage.user("And?")]
    chat = {"bot_id": studio.bot_id("echo"), "user_id": "u", "messages": messages}
    with pytest.raises(UnsupportedError, match="as text"):
        studio_client.chat.stream(**chat).until_done()
    with pytest.raises(UnsupportedError, match="as text"):
        studio_client.chat.create(**chat)
    assert paths(studio) == [PROBE]


def test_what_studio_has_not_at_all_is_refused_in_general_words(studio, studio_client):
    with pytest.raises(UnsupportedError, match="server='cloud'"):
        studio_client.run(send(Call("POST", "/v1/bot/create")))
    with pytest.raises(UnsupportedError, match="custom_variables"):
        studio_client.run(send(Call("GET", "/v1/variables")))
    assert paths(studio) == [PROBE]


def test_the_cloud_lacks_what_only_studio_has():
    client = CozeClient("pat_x")
    with pytest.raises(UnsupportedError, match="run_histories"):
        client.run(send(Call("GET", "/v1/workflow/get_run_history")))


def test_the_table_agrees_with_the_emulator():
    from coze_core.emulator._service import _ROUTES

    wrong = [
        (method, path)
        for method, path, _, in_studio in _ROUTES
        if path.startswith(("/v1", "/v3", "/api", "/open_api"))
        and not (method == "POST" and path in {PROBE, "/v3/chat/message/list"})
        and (lacking(Call(method, path.replace("{id}", "1")), "studio") is None) != in_studio
    ]
    assert wrong == []
