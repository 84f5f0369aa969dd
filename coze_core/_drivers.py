"""The two drivers: they perform the steps of a flow, one blocking, one awaiting.

They stand side by side, in the same order, so that a difference between them is a visible one.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import itertools
import math
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError, wait
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import httpx

from coze_core._bodies import AsyncBody, Body
from coze_core._call import Call, Reply
from coze_core._config import ClientConfig
from coze_core._engine import behind_proxy, chosen_engine
from coze_core._errors import CozeError
from coze_core._flow import Exclusive, Flow, Send, Sleep, Step, Wait, Work
from coze_core._http import client_options, connection_error, network_errors
from coze_core._key_locks import KeyLock, lock_of
from coze_core._loops import (
    STREAMS_A_POOL,
    LoopPools,
    Pool,
    on_asyncio,
    running_loop,
    to_its_end,
    until_given,
)
from coze_core._multipart import AsyncForm, Form
from coze_core._senders import (
    AsyncOpened,
    AsyncThrough,
    Opened,
    Sender,
    Through,
)
from coze_core._unlisted import unlisted

T = TypeVar("T")


# Set in a thread that an event loop waits for.
_LOOP_WAITS: Final[ContextVar[object]] = ContextVar("coze_loop_waits", default=None)


def _loop_that_waits() -> object:
    """Return the event loop that stands still while this blocking code runs, or None."""
    try:
        return running_loop()
    except RuntimeError:
        return _LOOP_WAITS.get()


# -- blocking


class _Own:
    """An HTTP client of our own and what is under way with it."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.calls = 0
        self.ending = False
        self.bodies: weakref.WeakSet[Body] = weakref.WeakSet()


