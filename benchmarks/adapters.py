"""The contenders in LangChain: ChatCoze, ChatOpenAI, a prototype, and models that do nothing.

Each is tried once before it is measured: the text that comes out must be the one that was sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import SecretStr

from benchmarks.contenders import QUESTION, Work, body
from benchmarks.server import texts
from langchain_coze import ChatCoze


class Trivial(BaseChatModel):
    """A model that only hands out the chunks it is given."""

    chunks: Callable[[], Iterator[ChatGenerationChunk]] | None = None
    achunks: Callable[[], AsyncIterator[ChatGenerationChunk]] | None = None

    @property
    def _llm_type(self) -> str:
        return "trivial"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise TypeError("this model only streams")

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        assert self.chunks is not None
        yield from self.chunks()

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        assert self.achunks is not None
        async for chunk in self.achunks():
            yield chunk


def checked(found: str, tokens: int) -> None:
    if found != "".join(texts(tokens)):
        raise RuntimeError(f"not the text that was sent, but {len(found)} characters")


def streamed(model: BaseChatModel, tokens: int) -> Work:
    checked("".join(chunk.text for chunk in model.stream(QUESTION)), tokens)

    def work() -> None:
        for _ in model.stream(QUESTION):
            pass

    return work


def astreamed(model: BaseChatModel, tokens: int) -> Work:
    loop = asyncio.new_event_loop()

    async def text() -> str:
        return "".join([chunk.text async for chunk in model.astream(QUESTION)])

    async def one() -> None:
        async for _ in model.astream(QUESTION):
            pass

    checked(loop.run_until_complete(text()), tokens)
    return lambda: loop.run_until_complete(one())


def chunk_of(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))


async def later(chunks: Iterator[ChatGenerationChunk]) -> AsyncIterator[ChatGenerationChunk]:
    for chunk in chunks:
        yield chunk


def langchain_floor(tokens: int) -> Work:
    """A model that does nothing but make chunks."""
    return streamed(Trivial(chunks=lambda: map(chunk_of, texts(tokens))), tokens)


def langchain_afloor(tokens: int) -> Work:
    return astreamed(Trivial(achunks=lambda: later(map(chunk_of, texts(tokens)))), tokens)


def langchain_floor_ready(tokens: int) -> Work:
    """Not even that: the chunks are made before."""
    ready = [chunk_of(text) for text in texts(tokens)]
    return streamed(Trivial(chunks=lambda: iter(ready)), tokens)


def langchain_afloor_ready(tokens: int) -> Work:
    ready = [chunk_of(text) for text in texts(tokens)]
    return astreamed(Trivial(achunks=lambda: later(iter(ready))), tokens)


def split(buffer: bytes) -> tuple[list[str], bytes]:
    """The deltas of the complete events, and what is left."""
    *events, rest = buffer.split(b"\n\n")
    found = []
    for event in events:
        name, _, data = event.partition(b"\ndata:")
        if name == b"event:conversation.message.delta":
            found.append(json.loads(data)["content"])
    return found, rest


def langchain_httpx(tokens: int, url: str) -> Work:
    """What somebody writes in half an hour: httpx, split, json.loads."""
    client = httpx.Client(verify=False)

    def chunks() -> Iterator[ChatGenerationChunk]:
        rest = b""
        with client.stream("POST", url + "/v3/chat", json=body()) as response:
            for block in response.iter_bytes():
                found, rest = split(rest + block)
                for text in found:
                    yield chunk_of(text)

    return streamed(Trivial(chunks=chunks), tokens)


def langchain_ahttpx(tokens: int, url: str) -> Work:
    client = httpx.AsyncClient(verify=False)

    async def chunks() -> AsyncIterator[ChatGenerationChunk]:
        rest = b""
        async with client.stream("POST", url + "/v3/chat", json=body()) as response:
            async for block in response.aiter_bytes():
                found, rest = split(rest + block)
                for text in found:
                    yield chunk_of(text)

    return astreamed(Trivial(achunks=chunks), tokens)


def chatcoze(url: str) -> ChatCoze:
    return ChatCoze(bot_id="1", api_key=SecretStr("pat_x"), base_url=url)


def chatcoze_stream(tokens: int, url: str) -> Work:
    return streamed(chatcoze(url), tokens)


def chatcoze_merged(tokens: int, url: str) -> Work:
    found = ChatCoze(bot_id="1", api_key=SecretStr("pat_x"), base_url=url, merge_reads=True)
    return streamed(found, tokens)


def chatcoze_astream(tokens: int, url: str) -> Work:
    return astreamed(chatcoze(url), tokens)


def chatcoze_invoke(tokens: int, url: str) -> Work:
    model = chatcoze(url)
    checked(model.invoke(QUESTION).text, tokens)

    def work() -> None:
        model.invoke(QUESTION)

    return work


def chatcoze_v2(tokens: int, url: str) -> Work:
    options = {"bot_id": "1", "api_key": "pat_x", "base_url": url, "protocol": "v2"}
    return streamed(ChatCoze.model_validate(options), tokens)


def community(tokens: int, url: str) -> Work:
    """The model of langchain-community, which speaks version 2 only."""
    from langchain_community.chat_models import ChatCoze as Community  # need not be installed

    options = {"coze_api_base": url, "coze_api_key": "pat_x", "bot_id": "1", "user": "u"}
    return streamed(Community(**options, streaming=True), tokens)


def chatopenai(url: str) -> BaseChatModel:
    from langchain_openai import ChatOpenAI  # need not be installed

    return ChatOpenAI(model="m", api_key=SecretStr("x"), base_url=url, max_retries=0)


def chatopenai_stream(tokens: int, url: str) -> Work:
    return streamed(chatopenai(url), tokens)


def chatopenai_astream(tokens: int, url: str) -> Work:
    return astreamed(chatopenai(url), tokens)
