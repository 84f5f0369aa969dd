"""What all renewing credentials have in common: when to renew, one at a time, and keeping it.

A token is renewed some seconds before it ends. The first caller that finds it so does the work and
the others wait for it, whichever thread or event loop they run on; a caller in another process
waits too if the store is a file, and then takes what it finds there.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote

from coze_core._config import resolve_base_url
from coze_core._errors import APIConnectionError, CozeError, OAuthError
from coze_core._flow import Flow, sleep, work
from coze_core.oauth._grants import Granted, OAuthToken
from coze_core.oauth._stores import MemoryStore, TokenStore

_LOG: Final = logging.getLogger("coze_core")
_LOCK_WAIT: Final = 0.05  # seconds between two looks at a lock of another process
LOCK_SECONDS: Final = 30.0  # after which another process is taken for stuck
_LATER: Final = 5.0  # seconds until a renewal is tried again that failed ahead of time


@dataclass(frozen=True, slots=True)
class Kept:
    """The present token, when it ends and when to renew it, by our own clock."""

    token: OAuthToken
    ends: float
    renew: float


class RenewingAuth:
    """A credential that fetches its tokens.

    Args:
        name: What the token is kept under in the store, besides client id and host, in parts.
        client_id: The OAuth app.
        base_url: The API host; `COZE_API_BASE`, else https://api.coze.com, if None.
        region: `com` or `cn`, instead of base_url.
        store: Where tokens are kept; in memory only if None.
        leeway: Renew this many seconds before a token ends; by the token's life if None.
        clock: Seconds since 1970.
        lock_timeout: Wait this many seconds for another process that renews the same token.
    """

    # Whether fetching a token spends the one before: then no two may do it at the same time.
    _spends = False

    def __init__(
        self,
        *,
        name: Iterable[tuple[str, str]],
        client_id: str,
        base_url: str | None,
        region: str | None,
        store: TokenStore | None,
        leeway: float | None,
        clock: Callable[[], float],
        lock_timeout: float = LOCK_SECONDS,
    ) -> None:
        if not client_id.strip():
            raise ValueError("client_id must not be empty: it is the OAuth app's id")
        if leeway is not None and leeway < 0:
            raise ValueError("leeway must not be negative: it is in seconds before the end")
        if not lock_timeout >= 0:
            raise ValueError("lock_timeout must not be negative: it is in seconds")
        self.client_id = client_id.strip()
        self.base_url = resolve_base_url(base_url, region)
        self.store = store if store is not None else MemoryStore()
        self.leeway = leeway
        self.lock_timeout = lock_timeout
        self._clock = clock
        self._kept: Kept | None = None
        self._quiet_until = 0.0
        self._renewing = 0  # the process that is renewing ahead of time; a fork has not
        self._refreshing = 0  # the process in which a refresh is under way
        self._unsaved: OAuthToken | None = None  # newer than what the store has
        self.key = self._key_of(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.client_id!r}, base_url={self.base_url!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self  # a second one would renew beside the first, and spend its refresh token

    def _key_of(self, name: Iterable[tuple[str, str]]) -> str:
        host = self.base_url.split("://", 1)[1]
        # Whatever is in a part, and of whatever kind, two names that differ have keys that differ.
        parts = [f"{kind}={quote(part, safe='')}" for kind, part in name]
        return "|".join([host, quote(self.client_id, safe=""), *parts])

    # -- what a client asks

    @property
    def refreshable(self) -> bool:
        """Whether a refused token is worth another try: it is renewed first."""
        return True

    def token(self) -> str | None:
        """Return the token, or None if a new one has to be fetched first."""
        kept = self._kept
        if kept is None:
            return None
        now = self._clock()
        # While somebody renews it ahead of time, the old one serves all others.
        late = kept.ends if self._renewing == os.getpid() else min(self._quiet_until, kept.ends)
        return kept.token.access_token if now < max(kept.renew, late) else None

    def refresh(self, stale: str | None) -> Flow[None]:
        """Fetch a new token, unless somebody has done so meanwhile.

        Args:
            stale: The token that the server has refused; None if it is only old.

        Raises:
            OAuthError: The server granted none.
            CozeError: The server could not be reached.
        """
        if self._good(stale):
            return
        if self._refreshing == os.getpid():
            yield from self._refresh_twice()
            return
        self._refreshing = os.getpid()
        try:
            yield from self._refresh(stale)
        finally:
            self._refreshing = 0

    def _refresh(self, stale: str | None) -> Flow[None]:
        # A store that can be read and not locked serves as long as its token does.
        if self._take((yield from self._load()), stale):
            return
        locked = yield from self._lock()
        try:
            stored = yield from self._load()
            if self._take(stored, stale):
                return
            if self._spends and not locked:
                self._wait_longer(stale)
                return
            yield from self._renew(stored, stale)
        finally:
            if locked:
                self.store.unlock(self.key)

    def _wait_longer(self, stale: str | None) -> None:
        """Go on with the old token while another process renews it, if it is good.

        Raises:
            OAuthError: It is not. Going on would spend a refresh token twice, which signs out.
        """
        error = OAuthError(
            f"another process has been renewing this token for {self.lock_timeout:g} seconds",
            error="lock_held",
            retryable=True,
            hint_en=f"End the process that hangs with the lock of {self.store!r}, or raise "
            "lock_timeout=.",
            hint_zh=f"另一进程长时间占用 {self.store!r} 的锁，请结束该进程，或调大 lock_timeout=。",
        )
        if not self._may_wait(error, stale):
            raise error

    def _load(self) -> Flow[OAuthToken | None]:
        if self._unsaved is not None:
            return self._unsaved
        return (yield from work(lambda: self.store.load(self.key)))

    def _refresh_twice(self) -> Flow[None]:
        """Fetch a token beside a task of the event loop that stands still for this very call."""
        yield from self._keep((yield from self._fetch(None)))

    def _renew(self, stored: OAuthToken | None, stale: str | None) -> Flow[None]:
        self._renewing = os.getpid() if stale is None else 0
        try:
            granted = yield from self._fetch(stored)
        except CozeError as error:
            if self._may_wait(error, stale):
                return
            # Somebody whom no lock keeps out may have renewed it before us.
            found = (yield from self._load()) if isinstance(error, OAuthError) else stored
            if found == stored or not self._take(found, stale):
                raise
            return
        finally:
            self._renewing = 0
        yield from self._keep(granted)

    def _keep(self, granted: Granted) -> Flow[None]:
        # First in memory: should the disk be full, this process goes on with what it has got.
        self._kept = self._dated(granted.token, granted.lifetime)
        self._quiet_until = 0.0
        self._unsaved = granted.token
        yield from work(lambda: self.store.save(self.key, granted.token))
        self._unsaved = None

    def _fetch(self, stored: OAuthToken | None) -> Flow[Granted]:
        """Ask the server for a token, given the one that is in the store."""
        raise NotImplementedError

    # -- inside

    def _dated(self, token: OAuthToken, lifetime: float) -> Kept:
        usual = 30.0 if lifetime >= 600 else 10.0 if lifetime >= 60 else 5.0
        margin = usual if self.leeway is None else self.leeway
        now = self._clock()
        # A token shorter than its margin would be renewed for every request.
        return Kept(token, now + lifetime, now + lifetime - min(margin, lifetime / 2))

    def _good(self, stale: str | None) -> bool:
        token = self.token()
        return token is not None and token != stale

    def _take(self, stored: OAuthToken | None, stale: str | None) -> bool:
        """Take over a token that another process has stored, if it is any good."""
        if stored is None or stored.access_token == stale:
            return False
        known = self._kept
        if known is None or known.token != stored:
            self._kept = self._dated(stored, stored.expires_at - self._clock())
        return self._good(stale)

    def _may_wait(self, error: CozeError, stale: str | None) -> bool:
        """Whether the old token serves a little longer, when renewing it early has failed."""
        kept, now = self._kept, self._clock()
        may = isinstance(error, APIConnectionError) or error.retryable
        if not may or stale is not None or kept is None or now >= kept.ends:
            return False
        _LOG.warning("the token could not be renewed ahead of time, trying again soon: %s", error)
        self._quiet_until = now + _LATER
        return True

    def _lock(self) -> Flow[bool]:
        """Keep other processes from renewing at the same time; False if one of them hangs."""
        ends = time.monotonic() + self.lock_timeout
        while not (yield from work(lambda: self.store.try_lock(self.key))):
            if time.monotonic() >= ends:
                _LOG.warning("another process has held the lock of a token for too long")
                return False
            yield from sleep(_LOCK_WAIT)
        return True

    def __getstate__(self) -> dict[str, Any]:
        # A token in memory stays where it is: the copy fetches its own, or finds it in the store.
        return {
            **self.__dict__,
            "_kept": None,
            "_unsaved": None,
            "_quiet_until": 0.0,
            "_renewing": 0,
            "_refreshing": 0,
        }
