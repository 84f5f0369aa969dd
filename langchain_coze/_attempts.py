"""The calls that a node of LangGraph makes at once, and its attempts one after another.

A pause or a retry makes a node run anew, and leaves alone what the calls of the one before are at:
it would be done twice. So a call that pauses the node lets the others come to an end first, no call
begins in a node that is paused, and an attempt waits for what the one before has left at work.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from langchain_core.runnables import RunnableConfig

from langchain_coze import _langgraph as graph
from langchain_coze._errors import CozeToolError

_GUARD: Final = threading.Lock()  # of everything here; nothing waits while it holds it


class NodeRun:
    """One run of a node, with its retries.

    Attributes:
        counter: What LangGraph counts with in all of its attempts; it tells the run from others.
        newest: The attempt that counts.
        outcomes: What it has done so far, by mark.
        read: Whether what a checkpoint has kept is among the outcomes.
        reading: Held while it is read.
        reading_async: The same, on an event loop.
    """

    def __init__(self, counter: object) -> None:
        self.counter = counter
        self.newest: Attempt | None = None
        self.outcomes: dict[str, list[Any]] = {}
        self.read = False
        self.reading = threading.Lock()
        self.reading_async = asyncio.Lock()

    def attempt(self, pad: object, number: int) -> Attempt:
        """Return the attempt with this pad; refuse calls that begin when it is over."""
        newest = each = self.newest
        while each is not None and each.pad is not pad:
            each = each.before
        if each is None and (newest is None or number >= newest.number):
            each = newest = self.newest = Attempt(self, pad, number)
        if each is None or each is not newest:
            raise CozeToolError("the attempt of the node that makes this call is over")
        return each

    def learn(self, outcomes: list[tuple[str, Any]]) -> None:
        """Add what a checkpoint has kept."""
        with _GUARD:
            if not self.read:
                for mark, outcome in outcomes:
                    self.outcomes.setdefault(mark, []).append(outcome)
                self.read = True

    def add(self, mark: str, outcome: object) -> int:
        """Remember an outcome; return how many calls that are just the same have one."""
        with _GUARD:
            known = self.outcomes.setdefault(mark, [])
            known.append(outcome)
            return len(known)


class Attempt:
    """One attempt of a node's run.

    Attributes:
        run: The node's run.
        pad: What LangGraph makes anew for each attempt.
        number: Its number; later ones have none that is smaller.
        before: The attempt before.
        at_work: How many calls have begun, and neither ended nor come to a question.
        paused: The interrupt, once the node is paused.
    """

    def __init__(self, run: NodeRun, pad: object, number: int) -> None:
        self.run = run
        self.pad = pad
        self.number = number
        self.before = run.newest
        self.at_work = 0
        self.paused: BaseException | None = None
        self._pausing: BaseException | None = None
        self._kept: dict[str, list[Any]] | None = None
        self._waiting: list[Future[None]] = []

    def enter(self) -> None:
        """Begin a call."""
        if self.paused is not None:  # this call begins when the node goes on
            raise type(self.paused)(*self.paused.args)
        self.at_work += 1

    def leave(self, interrupt: BaseException | None = None) -> None:
        """End a call, or stop at a question that pauses the node."""
        with _GUARD:
            self.at_work -= 1
            self._pausing = self._pausing or interrupt
            if self.at_work:
                return
            self.paused = self._pausing
            waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.set_running_or_notify_cancel():
                each.set_result(None)

    def quiet(self) -> Future[None]:
        """Return what is done once no call is at work."""
        found: Future[None] = Future()
        with _GUARD:
            if self.at_work:
                self._waiting.append(found)
            else:
                found.set_result(None)
        return found

    def take(self, mark: str) -> list[Any]:
        """Return an outcome that was kept and nobody has taken yet, in a list, or nothing."""
        with _GUARD:
            if self._kept is None:
                self._kept = {mark: list(found) for mark, found in self.run.outcomes.items()}
            kept = self._kept.get(mark, [])
            return [kept.pop(0)] if kept else []


class Call:
    """One call of a tool in a node.

    Attributes:
        attempt: The node's attempt that makes it.
        config: That of the call.
        must_keep: Whether it may not be made where nothing can be kept.
    """

    def __init__(self, attempt: Attempt, config: RunnableConfig, *, must_keep: bool) -> None:
        self.attempt = attempt
        self.config = config
        self.must_keep = must_keep
        self._stopped = False

    def end(self) -> None:
        """Be at work no longer."""
        if not self._stopped:
            self.attempt.leave()

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Return the answer to a question, or pause the graph when nothing is at work."""
        try:
            return graph.ask(question)
        except graph.interrupts() as interrupt:
            self._stop(interrupt)
            if not on_a_loop():  # others cannot go on there before we return
                self.attempt.quiet().result()
            raise

    async def ask_async(self, question: Mapping[str, Any]) -> Any:
        """Return the answer to a question; see `ask`."""
        try:
            return graph.ask(question)
        except graph.interrupts() as interrupt:
            self._stop(interrupt)
            await asyncio.wrap_future(self.attempt.quiet())
            raise

    def _stop(self, interrupt: BaseException) -> None:
        self._stopped = True
        self.attempt.leave(interrupt)


# By the ids of their counters, which they keep alive: an id is nobody else's meanwhile.
_RUNS: Final[OrderedDict[int, NodeRun]] = OrderedDict()
_MOST_RUNS: Final = 256  # that are remembered with nothing at work, in all graphs of this process


@contextmanager
def call_in(config: RunnableConfig, *, must_keep: bool = False) -> Iterator[Call | None]:
    """Make a call of a tool, from its beginning to its end.

    Args:
        config: That of the call.
        must_keep: Whether it may not be made where a graph can be paused but nothing kept.

    Yields:
        The call if a graph makes it, otherwise None.
    """
    pad = graph.pad_of(config)
    if pad is None:
        yield None
        return
    counter = getattr(pad, "call_counter", pad)
    with _GUARD:
        run = _RUNS.setdefault(id(counter), NodeRun(counter))
        _RUNS.move_to_end(id(counter))
        attempt = run.attempt(pad, graph.attempt_number(config))
        attempt.enter()
        _forget()
    call = Call(attempt, config, must_keep=must_keep)
    try:
        yield call
    finally:
        call.end()


def _forget() -> None:
    for _ in range(min(2, len(_RUNS) - _MOST_RUNS)):
        key, oldest = next(iter(_RUNS.items()))
        if oldest.newest is not None and oldest.newest.at_work:
            _RUNS.move_to_end(key)
        else:
            del _RUNS[key]


def on_a_loop() -> bool:
    """Whether we block an event loop, where nobody else can do anything meanwhile."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
