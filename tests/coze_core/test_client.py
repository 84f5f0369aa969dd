"""Every endpoint, with both clients, over a real socket."""

import inspect
import pydoc
import typing

import httpx
import pytest

from coze_core import (
    AsyncCozeClient,
    AsyncPager,
    BadRequestError,
    ConflictError,
    CozeClient,
    EnterMessage,
    MediaItem,
    NotFoundError,
    Pager,
    PermissionDeniedError,
    PollTimeoutError,
    ToolOutput,
    Turn,
)
from coze_core._binding import AsyncResource, Resource
from coze_core.emulator import WORKSPACE_ID, Bot, Fail, Fault, Pause, ToolCall

pytestmark = pytest.mark.usefixtures("quick_polls")


@pytest.fixture(params=["blocking", "awaiting", "in process"])
def call(request, emulator):
    """Run one operation with each kind of client: `call("chat.retrieve", chat_id=...)`."""
    import asyncio

    if request.param == "awaiting":
        client = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    elif request.param == "blocking":
        client = CozeClient(emulator.token, base_url=emulator.base_url)
    else:
        client = AsyncCozeClient(emulator.token, transport=emulator.transport())

    async def perform(method, args, kwargs):
        found = method(*args, **kwargs)
        if isinstance(found, AsyncPager):
            return [item async for item in found]
        if hasattr(found, "until_done"):
            return await found.until_done()
        return await found

    def run(path, *args, **kwargs):
        method = client
        for name in path.split("."):
            method = getattr(method, name)
        if isinstance(client, AsyncCozeClient):
            return asyncio.run(perform(method, args, kwargs))
        found = method(*args, **kwargs)
        if isinstance(found, Pager):
            return list(found)
        return found.until_done() if hasattr(found, "until_done") else found

    yield run
    if isinstance(client, CozeClient):
        client.close()


async def _tools(messages, context):
    if context.tool_results:
        yield " and ".join(f"{result.name}={result.output}" for result in context.tool_results)
        return
    yield "Let me see."
    yield ToolCall("weather", {"city": "河南"})
    yield ToolCall("time")


def test_a_streamed_chat_and_its_messages(call, ask):
    turn = call("chat.stream", **ask("My name is Ada."))
    assert turn.answer == "Nice to meet you, Ada!"
    assert turn.status == "completed"
    assert turn.log_id
    ids = {"conversation_id": turn.conversation_id, "chat_id": turn.chat_id}
    chat = call("chat.retrieve", **ids)
    assert (chat.status, chat.usage.total_tokens) == ("completed", turn.usage.total_tokens)
    answers = [m.content for m in call("chat.messages", **ids) if m.type == "answer"]
    assert answers == [turn.answer]


def test_a_conversation_goes_on(call, ask):
    first = call("chat.stream", **ask("My name is Ada."))
    second = call("chat.stream", **ask("What is my name?", conversation_id=first.conversation_id))
    assert second.answer == "Your name is Ada."
    assert second.conversation_id == first.conversation_id


def test_polling_gives_the_same_turn_as_streaming(call, ask):
    streamed = call("chat.stream", **ask("What is 2 + 3?"))
    polled = call("chat.create_and_poll", **ask("What is 2 + 3?"))
    assert isinstance(polled, Turn)
    assert (polled.answer, polled.reasoning) == (streamed.answer, streamed.reasoning)
    assert polled.usage == streamed.usage


def test_polling_stops_when_tools_are_needed(call, emulator, ask):
    emulator.add_bot(Bot("tools", _tools))
    turn = call("chat.create_and_poll", **ask("go", "tools"))
    assert turn.status == "requires_action"
    assert [tool.name for tool in turn.tool_calls] == ["weather", "time"]


@pytest.mark.parametrize("streamed", [True, False])
def test_tool_outputs_go_back_to_the_chat(call, emulator, ask, streamed):
    emulator.add_bot(Bot("tools", _tools))
    turn = call("chat.stream", **ask("go", "tools"))
    assert turn.answer == "Let me see."
    outputs = [
        ToolOutput(tool_call_id=tool.id, output=f"{len(tool.name)}") for tool in turn.tool_calls
    ]
    ids = {"conversation_id": turn.conversation_id, "chat_id": turn.chat_id}
    if streamed:
        done = call("chat.stream_tool_outputs", tool_outputs=outputs, **ids)
        assert done.answer == "weather=7 and time=4"
        assert [item.content for item in done.tool_activity] == ["7", "4"]
    else:
        assert call("chat.submit_tool_outputs", tool_outputs=outputs, **ids).status == "in_progress"
        chat = call("chat.retrieve", **ids)
        while not chat.ended:
            chat = call("chat.retrieve", **ids)
        answers = [m.content for m in call("chat.messages", **ids) if m.type == "answer"]
        assert answers == ["Let me see.", "weather=7 and time=4"]
    assert len(emulator.requests.to("/v3/chat/submit_tool_outputs")) == 1


