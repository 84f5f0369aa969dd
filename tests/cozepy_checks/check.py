"""The official Python SDK, unmodified, against an emulator. Run by the environment that has it.

Usage: python check.py BASE_URL TOKEN ECHO_BOT ASSISTANT_BOT SLOW_BOT WORKSPACE KEY_FILE
WEATHER_WORKFLOW TRAVEL_WORKFLOW ORDER_CHATFLOW
"""

import asyncio
import json
import sys
import tempfile
import wave
from pathlib import Path

import httpx
from cozepy import (
    AsyncCoze,
    AsyncJWTOAuthApp,
    AsyncTokenAuth,
    AudioFormat,
    ChatEventType,
    ChatStatus,
    Coze,
    CozeAPIError,
    CozePKCEAuthError,
    CozePKCEAuthErrorType,
    DeviceOAuthApp,
    DocumentBase,
    DocumentChunkStrategy,
    DocumentFormatType,
    DocumentSourceInfo,
    DocumentStatus,
    DocumentUpdateRule,
    JWTAuth,
    JWTOAuthApp,
    Message,
    MessageType,
    PKCEOAuthApp,
    Scope,
    TokenAuth,
    ToolOutput,
    VariableValue,
    WebOAuthApp,
    WorkflowEventType,
)

BASE_URL, TOKEN, ECHO, ASSISTANT, SLOW, WORKSPACE = sys.argv[1:7]
PRIVATE_KEY = Path(sys.argv[7])
WEATHER, TRAVEL, ORDER = sys.argv[8:11]
coze = Coze(auth=TokenAuth(TOKEN), base_url=BASE_URL)
question = Message.build_user_question_text("What is 2 + 3?")


def streamed(stream):
    text, last = "", None
    for event in stream:
        if event.event == ChatEventType.CONVERSATION_MESSAGE_DELTA:
            text += event.message.content
        if event.chat is not None:
            last = event.chat
    return text, last


def check_chat():
    text, chat = streamed(
        coze.chat.stream(bot_id=ASSISTANT, user_id="u", additional_messages=[question])
    )
    assert text == "2 + 3 = 5", text
    assert chat.usage.token_count > 0
    poll = coze.chat.create_and_poll(bot_id=ASSISTANT, user_id="u", additional_messages=[question])
    assert poll.chat.status == ChatStatus.COMPLETED
    answers = [m.content for m in poll.messages if m.type == MessageType.ANSWER]
    assert answers == ["2 + 3 = 5"]
    ids = {"conversation_id": chat.conversation_id, "chat_id": chat.id}
    assert coze.chat.retrieve(**ids).status == ChatStatus.COMPLETED
    assert len(coze.chat.messages.list(**ids)) >= 2


def check_tools():
    weather = Message.build_user_question_text("What is the weather in Paris")
    _, chat = streamed(
        coze.chat.stream(bot_id=ASSISTANT, user_id="u", additional_messages=[weather])
    )
    assert chat.status == ChatStatus.REQUIRES_ACTION
    [call] = chat.required_action.submit_tool_outputs.tool_calls
    assert call.function.name == "get_weather"
    text, chat = streamed(
        coze.chat.submit_tool_outputs(
            conversation_id=chat.conversation_id,
            chat_id=chat.id,
            tool_outputs=[ToolOutput(tool_call_id=call.id, output="sunny")],
            stream=True,
        )
    )
    assert "sunny" in text, text
    assert chat.status == ChatStatus.COMPLETED


def check_cancel_and_errors():
    chat = coze.chat.create(bot_id=SLOW, user_id="u", additional_messages=[question])
    ids = {"conversation_id": chat.conversation_id, "chat_id": chat.id}
    assert coze.chat.cancel(**ids).status == ChatStatus.CANCELED
    try:
        coze.chat.create(bot_id="1", user_id="u", additional_messages=[question])
    except CozeAPIError as error:
        assert error.code == 4200, error
    else:
        raise AssertionError("an unknown bot was not refused")


def check_conversations():
    made = coze.conversations.create(messages=[question], bot_id=ECHO)
    assert coze.conversations.retrieve(conversation_id=made.id).id == made.id
    assert made.id in {item.id for item in coze.conversations.list(bot_id=ECHO)}
    assert coze.conversations.clear(conversation_id=made.id).conversation_id == made.id
    added = coze.conversations.messages.create(
        conversation_id=made.id, role="user", content="two", content_type="text"
    )
    listed = [m.content for m in coze.conversations.messages.list(conversation_id=made.id)]
    assert listed == ["two", "What is 2 + 3?"], listed
    ids = {"conversation_id": made.id, "message_id": added.id}
    assert coze.conversations.messages.retrieve(**ids).content == "two"
    coze.conversations.messages.update(content="2", content_type="text", **ids)
    assert coze.conversations.messages.retrieve(**ids).content == "2"
    assert coze.conversations.messages.delete(**ids).id == added.id


