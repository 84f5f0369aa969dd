"""The one place that joins endpoints, credentials and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from coze_core._auth import Auth, authorized
from coze_core._call import Call
from coze_core._errors import CozeError
from coze_core._flow import Exclusive, Flow, Send
from coze_core._retry import RetryPolicy

T = TypeVar("T")


def session(
    flow: Flow[T],
    auth: Auth,
    policy: RetryPolicy,
    check: Callable[[Call], None] | None = None,
) -> Flow[T]:
    """Return the same flow, each of its calls signed and repeated where that is safe.

    Args:
        flow: The flow.
        auth: The credential.
        policy: When to send again.
        check: Raises for calls that this client does not make.
    """
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Send):
                    if check is not None:
                        check(step.call)
                    outcome = yield from authorized(step.call, auth, policy)
                elif isinstance(step, Exclusive):
                    # What runs inside the lock sends calls of its own, to be signed as well.
                    outcome = yield replace(step, make=_inside(step, auth, policy, check))
                else:
                    outcome = yield step
            except CozeError as error:
                step = flow.throw(error)
            else:
                step = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


def _inside(
    step: Exclusive, auth: Auth, policy: RetryPolicy, check: Callable[[Call], None] | None
) -> Callable[[], Flow[None]]:
    return lambda: session(step.make(), auth, policy, check)
