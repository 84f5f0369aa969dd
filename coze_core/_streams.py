"""Open streams, blocking and awaiting, side by side: of chats and of workflows.

Leaving a stream early closes its socket at once and, for a chat, asks the server to cancel it. That
request is bounded, and it never replaces or holds up the exception that made us leave.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterator
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

import anyio

from coze_core._bodies import AsyncBody, Body
from coze_core._call import Reply
from coze_core._drivers import AsyncDriver, SyncDriver
from coze_core._errors import CozeError
from coze_core._flow import Flow
from coze_core._loops import nobody_waits
from coze_core._models import Chat
from coze_core._pump import CANCEL_SECONDS, DRAIN_SECONDS, StreamPump
from coze_core._stream_request import StreamRequest
from coze_core._unlisted import Unlisted, unlisted
from coze_core._watchdog import NEVER, Bound

T = TypeVar("T")
Item = TypeVar("Item")  # what a stream is made of

_LOG: Final = logging.getLogger("coze_core")


class StreamFlows(Protocol):
    """The flows that a stream needs from its client."""

    def open(self, request: StreamRequest) -> Flow[Reply]:
        """Open the stream."""

    def cancel(self, *, conversation_id: str, chat_id: str) -> Flow[Chat]:
        """Cancel the chat."""

    def quick_cancel(self, *, conversation_id: str, chat_id: str) -> Flow[None]:
        """Cancel the chat without insisting."""


class _Stream(Generic[Item]):
    """What needs no I/O."""

    def __init__(self, pump: StreamPump[Item], request: StreamRequest, flows: StreamFlows) -> None:
        self._pump = pump
        self._request = request
        self._flows = flows
        self._closed = False
        self._in_block = False
        self._waiting: Iterator[Item] = iter(())  # read but not asked for yet

    @property
    def log_id(self) -> str | None:
        """Coze's request id, or None before the stream is open."""
        return self._pump.log_id

    def _opened(self, reply: Reply) -> object:
        if reply.stream is None:
            raise reply.not_a_stream()
        self._pump.log_id = reply.log_id
        self._pump.secret = reply.secret
        return reply.stream

    def _check_whole(self) -> None:
        """Refuse to take what was closed half-way for the whole.

        Raises:
            IncompleteStreamError: If the stream was closed before it was over.
        """
        if not self._pump.over:
            raise self._pump.incomplete("it was closed")

    def _check_failed(self) -> None:
        """Raise why the work has failed, by the server's word, if it has."""
        error = self._pump.error
        if error is not None:
            self._pump.identify(error)
            raise error

    def _wants_farewell(self) -> bool:
        """Whether something is to be said to the server on leaving."""
        return False

    def _farewell(self) -> Flow[None]:
        """Return how to say it."""
        yield from ()


