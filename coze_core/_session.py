"""The one place that joins endpoints, credentials and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
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

    No error that it ends with shows a token that one of its calls was sent with.

    Args:
        flow: The flow.
        auth: The credential.
        policy: When to send again.
        check: Raises for calls that this client does not make.
    """
    secrets: set[str] = set()
    try:
        return (yield from _signed(flow, auth, policy, check, secrets))
    except CozeError as error:
        # Such as one that a flow has made of what a reply of success tells of a failure.
        for secret in secrets:
            error.hide(secret)
        raise


def _signed(
    flow: Flow[T],
    auth: Auth,
    policy: RetryPolicy,
    check: Callable[[Call], None] | None,
    secrets: set[str],
) -> Flow[T]:
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Send):
                    if check is not None:
                        check(step.call)
                    outcome = yield from authorized(step.call, auth, policy)
                    secrets.add(outcome.secret)
                elif isinstance(step, Exclusive):
                    # What runs inside the lock sends calls of its own, to be signed as well.
                    inside = partial(_inside, step, auth, policy, check, secrets)
                    outcome = yield replace(step, make=inside)
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
    step: Exclusive,
    auth: Auth,
    policy: RetryPolicy,
    check: Callable[[Call], None] | None,
    secrets: set[str],
) -> Flow[None]:
    return _signed(step.make(), auth, policy, check, secrets)
