"""Lists in pages: every item once, in whatever form the server counts them."""

import asyncio
import time

import httpx
import pytest

from coze_core import AsyncCozeClient, CozeClient, EnterMessage


def counted(answer, size=2):
    """The ids of a list of five bots, page by page, with the paging facts that `answer` adds."""

    def page(request):
        first = int(request.url.params.get("page_index", request.url.params.get("page_num"))) - 1
        ids = [str(n) for n in range(1, 6)][first * size : (first + 1) * size]
        data = {"items": [{"id": id} for id in ids], **answer(first)}
        return httpx.Response(200, json={"code": 0, "data": data})

    with CozeClient("pat_x", transport=httpx.MockTransport(page)) as client:
        return [bot.id for bot in client.bots.list(workspace_id="7", page_size=size)]


@pytest.mark.parametrize("total", [5, "5", 5.0])
def test_a_total_may_come_as_text(total):
    assert counted(lambda _: {"total": total}) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(("no", "yes"), [(False, True), ("false", "true"), (0, 1), ("0", "1")])
def test_whether_there_is_more_may_come_as_text(no, yes):
    assert counted(lambda _: {"has_more": no}) == ["1", "2"]
    assert counted(lambda page: {"has_more": yes if page < 2 else no}) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("limit", [1, 2, 50])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.anyio
async def test_only_messages_before_a_message_are_listed_and_all_of_them(
    emulator, client, order, limit
):
    conversation = client.conversations.create().id
    ids = [
        client.conversations.messages.create(
            conversation_id=conversation, message=EnterMessage.user(f"m{number}")
        ).id
        for number in range(9)
    ]
    before = ids[:6] if order == "asc" else ids[:6:-1]
    arguments = {
        "conversation_id": conversation,
        "order": order,
        "before_id": ids[6],
        "limit": limit,
    }
    found = client.conversations.messages.list(**arguments)
    pages = [[message.id for message in page.items] for page in found.pages()]
    assert [id for page in reversed(pages) for id in page] == before
    again = AsyncCozeClient(emulator.token, base_url=emulator.base_url)
    listed = [message.id async for message in again.conversations.messages.list(**arguments)]
    assert listed == [id for page in pages for id in page]
    await again.aclose()


def test_messages_between_two_messages_cannot_be_asked_for(client):
    with pytest.raises(ValueError, match="not both"):
        client.conversations.messages.list(conversation_id="1", before_id="2", after_id="3")


@pytest.mark.parametrize("kind", [CozeClient, AsyncCozeClient])
def test_a_server_that_sends_one_page_for_ever_is_listed_once(kind, caplog):
    conversations = [{"id": "1"}, {"id": "2"}]
    page = {"code": 0, "data": {"has_more": True, "conversations": conversations}}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, json=page, headers={"x-tt-logid": str(time.monotonic_ns())})
    )
    client = kind("pat_x", transport=transport)

    async def awaiting():
        return [each.id async for each in client.conversations.list(bot_id="1")]

    if kind is CozeClient:
        found = [each.id for each in client.conversations.list(bot_id="1")]
    else:
        found = asyncio.run(awaiting())
    assert found == ["1", "2"]
    assert "same page" in caplog.text
