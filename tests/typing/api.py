"""Never run; checked by mypy: what a user sees of the types."""

from typing import assert_type

from coze_core import (
    AsyncChatStream,
    AsyncCozeClient,
    AsyncPager,
    AsyncSpeech,
    BotSummary,
    Chat,
    ChatStream,
    Conversation,
    CozeClient,
    Dataset,
    DocumentProgress,
    EnterMessage,
    Message,
    Pager,
    Speech,
    Tracing,
    Turn,
    User,
    Variable,
)
from langchain_coze import ChatCoze, CozeBotTool
from llamaindex_coze import Coze


def blocking(client: CozeClient) -> None:
    question = [EnterMessage.user("hi")]
    stream = client.chat.stream(bot_id="1", user_id="u", messages=question)
    assert_type(stream, ChatStream)
    assert_type(stream.until_done(), Turn)
    assert_type(client.chat.create(bot_id="1", user_id="u"), Chat)
    assert_type(client.chat.create_and_poll(bot_id="1", user_id="u"), Turn)
    assert_type(client.chat.messages(conversation_id="1", chat_id="2"), list[Message])
    assert_type(client.bots.list(workspace_id="1"), Pager[BotSummary])
    assert_type(client.users.me(), User)
    old = CozeClient("pat_x", protocol="v2")
    assert_type(old.chat.create_and_poll(bot_id="1", user_id="u"), Turn)
    CozeClient("pat_x", tracing=Tracing(capture_content=True))
    CozeClient("pat_x", tracing="yes")  # type: ignore[arg-type]  # a setting or a truth value
    CozeClient("pat_x", protocol="v1")  # type: ignore[arg-type]  # there are two
    assert_type(client.variables.get(bot_id="1", connector_uid="u"), list[Variable])
    assert_type(client.datasets.list(space_id="1"), Pager[Dataset])
    assert_type(client.datasets.progress(dataset_id="1", document_ids=[]), list[DocumentProgress])
    assert_type(client.audio.speech("hi", voice_id="1"), Speech)
    assert_type(client.audio.speech("hi", voice_id="1").read(), bytes)
    client.audio.speech("hi", voice_id="1", response_format="flac")  # type: ignore[arg-type]
    client.chat.stream(bot_id=1, user_id="u")  # type: ignore[arg-type]  # ids are strings
    client.chat.stream("1", user_id="u")  # type: ignore[call-arg]  # keywords only
    client.chat.retrieve(chat_id="2")  # type: ignore[call-arg]  # both ids are needed


async def awaiting(client: AsyncCozeClient) -> None:
    stream = client.chat.stream(bot_id="1", user_id="u")
    assert_type(stream, AsyncChatStream)
    assert_type(await stream.until_done(), Turn)
    assert_type(await client.conversations.create(name="x"), Conversation)
    assert_type(client.bots.list(workspace_id="1"), AsyncPager[BotSummary])
    assert_type(await client.datasets.create(name="a", space_id="1"), Dataset)
    assert_type(client.audio.speech("hi", voice_id="1"), AsyncSpeech)
    async for block in client.audio.speech("hi", voice_id="1"):
        assert_type(block, bytes)
    async for bot in client.bots.list(workspace_id="1"):
        assert_type(bot, BotSummary)
    with client:  # type: ignore[attr-defined]  # it is an asynchronous context manager
        pass


model = ChatCoze(bot_id="7", region="cn", history="server", user_id="u")
ChatCoze(bot_id="7", api_key="pat_x")

# Names that arguments have too.
assert_type(ChatCoze(model="7", token="pat_x").model, str)
assert_type(ChatCoze(model_name="7", token=lambda: "pat_x").model_name, str)
assert_type(Coze(model="7", token="pat_x").model, str)
assert_type(Coze(model_name="7", token=lambda: "pat_x").model_name, str)
ChatCoze(stop_sequences=["\n"])
CozeBotTool(bot_id="7", name="bot", description="A bot.", token="pat_x")
ChatCoze(model=7)  # type: ignore[arg-type]  # ids are strings
Coze(token=7)  # type: ignore[arg-type]  # a text or a function
ChatCoze(modle="7")  # type: ignore[call-arg]  # there is no such name
_ = model.token  # type: ignore[attr-defined]  # it is `api_key`, and a secret
ChatCoze(bot_id="7", api_key=lambda: "pat_x")
Coze(bot_id="7", api_key="pat_x")
