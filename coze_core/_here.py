"""What a client knows of its server, and how its flows come to know it.

`guarded` stands between the flows and the driver: it refuses what the server lacks, learns from
replies which server it is, and answers the step `Here`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar, cast

from coze_core._call import Call
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
from coze_core._flow import Exclusive, Flow, Here, Send, exclusive, send
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

    @property
    def server(self) -> ServerKind | None:
        """Which server it is, as far as that is known now."""
        return self.told or cast("ServerKind | None", self._slot().value)

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do, as far as that is known now."""
        return Capabilities.of(self.server)

    def learn(self, server: ServerKind | None) -> None:
        """Take note of which server it is."""
        if server is not None:
            self.memo.keep(self._slot(), server, _FOR_EVER)

    def detect(self) -> Flow[Capabilities]:
        """Find out which server it is, unless that is known."""
        slot = self._slot()
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

    def _probe(self, slot: Slot) -> Flow[None]:
        if self.memo.fresh(slot):
            return
        try:
            server = server_of_probe((yield from send(PROBE)))
        except CozeError:
            return  # the call itself will say what is wrong with the network
        self.memo.keep(slot, server, _A_WHILE if server is None else _FOR_EVER)

    def _slot(self) -> Slot:
        return self.memo.slot(("server", self.base_url))


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
    try:
        step = next(flow)
        while True:
            try:
                if isinstance(step, Send):
                    yield from around.check(step.call)
                    reply = yield step
                    if around.server is None:
                        around.learn(server_of_headers(reply.headers))
                    outcome: object = reply
                elif isinstance(step, Here):
                    outcome = around
                elif isinstance(step, Exclusive):
                    outcome = yield replace(step, make=_inside(step, around))
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


def _inside(step: Exclusive, around: Surroundings) -> Callable[[], Flow[None]]:
    return lambda: guarded(step.make(), around)
