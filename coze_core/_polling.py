"""Asking again until something is done.

The first question comes early, and each wait is a share of the time already spent: a short answer
is not held up by a long sleep, and a long one does not cost many requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from coze_core._flow import Flow, sleep

T = TypeVar("T")

FIRST_WAIT: Final = 0.2  # seconds
_SHORTEST: Final = 0.25
_LONGEST: Final = 5.0
_SHARE: Final = 0.2  # of the time spent so far: the most that an answer can be overslept by


def poll_until(
    ask: Callable[[], Flow[T]],
    done: Callable[[T], bool],
    *,
    clock: Callable[[], float],
    deadline: float,
) -> Flow[T | None]:
    """Ask until the outcome is done.

    Args:
        ask: Makes one question.
        done: Whether an outcome ends the polling.
        clock: Seconds that only grow.
        deadline: When to give up, by that clock.

    Returns:
        The outcome that was done, or None if the deadline passed first.
    """
    started = clock()
    wait = FIRST_WAIT
    while True:
        remaining = deadline - clock()
        if remaining <= 0:
            return None
        yield from sleep(min(wait, remaining))
        outcome = yield from ask()
        if done(outcome):
            return outcome
        wait = min(max((clock() - started) * _SHARE, _SHORTEST), _LONGEST)
