"""Credentials of accounts: that one cannot be had is no fault of a request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from coze_core import AuthenticationError, OAuthToken, TokenAuth


def lent(function: Callable[[], Any], account: str) -> Callable[[], Any]:
    """Return a token function whose failure is an error of the account.

    Otherwise a `ValueError` of its own would be told to the caller as one about their request, and
    no other account would be asked.

    Args:
        function: Returns the token, or an awaitable of it.
        account: The account's name.
    """

    def failed(error: Exception) -> AuthenticationError:
        kind = type(error).__name__  # its words may hold anything
        return AuthenticationError(f"the account {account!r} has no token: {kind}")

    async def awaited(coming: Awaitable[Any]) -> Any:
        try:
            return _checked(await coming)
        except Exception as error:
            raise failed(error) from error

    @functools.wraps(function)
    def ask() -> Any:
        try:
            found = function()
            return awaited(found) if inspect.isawaitable(found) else _checked(found)
        except Exception as error:
            raise failed(error) from error

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def ask_and_wait() -> Any:
            return await awaited(function())

        return ask_and_wait
    return ask


def _checked(found: Any) -> str | OAuthToken:
    if isinstance(found, OAuthToken):
        return found
    if not isinstance(found, str):
        raise TypeError("a token is text")
    return TokenAuth(found).value  # refuses what cannot be one
