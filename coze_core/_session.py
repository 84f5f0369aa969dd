"""The one place that joins endpoints, credentials, retries and what is known of the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from coze_core._auth import Auth, authorized
from coze_core._call import Call
from coze_core._errors import CozeError
from coze_core._flow import Exclusive, Flow, Here, Send, Step, each_step
from coze_core._here import Surroundings
from coze_core._retry import RetryPolicy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """How a client performs its flows.

    Attributes:
        auth: The credential.
        policy: When to send again.
        around: What the client knows of its server.
        check: Raises for calls that this client does not make.
    """

    auth: Auth
    policy: RetryPolicy
    around: Surroundings
    check: Callable[[Call], None] | None = None

    def of(self, flow: Flow[T]) -> Flow[T]:
        """Return the same flow, each of its calls signed and repeated where that is safe.

        No error that it ends with shows a token that one of its calls was sent with.

        Args:
            flow: The flow.
        """
        return self._of(flow, set())

    def _of(self, flow: Flow[T], secrets: set[str]) -> Flow[T]:
        return each_step(flow, partial(self._perform, secrets), partial(_hide, secrets))

    def _perform(self, secrets: set[str], step: Step) -> Flow[Any]:
        if isinstance(step, Send):
            if self.check is not None:
                self.check(step.call)
            reply = yield from authorized(step.call, self.auth, self.policy, self.around)
            secrets.add(reply.secret)
            return reply
        if isinstance(step, Here):
            return self.around
        if isinstance(step, Exclusive):
            # What runs inside the lock sends calls of its own, to be signed as well.
            return (yield replace(step, make=lambda: self._of(step.make(), secrets)))
        return (yield step)


def _hide(secrets: set[str], error: CozeError) -> None:
    """Mask the tokens in an error, such as one made of what a reply of success tells."""
    for secret in secrets:
        error.hide(secret)
