"""Locks by object: one for each key that somebody holds or waits for."""

from __future__ import annotations

import contextlib
import copy
import os
import threading
from collections.abc import Iterator
from typing import Final

from coze_core._errors import CozeError


class KeyLock:
    """The lock of one object, which is kept alive with it: its id is nobody else's meanwhile.

    Attributes:
        key: The object.
        turns: How many have held the lock and let go of it.
        users: How many hold it or wait for it.
    """

    def __init__(self, key: object) -> None:
        self.key = key
        self.turns = 0
        self.users = 0
        self._lock = threading.Lock()
        self._loop: object = None
        self._failure: CozeError | None = None

    def take_now(self, loop: object) -> bool:
        """Take the lock if it is free.

        Args:
            loop: The event loop that the holder runs on; None for none.
        """
        if not self._lock.acquire(blocking=False):
            return False
        self._loop = loop
        return True

    def take(self, loop: object) -> bool:
        """Wait for the lock; False if a task of this event loop holds it, which waits for us.

        Args:
            loop: The event loop that stands still meanwhile; None for none.
        """
        if self.take_now(loop):
            return True
        if loop is not None and self._loop is loop:
            return False
        self._lock.acquire()
        self._loop = loop
        return True

    def release(self) -> None:
        """Let the next one have it."""
        self._loop = None
        self._lock.release()

    def share_failure(self, asked: int) -> None:
        """Fail as somebody else has, who did the very same while we waited.

        Args:
            asked: `turns` when we began to wait.

        Raises:
            CozeError: What it has failed with.
        """
        if self._failure is not None and self.turns != asked:
            raise copy.copy(self._failure) from self._failure

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Do in the block what the lock is held for."""
        self._failure = None
        try:
            yield
        except CozeError as error:
            self._failure = error
            raise
        finally:
            self.turns += 1


_LOCKS: Final[dict[int, KeyLock]] = {}
_GUARDS: Final = [threading.Lock()]


@contextlib.contextmanager
def lock_of(key: object) -> Iterator[KeyLock]:
    """Within the block, have the lock of this object; not locked yet.

    Any object will do: a credential of the user's may allow neither hashing nor weak references.
    """
    with _GUARDS[0]:
        held = _LOCKS.setdefault(id(key), KeyLock(key))
        held.users += 1
    try:
        yield held
    finally:
        with _GUARDS[0]:
            held.users -= 1
            if not held.users and _LOCKS.get(id(key)) is held:
                del _LOCKS[id(key)]


def _begin_anew() -> None:
    """Let go of all: the threads that hold these locks are not in a process that was forked."""
    _GUARDS[0] = threading.Lock()
    _LOCKS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
