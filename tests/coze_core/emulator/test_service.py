"""The emulator says what the real service says: wire forms, refusals, both profiles."""

import json
import socket
import subprocess
import sys
import time

import httpx
import pytest

from coze_core import APITimeoutError, CozeClient
from coze_core.emulator import (
    WORKSPACE_ID,
    Audio,
    Bot,
    Card,
    Delta,
    Emulator,
    Fail,
    Fault,
    FollowUp,
    Knowledge,
    NextAnswer,
    Question,
    Reasoning,
    ServerTool,
    ToolCall,
    Usage,
    Verbose,
    openai_bot,
)

QUESTION = {"role": "user", "content": "hi", "content_type": "text", "type": "question"}


@pytest.fixture
def http(emulator):
    with _http(emulator) as client:
        yield client


@pytest.fixture
def studio_http(studio):
    with _http(studio) as client:
        yield client


def _http(emulator):
    headers = {"Authorization": f"Bearer {emulator.token}"}
    return httpx.Client(base_url=emulator.base_url, headers=headers, timeout=10)


def chat(emulator, bot="echo", **body):
    return {
        "bot_id": emulator.bot_id(bot),
        "user_id": "u",
        "stream": True,
        "additional_messages": [QUESTION],
        **body,
    }


def events(text):
    found = []
    for frame in text.split("\n\n"):
        lines = [line for line in frame.split("\n") if line]
        if lines:
            name, data = lines[0].removeprefix("event:"), lines[1].removeprefix("data:")
            found.append((name, json.loads(data) if data else data))
    return found


def names(text):
    return [name for name, _ in events(text)]


async def everything(messages, context):
    yield Reasoning("thinking")
    yield Knowledge('{"chunks":[]}')
    yield ServerTool("search", {"q": "x"}, "found")
    yield "first"
    yield NextAnswer()
    yield Delta("second")
    yield FollowUp("more?")
    yield Card('{"card":1}')
    yield Verbose("hook_call", "x")
    yield Audio(b"\0" * 5000)
    yield Usage(7, 5)


def test_a_cloud_stream_has_the_bytes_and_the_order_of_the_real_one(emulator, http):
    response = http.post("/v3/chat", json=chat(emulator))
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-tt-logid"]
    assert response.text.startswith("event:conversation.chat.created\ndata:{")
    assert response.text.endswith('event:done\ndata:"[DONE]"')
    found = names(response.text)
    assert found[:3] == [
        "conversation.chat.created",
        "conversation.chat.in_progress",
        "conversation.message.delta",
    ]
    assert found[-4:] == [
        "conversation.message.completed",
        "conversation.message.completed",
        "conversation.chat.completed",
        "done",
    ]


def test_every_part_a_bot_can_give_becomes_what_coze_sends(emulator, http):
    emulator.add_bot(Bot("all", everything))
    found = events(http.post("/v3/chat", json=chat(emulator, "all")).text)
    whole = [
        (data["type"], data["content_type"])
        for name, data in found
        if name == "conversation.message.completed"
    ]
    assert whole == [
        ("answer", "text"),
        ("knowledge", "text"),
        ("function_call", "text"),
        ("tool_response", "text"),
        ("answer", "text"),
        ("answer", "text"),
        ("answer", "card"),
        ("verbose", "text"),
        ("verbose", "text"),
        ("follow_up", "text"),
    ]
    completed = next(data for name, data in found if name == "conversation.chat.completed")
    assert completed["usage"] == {"token_count": 12, "output_count": 5, "input_count": 7}
    after = [name for name, _ in found[found.index(("conversation.chat.completed", completed)) :]]
    assert after == ["conversation.chat.completed", *["conversation.audio.delta"] * 2, "done"]


def test_a_studio_stream_differs_where_studio_does(studio, studio_http):
    body = chat(studio)
    del body["stream"]  # Studio streams unless told otherwise
    response = studio_http.post("/v3/chat", json=body)
    assert response.text.endswith("event:conversation.stream.done\ndata:\n\n")
    assert response.headers["x-log-id"]
    completed = next(d for n, d in events(response.text) if n == "conversation.chat.completed")
    assert "usage" not in completed
    assert completed["failed_at"] == 0
    ids = {"conversation_id": completed["conversation_id"], "chat_id": completed["id"]}
    assert studio_http.get("/v3/chat/retrieve", params=ids).json()["data"]["usage"]["token_count"]
    assert studio_http.post("/v3/chat/retrieve", params=ids).json()["code"] != 0
    listed = studio_http.get("/v3/chat/message/list", params=ids).json()
    assert listed["Messages"]
    assert listed["BaseResp"] is None
    found = studio_http.get(
        "/v1/conversation/retrieve", params={"conversation_id": ids["conversation_id"]}
    ).json()
    assert "creator_d" in found["ConversationData"]
    uploaded = studio_http.post("/v1/files/upload", files={"file": ("a", b"x")}).json()["data"]
    assert {"CreatedAt", "uri", "url"} <= set(uploaded)


