"""What to do next, written once: a flow yields steps and a driver performs them.

A `Flow` is a generator: it yields `Send`, `Sleep`, `Exclusive`, `Work` or `Wait`, is sent what came
of it, and returns its result. It owns no clock, lock or socket, so both clients run the same one;
the step `Here` is answered by its client, and no driver sees it. See docs/decisions/0001-flows.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from coze_core._call import Call, Reply
from coze_core._errors import CozeError
from coze_core._signal import Signal

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Perform this call and send me the reply, or throw a connection error into me."""

    call: Call


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait this many seconds.

    Attributes:
        seconds: How long.
        because: The failure that makes it necessary, before a call is sent again; None otherwise.
    """

    seconds: float
    because: CozeError | None = None


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Run the flow that this makes, while no other flow with the same key runs.

    Attributes:
        key: The key.
        make: Makes the flow.
        call: The call that has to wait for it, if there is one.
        shared: Whether all who wait for this key want one and the same thing, such as a token. Its
            failure is then everybody's, and it goes on if the one who began it gives up.
    """

    key: object
    make: Callable[[], Flow[None]]
    call: Call | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """Run this function, which may block: on an event loop, in a worker thread.

    An asynchronous function is awaited; the blocking driver refuses one.
    """

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until this signal is given, at most this many seconds."""

    signal: Signal
    seconds: float


@dataclass(frozen=True, slots=True)
class Here:
    """Send me what my client knows: of its server, and of what it has under way (see `_here`)."""


Step: TypeAlias = Send | Sleep | Exclusive | Work | Wait | Here
Flow: TypeAlias = Generator[Step, Any, T]


def each_step(
    flow: Flow[T],
    perform: Callable[[Step], Flow[Any]],
    failed: Callable[[CozeError], None] | None = None,
) -> Flow[T]:
    """Return the same flow, each of its steps performed by a flow of its own.

    Args:
        flow: The flow.
        perform: Makes the flow that performs a step and returns what came of it.
        failed: Is told of the error that the flow ends with.
    """
    try:
        step = next(flow)
        while True:
            try:
                outcome = yield from perform(step)
            except CozeError as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except CozeError as error:
        if failed is not None:
            failed(error)
        raise
    finally:
        flow.close()


def send(call: Call) -> Flow[Reply]:
    """Perform one call."""
    return cast("Reply", (yield Send(call)))


def sleep(seconds: float, because: CozeError | None = None) -> Flow[None]:
    """Wait."""
    yield Sleep(seconds, because)


def exclusive(
    key: object,
    make: Callable[[], Flow[None]],
    call: Call | None = None,
    *,
    shared: bool = False,
) -> Flow[None]:
    """Run a flow alone."""
    yield Exclusive(key, make, call, shared)


def wait(signal: Signal, seconds: float) -> Flow[None]:
    """Wait for a signal."""
    yield Wait(signal, seconds)


def work(function: Callable[[], T]) -> Flow[T]:
    """Run a function that may block."""
    return cast("T", (yield Work(function)))