def check_files_bots_and_account():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_bytes(b"hello")
        file = coze.files.upload(file=path)
    assert coze.files.retrieve(file_id=file.id).bytes == 5
    assert {bot.bot_id for bot in coze.bots.list(space_id=WORKSPACE)} >= {ECHO, ASSISTANT}
    assert coze.bots.retrieve(bot_id=ASSISTANT).name == "assistant"
    assert [item.id for item in coze.workspaces.list()] == [WORKSPACE]
    assert coze.users.me().user_name == "emulated"


def check_oauth():
    app = JWTOAuthApp("cozepy", PRIVATE_KEY.read_text(), "kid-1", base_url=BASE_URL)
    scope = Scope.build_bot_chat([ECHO])
    token = app.get_access_token(ttl=3600, scope=scope, session_name="ann")
    assert token.access_token.startswith("czs_")
    limited = Coze(auth=TokenAuth(token.access_token), base_url=BASE_URL)
    hello = [Message.build_user_question_text("hello")]
    text, _ = streamed(limited.chat.stream(bot_id=ECHO, user_id="u", additional_messages=hello))
    assert text == "hello"
    automatic = Coze(
        auth=JWTAuth(
            client_id="cozepy",
            private_key=PRIVATE_KEY.read_text(),
            public_key_id="kid-1",
            base_url=BASE_URL,
        ),
        base_url=BASE_URL,
    )
    assert automatic.users.me().user_name
    back = "https://me.example/back"

    def code_of(url):
        location = httpx.get(url).headers["location"]
        return httpx.URL(location).params["code"]

    web = WebOAuthApp("cozepy-web", "secret", base_url=BASE_URL, www_base_url=BASE_URL)
    token = web.get_access_token(back, code_of(web.get_oauth_url(back, state="s")))
    again = web.refresh_access_token(token.refresh_token)
    assert again.refresh_token != token.refresh_token
    assert Coze(auth=TokenAuth(again.access_token), base_url=BASE_URL).users.me().user_name
    for method in ("plain", "S256"):
        pkce = PKCEOAuthApp("cozepy-pkce", base_url=BASE_URL, www_base_url=BASE_URL)
        url = pkce.get_oauth_url(back, "verifier-" * 6, method)
        token = pkce.get_access_token(back, code_of(url), "verifier-" * 6)
        assert pkce.refresh_access_token(token.refresh_token).access_token
    device = DeviceOAuthApp("cozepy-pkce", base_url=BASE_URL)
    shown = device.get_device_code()
    try:
        device.get_access_token(shown.device_code, poll=False)
    except CozePKCEAuthError as error:
        assert error.error == CozePKCEAuthErrorType.AUTHORIZATION_PENDING
    else:
        raise AssertionError("nobody has confirmed yet")
    httpx.get(shown.verification_url)
    token = device.get_access_token(shown.device_code, poll=True)
    assert device.refresh_access_token(token.refresh_token).access_token


def check_workflows():
    run = coze.workflows.runs.create(workflow_id=WEATHER, parameters={"city": "Paris"})
    assert json.loads(run.data)["city"] == "Paris"
    events = list(coze.workflows.runs.stream(workflow_id=WEATHER, parameters={"city": "Rome"}))
    assert events[-1].event == WorkflowEventType.MESSAGE
    assert json.loads(events[-1].message.content)["city"] == "Rome"
    started = coze.workflows.runs.create(
        workflow_id=WEATHER, parameters={"city": "Oslo"}, is_async=True
    )
    ids = {"workflow_id": WEATHER, "execute_id": started.execute_id}
    history = coze.workflows.runs.run_histories.retrieve(**ids)
    while history.execute_status.value == "Running":
        history = coze.workflows.runs.run_histories.retrieve(**ids)
    assert "Oslo" in history.output
    [asked] = [e for e in coze.workflows.runs.stream(workflow_id=TRAVEL) if e.interrupt]
    data = asked.interrupt.interrupt_data
    events = list(
        coze.workflows.runs.resume(
            workflow_id=TRAVEL,
            event_id=data.event_id,
            resume_data="Rome",
            interrupt_type=data.type,
        )
    )
    assert events[-1].event == WorkflowEventType.INTERRUPT
    order = Message.build_user_question_text("coffee")
    text, _ = streamed(
        coze.workflows.chat.stream(workflow_id=ORDER, additional_messages=[order], app_id="1")
    )
    assert text == "Which size?"
    listed = coze.workflows.list(workspace_id=WORKSPACE)
    assert [w.workflow_name for w in listed.items] == ["weather", "travel", "search", "order"]
    info = coze.workflows.retrieve(workflow_id=WEATHER)
    assert info.workflow_detail.workflow_name == "weather"
    versions = coze.workflows.versions.list(workflow_id=WEATHER)
    assert [v.version for v in versions.items] == ["v0.0.2", "v0.0.1"]


async def check_async_workflows():
    client = AsyncCoze(auth=AsyncTokenAuth(TOKEN), base_url=BASE_URL)
    run = await client.workflows.runs.create(workflow_id=WEATHER, parameters={"city": "Paris"})
    assert json.loads(run.data)["city"] == "Paris"
    stream = client.workflows.runs.stream(workflow_id=WEATHER, parameters={"city": "Rome"})
    events = [event async for event in stream]
    assert json.loads(events[-1].message.content)["city"] == "Rome"