def test_studio_fails_inside_the_stream_and_cancels_with_its_own_words(studio, studio_http):
    response = studio_http.post("/v3/chat", json=chat(studio) | {"bot_id": "1"})
    assert response.text == 'event:error\ndata:{"code":103100002,"msg":"agent not exists"}\n\n'
    bad = studio_http.post("/v3/chat", json=chat(studio) | {"bot_id": 1})
    assert (bad.status_code, bad.json()["code"]) == (400, 400)
    begun = studio_http.post("/v3/chat", json=chat(studio, "slow", stream=False)).json()["data"]
    ids = {"conversation_id": begun["conversation_id"], "chat_id": begun["id"]}
    canceled = studio_http.post("/v3/chat/cancel", json=ids).json()
    assert canceled["ChatV3ChatDetail"]["status"] == "cancelled"
    for path in ("/v3/chat/submit_tool_outputs", "/v1/users/me"):
        answer = studio_http.post(path, json={})
        assert answer.json()["msg"] == "authentication failed: missing session_key in cookie"
    plain = httpx.post(f"{studio.base_url}/v3/chat", json=chat(studio)).json()
    assert plain == {
        "code": 700012006,
        "msg": "authentication failed: missing authorization in header",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bot_id": 5}, 4000),
        ({"user_id": 5}, 4000),
        ({"user_id": ""}, 4000),
        ({"bot_id": "1"}, 4200),
        ({"stream": "yes"}, 4000),
        ({"additional_messages": [QUESTION] * 101}, 4004),
        ({"additional_messages": [{**QUESTION, "role": "system"}]}, 4005),
        ({"additional_messages": [{**QUESTION, "type": "follow_up"}]}, 4004),
        ({"additional_messages": [{**QUESTION, "type": "tool_response"}]}, 4004),
        ({"additional_messages": []}, 4000),
        ({"meta_data": {"k": "v" * 513}}, 4003),
        ({"custom_variables": {"k1": "v"}}, 4000),
        ({"extra_params": {"height": "1"}}, 4000),
        ({"stream": False, "auto_save_history": False}, 4007),
        ({"publish_status": "unpublished_draft", "bot_version": "1"}, 4000),
    ],
)
def test_a_request_that_breaks_a_rule_gets_its_code_with_http_200(emulator, http, change, code):
    answer = http.post("/v3/chat", json=chat(emulator) | change)
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert answer.json()["detail"]["logid"] == answer.headers["x-tt-logid"]


@pytest.mark.parametrize(
    "items",
    [
        [{"type": "text", "text": "only"}],
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        [{"type": "image"}],
        [{"type": "text", "text": "a"}, {"type": "image", "file_id": "1"}],
        [{"type": "new", "file_id": "1"}],
        "not a list",
    ],
)
def test_a_mixed_message_that_breaks_a_rule_is_refused(emulator, http, items):
    message = {**QUESTION, "content_type": "object_string", "content": json.dumps(items)}
    answer = http.post("/v3/chat", json=chat(emulator, additional_messages=[message]))
    assert answer.json()["code"] == 4000


def test_tokens_are_refused_as_each_endpoint_does(emulator):
    with httpx.Client(base_url=emulator.base_url, headers={"Authorization": "Bearer no"}) as http:
        answer = http.post("/v3/chat", json=chat(emulator))
        assert (answer.status_code, answer.json()["code"]) == (200, 4101)
        answer = http.get("/v3/chat/retrieve", params={"conversation_id": "1", "chat_id": "1"})
        assert (answer.status_code, answer.json()) == (
            401,
            {"code": 700012006, "msg": "access token invalid"},
        )