def test_a_failed_poll_says_why(call, emulator, ask):
    async def fails(messages, context):
        return Fail(4028, "quota is used up")

    emulator.add_bot(Bot("fails", fails))
    with pytest.raises(Exception, match="quota is used up") as caught:
        call("chat.create_and_poll", **ask("go", "fails"))
    assert type(caught.value).__name__ == "ChatFailedQuotaExceededError"


def test_a_poll_that_takes_too_long_cancels_the_chat(call, emulator, ask):
    async def sleeps(messages, context):
        yield Pause(30)

    emulator.add_bot(Bot("sleeps", sleeps))
    with pytest.raises(PollTimeoutError) as caught:
        call("chat.create_and_poll", **ask("go", "sleeps", poll_timeout=0.1))
    assert isinstance(caught.value, TimeoutError)
    ids = {"conversation_id": caught.value.conversation_id, "chat_id": caught.value.chat_id}
    assert call("chat.retrieve", **ids).status == "canceled"


def test_cancelling(call, emulator, ask):
    chat = call("chat.create", **ask("go", "slow"))
    ids = {"conversation_id": chat.conversation_id, "chat_id": chat.id}
    assert call("chat.cancel", **ids).status == "canceled"
    # A second time it has ended: what it is now comes back instead of an error.
    assert call("chat.cancel", **ids).status == "canceled"


def test_a_chat_that_waits_for_tools_cannot_be_cancelled(call, emulator, ask):
    emulator.add_bot(Bot("tools", _tools))
    turn = call("chat.stream", **ask("go", "tools"))
    with pytest.raises(ConflictError):
        call("chat.cancel", conversation_id=turn.conversation_id, chat_id=turn.chat_id)


def test_conversations(call, emulator):
    bot = emulator.bot_id("echo")
    made = [
        call("conversations.create", bot_id=bot, name=f"talk {i}", meta_data={"k": "v"})
        for i in range(3)
    ]
    found = call("conversations.list", bot_id=bot, page_size=2, sort_order="ASC")
    assert [item.id for item in found] == [item.id for item in made]
    id = made[0].id
    assert call("conversations.retrieve", conversation_id=id).meta_data == {"k": "v"}
    assert call("conversations.rename", conversation_id=id, name="new").name == "new"
    assert call("conversations.clear", conversation_id=id).conversation_id == id
    call("conversations.delete", conversation_id=id)
    with pytest.raises(NotFoundError):
        call("conversations.retrieve", conversation_id=id)


def test_messages_of_a_conversation(call, emulator):
    conversation = call("conversations.create", messages=[EnterMessage.user("one")]).id
    added = call(
        "conversations.messages.create",
        conversation_id=conversation,
        message=EnterMessage.assistant("two"),
    )
    for number in range(5):
        call(
            "conversations.messages.create",
            conversation_id=conversation,
            message=EnterMessage.user(f"more {number}"),
        )
    listed = call("conversations.messages.list", conversation_id=conversation, order="asc", limit=2)
    assert [m.content for m in listed] == ["one", "two", *(f"more {n}" for n in range(5))]
    ids = {"conversation_id": conversation, "message_id": added.id}
    assert call("conversations.messages.retrieve", **ids).content == "two"
    assert call("conversations.messages.modify", content="2", **ids).content == "2"
    call("conversations.messages.feedback.create", feedback_type="like", **ids)
    call("conversations.messages.feedback.delete", **ids)
    assert call("conversations.messages.delete", **ids).id == added.id
    with pytest.raises(BadRequestError):
        call("conversations.messages.retrieve", **ids)


def test_files_go_up_from_every_kind_of_source(call, tmp_path):
    path = tmp_path / "cat.txt"
    path.write_bytes(b"miaow")
    with path.open("rb") as opened:
        sources = [path, str(path), b"miaow", ("n.txt", b"miaow"), ("n", b"miaow", "text/plain")]
        for source in [*sources, opened]:
            file = call("files.upload", source)
            assert file.bytes == 5
            assert call("files.retrieve", file_id=file.id).file_name == file.file_name