async def check_async_oauth():
    app = AsyncJWTOAuthApp("cozepy", PRIVATE_KEY.read_text(), "kid-1", base_url=BASE_URL)
    token = await app.get_access_token(ttl=900)
    client = AsyncCoze(auth=AsyncTokenAuth(token.access_token), base_url=BASE_URL)
    assert (await client.users.me()).user_name


def check_variables():
    whose = {"bot_id": ECHO, "connector_uid": "u"}
    coze.variables.update(data=[VariableValue(keyword="city", value="Paris")], **whose)
    found = coze.variables.retrieve(keywords=["city"], **whose)
    assert [(item.keyword, item.value) for item in found] == [("city", "Paris")]


def check_datasets_and_documents():
    made = coze.datasets.create(
        name="d", space_id=WORKSPACE, format_type=DocumentFormatType.DOCUMENT
    )
    whose = {"dataset_id": made.dataset_id}
    coze.datasets.update(**whose, name="e", description="x")
    [found] = coze.datasets.list(space_id=WORKSPACE, name="e")
    assert (found.dataset_id, found.description) == (made.dataset_id, "x")
    local = DocumentBase(name="a.txt", source_info=DocumentSourceInfo.build_local_file("hello"))
    page = DocumentBase(
        name="page",
        source_info=DocumentSourceInfo.build_web_page("https://example.com"),
        update_rule=DocumentUpdateRule.build_auto_update(24),
    )
    documents = coze.datasets.documents.create(
        **whose, document_bases=[local, page], chunk_strategy=DocumentChunkStrategy.build_auto()
    )
    ids = [item.document_id for item in documents]
    while any(
        item.status == DocumentStatus.PROCESSING
        for item in coze.datasets.process(**whose, document_ids=ids)
    ):
        continue
    coze.datasets.documents.update(document_id=ids[0], document_name="b.txt")
    listed = list(coze.datasets.documents.list(**whose, page_size=1))
    assert [item.name for item in listed] == ["b.txt", "page"]
    assert {item.status for item in listed} == {DocumentStatus.COMPLETED}
    assert listed[0].char_count == 5
    coze.datasets.documents.delete(document_ids=ids)
    coze.datasets.delete(**whose)


def check_images():
    made = coze.datasets.create(name="i", space_id=WORKSPACE, format_type=DocumentFormatType.IMAGE)
    whose = {"dataset_id": made.dataset_id}
    [image] = coze.datasets.documents.create(
        **whose,
        document_bases=[
            DocumentBase(name="a.png", source_info=DocumentSourceInfo.build_local_file("x", "png"))
        ],
        format_type=DocumentFormatType.IMAGE,
    )
    coze.datasets.images.update(**whose, document_id=image.document_id, caption="a cat")
    [found] = coze.datasets.images.list(**whose, keyword="cat")
    assert (found.document_id, found.caption) == (image.document_id, "a cat")


def check_audio():
    [voice, *_] = coze.audio.voices.list(filter_system_voice=False)
    said = {"input": "hello", "voice_id": voice.voice_id}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        coze.audio.speech.create(**said, response_format=AudioFormat.WAV).write_to_file(str(path))
        with wave.open(str(path)) as file:
            assert file.getframerate() == 24000
        assert coze.audio.transcriptions.create(file=path).text == "hello"
        made = coze.audio.voices.clone(voice_name="mine", file=path, audio_format=AudioFormat.WAV)
    assert (made.name, made.is_system_voice) == ("mine", False)
    room = coze.audio.rooms.create(bot_id=ECHO, voice_id=voice.voice_id, uid="u")
    assert (room.uid, bool(room.token)) == ("u", True)


async def check_async():
    client = AsyncCoze(auth=AsyncTokenAuth(TOKEN), base_url=BASE_URL)
    text = ""
    async for event in client.chat.stream(
        bot_id=ASSISTANT, user_id="u", additional_messages=[question]
    ):
        if event.event == ChatEventType.CONVERSATION_MESSAGE_DELTA:
            text += event.message.content
    assert text == "2 + 3 = 5", text
    assert (await client.users.me()).user_name == "emulated"
    whose = {"bot_id": ECHO, "connector_uid": "async"}
    await client.variables.update(data=[VariableValue(keyword="a", value="b")], **whose)
    assert [v.value for v in await client.variables.retrieve(keywords=["a"], **whose)] == ["b"]
    voices = [voice async for voice in await client.audio.voices.list()]
    speech = await client.audio.speech.create(input="hi", voice_id=voices[0].voice_id)
    assert speech is not None
    made = await client.conversations.create(messages=[question])
    assert (await client.conversations.retrieve(conversation_id=made.id)).id == made.id


checks = [
    check_chat,
    check_tools,
    check_cancel_and_errors,
    check_conversations,
    check_files_bots_and_account,
    check_oauth,
    check_variables,
    check_datasets_and_documents,
    check_images,
    check_audio,
    check_workflows,
]
for check in checks:
    check()
    print(check.__name__, "ok")
asyncio.run(check_async())
asyncio.run(check_async_oauth())
asyncio.run(check_async_workflows())
print("check_async ok")
