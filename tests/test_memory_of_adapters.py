"""What the adapters hold while a stream waits for the server: nothing that was handed out."""

import asyncio

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage
from waiting import TwoReads, answers

from langchain_coze import ChatCoze
from llamaindex_coze import Coze


async def read_all(parts):
    async for part in parts:
        del part


async def astream_chat(model):
    await read_all(await model.astream_chat([ChatMessage("hi")]))


WAYS = {
    "ChatCoze.stream": (ChatCoze, lambda model: list(model.stream("hi"))),
    "ChatCoze.astream": (ChatCoze, lambda model: asyncio.run(read_all(model.astream("hi")))),
    "Coze.stream_chat": (Coze, lambda model: list(model.stream_chat([ChatMessage("hi")]))),
    "Coze.astream_chat": (Coze, lambda model: asyncio.run(astream_chat(model))),
}


@pytest.mark.parametrize("way", WAYS)
def test_events_are_let_go_before_more_is_waited_for(way):
    kind, ask = WAYS[way]
    body = TwoReads()
    options = {"bot_id": "1", "api_key": "pat_x", "user_id": "u"}
    http = {
        "http_client": httpx.Client(transport=answers(body)),
        "http_async_client": httpx.AsyncClient(transport=answers(body)),
    }
    ask(kind(**options, **http))
    assert body.held <= 1