def test_a_file_in_a_message_reaches_the_bot(call, emulator):
    async def sees(messages, context):
        return messages[-1].items[1]["file_id"]

    emulator.add_bot(Bot("sees", sees))
    file = call("files.upload", ("a.png", b"png"))
    message = EnterMessage.user(
        [MediaItem(type="text", text="what is it?"), MediaItem(type="image", file_id=file.id)]
    )
    turn = call("chat.stream", bot_id=emulator.bot_id("sees"), user_id="u", messages=[message])
    assert turn.answer == file.id


def test_bots_workspaces_and_the_account(call, emulator):
    assert [item.id for item in call("workspaces.list")] == [WORKSPACE_ID]
    bots = call("bots.list", workspace_id=WORKSPACE_ID, page_size=1)
    assert [bot.name for bot in bots] == ["echo", "assistant", "slow"]
    legacy = call("bots.list_published", space_id=WORKSPACE_ID, page_size=2)
    assert [bot.id for bot in legacy] == [bot.id for bot in bots]
    id = emulator.bot_id("assistant")
    bot = call("bots.retrieve", bot_id=id)
    assert bot.plugin_info_list[0].api_info_list[0].name == "get_weather"
    assert call("bots.retrieve_published", bot_id=id).name == "assistant"
    assert call("bots.retrieve", bot_id=emulator.bot_id("unpublished"), is_published=False).name
    assert call("users.me").user_name == "emulated"


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_tools_can_look_at_a_client_whose_resources_are_not_imported_yet(kind):
    assert {"bots", "workflows"} <= set(dir(kind))
    assert typing.get_type_hints(kind).keys().isdisjoint({"bots", "workflows"})  # no error
    shown = pydoc.render_doc(kind, renderer=pydoc.plaintext)
    prefix = "Async" if kind is AsyncCozeClient else ""
    assert f"workflows = <{prefix}Workflows: made when it is first asked for>" in shown


def test_both_clients_have_the_same_methods_with_signatures_and_docstrings(emulator):
    blocking = CozeClient("pat_x")
    awaiting = AsyncCozeClient("pat_x")
    paths = list(_methods(blocking))
    assert len(paths) >= 64
    assert paths == list(_methods(awaiting))
    for path in paths:
        one, other = _at(blocking, path), _at(awaiting, path)
        assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)
        assert inspect.getdoc(one) == inspect.getdoc(other)
        assert "Example:" in inspect.getdoc(one)
        assert inspect.signature(one).return_annotation not in {"", inspect.Signature.empty}
        assert one.__name__ == path.rsplit(".", 1)[-1]


def _methods(thing, prefix=""):
    for name in dir(thing):
        value = getattr(thing, name)
        if name.startswith("_") or not isinstance(value, Resource | AsyncResource):
            continue
        for method in sorted(vars(type(value))):
            if not method.startswith("_") and callable(getattr(value, method)):
                yield f"{prefix}{name}.{method}"
        yield from _methods(value, f"{prefix}{name}.")


def _at(client, path):
    for name in path.split("."):
        client = getattr(client, name)
    return client


def test_an_http_client_of_the_other_kind_is_refused():
    with pytest.raises(TypeError, match=r"http_client must be an httpx\.Client, not AsyncClient"):
        CozeClient("pat_x", http_client=httpx.AsyncClient())
    with pytest.raises(TypeError, match=r"transport must be an httpx\.AsyncBaseTransport"):
        AsyncCozeClient("pat_x", transport=httpx.MockTransport)


def test_a_client_of_another_account_shares_connections_but_no_findings(emulator):
    emulator.add_token("pat_other", bot_ids=[])
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        other = client.with_auth("pat_other")
        assert other.base_url == client.base_url
        assert other.memo is not client.memo
        assert client.users.me()
        assert other.users.me()
        with pytest.raises(PermissionDeniedError):
            other.chat.create_and_poll(
                bot_id=emulator.bot_id("echo"), user_id="u", messages=[EnterMessage.user("hi")]
            )
        with pytest.raises(ValueError, match="white space"):
            client.with_auth("pat other")


def test_cookies_of_a_server_are_not_kept(emulator):
    fault = Fault(code=4200, headers={"Set-Cookie": "session=1"})
    emulator.faults.add(fault, path="/v1/workspaces")
    with CozeClient(emulator.token, base_url=emulator.base_url) as client:
        with pytest.raises(NotFoundError):
            list(client.workspaces.list())
        assert list(client.workspaces.list())
    assert "cookie" not in emulator.requests[-1].headers
