"""What of a client is imported when it is first asked for: few programs need all of it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from coze_core._binding import AsyncRuns, Runs

T = TypeVar("T")


class Later(Generic[T]):
    """A resource of a client that is imported and made when it is first asked for.

    Args:
        module: Where it is, within this package.
        name: Its class.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._class = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._class}: made when it is first asked for>"

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...

    @overload
    def __get__(self, client: Runs | AsyncRuns, owner: type) -> T: ...

    def __get__(self, client: Runs | AsyncRuns | None, owner: type) -> Self | T:
        if client is None:
            return self
        made: T = getattr(importlib.import_module(f"coze_core.{self._module}"), self._class)(client)
        client.__dict__[self._name] = made  # found there first from now on
        return made


class LaterModule:
    """A module that is imported when something of it is first asked for.

    Args:
        name: The module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
