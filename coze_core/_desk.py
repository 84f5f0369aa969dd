"""Who has which conversation, in this process and, with a lock of the user's, in others.

A conversation runs one chat at a time (protocol notes, section 2.2). Callers queue up in the order
in which they came, across threads and event loops, and the one who leaves hands over to the next:
no wake-up is lost, and nobody waits in a thread of an event loop.
"""

from __future__ import annotations

import functools
import itertools
import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, get_args, runtime_checkable

from coze_core._signal import Signal

_LOG: Final = logging.getLogger("coze_core")
OnBusy: TypeAlias = Literal["error", "wait", "cancel_previous", "new_conversation"]


@runtime_checkable
class ConversationLock(Protocol):
    """Keeps other workers out of a conversation, for `CozeClient(conversation_lock=...)`.

    Neither method waits; on an event loop they run in a worker thread. A lock must end by itself
    when its holder dies. See `FileConversationLock`, and docs/client.md for one with Redis.
    """

    def try_acquire(self, key: str) -> bool:
        """Take a conversation; False if another worker has it. One process asks once at a time."""

    def release(self, key: str) -> None:
        """Give a conversation back that this process has taken; from any thread."""


@dataclass(frozen=True, slots=True)
class Busy:
    """What to do if the conversation has a running chat.

    Attributes:
        policy: `error`, `wait`, `cancel_previous` or `new_conversation`.
        timeout: Seconds to wait and to try again at the most.

    Raises:
        ValueError: Values that cannot be.
    """

    policy: OnBusy = "error"
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.policy not in get_args(OnBusy):
            raise ValueError(f"on_busy must be one of {get_args(OnBusy)}, not {self.policy!r}")
        if not self.timeout >= 0:
            raise ValueError(
                "busy_timeout must not be negative: it is in seconds / busy_timeout 不能为负（秒）"
            )


class _HasChat(Protocol):
    """The turn of a chat, which tells its ids as they come."""

    chat_id: str | None
    conversation_id: str | None


class _Reading(Protocol):
    """What reads the stream of a chat."""

    superseded: bool

    @property
    def turn(self) -> _HasChat: ...


class _Ends(Protocol):
    """A connection whose reading can be ended from elsewhere."""

    def end(self) -> None: ...


class Ticket:
    """A place in the queue for a conversation; its signal is given when the conversation is."""

    __slots__ = ("key", "signal")

    def __init__(self, key: str) -> None:
        self.key = key
        self.signal = Signal()


