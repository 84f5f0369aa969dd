"""Beginning a chat in a conversation that may have one (protocol notes, sections 2.2, 2.5, 8.1)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from coze_core._call import Call, Reply
from coze_core._desk import DESK, Busy, Lease
from coze_core._endpoints import messages
from coze_core._errors import ChatSupersededError, ConversationBusyError, CozeError
from coze_core._flow import Flow, send, sleep, wait, work
from coze_core._here import Surroundings, here
from coze_core._models import Chat

Cancel: TypeAlias = Callable[..., Flow[Chat]]

_FIRST_PAUSE: Final = 0.1  # seconds; it doubles each time
_LONGEST_PAUSE: Final = 2.0
_LOCK_PAUSE: Final = 0.05  # seconds between two looks at another worker's lock
_REMEMBERED: Final = 3600.0  # seconds that a chat which nobody follows is remembered


def in_turn(call: Call, busy: Busy, lease: Lease, cancel: Cancel) -> Flow[Reply]:
    """Send a call that begins a chat, as soon as its conversation lets it.

    Args:
        call: The call.
        busy: What to do if the conversation has a running chat.
        lease: The chat's hold on the conversation; whoever gave it gives it back in the end.
        cancel: Makes a flow that cancels a chat.

    Raises:
        ConversationBusyError: The conversation has a running chat, still or in any case.
        ChatSupersededError: A newer chat has taken its place before it could begin.
        CozeError: The server refused.
    """
    around = yield from here()
    lease.begin(around.base_url, str(call.query.get("conversation_id") or ""))
    try:
        if not lease.conversation_id or busy.policy == "error":
            return (yield from send(call))
        if busy.policy == "new_conversation":
            return (yield from _elsewhere(call, lease))
        turn = _Turn(call, busy, lease, around)
        return (yield from (turn.wait() if busy.policy == "wait" else turn.supersede(cancel)))
    except BaseException:
        lease.release()
        raise


def done(lease: Lease, before: Flow[None] | None = None) -> Flow[None]:
    """Give a conversation back, after something else has been said.

    Args:
        lease: The hold on it.
        before: What is to be said first.
    """
    try:
        if before is not None:
            yield from before
        if lease.holds_lock:
            yield from work(lease.release)
    finally:
        lease.release()


def remember(lease: Lease, chat: Chat) -> Flow[None]:
    """Keep in mind which chat runs that nobody follows, so that a later one can cancel it."""
    memo = (yield from here()).memo
    lease.conversation_id = chat.conversation_id or lease.conversation_id
    lease.chat_id = chat.id
    memo.keep(memo.slot(("chat", lease.conversation_id)), chat.id, _REMEMBERED)


def superseded(lease: Lease) -> ChatSupersededError:
    """Return the error for a chat whose place another one has taken."""
    conversation_id, chat_id = lease.ids
    return ChatSupersededError.of(chat_id or None, conversation_id or None)


def _elsewhere(call: Call, lease: Lease) -> Flow[Reply]:
    try:
        return (yield from send(call))
    except ConversationBusyError:
        lease.conversation_id = ""
        return (yield from send(replace(call, query={**call.query, "conversation_id": None})))


class _Turn:
    """One caller's way to its turn."""

    def __init__(self, call: Call, busy: Busy, lease: Lease, around: Surroundings) -> None:
        self._call = call
        self._seconds = busy.timeout
        self._lease = lease
        self._around = around
        self._ends = around.memo.clock() + busy.timeout
        self._attempt = 0
        self._over: set[str] = set()  # chats that turned out not to be the running one

    @property
    def _left(self) -> float:
        return max(0.0, self._ends - self._around.memo.clock())

    def wait(self) -> Flow[Reply]:
        """Wait for those who came before, and for a chat that somebody else runs."""
        yield from self._admitted(patient=True)
        while True:
            try:
                return (yield from send(self._call))
            except ConversationBusyError as error:
                yield from self._pause(error)

    def supersede(self, cancel: Cancel) -> Flow[Reply]:
        """Cancel what runs in the conversation and take its place."""
        self._lease.queue(first=True)
        yield from self._cancel(self._make_way(), cancel)
        yield from self._admitted(patient=False)
        while True:
            try:
                return (yield from send(self._call))
            except ConversationBusyError as error:
                self._check()
                ours = self._make_way()
                chats = [chat for chat in ours if chat] or (yield from self._unknown())
                if not (ours or chats):
                    raise self._not_found(error) from error
                yield from self._cancel(chats, cancel)
                yield from self._pause(error)

    def _admitted(self, *, patient: bool) -> Flow[None]:
        lease, lock = self._lease, self._around.lock
        signal = lease.signal or lease.queue()
        if not signal.given:
            yield from wait(signal, self._left)
        if not signal.given:
            raise self._too_long()
        self._check()
        if lock is None:
            return
        while not (yield from work(functools.partial(lease.take, lock))):
            self._check()
            if not patient:
                return  # the other worker's chat is about to be cancelled
            if self._left < _LOCK_PAUSE:
                raise self._too_long()
            yield from sleep(_LOCK_PAUSE)
        self._check()

    def _check(self) -> None:
        if self._lease.superseded:
            raise superseded(self._lease)
        if self._lease.over:  # whoever wanted it has given up
            raise self._too_long()

    def _pause(self, error: CozeError) -> Flow[None]:
        self._check()
        seconds = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._attempt)
        self._attempt += 1
        if seconds > self._left:
            raise error
        yield from sleep(seconds)
        self._check()

    def _make_way(self) -> list[str]:
        """Supersede our own chats of the conversation; return their ids, `""` if unknown."""
        others = DESK.older(self._lease)
        chats = [other.ids[1] for other in others]
        for other in others:
            other.supersede()
        return chats

    def _unknown(self) -> Flow[list[str]]:
        """Return the chats that may be the running one, though nobody follows them here."""
        memo, conversation_id = self._around.memo, self._lease.conversation_id
        slot = memo.slot(("chat", conversation_id))
        found = {str(slot.value)} if memo.fresh(slot) else set()
        if not found - self._over:
            try:
                newest = yield from messages.newest(conversation_id=conversation_id)
            except CozeError:
                newest = None  # a token may lack the permission to list
            if newest is not None and newest.chat_id:
                found = {newest.chat_id}
        return sorted(found - self._over)

    def _cancel(self, chats: Sequence[str], cancel: Cancel) -> Flow[None]:
        for chat_id in filter(None, chats):
            ids = {"conversation_id": self._lease.conversation_id, "chat_id": chat_id}
            try:
                seen = yield from cancel(**ids)
            except CozeError:
                self._over.add(chat_id)
            else:
                if seen.status != "canceled":  # it had ended by itself (section 2.5)
                    self._over.add(chat_id)

    def _too_long(self) -> ConversationBusyError:
        return ConversationBusyError(
            f"the conversation was still in use after {self._seconds:g} seconds",
            hint_en="Raise busy_timeout=, or choose another on_busy=.",
            hint_zh="请调大 busy_timeout=，或选择其他 on_busy= 策略。",
            conversation_id=self._lease.conversation_id,
        )

    def _not_found(self, error: ConversationBusyError) -> ConversationBusyError:
        return ConversationBusyError(
            error.message,
            code=error.code,
            log_id=error.log_id,
            status_code=error.status_code,
            response=error.response,
            hint_en="The running chat was begun elsewhere and could not be found: cancel it with "
            "client.chat.cancel(), or use on_busy='wait'.",
            hint_zh="正在进行的对话由其他程序发起且无法定位：请调用 client.chat.cancel() 取消它，"
            "或使用 on_busy='wait'。",
            conversation_id=self._lease.conversation_id,
        )
