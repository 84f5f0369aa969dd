"""Streams that end at once when they are left, whatever LlamaIndex has wrapped around them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from llama_index.core.base.llms.types import ChatMessage


class Opened(list[ChatMessage]):
    """A history, and the stream that was opened for it."""

    stream: AsyncGenerator[Any, None] | None = None


class OpenedPrompt(str):
    """A prompt, and the stream that was opened for it."""

    __slots__ = ("stream",)

    stream: AsyncGenerator[Any, None] | None


async def closing(observed: Any, opened: Opened | OpenedPrompt) -> AsyncGenerator[Any, None]:
    """Pass a stream on, and close all of it at once when it is left.

    What LlamaIndex wraps around our generator does not close it; the garbage collector would, some
    turns of the event loop later, with the socket open and the chat running.
    """
    from llamaindex_coze import _engine as engine

    observed = engine.Unlisted(observed)
    try:
        async for response in observed:
            yield response
    finally:
        await observed.aclose()
        stream = getattr(opened, "stream", None)
        if stream is not None:
            await stream.aclose()