def test_other_refusals(emulator, http):
    assert http.post("/v3/chat", content=b"{").json()["code"] == 4000
    assert http.get("/nowhere").json() == {"code": 4000, "msg": "not found"}
    assert http.get("/nowhere").status_code == 404
    assert http.post("/v3/chat", content=b"x" * (16 << 20)).status_code == 413
    assert http.post("/v1/files/upload", files={"other": ("a", b"x")}).json()["code"] == 4300
    assert http.post("/v1/files/upload", files={"file": ("a", b"")}).json()["code"] == 4300
    two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
    assert http.post("/v1/files/upload", files=two).json()["code"] == 4301
    unpublished = http.post("/v3/chat", json=chat(emulator, "unpublished")).json()
    assert unpublished["code"] == 4015
    draft = chat(emulator, "unpublished", publish_status="unpublished_draft")
    assert names(http.post("/v3/chat", json=draft).text)[-1] == "done"


def test_the_conversation_of_a_chat_is_named_in_the_query_not_in_the_body(emulator, http):
    id = http.post("/v1/conversation/create", json={}).json()["data"]["id"]
    [(_, created), *_] = events(
        http.post(f"/v3/chat?conversation_id={id}", json=chat(emulator)).text
    )
    assert created["conversation_id"] == id
    ignored = http.post("/v3/chat", json=chat(emulator, conversation_id=id)).text
    assert events(ignored)[0][1]["conversation_id"] != id


def test_what_official_sdks_send_is_taken(emulator, http):
    message = {
        "role": "user",
        "content": "hi",
        "content_type": "text",
        "meta_data": None,
        "type": None,
    }
    answer = http.post(
        "/v3/chat?conversation_id=", json=chat(emulator, additional_messages=[message])
    )
    created = events(answer.text)[0][1]
    ids = {"conversation_id": created["conversation_id"], "chat_id": created["id"]}
    assert http.post("/v3/chat/retrieve", params=ids).json()["data"]["status"] == "completed"
    bots = http.get(
        "/v1/bots", params={"workspace_id": WORKSPACE_ID, "page_index": 2, "page_size": 1}
    )
    assert bots.json()["data"]["items"][0]["name"] == "assistant"


async def _two_tools(messages, context):
    if context.tool_results:
        return ",".join(result.output for result in context.tool_results)
    return [ToolCall("a", {"x": 1}), ToolCall("b", "{broken")]


