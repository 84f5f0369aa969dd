"""How many requests a minute a key may make."""

from __future__ import annotations

import time
from collections.abc import Callable


class Rate:
    """Lets so many requests a minute through, and all of them at once if none came before.

    Args:
        per_minute: How many.
        clock: Seconds that only grow.

    Example:
        >>> rate = Rate(2, clock=lambda: 0.0)
        >>> rate.wait(), rate.wait(), rate.wait()
        (0.0, 0.0, 30.0)
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._per_second = per_minute / 60.0
        self._clock = clock
        self._left = self._most
        self._seen = clock()

    def wait(self) -> float:
        """Take one request; return 0, or the seconds after which to come again."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._seen) * self._per_second)
        self._seen = now
        if self._left < 1.0:
            return (1.0 - self._left) / self._per_second
        self._left -= 1.0
        return 0.0