class EventStream(_Stream[Item]):
    """A stream that blocks; iterate over it inside a `with` block or not."""

    def __init__(
        self, driver: SyncDriver, pump: StreamPump[Item], request: StreamRequest, flows: StreamFlows
    ) -> None:
        super().__init__(pump, request, flows)
        self._driver = driver
        self._body: Body | None = None
        self._batches: Generator[list[Item], None, None] | None = None
        self._ends = NEVER

    def __enter__(self) -> Self:
        self._in_block = True
        self._open()
        return self

    def _open(self) -> None:
        if self._body is None and not self._closed:
            clock = self._driver.config.retry.clock
            if self._request.deadline is not None:
                self._ends = clock() + self._request.deadline
            opening = self._pump.opening(self._flows.open(self._request))
            stream = self._opened(self._within_deadline(opening))
            if not isinstance(stream, Body):
                raise TypeError("a blocking stream needs a blocking driver")
            self._keep(stream)

    def _keep(self, body: Body) -> None:
        self._body = body
        if self._closed:  # meanwhile, from another thread, which had no body to close
            self._leave()
            raise self._pump.incomplete("it was closed")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def increments(self) -> Iterator[Item]:
        """Iterate over what each event adds to the answer."""
        try:
            # An iterator of the batch, kept: whoever iterates next goes on where this one stopped.
            for increment in self._waiting:
                yield increment
            for batch in self._reading():
                self._waiting = waiting = iter(batch)
                for increment in waiting:
                    yield increment
                del batch
            self._check_whole()
        finally:
            self._left()

    def batches(self) -> Iterator[list[Item]]:
        """Iterate over lists of increments, one list for each read from the network."""
        try:
            if rest := list(self._waiting):
                yield rest
            del rest
            # Not `yield from`: that would close the reading when this iterator is given up.
            for batch in self._reading():
                yield batch
                del batch
            self._check_whole()
        finally:
            self._left()

    def _left(self) -> None:
        """Close the stream when its iterator is given up, unless a `with` block will."""
        if not self._in_block:
            self.close()

    def _reading(self) -> Iterator[list[Item]]:
        if self._batches is None:
            self._open()
            self._batches = self._read()
        return self._batches

    def _read(self) -> Generator[list[Item], None, None]:
        body = self._body
        if body is None or self._closed:
            raise RuntimeError("the stream is closed")
        pump = self._pump
        bounded = self._ends != NEVER
        blocks = body.blocks()  # one generator for all reads: given up half-way it would close
        try:
            with Bound(self._ends, body.hold) as bound:
                try:
                    for block in blocks:
                        batch = pump.feed(block)
                        del block  # a generator that waits keeps what it has names for
                        if batch:
                            yield batch
                        del batch
                        if pump.over:
                            break
                        if pump.failure is not None:
                            raise pump.failure
                        if bounded:
                            self._check_deadline()
                    else:
                        batch = pump.finish()
                        if batch:
                            yield batch
                        if pump.failure is not None:
                            raise pump.failure
                except CozeError as error:
                    if bound.passed:
                        raise pump.too_slow(self._request.deadline or 0) from error
                    told = pump.broken(error, closed=self._closed)
                    if told is not None:
                        raise told from error
            self._check_failed()
            if late := self._drain(body, blocks):
                yield late
            self._check_failed()
        finally:
            self.close()

    def _within_deadline(self, opening: Flow[Reply]) -> Reply:
        if self._ends == NEVER:
            return self._driver.run(opening)
        reply = self._driver.run_within(
            max(0.0, self._ends - self._driver.config.retry.clock()), opening
        )
        if reply is None:
            raise self._pump.too_slow(self._request.deadline or 0)
        return reply

    def _check_deadline(self) -> None:
        """See to the deadline where no socket can be shut down: at least between two reads."""
        if self._driver.config.retry.clock() > self._ends:
            raise self._pump.too_slow(self._request.deadline or 0)

    def _drain(self, body: Body, blocks: Iterator[bytes]) -> list[Item]:
        """Read the end of the body, so that the connection can serve again; return what it had."""
        late: list[Item] = []
        pump = self._pump
        pump.excuse()
        if not body.hold.can_end:  # nothing would bound the reading
            return late
        clock = self._driver.config.retry.clock
        with Bound(clock() + DRAIN_SECONDS, body.hold), contextlib.suppress(CozeError):
            for block in blocks:
                late += pump.late(block)
                if pump.flooded():
                    return late
            late += pump.late(None)
        return late

    def close(self) -> None:
        """Close the socket; a chat that is still running is cancelled on the server.

        From another thread as well: whoever opens or reads it gets an IncompleteStreamError.
        """
        if self._closed:
            return
        self._closed = True  # before the look at the body: whoever opens it does both in turn
        if self._body is not None:
            self._leave()

    def _leave(self) -> None:
        if self._body is None:
            return
        self._body.hold.end()
        # One that runs just now, here or in another thread, ends when the body is closed.
        with contextlib.suppress(ValueError):
            if self._batches is not None:
                self._batches.close()
        self._body.close()
        self._pump.left()
        if self._wants_farewell():
            try:
                self._driver.run(self._farewell())
            except CozeError as error:
                _LOG.debug("the chat could not be cancelled: %s", error)