def test_tool_calls_pause_a_chat_until_every_one_is_answered(emulator, http):
    emulator.add_bot(Bot("tools", _two_tools))
    found = events(http.post("/v3/chat", json=chat(emulator, "tools")).text)
    paused = found[-2][1]
    assert (found[-2][0], found[-1][0]) == ("conversation.chat.requires_action", "done")
    calls = paused["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"x": 1}', "{broken"]
    ids = {"conversation_id": paused["conversation_id"], "chat_id": paused["id"]}
    submit = lambda outputs, **more: http.post(  # noqa: E731 - shorter than a function here
        "/v3/chat/submit_tool_outputs",
        params=ids,
        json={"tool_outputs": outputs, "stream": True, **more},
    )
    one = {"tool_call_id": calls[0]["id"], "output": "1"}
    two = {"tool_call_id": calls[1]["id"], "output": "2"}
    assert submit([one]).json()["code"] == 4000
    assert submit([one, {"tool_call_id": "wrong", "output": "2"}]).json()["code"] == 4000
    assert submit([one, {**two, "output": 2}]).json()["code"] == 4000
    assert http.post("/v3/chat/cancel", json=ids).json()["code"] == 4104
    resumed = events(submit([two, one]).text)
    assert resumed[0][0] == "conversation.chat.in_progress"
    assert [d["content"] for n, d in resumed if n.endswith("message.completed")][:3] == [
        "1",
        "2",
        "1,2",
    ]
    assert submit([one, two]).json()["code"] == 4000


def test_tool_outputs_need_a_chat_that_was_saved(emulator, http):
    emulator.add_bot(Bot("tools", _two_tools))
    paused = events(
        http.post("/v3/chat", json=chat(emulator, "tools", auto_save_history=False)).text
    )[-2][1]
    ids = {"conversation_id": paused["conversation_id"], "chat_id": paused["id"]}
    answer = http.post("/v3/chat/submit_tool_outputs", params=ids, json={"tool_outputs": []})
    assert answer.json()["code"] == 5000


def test_a_question_to_the_user_is_a_call_of_its_own_kind(emulator, http):
    async def asks(messages, context):
        return Question("Which city?")

    emulator.add_bot(Bot("asks", asks))
    paused = events(http.post("/v3/chat", json=chat(emulator, "asks")).text)[-2][1]
    [call] = paused["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert call["type"] == "reply_message"


@pytest.mark.parametrize("form", ["chat_failed", "bare", "error_event", "empty_error"])
def test_a_chat_fails_in_each_shape(emulator, http, form):
    async def fails(messages, context):
        yield "so far"
        yield Fail(4028, "no quota", form)

    emulator.add_bot(Bot("fails", fails))
    found = events(http.post("/v3/chat", json=chat(emulator, "fails")).text)
    name, data = found[-2]
    if form == "chat_failed":
        assert data["last_error"] == {"code": 4028, "msg": "no quota"}
    else:
        assert data == ({} if form == "empty_error" else {"code": 4028, "msg": "no quota"})
    assert name == ("error" if "error" in form else "conversation.chat.failed")


def test_a_bot_that_raises_fails_the_chat_with_5000(emulator, http):
    async def breaks(messages, context):
        raise KeyError("x")

    emulator.add_bot(Bot("breaks", breaks))
    found = events(http.post("/v3/chat", json=chat(emulator, "breaks")).text)
    assert found[-2][1]["last_error"]["code"] == 5000


def test_a_cancelled_chat_goes_on_in_its_stream_and_leaves_no_context(emulator, http):
    with http.stream("POST", "/v3/chat", json=chat(emulator, "slow")) as stream:
        lines = stream.iter_lines()
        created = json.loads([next(lines), next(lines)][1].removeprefix("data:"))
        ids = {"conversation_id": created["conversation_id"], "chat_id": created["id"]}
        assert http.post("/v3/chat/cancel", json=ids).json()["data"]["status"] == "canceled"
        assert sum("message.delta" in next(lines) for _ in range(30)) > 5
    again = http.post(
        "/v3/chat", params={"conversation_id": created["conversation_id"]}, json=chat(emulator)
    )
    assert names(again.text)[-1] == "done"


def test_what_is_kept_in_a_file_survives_a_restart(tmp_path):
    path = str(tmp_path / "coze.db")
    with Emulator(db=path, bots=[Bot("tools", _two_tools)]) as first, _http(first) as http:
        paused = events(http.post("/v3/chat", json=chat(first, "tools")).text)[-2][1]
        file = http.post("/v1/files/upload", files={"file": ("a.txt", b"x")}).json()["data"]
    with Emulator(db=path, bots=[Bot("tools", _two_tools)]) as second, _http(second) as http:
        found = http.get("/v1/files/retrieve", params={"file_id": file["id"]}).json()["data"]
        assert found == file
        ids = {"conversation_id": paused["conversation_id"], "chat_id": paused["id"]}
        outputs = [
            {"tool_call_id": call["id"], "output": "ok"}
            for call in paused["required_action"]["submit_tool_outputs"]["tool_calls"]
        ]
        answer = http.post(
            "/v3/chat/submit_tool_outputs",
            params=ids,
            json={"tool_outputs": outputs, "stream": True},
        )
        assert names(answer.text)[-1] == "done"


def test_faults_can_be_asked_for_in_a_header(emulator, http):
    headers = {"X-Coze-Emulator-Fault": "newline=\\r\\n; comments=1"}
    assert ": comment\r\n" in http.post("/v3/chat", json=chat(emulator), headers=headers).text
    headers = {"X-Coze-Emulator-Fault": "code=4016"}
    assert http.post("/v3/chat", json=chat(emulator), headers=headers).json()["code"] == 4016
    headers = {"X-Coze-Emulator-Fault": "nonsense=1"}
    assert "nonsense" in http.post("/v3/chat", json=chat(emulator), headers=headers).json()["msg"]


def test_a_bot_can_have_a_fault_of_its_own(emulator, http):
    async def says(messages, context):
        return "hello"

    emulator.add_bot(Bot("cut", says, fault=Fault(cut_after=100)))
    with pytest.raises(httpx.RemoteProtocolError):
        http.post("/v3/chat", json=chat(emulator, "cut"))


def test_a_bot_can_be_backed_by_a_model_server(emulator, http):
    """The model server is a fault of the emulator that replays OpenAI's form of a stream."""
    chunks = [
        {"choices": [{"delta": {"reasoning_content": "hm"}}]},
        {"choices": [{"delta": {"content": "hi "}}]},
        {"choices": [{"delta": {"content": "there"}}], "usage": None},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    emulator.add_bot(
        openai_bot("model", base_url=emulator.base_url + "/v1", model="m", api_key="k")
    )
    emulator.faults.add(Fault(body=body.encode()), path="/v1/chat/completions")
    found = events(http.post("/v3/chat", json=chat(emulator, "model")).text)
    answer = next(d for n, d in found if n == "conversation.message.completed")
    assert (answer["content"], answer["reasoning_content"]) == ("hi there", "hm")
    asked = emulator.requests.to("/v1/chat/completions")[0].json
    assert asked["messages"] == [{"role": "user", "content": "hi"}]
    emulator.faults.add(Fault(status=500, body=b"down"), path="/v1/chat/completions")
    found = events(http.post("/v3/chat", json=chat(emulator, "model")).text)
    assert found[-2][1]["last_error"]["code"] == 4013


def test_requests_are_recorded_without_the_token(emulator, http):
    http.get("/v1/users/me")
    [request] = emulator.requests.to("/v1/users/me")
    assert request.headers["authorization"] == "Bearer ***"


def test_names_and_profiles_must_be_right(emulator):
    with pytest.raises(ValueError, match="already"):
        emulator.add_bot(Bot("echo", everything))
    with pytest.raises(ValueError, match="cloud"):
        Emulator(profile="sky")
    with pytest.raises(ValueError, match="name"):
        Bot("", everything)
    with pytest.raises(RuntimeError, match="start"):
        _ = Emulator().base_url
    assert "echo" in repr(emulator)


def test_the_fixture_of_the_pytest_plugin_is_a_started_emulator(coze_emulator):
    assert httpx.get(coze_emulator.base_url + "/v1/users/me").status_code == 401


def test_the_command_serves_bots_of_a_module_and_ends_on_a_signal(tmp_path):
    (tmp_path / "mybots.py").write_text(
        "async def shout(messages, context):\n    return messages[-1].text.upper()\n"
    )
    command = [
        sys.executable,
        "-m",
        "coze_core.emulator",
        "--port",
        "0",
        "--bot",
        "shout=mybots:shout",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        while not any("shout" in line for line in lines):
            lines.append(process.stdout.readline())
            assert lines[-1]
        text = "".join(lines)
        base_url = text.split("COZE_API_BASE=")[1].split()[0]
        bot = next(line for line in lines if "shout" in line).split()[0]
        body = {"bot_id": bot, "user_id": "u", "stream": True, "additional_messages": [QUESTION]}
        answer = httpx.post(
            base_url + "/v3/chat", json=body, headers={"Authorization": "Bearer pat_emulator"}
        )
        assert '"content":"HI"' in answer.text
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("bot", ["nonsense", "x=nowhere:f", "x=json:nothing"])
def test_the_command_says_what_is_wrong_with_a_bot(bot):
    command = [sys.executable, "-m", "coze_core.emulator", "--port", "0", "--bot", bot]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "could not start" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_that_leaves_is_noticed_and_the_chat_goes_on(emulator, http):
    with http.stream("POST", "/v3/chat", json=chat(emulator, "slow")) as stream:
        created = json.loads(
            next(line for line in stream.iter_lines() if line.startswith("data:"))[5:]
        )
    ids = {"conversation_id": created["conversation_id"], "chat_id": created["id"]}
    time.sleep(0.2)
    assert http.get("/v3/chat/retrieve", params=ids).json()["data"]["status"] == "in_progress"


def test_what_is_not_http_is_refused(emulator):
    host, port = emulator.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(b"\x16\x03\x01 this is a handshake\r\n\r\n")
        assert plain.recv(4096).startswith(b"HTTP/1.1 400")


def test_head_has_no_body(emulator):
    reply = httpx.head(f"{emulator.base_url}/v1/users/me")
    assert (reply.status_code, reply.content) == (401, b"")


def test_a_reply_can_be_made_to_wait(emulator):
    emulator.faults.add(Fault(wait=60), path="/v1/users/me")
    with CozeClient(emulator.token, base_url=emulator.base_url, timeout=0.2) as client:
        with pytest.raises(APITimeoutError):
            client.with_options(max_retries=0).users.me()
        assert client.users.me().user_name == "emulated"
