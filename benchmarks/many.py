"""Many streams at once on one event loop: `name@1000` opens 1,000 of them.

The work tells how much memory the process took for each stream, in kB, at its largest.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders import QUESTION, Work, body
from benchmarks.server import WAITS, more_files, texts

One = Callable[[], Awaitable[None]]
TOKENS = 50


def resident() -> int:
    """The memory of this process now, in kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


async def together(one: One, streams: int) -> float:
    """Run one stream, then many at once; return what each took, in kB."""
    await one()
    gc.collect()
    before = largest = resident()
    done = asyncio.gather(*(one() for _ in range(streams)))
    while not done.done():
        await asyncio.wait([done], timeout=0.02)
        largest = max(largest, resident())
    done.result()
    return (largest - before) / streams


def aiohttp_many(streams: int, url: str) -> Work:
    more_files()
    import aiohttp

    async def all_() -> float:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one() -> None:
                async with session.post(url + "/v3/chat", json=body()) as found:
                    async for _ in found.content.iter_any():
                        pass

            return await together(one, streams)

    return lambda: asyncio.run(all_())


def ours_many(streams: int, url: str) -> Work:
    more_files()
    from coze_core import AsyncCozeClient, EnterMessage

    client = AsyncCozeClient("pat_x", base_url=url)
    question = [EnterMessage.user(QUESTION)]

    async def one() -> None:
        await client.chat.stream(bot_id="1", user_id="u", messages=question).until_done()

    return lambda: asyncio.run(together(one, streams))


def chatcoze_many(streams: int, url: str) -> Work:
    more_files()
    adapters: Any = importlib.import_module("benchmarks.adapters")
    model = adapters.chatcoze(url)

    async def one() -> None:
        async for _ in model.astream(QUESTION):
            pass

    return lambda: asyncio.run(together(one, streams))


def langchain_floor_many(streams: int) -> Work:
    """A model without a network, which makes plain chunks: LangChain keeps them until the end."""
    adapters: Any = importlib.import_module("benchmarks.adapters")

    async def chunks() -> AsyncIterator[Any]:
        for text in texts(TOKENS):
            await asyncio.sleep(WAITS["many"])
            yield adapters.chunk_of(text)

    model = adapters.Trivial(achunks=chunks)

    async def one() -> None:
        async for _ in model.astream(QUESTION):
            pass

    return lambda: asyncio.run(together(one, streams))


def cozepy_many(streams: int, url: str) -> Work:
    more_files()
    from cozepy import (  # type: ignore[import-not-found]
        AsyncCoze,
        AsyncHTTPClient,
        AsyncTokenAuth,
        Message,
    )

    question = [Message.build_user_question_text(QUESTION)]

    async def all_() -> float:
        client = AsyncHTTPClient(timeout=120)
        coze = AsyncCoze(auth=AsyncTokenAuth("pat_x"), base_url=url, http_client=client)

        async def one() -> None:
            stream = coze.chat.stream(bot_id="1", user_id="u", additional_messages=question)
            async for _ in stream:
                pass

        return await together(one, streams)

    return lambda: asyncio.run(all_())
