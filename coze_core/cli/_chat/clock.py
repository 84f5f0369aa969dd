"""How long a turn took."""

from __future__ import annotations

import time


class Clock:
    """Measures from the moment of asking; the user's own time for tool outputs counts not.

    Attributes:
        first: Seconds to the first piece of text or reasoning; None before it.
        total: Seconds of waiting for the bot so far.
    """

    def __init__(self) -> None:
        self.first: float | None = None
        self.total = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """Begin to wait for the bot."""
        self._since = time.perf_counter()

    def piece(self) -> None:
        """Notice a piece of the answer."""
        if self.first is None and self._since is not None:
            self.first = round(self.total + time.perf_counter() - self._since, 6)

    def stop(self) -> None:
        """End the waiting, for now or for good."""
        if self._since is not None:
            self.total = round(self.total + time.perf_counter() - self._since, 6)
            self._since = None
