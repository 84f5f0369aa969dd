"""A credential that somebody else keeps: a function that returns the present token."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from coze_core._auth import check_token
from coze_core._flow import Flow, work
from coze_core.oauth._grants import OAuthToken

TokenFunction: TypeAlias = Callable[[], str | OAuthToken | Awaitable[str | OAuthToken]]


class FunctionAuth:
    """Asks a function of yours for the token.

    It is asked when none is known, when the last one is older than `max_age` or ends, and once
    more when the server refuses it. On an event loop a blocking function runs in a worker thread;
    an asynchronous one serves `AsyncCozeClient` only.

    Args:
        function: Returns the token, as text or as an `OAuthToken` with its end.
        max_age: Seconds after which it is asked again.
        clock: Seconds since 1970.

    Raises:
        TypeError: Not a function.
        ValueError: A max_age that no token could reach.

    Example:
        >>> client = CozeClient(auth=FunctionAuth(lambda: vault.read("coze")))  # doctest: +SKIP
    """

    def __init__(
        self,
        function: TokenFunction,
        *,
        max_age: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not callable(function):
            raise TypeError("FunctionAuth takes a function that returns the token")
        if not max_age > 0:
            raise ValueError("max_age must be more than 0: the seconds that a token is used for")
        self._function = function
        self._max_age = max_age
        self._clock = clock
        self._kept: tuple[str, float] | None = None

    def __repr__(self) -> str:
        return f"FunctionAuth({getattr(self._function, '__qualname__', 'function')})"

    @property
    def refreshable(self) -> bool:
        """Whether a refused token is worth another try."""
        return True

    def token(self) -> str | None:
        """Return the token, or None if the function has to be asked."""
        kept = self._kept
        return kept[0] if kept is not None and self._clock() < kept[1] else None

    def refresh(self, stale: str | None) -> Flow[None]:
        """Ask the function, unless somebody has done so meanwhile.

        Raises:
            TypeError: It returned something else than a token.
            ValueError: It returned what cannot be a token, such as an empty text.
        """
        present = self.token()
        if present is not None and present != stale:
            return
        found: object = yield from work(self._function)
        now = self._clock()
        if isinstance(found, OAuthToken | str):
            # What cannot be sent is not kept: the next call asks again.
            check_token(found if isinstance(found, str) else found.access_token)
        if isinstance(found, OAuthToken):
            self._kept = found.access_token, min(found.expires_at, now + self._max_age)
        elif isinstance(found, str):
            self._kept = found, now + self._max_age
        else:
            raise TypeError(
                f"the token function returned {type(found).__name__}, not a token / "
                f"令牌函数应返回字符串"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}


class KeyFunction(FunctionAuth):
    """A function that was given to a model as its key: another key that is given takes its place.

    Frameworks make a model anew with all of its settings and one that is different. Beside a
    credential that was given as such, a key is refused.

    Args:
        function: Returns the token, as text or as an `OAuthToken` with its end.
    """
