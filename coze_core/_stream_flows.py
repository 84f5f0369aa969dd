"""The flows that streams need: how they are opened, in turn, and cancelled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from coze_core._call import Call, Reply
from coze_core._desk import Busy
from coze_core._endpoints import busy, chat
from coze_core._flow import Flow, send
from coze_core._models import Chat
from coze_core._observing import Observing
from coze_core._retry import until
from coze_core._session import Session
from coze_core._stream_request import StreamRequest

_USUAL: Final = Busy()


def _sent(call: Call, request: StreamRequest) -> Flow[Reply]:
    if request.prepare is not None:
        call = yield from request.prepare(call)
    if request.lease is None:
        return (yield from send(call))
    policy = request.busy or _USUAL
    if request.deadline is not None:
        policy = replace(policy, timeout=min(policy.timeout, request.deadline))
    return (yield from busy.in_turn(call, policy, request.lease, chat.cancel))


@dataclass(frozen=True, slots=True)
class ClientFlows:
    """The flows that streams need, signed and repeated as this client does."""

    session: Session
    observing: Observing

    def open(self, request: StreamRequest) -> Flow[Reply]:
        session, deadline = self.session, request.deadline
        if deadline is None:
            return session.of(_sent(request.call, request))
        call = replace(request.call, timeout=deadline)
        retry = replace(session.policy, total=min(deadline, session.policy.total))
        ends = retry.clock() + deadline
        bounded = replace(session, policy=retry)
        return until(ends, bounded.of(_sent(call, request)), retry.clock)

    def cancel(self, *, conversation_id: str, chat_id: str) -> Flow[Chat]:
        ids = {"conversation_id": conversation_id, "chat_id": chat_id}
        return self.observing.watched(self.session.of(chat.cancel(**ids)))

    def quick_cancel(self, *, conversation_id: str, chat_id: str) -> Flow[None]:
        ids = {"conversation_id": conversation_id, "chat_id": chat_id}
        once = replace(self.session, policy=replace(self.session.policy, max_retries=0))
        return self.observing.watched(once.of(chat.quick_cancel(**ids)))
