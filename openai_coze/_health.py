"""Which bots and accounts are well."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import coze_core as coze

T = TypeVar("T")
_MOST: Final = 4096  # entries; the oldest go first
# How long to prefer others, in seconds. A quota comes back with the hour or the day, a credential
# with its owner; a passing fault is soon over.
_QUOTA: Final = 600.0
_CREDENTIAL: Final = 300.0
_SLOW_DOWN: Final = 10.0
_FAULT: Final = 5.0
_LONGEST: Final = 60.0
# These are about the account, and not about one bot of it.
_OF_ACCOUNT: Final = (coze.QuotaExceededError, coze.AuthenticationError)
# After these the same request would fail elsewhere as well.
_OF_REQUEST: Final = (
    coze.ContextLengthError,
    coze.BadRequestError,
    coze.ConversationBusyError,
    coze.ChatSupersededError,
    coze.UnsupportedError,
)


def goes_elsewhere(error: coze.CozeError) -> bool:
    """Whether another bot or account may well answer.

    Args:
        error: What the first one ended with.
    """
    return not isinstance(error, _OF_REQUEST)


class Health:
    """Remembers what failed, so that it is not asked first.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._faults: dict[tuple[str, ...], int] = {}

    def failed(self, account: str, bot_id: str, error: coze.CozeError) -> None:
        """Note that a bot could not answer.

        Args:
            account: Who paid.
            bot_id: The bot.
            error: Why.
        """
        if not goes_elsewhere(error):
            return
        key = (account,) if isinstance(error, _OF_ACCOUNT) else (account, bot_id)
        self._until[key] = self._clock() + self._seconds(key, error)
        self._until.move_to_end(key)
        while len(self._until) > _MOST:
            old, _ = self._until.popitem(last=False)
            self._faults.pop(old, None)

    def _seconds(self, key: tuple[str, ...], error: coze.CozeError) -> float:
        if isinstance(error, coze.QuotaExceededError):
            return _QUOTA
        if isinstance(error, coze.AuthenticationError | coze.PermissionDeniedError):
            return _CREDENTIAL
        if isinstance(error, coze.NotFoundError):
            return _CREDENTIAL
        if isinstance(error, coze.RateLimitError):
            return _SLOW_DOWN
        self._faults[key] = self._faults.get(key, 0) + 1
        return float(min(_FAULT * 2.0 ** (self._faults[key] - 1), _LONGEST))

    def worked(self, account: str, bot_id: str) -> None:
        """Note that a bot answered.

        Args:
            account: Who paid.
            bot_id: The bot.
        """
        if self._until:
            for key in ((account,), (account, bot_id)):
                self._until.pop(key, None)
                self._faults.pop(key, None)

    def is_well(self, account: str, bot_id: str) -> bool:
        """Whether nothing is known against a bot.

        Args:
            account: Who pays.
            bot_id: The bot.
        """
        now = self._clock()
        return all(self._until.get(key, now) <= now for key in ((account,), (account, bot_id)))

    def in_order(self, ways: Iterable[T], key: Callable[[T], tuple[str, str]]) -> list[T]:
        """Return ways to an answer, those that are well first.

        Args:
            ways: The ways, the preferred one first.
            key: The account and the bot of one.
        """
        return sorted(ways, key=lambda way: not self.is_well(*key(way)))
