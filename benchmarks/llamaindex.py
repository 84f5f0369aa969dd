"""The contenders in LlamaIndex: Coze, OpenAI, and a model that does nothing but make responses.

OpenAI's runs under an interpreter of its own, so this file imports ours only where it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms import MockLLM
from llama_index.core.llms.callbacks import llm_chat_callback

from benchmarks.contenders import QUESTION, Work
from benchmarks.server import texts

HISTORY = [ChatMessage(role="user", content=QUESTION)]


class Floor(MockLLM):
    """Makes the responses that a stream consists of, under LlamaIndex's decorator."""

    tokens: int = 0

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True)

    def responses(self) -> Iterator[ChatResponse]:
        text = ""
        for delta in texts(self.tokens):
            text += delta
            message = ChatMessage(content=text, role=MessageRole.ASSISTANT)
            yield ChatResponse(message=message, delta=delta)

    @llm_chat_callback()
    def stream_chat(self, messages: Any, **kwargs: Any) -> ChatResponseGen:
        def generate() -> Iterator[ChatResponse]:
            yield from self.responses()

        return generate()  # type: ignore[return-value]  # a generator, as the name says

    @llm_chat_callback()
    async def astream_chat(self, messages: Any, **kwargs: Any) -> ChatResponseAsyncGen:
        async def generate() -> AsyncIterator[ChatResponse]:
            for response in self.responses():
                yield response

        return generate()  # type: ignore[return-value]  # a generator, as the name says


def checked(found: str, tokens: int) -> None:
    if found != "".join(texts(tokens)):
        raise RuntimeError(f"not the text that was sent, but {len(found)} characters")


def streamed(llm: Any, tokens: int) -> Work:
    checked("".join(part.delta for part in llm.stream_chat(HISTORY)), tokens)

    def work() -> None:
        for _ in llm.stream_chat(HISTORY):
            pass

    return work


def astreamed(llm: Any, tokens: int) -> Work:
    loop = asyncio.new_event_loop()

    async def text() -> str:
        return "".join([part.delta async for part in await llm.astream_chat(HISTORY)])

    async def one() -> None:
        async for _ in await llm.astream_chat(HISTORY):
            pass

    checked(loop.run_until_complete(text()), tokens)
    return lambda: loop.run_until_complete(one())


def floor(tokens: int) -> Floor:
    made = Floor()
    made.tokens = tokens
    return made


def llamaindex_floor(tokens: int) -> Work:
    return streamed(floor(tokens), tokens)


def llamaindex_afloor(tokens: int) -> Work:
    return astreamed(floor(tokens), tokens)


def coze(url: str) -> Any:
    from llamaindex_coze import Coze

    return Coze.from_dict({"bot_id": "1", "api_key": "pat_x", "base_url": url})


def coze_stream(tokens: int, url: str) -> Work:
    return streamed(coze(url), tokens)


def coze_astream(tokens: int, url: str) -> Work:
    return astreamed(coze(url), tokens)


def llama_openai(url: str) -> Any:
    from llama_index.llms.openai import OpenAI

    return OpenAI(model="gpt-4o", api_key="x", api_base=url, max_retries=0, reuse_client=True)


def llama_openai_stream(tokens: int, url: str) -> Work:
    return streamed(llama_openai(url), tokens)


def llama_openai_astream(tokens: int, url: str) -> Work:
    return astreamed(llama_openai(url), tokens)
