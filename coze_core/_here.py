"""What a client knows of its server, and how its flows come to know it.

`guarded` stands between the flows and the driver: it refuses what the server lacks, learns from
replies which server it is, and answers the step `Here`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

from coze_core._call import Call, Reply
from coze_core._capabilities import (
    PROBE,
    Capabilities,
    ServerKind,
    lacking,
    server_of_headers,
    server_of_probe,
    tells_apart,
    unsupported,
)
from coze_core._desk import ConversationLock
from coze_core._errors import CozeError
from coze_core._flow import Exclusive, Flow, Here, Send, Step, each_step, exclusive, send
from coze_core._memo import Memo, Slot

T = TypeVar("T")
_FOR_EVER: Final = float("inf")
_A_WHILE: Final = 300.0  # seconds, after which a server that said nothing is asked again


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for all flows of a client.

    Attributes:
        base_url: The API host.
        told: Which server it is, if its user or its address says so.
        memo: What was found out.
        lock: What keeps other workers out of a conversation, or None.
    """

    base_url: str
    told: ServerKind | None
    memo: Memo
    lock: ConversationLock | None = None
    _slot: Slot = field(init=False, repr=False)  # of which server it is

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slot", self.memo.slot(("server", self.base_url)))

    @property
    def server(self) -> ServerKind | None:
        """Which server it is, as far as that is known now."""
        return self.told or cast("ServerKind | None", self._slot.value)

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as that is known now."""
        return Capabilities.of(self.server)

    def learn(self, server: ServerKind | None) -> None:
        """Take note of which server it is."""
        if server is not None:
            self.memo.keep(self._slot, server, _FOR_EVER)

    def detect(self) -> Flow[Capabilities]:
        """Find out which server it is, unless that is known."""
        slot = self._slot
        if self.server is None and not self.memo.fresh(slot):
            yield from exclusive(slot, lambda: self._probe(slot))
        return self.capabilities

    def check(self, call: Call) -> Flow[None]:
        """Refuse a call that the server lacks.

        Raises:
            UnsupportedError: What is lacking, and what to do instead.
        """
        if self.server is None and tells_apart(call):
            yield from self.detect()
        server = self.server
        lack = lacking(call, server) if server is not None else None
        if lack is not None and server is not None:
            raise unsupported(call, lack, server)

    def send(self, call: Call) -> Flow[Reply]:
        """Perform a call that the server has, and learn from the reply which server it is.

        Raises:
            UnsupportedError: What is lacking, and what to do instead.
        """
        yield from self.check(call)
        reply = yield from send(call)
        if self.server is None:
            self.learn(server_of_headers(reply.headers))
        return reply

    def perform(self, step: Step) -> Flow[Any]:
        """Perform a step of a flow that is not signed."""
        if isinstance(step, Send):
            return (yield from self.send(step.call))
        if isinstance(step, Here):
            return self
        if isinstance(step, Exclusive):
            return (yield replace(step, make=lambda: guarded(step.make(), self)))
        return (yield step)

    def _probe(self, slot: Slot) -> Flow[None]:
        if self.memo.fresh(slot):
            return
        try:
            server = server_of_probe((yield from send(PROBE)))
        except CozeError:
            return  # the call itself will say what is wrong with the network
        self.memo.keep(slot, server, _A_WHILE if server is None else _FOR_EVER)


def here() -> Flow[Surroundings]:
    """Return what the client of this flow knows."""
    return cast("Surroundings", (yield Here()))


def need(call: Call) -> Flow[None]:
    """Refuse a call now that the server lacks, without sending it.

    Raises:
        UnsupportedError: What is lacking, and what to do instead.
    """
    yield from (yield from here()).check(call)


def guarded(flow: Flow[T], around: Surroundings) -> Flow[T]:
    """Return the same flow, which sends nothing that the server lacks."""
    return each_step(flow, around.perform)