class AsyncEventStream(_Stream[Item]):
    """A stream that awaits; iterate over it inside an `async with` block or not."""

    def __init__(
        self,
        driver: AsyncDriver,
        pump: StreamPump[Item],
        request: StreamRequest,
        flows: StreamFlows,
    ) -> None:
        super().__init__(pump, request, flows)
        self._driver = driver
        self._body: AsyncBody | None = None
        self._blocks: Unlisted[bytes] | None = None
        self._batches: Unlisted[list[Item]] | None = None
        self._leaving: anyio.Event | None = None
        self._left_for_good = False
        self._ends = NEVER

    async def __aenter__(self) -> Self:
        self._in_block = True
        await self._open()
        return self

    async def _open(self) -> None:
        if self._body is None and not self._closed:
            clock = self._driver.config.retry.clock
            if self._request.deadline is not None:
                self._ends = clock() + self._request.deadline
            opening = self._pump.opening(self._flows.open(self._request))
            stream = self._opened(await self._within_deadline(self._driver.run(opening)))
            if not isinstance(stream, AsyncBody):
                raise TypeError("an awaiting stream needs an awaiting driver")
            await self._keep(stream)

    async def _keep(self, body: AsyncBody) -> None:
        self._body = body
        self._blocks = Unlisted(body.blocks())
        self._driver.expect(self._take_leave)
        if self._closed:  # meanwhile, by another task, which had no body to close
            await self._take_leave()
            raise self._pump.incomplete("it was closed")

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A generator that is being closed has somebody who waits for it; other exceptions have not.
        await self._leave(in_a_hurry=not isinstance(error, GeneratorExit | None))

    async def increments(self) -> AsyncGenerator[Item, None]:
        """Iterate over what each event adds to the answer."""
        try:
            for increment in self._waiting:
                yield increment
            async for batch in await self._reading():
                self._waiting = waiting = iter(batch)
                for increment in waiting:
                    yield increment
                del batch
            self._check_whole()
        finally:
            await self._left()

    async def batches(self) -> AsyncGenerator[list[Item], None]:
        """Iterate over lists of increments, one list for each read from the network."""
        try:
            if rest := list(self._waiting):
                yield rest
            del rest
            async for batch in await self._reading():
                yield batch
                del batch
            self._check_whole()
        finally:
            await self._left()

    async def _left(self) -> None:
        """Close the stream when its iterator is given up, unless an `async with` block will."""
        if not self._in_block:
            await self.aclose()

    async def _reading(self) -> Unlisted[list[Item]]:
        if self._batches is None:
            await self._open()
            self._batches = Unlisted(self._read())
        return self._batches

    async def _read(self) -> AsyncGenerator[list[Item], None]:
        blocks = self._blocks
        if blocks is None or self._closed:
            raise RuntimeError("the stream is closed")
        pump = self._pump
        hurry = True
        try:
            try:
                while True:
                    block = await self._block(blocks)
                    batch = pump.finish() if block is None else pump.feed(block)
                    del block  # a generator that waits keeps what it has names for
                    if batch:
                        yield batch
                    del batch
                    if pump.over:
                        break
                    if pump.failure is not None:
                        raise pump.failure
            except CozeError as error:
                told = pump.broken(error, closed=self._closed)
                if told is not None:
                    raise told from error
            self._check_failed()
            if late := await self._drain(blocks):
                yield late
            self._check_failed()
            hurry = False
        except GeneratorExit:
            hurry = False  # closed by its owner, who waits for the closing
            raise
        finally:
            await self._leave(in_a_hurry=hurry)

    def _block(self, blocks: Unlisted[bytes]) -> Awaitable[bytes | None]:
        coming = anext(blocks, None)
        return coming if self._ends == NEVER else self._within_deadline(coming)

    async def _within_deadline(self, work: Awaitable[T]) -> T:
        if self._ends == NEVER:
            return await work
        with anyio.move_on_after(max(0.0, self._ends - self._driver.config.retry.clock())):
            return await work
        raise self._pump.too_slow(self._request.deadline or 0)

    async def _drain(self, blocks: Unlisted[bytes]) -> list[Item]:
        """Read the end of the body, so that the connection can serve again; return what it had."""
        late: list[Item] = []
        pump = self._pump
        pump.excuse()
        with anyio.move_on_after(DRAIN_SECONDS), contextlib.suppress(CozeError):
            async for block in blocks:
                late += pump.late(block)
                if pump.flooded():
                    return late
            late += pump.late(None)
        return late

    async def aclose(self) -> None:
        """Close the socket; a chat that is still running is cancelled on the server."""
        await self._leave(in_a_hurry=False)

    async def _leave(self, *, in_a_hurry: bool) -> None:
        if self._closed or self._body is None:
            self._closed = True
            return
        if (in_a_hurry or nobody_waits()) and self._wants_farewell():
            await self._close()
            await self._driver.in_background(self._take_leave)
        else:
            await self._take_leave()

    async def _take_leave(self) -> None:
        """Close the stream and tell the server, if that has not been done; also at the loop's end.

        A task that is at it may be cancelled half-way; then this is called again.
        """
        while self._leaving is not None:
            await self._leaving.wait()
        if self._left_for_good:
            return
        self._leaving = leaving = anyio.Event()
        try:
            await self._close()
            if self._wants_farewell():
                await self._driver.settle()  # beforehand: what begins below is not listed
                await unlisted(self._tell_the_server())
            self._left_for_good = True
            self._driver.forget(self._take_leave)
        finally:
            self._leaving = None
            leaving.set()

    async def _close(self) -> None:
        self._closed = True
        with anyio.CancelScope(shield=True):
            for generator in (self._batches, self._blocks):
                # One that runs just now, here or in another task, ends when the body is closed.
                with contextlib.suppress(RuntimeError):
                    if generator is not None:
                        await generator.aclose()
            if self._body is not None:
                await self._body.aclose()
        self._pump.left()

    async def _tell_the_server(self) -> None:
        with anyio.move_on_after(CANCEL_SECONDS, shield=True):
            try:
                await self._driver.run(self._farewell())
            except CozeError as error:
                _LOG.debug("the chat could not be cancelled: %s", error)
