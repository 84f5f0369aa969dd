"""Streams and tasks that are left before their end."""

import asyncio
import contextlib
import gc
import time

import pytest
from langchain_core.output_parsers import StrOutputParser


def test_breaking_out_of_a_stream_cancels_the_chat_at_once(emulator, make):
    for _ in make("slow").stream("hi"):
        break
    assert len(emulator.requests.to("/v3/chat/cancel")) == 1


def test_closing_an_awaiting_stream_cancels_the_chat(emulator, make):
    async def main():
        async with contextlib.aclosing(make("slow").astream("hi")) as stream:
            async for _ in stream:
                break
        # Core leaves its inner generator to the event loop, which closes it some ticks later.
        while not emulator.requests.to("/v3/chat/cancel"):
            await asyncio.sleep(0.01)

    asyncio.run(main())


async def closes_it(model):
    async with contextlib.aclosing(model.astream("hi")) as stream:
        async for _ in stream:
            break


async def breaks_out(model):
    async for _ in model.astream("hi"):
        break


async def keeps_it_open(model, kept=[]):  # noqa: B006 - it outlives the loop
    kept.append(model.astream("hi"))
    async for _ in kept[-1]:
        break


async def breaks_out_of_a_chain(model):
    async for _ in (model | StrOutputParser()).astream("hi"):
        break


async def breaks_out_of_events(model):
    async for event in model.astream_events("hi"):
        if event["event"] == "on_chat_model_stream":
            break


async def fails_within(model):
    with contextlib.suppress(KeyError):
        async for _ in model.astream("hi"):
            raise KeyError


async def several_at_once(model):
    together = asyncio.Barrier(10)

    async def one():
        async for _ in model.astream("hi"):
            await together.wait()
            break

    await asyncio.gather(*(one() for _ in range(10)))


@pytest.mark.parametrize(
    ("leave", "chats"),
    [
        (closes_it, 1),
        (breaks_out, 1),
        (keeps_it_open, 1),
        (breaks_out_of_a_chain, 1),
        (breaks_out_of_events, 1),
        (fails_within, 1),
        (several_at_once, 10),
    ],
)
def test_a_stream_left_as_the_program_ends_is_cancelled_and_nothing_is_reported(
    emulator, make, leave, chats
):
    reported = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, said: reported.append(said))
        await leave(make("slow"))

    asyncio.run(main())
    gc.collect()
    assert reported == []
    cancelled = [request.json["chat_id"] for request in emulator.requests.to("/v3/chat/cancel")]
    assert len(cancelled) == len(set(cancelled)) == chats


def test_cancelling_a_task_cancels_the_chat(emulator, make):
    async def main():
        task = asyncio.create_task(make("slow").ainvoke("hi"))
        while not emulator.requests.to("/v3/chat"):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    deadline = time.monotonic() + 5
    while not emulator.requests.to("/v3/chat/cancel"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
