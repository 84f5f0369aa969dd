"""Locks by object: one for each key that somebody holds or waits for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final


class _KeyLock:
    """The lock of one object, which is kept alive with it: its id is nobody else's meanwhile."""

    def __init__(self, key: object) -> None:
        self.key = key
        self.lock = threading.Lock()
        self.users = 0


_LOCKS: Final[dict[int, _KeyLock]] = {}
_LOCKS_GUARD: Final = threading.Lock()


@contextlib.contextmanager
def lock_of(key: object) -> Iterator[threading.Lock]:
    """Within the block, have the lock of this object; not locked yet.

    Any object will do: a credential of the user's may allow neither hashing nor weak references.
    """
    with _LOCKS_GUARD:
        held = _LOCKS.setdefault(id(key), _KeyLock(key))
        held.users += 1
    try:
        yield held.lock
    finally:
        with _LOCKS_GUARD:
            held.users -= 1
            if not held.users:
                del _LOCKS[id(key)]
