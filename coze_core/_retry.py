"""When to send again, and after how long.

Only where it cannot do anything twice: when the request never left, when the server proves that
it has not begun, or when the call is repeatable. A chat that may have started and tool outputs
that may have arrived are never sent again.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from coze_core._call import Call, Reply
from coze_core._codes import not_started
from coze_core._errors import APIConnectionError, APIStatusError, APITimeoutError, CozeError
from coze_core._flow import Flow, Send, Step, each_step, send, sleep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Capped exponential backoff with jitter.

    Attributes:
        max_retries: Attempts after the first.
        base: The first delay, in seconds; it doubles each time.
        cap: The longest delay, in seconds.
        total: No attempt begins later than this many seconds after the first.
        clock: Seconds that only grow.
        rng: Numbers from 0 to 1.
    """

    max_retries: int = 2
    base: float = 0.5
    cap: float = 8.0
    total: float = 60.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    rng: Callable[[], float] = field(default=random.random, repr=False)

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise ValueError("max_retries must not be negative; 0 turns retries off")

    def delay(self, attempt: int, retry_after: float | None) -> float:
        """Return how long to wait after the attempt of this number, which counts from 0."""
        if retry_after is not None:
            return retry_after
        # Equal jitter: at least half of the backoff, so that two clients drift apart.
        longest: float = min(self.cap, self.base * 2.0**attempt)
        return longest * (0.5 + 0.5 * self.rng())


def may_resend(call: Call, error: CozeError) -> bool:
    """Whether sending this call again is safe and may help."""
    if isinstance(error, APIConnectionError):
        return call.repeatable or not error.request_sent
    if isinstance(error, APIStatusError):
        return error.retryable and (call.repeatable or not_started(error))
    return False


def retry_after_seconds(error: CozeError, now: float) -> float | None:
    """Return what the server asked for in `Retry-After`: seconds, or a date."""
    value = error.response.headers.get("retry-after") if error.response else None
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]+(\.[0-9]*)?\s*", value, re.ASCII):
        return float(value)
    import email.utils  # takes 10 ms, and hardly any server sends a date

    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def until(ends: float, flow: Flow[T], clock: Callable[[], float]) -> Flow[T]:
    """Return the same flow, which sends nothing and waits for nothing beyond a moment.

    Args:
        ends: The moment.
        flow: The flow.
        clock: Tells the moment.

    Raises:
        APITimeoutError: If the moment has passed before a call was sent.
    """

    def in_time(step: Step) -> Flow[Any]:
        if isinstance(step, Send) and clock() >= ends:
            raise _too_late()
        return (yield step)

    return each_step(flow, in_time)


def _too_late() -> APITimeoutError:
    error = APITimeoutError("the time was over before the request could be sent")
    error.request_sent = False
    return error


def retrying(
    call: Call, policy: RetryPolicy, perform: Callable[[Call], Flow[Reply]] = send
) -> Flow[Reply]:
    """Perform a call, again if that is safe and may help.

    Args:
        call: The call.
        policy: When to send again.
        perform: Sends it once.

    Raises:
        CozeError: What the last attempt ended with.
    """
    started = policy.clock()
    attempt = 0
    while True:
        try:
            reply = yield from perform(call)
            reply.secret = call.secret
            reply.raise_for_error()
        except CozeError as error:
            for secret in (call.secret, *call.hidden):
                error.hide(secret)
            if attempt >= policy.max_retries or not may_resend(call, error):
                raise
            delay = policy.delay(attempt, retry_after_seconds(error, time.time()))
            if policy.clock() - started + delay > policy.total:
                raise
            yield from sleep(delay, error)
            attempt += 1
        else:
            return reply
