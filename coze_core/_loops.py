"""What belongs to one event loop: its HTTP clients, and what is still to be said when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final

import anyio

from coze_core._senders import AsyncSender
from coze_core._signal import Signal

# The pool of httpcore looks through all its connections at every request: at 1,000 of them that is
# most of the work. So one pool takes this many streams at once, and then a further one is made.
STREAMS_A_POOL: Final = 50
# How long background work waits before it opens a connection, in seconds. A loop that is about to
# end cancels it in that time, and the work is done, undisturbed, while the loop shuts down.
_MOMENT: Final = 0.01
_LAST_WORDS_SECONDS: Final = 2.0
_TURNS: Final = 10  # of an event loop, in which it closes the generators that were given up
_UNDER_WAY: Final[set[asyncio.Task[None] | None]] = set()  # a loop keeps only weak references


def running_loop() -> object:
    """Return what stands for the running event loop: asyncio's loop, or trio's token."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")  # if trio runs us, it has been imported
        if trio is None:
            raise
        token: object = trio.lowlevel.current_trio_token()
        return token


async def until_given(signal: Signal, seconds: float) -> None:
    """Wait on this event loop for a signal, which any thread may give, or for so long."""
    given = anyio.Event()
    loop: Any = running_loop()
    soon = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the waiting with it
            soon(given.set)

    signal.listen(tell)
    with anyio.move_on_after(seconds):
        await given.wait()


async def to_its_end(
    work: Callable[[], Coroutine[Any, Any, None]], after: Callable[[], None]
) -> None:
    """Do something in a task of its own, which goes on when whoever waits for it is cancelled.

    Args:
        work: What to do.
        after: Called when it is over, however it ended.
    """
    done = anyio.Event()
    failures: list[Exception] = []

    async def whole() -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits for it
            failures.append(error)

    def ended(task: asyncio.Task[None] | None = None) -> None:
        _UNDER_WAY.discard(task)
        after()
        done.set()

    async def whole_on_trio() -> None:
        try:
            await whole()
        finally:
            ended()

    if on_asyncio():
        task = asyncio.get_running_loop().create_task(whole())
        _UNDER_WAY.add(task)
        task.add_done_callback(ended)  # also called for a task that was cancelled before it began
    else:
        trio: Any = sys.modules["trio"]
        trio.lowlevel.spawn_system_task(whole_on_trio, context=contextvars.copy_context())
    await done.wait()
    for failure in failures:
        raise failure


def on_asyncio() -> bool:
    """Whether the running event loop is one of asyncio."""
    return isinstance(running_loop(), asyncio.AbstractEventLoop)


def nobody_waits() -> bool:
    """Whether the event loop itself closes a generator that was given up, as a task of its own."""
    if not on_asyncio():
        return False
    task = asyncio.current_task()
    return task is not None and type(task.get_coro()).__name__ == "async_generator_athrow"


class Pool:
    """What sends requests, how many streams it carries now, and how many it may."""

    __slots__ = ("most", "sender", "streams")

    def __init__(self, sender: AsyncSender, most: float) -> None:
        self.sender = sender
        self.most = most
        self.streams = 0


class LoopPools:
    """The HTTP clients of one event loop; they end with the loop.

    Args:
        make_pool: Makes a further client of our own.
        given: The user's client, used instead and never closed.

    Attributes:
        ended: Whether the loop has ended, or the clients have been closed.
    """

    def __init__(self, make_pool: Callable[[], Pool], given: Pool | None) -> None:
        self.ended = False
        self._make_pool = make_pool
        self._given = given
        self._pools: list[Pool] = []
        self._lifetime: AsyncGenerator[None, None] | None = None
        # What is being done in the background; a loop keeps only weak references to its tasks.
        self._tasks: dict[asyncio.Task[None], Callable[[], Coroutine[Any, Any, None]]] = {}
        self._ended = False
        self._farewells: set[Callable[[], Coroutine[Any, Any, None]]] = set()

    async def pick(self) -> Pool:
        """Return the pool for one more request."""
        await self.live_with_the_loop()
        if self._given is not None:
            return self._given
        for pool in self._pools:
            if pool.streams < pool.most:
                return pool
        pool = self._make_pool()
        self._pools.append(pool)
        return pool

    def expect(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Note what has to be done before the loop ends, unless it is forgotten by then.

        Args:
            farewell: It; several calls of it must not do it twice.
        """
        self._farewells.add(farewell)

    def forget(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Forget what has been done.

        Args:
            farewell: It.
        """
        self._farewells.discard(farewell)

    async def in_background(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something short: in a task under asyncio, at once under trio or as the loop ends."""
        if self._ended or not on_asyncio():
            await make()
            return

        async def soon() -> None:
            await asyncio.sleep(_MOMENT)
            await make()

        task = asyncio.get_running_loop().create_task(soon())
        self._tasks[task] = make
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def live_with_the_loop(self) -> None:
        """Have the clients closed when the loop ends, at the latest."""
        if self._lifetime is None:
            self._lifetime = lifetime = self._until_the_loop_ends()
            await anext(lifetime)

    async def _until_the_loop_ends(self) -> AsyncGenerator[None, None]:
        """Close the clients when the loop shuts its asynchronous generators down.

        `asyncio.run` and trio do that before they end, so a client that nobody closed leaves no
        open socket behind and none is ever used from another loop.
        """
        try:
            yield
        finally:
            try:
                await self._end()
            finally:
                self.ended = True

    async def _end(self) -> None:
        self._ended = True
        with anyio.move_on_after(_LAST_WORDS_SECONDS, shield=True):
            async with anyio.create_task_group() as group:
                for farewell in tuple(self._farewells):
                    group.start_soon(farewell)
        for task in self._tasks:
            task.cancel()
        pools, self._pools = self._pools, []
        # Whoever closes us may have been cancelled, which would leave the connections open.
        with anyio.move_on_after(1, shield=True):
            if self._tasks:
                await asyncio.wait(self._tasks)
            for pool in pools:
                await pool.sender.aclose()

    async def aclose(self) -> None:
        """Close the clients now; chats of open streams go on, as when a connection breaks.

        Those of streams that have been left are still cancelled: whoever leaves the block of a
        stream by an exception often leaves the block of its client by the same, and a stream
        without a block is closed by the loop, after whoever broke out of it has gone on.
        """
        with anyio.CancelScope(shield=True):
            for _ in range(_TURNS if on_asyncio() else 0):
                if self._farewells <= set(self._tasks.values()):
                    break
                await asyncio.sleep(0)
        self._farewells = set(self._tasks.values())
        if self._lifetime is not None:
            with contextlib.suppress(RuntimeError):  # it is ending in another task just now
                await self._lifetime.aclose()
