"""The one place that joins endpoints, credentials and retries."""

from __future__ import annotations

from typing import TypeVar

from coze_core._auth import Auth, authorized
from coze_core._errors import CozeError
from coze_core._flow import Flow, Send
from coze_core._retry import RetryPolicy

T = TypeVar("T")


def session(flow: Flow[T], auth: Auth, policy: RetryPolicy) -> Flow[T]:
    """Return the same flow, each of its calls signed and repeated where that is safe."""
    try:
        step = next(flow)
        while True:
            try:
                outcome = (
                    (yield from authorized(step.call, auth, policy))
                    if isinstance(step, Send)
                    else (yield step)
                )
            except CozeError as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()
