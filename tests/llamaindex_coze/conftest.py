"""Models for the bots of a started emulator, and the ways to ask them."""

import asyncio

import pytest
from framework_models import models_of
from llama_index.core.llms import ChatMessage

from llamaindex_coze import Coze


@pytest.fixture
def make(emulator):
    """Makes a model for a bot, by name, or for an async function that is made a bot."""
    with models_of(Coze, emulator) as model:
        yield model


@pytest.fixture
def llm(make):
    return make()


def messages_of(question):
    return [ChatMessage(role="user", content=question)] if isinstance(question, str) else question


async def _astream_chat(llm, question, **options):
    return [r async for r in await llm.astream_chat(messages_of(question), **options)][-1]


WAYS = {
    "chat": lambda llm, q, **k: llm.chat(messages_of(q), **k),
    "achat": lambda llm, q, **k: asyncio.run(llm.achat(messages_of(q), **k)),
    "stream_chat": lambda llm, q, **k: list(llm.stream_chat(messages_of(q), **k))[-1],
    "astream_chat": lambda llm, q, **k: asyncio.run(_astream_chat(llm, q, **k)),
}


@pytest.fixture(params=list(WAYS))
def ask(request):
    """One of the four ways to get a whole response."""
    return WAYS[request.param]
