"""Ends a blocking read at a moment of our choosing.

A blocking socket read cannot be given a new timeout once it is under way. One thread for the whole
process watches the few reads that need a bound of their own and shuts their sockets down when the
moment comes; the read then ends at once. It carries no data and runs no user code.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, Self

# Waking a thread costs more than all else here. So while reads come and go it wakes by itself this
# often, in seconds, and only who needs it sooner wakes it.
_TICK: Final = 0.2
NEVER: Final = float("inf")
_IDLE_SECONDS: Final = 5.0  # after which the thread ends


class _Watchdog:
    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int]] = []
        self._bites: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._wakes_at = 0.0
        self._asked_at = 0.0

    def watch(self, at: float, bite: Callable[[], None]) -> int:
        """Call `bite` at this monotonic time, unless forgotten first."""
        with self._condition:
            number = next(self._numbers)
            self._bites[number] = bite
            heapq.heappush(self._heap, (at, number))
            self._asked_at = time.monotonic()
            if self._thread is None or not self._thread.is_alive():  # not alive: after a fork
                self._wakes_at = 0.0
                self._thread = threading.Thread(target=self._run, name="coze-watchdog", daemon=True)
                self._thread.start()
            elif at < self._wakes_at:
                self._wakes_at = at
                self._condition.notify()
            return number

    def forget(self, number: int) -> None:
        with self._condition:
            self._bites.pop(number, None)

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._heap and self._heap[0][1] not in self._bites:
                    heapq.heappop(self._heap)
                now = time.monotonic()
                if not self._heap and now - self._asked_at > _IDLE_SECONDS:
                    self._thread = None
                    return
                at, number = self._heap[0] if self._heap else (now + _TICK, -1)
                if at > now:
                    self._wakes_at = at
                    self._condition.wait(at - now)
                    continue
                heapq.heappop(self._heap)
                bite = self._bites.pop(number, None)
            if bite is not None:
                bite()


_WATCHDOG = _Watchdog()


class Hold:
    """A socket for as long as it is ours.

    A connection whose body has been read to its end serves others at once. So whoever wants to end
    a read has to ask here, and what has been let go of is not touched any more.

    Args:
        sock: The socket, or None if the transport has none: then nothing can be ended.
    """

    __slots__ = ("_lock", "_sock", "can_end")

    def __init__(self, sock: socket.socket | None) -> None:
        self._lock = threading.Lock()
        self._sock = sock
        self.can_end = sock is not None

    def end(self) -> None:
        """End the read that is under way, in whatever thread, and those that follow."""
        # Inside the lock: between a look and the deed the connection could change hands.
        with self._lock, contextlib.suppress(OSError, TypeError):
            # Closed already: nothing is left to end. TypeError: sockets of some event loops cannot.
            if self._sock is not None:
                self._sock.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Say that the connection is about to be given back."""
        with self._lock:
            self._sock = None


class Bound:
    """Within the block, reads of a connection end at a given monotonic time.

    Args:
        at: When.
        hold: The connection; nothing is bounded if it has no socket of its own.

    Attributes:
        passed: Whether the moment has come.
    """

    __slots__ = ("_at", "_hold", "_number", "passed")

    def __init__(self, at: float, hold: Hold) -> None:
        self.passed = False
        self._at = at
        self._hold = hold
        self._number: int | None = None

    def __enter__(self) -> Self:
        if self._hold.can_end and self._at != NEVER:
            self._number = _WATCHDOG.watch(self._at, self._bite)
        return self

    def __exit__(self, *_: object) -> None:
        if self._number is not None:
            _WATCHDOG.forget(self._number)

    def _bite(self) -> None:
        self.passed = True
        self._hold.end()
