"""A question to a bot, in the four ways, unobserved: one event for each call of the user.

The public methods of `Coze` are observed by LlamaIndex; those that build on another one must not be
observed twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from pydantic import ConfigDict

from llamaindex_coze._settings import CozeSettings


class Asking(CozeSettings):
    """The four ways to ask."""

    model_config = ConfigDict(defer_build=True)

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=False)
        dialogue = engine.converse(self.client, engine.entries_of(messages), ask)
        return engine.response_of(dialogue.until_done())

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=False)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        return engine.response_of(await dialogue.until_done())

    def _stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse, None, None]:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=True)
        dialogue = engine.converse(self.client, engine.entries_of(messages), ask)
        maker = engine.ResponseMaker()
        with contextlib.closing(iter(dialogue)) as coming:
            for pieces in coming:
                yield from maker.responses(pieces)
                del pieces  # before more is waited for
        yield engine.response_of(dialogue.result)

    async def _astream(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        from llamaindex_coze import _engine as engine

        ask = engine.ask_of(self, kwargs, streamed=True)
        dialogue = engine.converse_async(self.async_client, engine.entries_of(messages), ask)
        maker = engine.ResponseMaker()
        async with contextlib.aclosing(aiter(dialogue)) as coming:
            async for pieces in coming:
                for response in maker.responses(pieces):
                    yield response
                del pieces  # before more is waited for
        yield engine.response_of(dialogue.result)
