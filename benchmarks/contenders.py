"""One contender, one measurement, in a fresh process: `python -m benchmarks.contenders NAME ...`.

Prints one JSON object: CPU seconds (user and system) and wall seconds for the work, without the
warming up. The contenders `cozepy...` run under the interpreter that has the official SDK; those in
LangChain stand in `adapters.py`, those in LlamaIndex in `llamaindex.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

QUESTION = "hi"
Work = Callable[[], float | None]


def decode_floor(tokens: int) -> Work:
    from pydantic_core import from_json

    from benchmarks.server import parts

    data = b"".join(parts(tokens)[1])

    def work() -> None:
        for frame in data.split(b"\n\n"):
            if frame:
                from_json(frame[frame.index(b"\ndata:") + 6 :])

    return work


def decode_ours(tokens: int) -> Work:
    from benchmarks.server import parts
    from coze_core import ChatEventDecoder, Turn

    data = b"".join(parts(tokens)[1])

    def work() -> None:
        decoder, turn = ChatEventDecoder(), Turn()
        for start in range(0, len(data), 65536):
            for event in decoder.feed(data[start : start + 65536]):
                turn.apply(event)

    return work


def body() -> dict[str, object]:
    message = {"role": "user", "type": "question", "content": QUESTION, "content_type": "text"}
    return {"bot_id": "1", "user_id": "u", "stream": True, "additional_messages": [message]}


def httpx_sync(_: int, url: str, path: str = "/v3/chat") -> Work:
    import httpx

    client = httpx.Client(verify=False)

    def work() -> None:
        with client.stream("POST", url + path, json=body()) as response:
            for _ in response.iter_raw():
                pass

    return work


def httpx_v2(_: int, url: str) -> Work:
    return httpx_sync(_, url, "/open_api/v2/chat")


def httpx_async(_: int, url: str) -> Work:
    import httpx

    loop = asyncio.new_event_loop()
    client = httpx.AsyncClient(verify=False)

    async def one() -> None:
        async with client.stream("POST", url + "/v3/chat", json=body()) as found:
            async for _ in found.aiter_raw():
                pass

    return lambda: loop.run_until_complete(one())


def aiohttp_async(_: int, url: str) -> Work:
    loop = asyncio.new_event_loop()

    async def make() -> Any:
        import aiohttp

        return aiohttp.ClientSession()

    session = loop.run_until_complete(make())

    async def one() -> None:
        async with session.post(url + "/v3/chat", json=body()) as found:
            async for _ in found.content.iter_any():
                pass

    return lambda: loop.run_until_complete(one())


def ours_sync(_: int, url: str) -> Work:
    from coze_core import CozeClient, EnterMessage

    client = CozeClient("pat_x", base_url=url)
    question = [EnterMessage.user(QUESTION)]

    def work() -> None:
        with client.chat.stream(bot_id="1", user_id="u", messages=question) as stream:
            for _ in stream:
                pass

    return work


def ours_async(_: int, url: str) -> Work:
    from coze_core import AsyncCozeClient, EnterMessage

    client = AsyncCozeClient("pat_x", base_url=url)
    question = [EnterMessage.user(QUESTION)]
    loop = asyncio.new_event_loop()

    async def one() -> None:
        async with client.chat.stream(bot_id="1", user_id="u", messages=question) as stream:
            async for _ in stream:
                pass

    return lambda: loop.run_until_complete(one())


def ours_async_httpx(tokens: int, url: str) -> Work:
    """The same where aiohttp is not installed."""
    os.environ["COZE_HTTP_ENGINE"] = "httpx"
    return ours_async(tokens, url)


def ours_invoke(_: int, url: str) -> Work:
    from coze_core import CozeClient, EnterMessage

    client = CozeClient("pat_x", base_url=url)
    question = [EnterMessage.user(QUESTION)]

    def work() -> None:
        client.chat.stream(bot_id="1", user_id="u", messages=question).until_done()

    return work


def _cozepy(url: str) -> object:
    from cozepy import Coze, TokenAuth  # type: ignore[import-not-found]

    return Coze(auth=TokenAuth("pat_x"), base_url=url)


def cozepy_sync(_: int, url: str) -> Work:
    from cozepy import Message

    coze = _cozepy(url)
    question = [Message.build_user_question_text(QUESTION)]

    def work() -> None:
        for _ in coze.chat.stream(bot_id="1", user_id="u", additional_messages=question):  # type: ignore[attr-defined]
            pass

    return work


def cozepy_async(_: int, url: str) -> Work:
    from cozepy import AsyncCoze, AsyncTokenAuth, Message

    question = [Message.build_user_question_text(QUESTION)]
    coze = AsyncCoze(auth=AsyncTokenAuth("pat_x"), base_url=url)
    loop = asyncio.new_event_loop()

    async def one() -> None:
        stream = coze.chat.stream(bot_id="1", user_id="u", additional_messages=question)
        async for _ in stream:
            pass

    return lambda: loop.run_until_complete(one())


def cozepy_invoke(_: int, url: str) -> Work:
    from cozepy import Message

    coze = _cozepy(url)
    question = [Message.build_user_question_text(QUESTION)]

    def work() -> None:
        coze.chat.create_and_poll(bot_id="1", user_id="u", additional_messages=question)  # type: ignore[attr-defined]

    return work


def calibration() -> float:
    """CPU seconds of a fixed piece of Python, to scale runs on a busy machine."""
    started = time.process_time()
    sum(n * n for n in range(300_000))
    return time.process_time() - started


def found(name: str) -> Callable[..., Work]:
    """Return what makes the work; not every interpreter has every framework."""
    homes = ["benchmarks.contenders", "benchmarks.many", "benchmarks.first"]
    if name.startswith(("llama", "coze_")):
        homes = ["benchmarks.llamaindex"]
    elif name.startswith(("chat", "langchain", "community")) and "_many" not in name:
        homes = ["benchmarks.adapters"]
    for home in homes:
        made = getattr(importlib.import_module(home), name, None)
        if made is not None:
            work: Callable[..., Work] = made
            return work
    raise SystemExit(f"there is no contender {name}")


def main() -> None:
    name, tokens, repeat, warm, *rest = sys.argv[1:]
    work = found(name)(int(tokens), *rest)
    for _ in range(int(warm)):
        work()
    scale = calibration()
    cpu, wall = time.process_time(), time.perf_counter()
    told = [work() for _ in range(int(repeat))]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    numbers = {"cpu": cpu, "wall": wall, "calibration": (scale + calibration()) / 2}
    if told[0] is not None:  # what the work itself has measured
        numbers["own"] = statistics.median(value for value in told if value is not None)
    print(json.dumps(numbers))


if __name__ == "__main__":
    main()
