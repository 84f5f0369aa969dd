"""The one place that joins endpoints, credentials, retries and what is known of the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from coze_core._auth import Auth, authorized
from coze_core._call import Call
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

        Args:
            flow: The flow.
        """
        return each_step(flow, self._perform)

    def _perform(self, step: Step) -> Flow[Any]:
        if isinstance(step, Send):
            if self.check is not None:
                self.check(step.call)
            return (yield from authorized(step.call, self.auth, self.policy, self.around))
        if isinstance(step, Here):
            return self.around
        if isinstance(step, Exclusive):
            # What runs inside the lock sends calls of its own, to be signed as well.
            return (yield replace(step, make=lambda: self.of(step.make())))
        return (yield step)
