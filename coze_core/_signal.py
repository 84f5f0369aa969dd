"""A word from one caller to another, whatever threads and event loops they run on."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Signal:
    """Given once, by anybody; waited for by one."""

    __slots__ = ("_event", "_listener")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listener: Callable[[], None] | None = None

    @property
    def given(self) -> bool:
        """Whether it has been given."""
        return self._event.is_set()

    def give(self) -> None:
        """Give it; whoever waits goes on."""
        self._event.set()
        listener = self._listener
        if listener is not None:
            listener()

    def wait(self, seconds: float) -> None:
        """Block this thread until it is given, or for so long."""
        self._event.wait(seconds)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have this called when it is given, at once if it has been; maybe twice."""
        self._listener = listener
        if self.given:
            listener()
