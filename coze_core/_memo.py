"""What a client has found out and need not ask again for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

_MOST: Final = 4096  # entries; the oldest go first


class Slot:
    """The place of one answer; hold it alone (see `Exclusive`) while finding the answer out."""

    __slots__ = ("__weakref__", "expires", "value")

    def __init__(self) -> None:
        self.value: object = None
        self.expires = float("-inf")


class Memo:
    """Remembers answers until they expire; one object serves all threads and event loops.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._slots: OrderedDict[Hashable, Slot] = OrderedDict()
        self._lock = threading.Lock()

    def slot(self, key: Hashable) -> Slot:
        """Return the place of an answer, made if it is new.

        Args:
            key: What the answer is about.
        """
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = Slot()
                while len(self._slots) > _MOST:
                    self._slots.popitem(last=False)
            self._slots.move_to_end(key)
            return slot

    def fresh(self, slot: Slot) -> bool:
        """Whether a place holds an answer that has not expired."""
        return slot.expires > self.clock()

    def keep(self, slot: Slot, value: object, seconds: float) -> None:
        """Put an answer into its place.

        Args:
            slot: The place.
            value: The answer.
            seconds: How long it is good for.
        """
        slot.value = value
        slot.expires = self.clock() + seconds