class Desk:
    """The queues of one process, and the chats that are under way."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget everything: in a forked process nobody is left who had it."""
        self._queues: dict[str, deque[Ticket]] = {}  # the first in each has the conversation
        self._todo: deque[Callable[[], None]] = deque()
        self._working = threading.Lock()
        self._leases: dict[int, weakref.ref[Lease]] = {}
        leases = self._leases
        self._collected = lambda known: leases.pop(known.key, None)

    @property
    def queues(self) -> int:
        """How many conversations somebody has or waits for."""
        return len(self._queues)

    def enter(self, key: str, *, first: bool = False) -> Ticket:
        """Join the queue for a conversation.

        Args:
            key: The conversation.
            first: Whether to go before all others that wait.
        """
        ticket = Ticket(key)
        self._do(functools.partial(self._enter, ticket, first))
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give the conversation to the next in the queue, or wait no longer for it."""
        self._do(functools.partial(self._leave, ticket))

    def _do(self, deed: Callable[[], None]) -> None:
        # Whoever has the lock does what others want meanwhile. Nobody waits for it, so that a
        # caller whom the garbage collector sends, in the midst of another's deed, cannot deadlock.
        self._todo.append(deed)
        while self._todo and self._working.acquire(blocking=False):
            try:
                while self._todo:
                    self._todo.popleft()()
            finally:
                self._working.release()

    def _enter(self, ticket: Ticket, first: bool) -> None:  # noqa: FBT001 - bound above
        queue = self._queues.setdefault(ticket.key, deque())
        queue.insert(1 if first else len(queue), ticket)
        if queue[0] is ticket:
            ticket.signal.give()

    def _leave(self, ticket: Ticket) -> None:
        queue = self._queues.get(ticket.key)
        if queue is None or ticket not in queue:
            return
        had_it = queue[0] is ticket
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.key]
        elif had_it:
            queue[0].signal.give()

    # -- chats under way

    def register(self, lease: Lease) -> None:
        """Know of a chat until it is over, or forgotten by whoever began it."""
        number = id(lease)
        self._leases[number] = weakref.KeyedRef(lease, self._collected, number)

    def forget(self, lease: Lease) -> None:
        """Know no longer of a chat."""
        self._leases.pop(id(lease), None)

    def older(self, lease: Lease) -> list[Lease]:
        """Return those in the way of one that barges in: the older ones, unless they only wait."""
        wanted = (lease.host, lease.conversation_id)
        found = [other for ref in list(self._leases.values()) if (other := ref()) is not None]
        return [
            other
            for other in found
            if other.number < lease.number
            and not other.just_waits
            and (other.host, other.ids[0]) == wanted
        ]


_NUMBERS: Final = itertools.count(1)
DESK: Final = Desk()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DESK.begin)


class Lease:
    """One chat's hold on its conversation; given back at the latest when it is collected.

    Args:
        reading: What reads the chat's stream, if it has one.

    Attributes:
        number: Which of all leases it is; newer ones have greater numbers.
        host: The API host.
        conversation_id: The conversation, as far as it was named beforehand; or `""`.
        chat_id: The chat, where it has no stream to tell it; or `""`.
        superseded: Whether a newer chat has taken its place.
        connection: The connection of its stream, as long as it is open.
    """

    def __init__(self, reading: _Reading | None = None) -> None:
        self.number = 0
        self.host = ""
        self.conversation_id = ""
        self.chat_id = ""
        self.superseded = False
        self.over = False
        self.connection: _Ends | None = None
        self._reading = reading
        self._ticket: Ticket | None = None
        self._barges_in = False
        self._held: list[Callable[[], None]] = []

    @property
    def ids(self) -> tuple[str, str]:
        """Its conversation and its chat, as far as they are known."""
        told = self._reading.turn if self._reading is not None else None
        conversation = (told and told.conversation_id) or self.conversation_id
        return conversation, (told and told.chat_id) or self.chat_id

    @property
    def just_waits(self) -> bool:
        """Whether it waits patiently for its turn."""
        ticket = self._ticket
        return ticket is not None and not ticket.signal.given and not self._barges_in

    @property
    def signal(self) -> Signal | None:
        """What says that the conversation is had; None before it has queued up."""
        return None if self._ticket is None else self._ticket.signal

    @property
    def holds(self) -> bool:
        """Whether there is something to give back that others wait for."""
        return bool(self._held)

    @property
    def holds_lock(self) -> bool:
        """Whether a lock of the user's is among it, which may take its time."""
        return len(self._held) > 1

    def begin(self, host: str, conversation_id: str) -> None:
        """Be known as a chat that is under way."""
        self.number = next(_NUMBERS)
        self.host, self.conversation_id = host, conversation_id
        DESK.register(self)

    def queue(self, *, first: bool = False) -> Signal:
        """Join the queue for the conversation; the signal says when it is had."""
        self._barges_in = first
        self._ticket = ticket = DESK.enter(self.key, first=first)
        weakref.finalize(self, _give_back, self._held, os.getpid()).atexit = False
        self.keep(functools.partial(DESK.leave, ticket))
        return ticket.signal

    @property
    def key(self) -> str:
        """What the conversation is called in queues and locks."""
        return f"{self.host}|{self.conversation_id}"

    def keep(self, give_back: Callable[[], None]) -> None:
        """Have something that is to be given back."""
        self._held.append(give_back)
        if self.over:  # it was released while this was fetched
            self.release()

    def take(self, lock: ConversationLock) -> bool:
        """Take a lock of the user's; False if another worker has it."""
        if not lock.try_acquire(self.key):
            return False
        self.keep(functools.partial(_release, lock, self.key))
        return True

    def supersede(self) -> None:
        """Make way for a newer chat, at once."""
        self.superseded = True
        if self._reading is not None:
            self._reading.superseded = True
        if self.connection is not None and self.ids[1]:
            self.connection.end()  # else the first thing read tells which chat to cancel
        self.release()

    def release(self) -> None:
        """Give everything back; from any thread, and as often as one likes."""
        self.over = True
        self.connection = None
        DESK.forget(self)
        if self._held:
            _give_back(self._held, os.getpid())
        if self._ticket is not None:
            self._ticket.signal.give()  # whoever waits with it need not wait any longer


def _release(lock: ConversationLock, key: str) -> None:
    try:
        lock.release(key)
    except Exception:  # noqa: BLE001 - the user's code; an answer that is there must not be lost for it
        _LOG.warning("a conversation lock could not be given back", exc_info=True)


def _give_back(held: list[Callable[[], None]], process: int) -> None:
    if process != os.getpid():  # forked meanwhile: it belongs to the other one
        held.clear()
    while held:
        try:
            give_back = held.pop()  # the last first: a user's lock before our own queue
        except IndexError:  # another thread does the same
            return
        give_back()