class SyncDriver:
    """Runs flows by blocking; one HTTP client serves all threads."""

    def __init__(
        self,
        config: ClientConfig,
        client: httpx.Client | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.config = config
        self.given_client = client
        self.transport = transport
        self._own: _Own | None = None
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    outcome = self._perform(step)
                except CozeError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def run_within(self, seconds: float, flow: Flow[Reply]) -> Reply | None:
        """Run a flow in a thread of its own and wait for it only this long.

        No timeout of a socket does that: a server that sends one byte at a time starts it anew
        with each, and the HTTP library shows the socket only when the headers have come.

        Returns:
            The reply, or None if there is none in time. A stream that opens later is closed.
        """
        opened: Future[Reply] = Future()
        context = contextvars.copy_context()
        context.run(_LOOP_WAITS.set, _loop_that_waits())
        work = functools.partial(context.run, self._run_for, opened, flow)
        threading.Thread(target=work, name="coze-opening", daemon=True).start()
        try:
            wait([opened], seconds)
        finally:
            given_up = opened.cancel()
        return None if given_up else opened.result()

    def _run_for(self, opened: Future[Reply], flow: Flow[Reply]) -> None:
        try:
            reply = self.run(flow)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            with contextlib.suppress(InvalidStateError):
                opened.set_exception(error)
            return
        try:
            opened.set_result(reply)
        except InvalidStateError:  # nobody waits any more
            if isinstance(reply.stream, Body):
                reply.stream.close()

    def _perform(self, step: object) -> object:
        if isinstance(step, Send):
            return self._send(step.call)
        if isinstance(step, Work):
            return _done(step.function())
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
        elif isinstance(step, Wait):
            step.signal.wait(step.seconds)
        elif isinstance(step, Exclusive):
            self._alone(step)
        return None

    def _alone(self, step: Exclusive) -> None:
        with lock_of(step.key) as lock:
            asked = lock.turns
            # On an event loop one must not wait for a lock that a task of the same loop holds: the
            # task could never go on. Then the work is done twice; a flow that must not be says so.
            if not lock.take(_loop_that_waits()):
                self.run(step.make())
                return
            try:
                if step.shared:
                    lock.share_failure(asked)
                with lock.turn():
                    self.run(step.make())
            finally:
                lock.release()

    def _send(self, call: Call) -> Reply:
        if self.given_client is not None:
            return self._send_with(Through(self.given_client, self.config), call)
        own = self._begin()
        try:
            reply = self._send_with(own.sender, call)
            if isinstance(reply.stream, Body):
                with self._lock:
                    own.bodies.add(reply.stream)
                    ending = own.ending
                if ending:
                    reply.stream.hold.end()
            return reply
        finally:
            self._done(own)

    def _send_with(self, sender: Sender, call: Call) -> Reply:
        try:
            if call.upload is None:
                return self._take(call, sender.open(call, None))
            with contextlib.closing(call.upload.open()) as content:
                return self._take(call, sender.open(call, Form(call.upload, content)))
        except network_errors() as error:
            raise connection_error(error, self.config) from error

    def _take(self, call: Call, opened: Opened) -> Reply:
        if call.stream:
            return self._open(call, Body(opened, self.config), opened)
        with contextlib.closing(opened):
            content = b"".join(opened.blocks)
        return Reply(opened.status_code, opened.headers, content)

    def _open(self, call: Call, body: Body, opened: Opened) -> Reply:
        try:
            if body.is_stream(binary=call.binary):
                return Reply(opened.status_code, opened.headers, stream=body)
            content = body.read()
        except BaseException:
            body.close()
            raise
        body.close()
        return Reply(opened.status_code, opened.headers, content)

    def _begin(self) -> _Own:
        """Return our HTTP client, made if there is none, for one more call."""
        with self._lock:
            own = self._own
            if own is None:
                own = self._own = _Own(self._make_sender())
                # A client that nobody closes closes its sockets when it is collected.
                weakref.finalize(self, own.sender.close)
            own.calls += 1
            return own

    def _make_sender(self) -> Sender:
        config = self.config
        if self.transport is None and not behind_proxy(config):
            from coze_core._pools import Straight

            return Straight(config)
        return Through(httpx.Client(**client_options(config), transport=self.transport), config)

    def _done(self, own: _Own) -> None:
        with self._lock:
            own.calls -= 1
            last = own.ending and not own.calls
        if last:
            own.sender.close()

    def close(self) -> None:
        """Close our own connections; a client that was given stays open.

        Open streams end at once. A call that is under way in another thread ends as it would
        have, and its connection is closed then.
        """
        with self._lock:
            own, self._own = self._own, None
            if own is None:
                return
            own.ending = True
            bodies, idle = list(own.bodies), not own.calls
        for body in bodies:
            body.hold.end()
        if idle:
            own.sender.close()


def _done(outcome: object) -> object:
    if inspect.isawaitable(outcome):
        if inspect.iscoroutine(outcome):
            outcome.close()  # else Python warns that nobody has awaited it
        raise TypeError(
            "an asynchronous function serves AsyncCozeClient only, and nothing awaits here: call "
            "the asynchronous methods (a model's: ainvoke, astream, achat), or give a function "
            "that blocks / 异步函数仅适用于 AsyncCozeClient，而此处是同步调用："
            "请改用异步方法（模型的 ainvoke、astream、achat 等），或提供同步函数"
        )
    return outcome


# -- awaiting


class AsyncDriver:
    """Runs flows by awaiting; each event loop has its own HTTP clients."""

    def __init__(
        self,
        config: ClientConfig,
        client: httpx.AsyncClient | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.config = config
        self.given_client = client
        self.transport = transport
        self._engine = chosen_engine(config)
        self._loops: weakref.WeakKeyDictionary[Any, LoopPools] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    async def run(self, flow: Flow[T], begun: Step | None = None) -> T:
        """Run a flow to its end and return its result.

        Args:
            flow: The flow.
            begun: The step that it has yielded already, if it has begun.
        """
        try:
            step = next(flow) if begun is None else begun
            while True:
                try:
                    outcome = await self._perform(step)
                except CozeError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    async def _perform(self, step: object) -> object:
        if isinstance(step, Send):
            return await self._send(step.call)
        if isinstance(step, Work):
            if inspect.iscoroutinefunction(step.function):
                return await step.function()
            # Such as a lambda around an asynchronous function; trio lets no thread return that.
            [outcome] = await anyio.to_thread.run_sync(lambda: [step.function()])
            return await outcome if inspect.isawaitable(outcome) else outcome
        if isinstance(step, Sleep):
            await anyio.sleep(step.seconds)
        elif isinstance(step, Wait):
            await until_given(step.signal, step.seconds)
        elif isinstance(step, Exclusive):
            await self._alone(step)
        return None

    async def _alone(self, step: Exclusive) -> None:
        with contextlib.ExitStack() as held:
            lock = held.enter_context(lock_of(step.key))
            asked = lock.turns
            await _taken(lock)
            held.callback(lock.release)
            if not step.shared:
                await self._turn(lock, step.make())
                return
            lock.share_failure(asked)
            flow = step.make()
            try:
                begun = next(flow)
            except StopIteration:  # somebody has done it meanwhile
                return
            # Whoever began may be cancelled; a token that was asked for still has to arrive.
            turn = functools.partial(self._turn, lock, flow, begun)
            await to_its_end(turn, held.pop_all().close)

    async def _turn(self, lock: KeyLock, flow: Flow[None], begun: Step | None = None) -> None:
        with lock.turn():
            await self.run(flow, begun)

    async def _send(self, call: Call) -> Reply:
        if call.upload is None:
            return await self._send_with(call, None)
        # In a worker thread: the event loop must not wait for a disk.
        with contextlib.closing(await anyio.to_thread.run_sync(call.upload.open)) as content:
            return await self._send_with(call, AsyncForm(call.upload, content))

    async def _send_with(self, call: Call, form: AsyncForm | None) -> Reply:
        pool = await self._pools().pick()
        pool.streams += 1
        try:
            opened = await pool.sender.open(call, form)
            if call.stream:
                pool.streams += 1  # the open body holds this one until it is closed
                return await self._open(call, AsyncBody(opened, self.config, pool), opened)
            return await _whole(opened)
        except network_errors() as error:
            raise connection_error(error, self.config) from error
        finally:
            pool.streams -= 1

    async def _open(self, call: Call, body: AsyncBody, opened: AsyncOpened) -> Reply:
        try:
            # Here the HTTP library's generators begin.
            if await unlisted(body.is_stream(binary=call.binary)):
                return Reply(opened.status_code, opened.headers, stream=body)
            content = await body.read()
        except BaseException:
            await body.aclose()
            raise
        await body.aclose()
        return Reply(opened.status_code, opened.headers, content)

    async def in_background(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something short without holding up whoever asks, as far as the event loop allows."""
        await self._pools().in_background(make)

    async def settle(self) -> None:
        """Let this event loop know that there may be connections to close when it ends."""
        await self._pools().live_with_the_loop()

    def expect(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Note what has to be done before this event loop ends."""
        self._pools().expect(farewell)

    def forget(self, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Forget what has been done."""
        self._pools().forget(farewell)

    def _pools(self) -> LoopPools:
        loop = running_loop()
        pools = self._loops.get(loop)
        if pools is None:
            with self._lock:
                self._forget_closed_loops()
                given = self.given_client
                own = None if given is None else Pool(AsyncThrough(given, self.config), math.inf)
                made = LoopPools(self._make_pool, own)
                pools = self._loops.setdefault(loop, made)
        return pools

    def _make_pool(self) -> Pool:
        config, most = self.config, STREAMS_A_POOL
        if self.transport is not None or behind_proxy(config):
            client = httpx.AsyncClient(**client_options(config), transport=self.transport)
            return Pool(AsyncThrough(client, config), most)
        if self._engine == "aiohttp" and on_asyncio():
            from coze_core._aiohttp import OverAiohttp  # an extra, and slow to import

            return Pool(OverAiohttp(config), math.inf)
        from coze_core._pools import AsyncStraight

        return Pool(AsyncStraight(config), most)

    def _forget_closed_loops(self) -> None:
        # The connections of a client refer to their loop, so the weak keys alone would not do.
        for loop, pools in list(self._loops.items()):
            if pools.ended or getattr(loop, "is_closed", bool)():
                del self._loops[loop]

    async def aclose(self) -> None:
        """Close our own connections of this event loop; a client that was given stays open."""
        loop = running_loop()
        with self._lock:
            pools = self._loops.get(loop)
        if pools is not None:
            await pools.aclose()
            with self._lock:
                self._loops.pop(loop, None)


async def _whole(opened: AsyncOpened) -> Reply:
    try:
        content = b"".join([block async for block in opened.blocks])
    finally:
        with anyio.CancelScope(shield=True):
            await opened.aclose()
    return Reply(opened.status_code, opened.headers, content)


async def _taken(lock: KeyLock) -> None:
    """Take a lock that other threads and other event loops may want as well."""
    loop = running_loop()
    for attempt in itertools.count():
        if lock.take_now(loop):
            return
        await anyio.sleep(min(0.001 * 2 ** min(attempt, 6), 0.05))
